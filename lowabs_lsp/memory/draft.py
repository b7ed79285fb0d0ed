"""Guesses for the engine to verify: the likeliest way on by memory alone, as long as it is likely enough."""

from collections.abc import Callable, Sequence

from lowabs_lsp.memory.evidence import Evidence
from lowabs_lsp.memory.gates import Gates
from lowabs_lsp.memory.mix import best_candidate

LEAST_CHANCE = 0.3
"""Probability that all guesses up to one are right, below which verifying it costs more than it brings in."""


def propose(look_up: Callable[[Sequence[int]], Evidence], tokens: Sequence[int], count: int, gates: Gates) -> list[int]:
    """Up to `count` tokens, each of which stood in a source behind the one before it."""
    sequence, chance = list(tokens), 1.0
    for _ in range(count):
        evidence = look_up(sequence)
        if not len(evidence.candidates):
            break
        token, probability = best_candidate(evidence, gates)
        chance *= probability
        if chance < LEAST_CHANCE:
            break
        sequence.append(token)
    return sequence[len(tokens) :]
