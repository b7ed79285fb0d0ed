"""Hears what an engine thinks of tokens that it is made to say: for alternatives, and to explain a completion."""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from attrs import evolve, frozen

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
    Stop,
)

Spell = Callable[[int], bytes]
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

    def __init__(self, tokens: Sequence[int], draft: Draft | None = None, mixer: Mixer | None = None) -> None:
        self._forced, self._draft, self._mixer = tuple(tokens), draft, mixer
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
        self.choices.append(Choice(given, float(mixed[given]), float(logprobs[given]), most_probable(mixed)))
        if at >= len(self._forced):
            return mixed
        certain = np.full_like(mixed, -np.inf)
        certain[given] = 0.0
        return certain

    def told(self, generated: Generated) -> Generated:
        """`generated` with the probabilities that its given tokens have, where the engine was told that they are certain."""
        count = min(len(self._forced), len(generated.tokens))
        logprobs = tuple(choice.logprob for choice in self.choices[:count])
        entropies = generated.entropies[count:]
        return evolve(
            generated,
            logprobs=logprobs + generated.logprobs[count:],
            chances=logprobs + generated.chances[count:],
            entropies=tuple(-logprob for logprob in logprobs) + entropies,
        )


def most_probable(logprobs: FloatArray, count: int = MOST_PROBABLE) -> tuple[tuple[int, float], ...]:
    """The `count` most probable tokens, in falling order, the lower id first among equals."""
    best = np.argpartition(-logprobs, count)[:count] if count < len(logprobs) else np.arange(len(logprobs))
    order = sorted(best.tolist(), key=lambda token: (-logprobs[token], token))
    return tuple((token, float(logprobs[token])) for token in order)


@frozen
class Beginning:
    """Tokens that another continuation begins with."""

    tokens: tuple[int, ...]
    logprob: float


def other_beginnings(
    generated: Generated, choices: Sequence[Choice], spelled: Sequence[bytes], spell: Spell
) -> list[Beginning]:
    """Where a continuation might have gone another way, the likelier ones first.

    `spelled` are the bytes of the tokens of `generated`; a token that repeats what was typed is not replaced by one that
    does not.
    """
    owed = owed_bytes(generated, spelled)
    found = []
    before, chance = b"", 0.0
    for place, choice in enumerate(choices[: len(generated.tokens)]):
        if place and generated.ends[place - 1] >= len(generated.text.encode()):
            break
        for token, logprob in choice.best:
            text = before + spell(token)
            if token != choice.token and spell(token) and (text.startswith(owed) or owed.startswith(text)):
                found.append(Beginning((*generated.tokens[:place], token), chance + logprob))
        before += spelled[place]
        chance += choice.logprob
    return sorted(found, key=lambda each: -each.logprob)


def owed_bytes(generated: Generated, spelled: Sequence[bytes]) -> bytes:
    """What the first tokens repeat of the prompt's end: their bytes less those that became text."""
    written = b""
    for end, piece in zip(generated.ends, spelled, strict=True):
        written += piece
        if end > 0:
            return written[: len(written) - end]
    return written


def explore(
    engine: Engine, prompt: Prompt, decoding: Decoding, cancelled: Cancelled, *, memory: Memory | None, count: int
) -> list[Generated]:
    """At most `count` continuations: the greedy one, then those that begin as it nearly did. One where tokens are unknown."""
    heard = Forced((), memory, memory)
    first = engine.generate(prompt, decoding, cancelled, draft=heard, mixer=heard)
    spell = engine.vocabulary.spell if engine.vocabulary else None
    if spell is None or first.stop is Stop.CANCELLED or len(first.ends) < len(first.tokens):
        return [first]
    spelled = [spell(token) for token in first.tokens]
    found = [first]
    for beginning in other_beginnings(first, heard.choices, spelled, spell)[: count - 1]:
        forced = Forced(beginning.tokens, memory, memory)
        found.append(forced.told(engine.generate(prompt, decoding, cancelled, draft=forced, mixer=forced)))
    return found


def best_of(completions: Sequence[Completion]) -> Completion:
    """The likeliest of several, with the texts of the others; by confidence where there is one, else by their tokens."""
    shown = sorted((each for each in completions if each.text), key=_likelihood, reverse=True)
    if not shown:
        return completions[0]
    texts = dict.fromkeys(each.text for each in shown)
    return evolve(shown[0], others=tuple(texts)[1:])


def _likelihood(completion: Completion) -> float:
    if completion.confidence is not None:
        return completion.confidence
    return math.exp(sum(completion.generated.chances)) if completion.generated else 0.0
