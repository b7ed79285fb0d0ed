"""Hears what an engine thinks of tokens that it is made to say: for alternatives, and to explain a completion."""

import math
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from lowabs_lsp.values import (
    Cancelled,
    Completion,
    Decoding,
    Draft,
    Engine,
    FloatArray,
    Generated,
    Mixer,
    Prompt,
    never,
)

Spell = Callable[[int], bytes]
Possible = NDArray[np.bool_]
SPARE = 2
"""Ways that are followed for each that is wanted."""
MOST_PROBABLE = 6
"""Tokens that are noted for each place."""


class Memory(Draft, Mixer, Protocol):
    """What a workspace remembers, as a completer hands it to its engine."""


@frozen
class Choice:
    """One place of a continuation."""

    token: int
    logprob: float
    """Of the token, with the workspace's memory mixed in."""
    model_logprob: float
    """Of the token, by the model alone."""
    best: tuple[tuple[int, float], ...]
    """The most probable tokens with their log-probabilities, in falling order."""


class Forced:
    """A `Draft` and `Mixer` for one generation: its first tokens are given, what follows is free. Notes every place."""

    def __init__(
        self,
        tokens: Sequence[int],
        draft: Draft | None = None,
        mixer: Mixer | None = None,
        *,
        possible: Sequence[Possible] = (),
    ) -> None:
        """`possible` says of the first places which tokens can come there at all; what is noted is among those."""
        self._forced, self._draft, self._mixer, self._possible = tuple(tokens), draft, mixer, possible
        self._base: int | None = None
        self.choices: list[Choice] = []

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        """What is given, for the engine to verify in one run."""
        if self._base is not None:
            given = self._forced[len(tokens) - self._base :]
            if given:
                return given[:count]
            if self._draft is not None:
                return self._draft.propose(tokens, count)
        return ()

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        """Certainty of the token that is given; behind those, what the mixer says."""
        if self._base is None:
            self._base = len(tokens)
        mixed = self._mixer.mix(tokens, logprobs) if self._mixer is not None else logprobs
        at = len(tokens) - self._base
        given = self._forced[at] if at < len(self._forced) else int(mixed.argmax())
        self.choices.append(self._choice(at, given, mixed, logprobs))
        if at >= len(self._forced):
            return mixed
        certain = np.full_like(mixed, -np.inf)
        certain[given] = 0.0
        return certain

    def _choice(self, at: int, given: int, mixed: FloatArray, logprobs: FloatArray) -> Choice:
        if at < len(self._possible):
            mixed, logprobs = _among(mixed, self._possible[at]), _among(logprobs, self._possible[at])
        return Choice(given, float(mixed[given]), float(logprobs[given]), most_probable(mixed))


def _among(logprobs: FloatArray, possible: Possible) -> FloatArray:
    """As if nothing else could come. Where that is hardly anything, `logprobs` as they are."""
    whole = float(np.exp(logprobs[possible]).sum())
    return np.where(possible, logprobs - math.log(whole), -np.inf).astype(np.float32) if whole > 0 else logprobs


def possible_tokens(spelled: Sequence[bytes], owed: bytes, spell: Spell, size: int) -> list[Possible]:
    """For each of the first places, as long as they repeat `owed`, which tokens agree with it: [size] truths."""
    possible, before = [], b""
    for piece in spelled:
        rest = owed[len(before) :]
        if not rest:
            break
        row = [bool(text := spell(token)) and (text.startswith(rest) or rest.startswith(text)) for token in range(size)]
        possible.append(np.array(row))
        before += piece
    return possible


def most_probable(logprobs: FloatArray, count: int = MOST_PROBABLE) -> tuple[tuple[int, float], ...]:
    """The `count` most probable tokens, in falling order, the lower id first among equals."""
    best = np.argpartition(-logprobs, count)[:count] if count < len(logprobs) else np.arange(len(logprobs))
    order = sorted(best.tolist(), key=lambda token: (-logprobs[token], token))
    return tuple((token, float(logprobs[token])) for token in order)


def owed_bytes(generated: Generated, spelled: Sequence[bytes]) -> bytes:
    """What the first tokens repeat of the prompt's end: their bytes less those that became text."""
    written = b""
    for end, piece in zip(generated.ends, spelled, strict=True):
        written += piece
        if end > 0:
            return written[: len(written) - end]
    return written


@runtime_checkable
class Branching(Protocol):
    """An engine that can follow several ways at once."""

    def alternatives(
        self,
        prompt: Prompt,
        decoding: Decoding,
        count: int,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
    ) -> list[Generated]:
        """Up to `count` continuations, the greedy one first."""
        ...


def explore(
    engine: Engine, prompt: Prompt, decoding: Decoding, cancelled: Cancelled, *, memory: Memory | None, count: int
) -> list[Generated]:
    """The greedy continuation, then those that begin as it nearly did, if the engine can tell: some may not be fit to show."""
    if isinstance(engine, Branching):
        return engine.alternatives(prompt, decoding, SPARE * count, cancelled, draft=memory, mixer=memory)
    return [engine.generate(prompt, decoding, cancelled, draft=memory, mixer=memory)]


def best_of(completions: Sequence[Completion], count: int) -> Completion:
    """The likeliest by confidence, with the texts of the next ones, `count` in all; in their order without confidence."""
    shown = sorted((each for each in completions if each.text), key=lambda each: -(each.confidence or 0.0))
    if not shown:
        return completions[0]
    texts = dict.fromkeys(each.text for each in shown)
    return evolve(shown[0], others=tuple(texts)[1:count])
