"""Which candidates are shown: the best that fit, and rather those that are shown already, so that their keys stay cached."""

from collections.abc import Callable, Sequence

from attrs import frozen

from lowabs_lsp.values import Snippet

LOYALTY = 1.5
"""What is shown already gives way to what scores more than so many times as much."""


@frozen
class Candidate:
    """A snippet that may be shown; of two, the one with the higher score."""

    score: float
    snippet: Snippet


def choose(
    candidates: Sequence[Candidate], shown: Sequence[Snippet], *, budget: int, most: int, cost: Callable[[Snippet], int]
) -> tuple[Snippet, ...]:
    """At most `most` of `candidates` within `budget` tokens, best first chosen; those of `shown` keep their order in front."""
    loyal = frozenset(shown)
    ranked = sorted(
        candidates, key=lambda c: (-c.score * (LOYALTY if c.snippet in loyal else 1.0), c.snippet.path, c.snippet.text)
    )
    chosen: dict[Snippet, None] = {}
    for candidate in ranked:
        price = cost(candidate.snippet)
        if len(chosen) < most and price <= budget and candidate.snippet not in chosen:
            chosen[candidate.snippet] = None
            budget -= price
    return (*(snippet for snippet in shown if snippet in chosen), *(snippet for snippet in chosen if snippet not in loyal))
