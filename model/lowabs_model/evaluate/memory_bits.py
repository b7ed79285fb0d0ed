"""Bits per byte, and next tokens right, of the model, of the memory alone, and of both."""

import math
from collections.abc import Iterable

import numpy as np
from attrs import frozen

from lowabs_lsp.memory.evidence import Evidence
from lowabs_lsp.memory.gates import Gates, read
from lowabs_lsp.memory.mix import learn, mix
from lowabs_lsp.values import FloatArray
from lowabs_model.evaluate.memory_places import Place


@frozen
class Bits:
    """Of one way to predict."""

    per_byte: float
    right: float
    """Share of tokens that were the likeliest."""


@frozen
class BitsRow:
    """Of one repository."""

    model: Bits
    memory: Bits
    fixed: Bits
    """Model and memory with the gates as shipped."""
    mixture: Bits
    """The gates learning from each token as it comes."""
    tokens: int


class _Sum:
    def __init__(self) -> None:
        self.nats, self.right = 0.0, 0

    def add(self, logprobs: FloatArray, token: int) -> None:
        self.nats -= float(logprobs[token])
        self.right += int(logprobs.argmax() == token)

    def bits(self, tokens: int, size: int) -> Bits:
        return Bits(self.nats / math.log(2) / size, self.right / tokens)


def measure_bits(places: Iterable[Place], size: int, gates: Gates, alone: Gates) -> BitsRow:
    """Predict each place from what was known there; `size` is that of all targets in bytes."""
    sums = [_Sum() for _ in range(4)]
    learning, tokens = gates, 0
    for place in places:
        tokens += 1
        fixed, adapted = (mix(place.evidence, place.logprobs, each) for each in (gates, learning))
        memory = memory_alone(place.evidence, len(place.logprobs), alone)
        ways = (place.logprobs, memory, *(each.logprobs if each else place.logprobs for each in (fixed, adapted)))
        for total, logprobs in zip(sums, ways, strict=True):
            total.add(logprobs, place.token)
        if adapted is not None:
            learning = learn(learning, adapted, place.token)
    model, by_memory, as_shipped, adapting = (total.bits(tokens, size) for total in sums)
    return BitsRow(model=model, memory=by_memory, fixed=as_shipped, mixture=adapting, tokens=tokens)


def memory_alone(evidence: Evidence, vocabulary: int, gates: Gates) -> FloatArray:
    """[V] log-probabilities without a model: what the slots leave is spread evenly."""
    even = np.full(vocabulary, -math.log(vocabulary), np.float32)
    if not len(evidence.candidates):
        return even
    reading = read(evidence, None)
    shares = reading.shares @ gates.open(reading)[:-1]
    logprobs = even + np.float32(math.log(max(1 - shares.sum(), 1e-9)))
    logprobs[evidence.candidates] = np.logaddexp(logprobs[evidence.candidates], np.log(np.maximum(shares, 1e-30)))
    return logprobs
