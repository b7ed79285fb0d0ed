"""The mixture: each slot's shares and the model's distribution, weighted by the gates."""

import numpy as np
from attrs import frozen

from lowabs_lsp.memory.evidence import Counts, Evidence
from lowabs_lsp.memory.gates import UNSEEN, Gates, Reading, read
from lowabs_lsp.values import FloatArray


@frozen(eq=False)
class Mixed:
    """The log-probabilities [V] of the mixture, and what they were made of, to learn from when the truth is known."""

    logprobs: FloatArray
    model: FloatArray
    """The model's own [V]."""
    reading: Reading


def mix(evidence: Evidence, logprobs: FloatArray, gates: Gates) -> Mixed | None:
    """Weigh by the gates g: the sum over slots of g q, with shares q of mass m, and the model times 1 - the sum of g m.

    So what a slot gave to candidates that were left out goes to the model, and the whole is one. None without evidence.
    """
    if not len(evidence.candidates):
        return None
    reading = read(evidence, logprobs)
    weights = gates.open(reading)[:-1]
    memory = reading.shares @ weights
    mixed = logprobs + np.float32(np.log(max(1 - memory.sum(), UNSEEN)))
    mixed[evidence.candidates] = np.logaddexp(mixed[evidence.candidates], np.log(np.maximum(memory, 1e-30)))
    return Mixed(mixed, logprobs, reading)


def learn(gates: Gates, mixed: Mixed, token: int) -> Gates:
    """The gates after it turned out that `token` was right."""
    return gates.learnt(mixed.reading, given_to(mixed.reading, token, float(np.exp(mixed.model[token]))))


def given_to(reading: Reading, token: int, by_model: float) -> Counts:
    """The probability that each slot, and last the model, gave to `token`."""
    shares = reading.shares
    own = shares[reading.evidence.candidates == token].sum(axis=0)
    return np.append(own + (1 - shares.sum(axis=0)) * by_model, by_model)


def best_candidate(evidence: Evidence, gates: Gates) -> tuple[int, float]:
    """The likeliest next token by memory alone, and its probability. Needs a candidate."""
    reading = read(evidence, None)
    memory = reading.shares @ gates.open(reading)[:-1]
    best = int(memory.argmax())
    return int(evidence.candidates[best]), float(memory[best])
