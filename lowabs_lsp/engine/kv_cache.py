"""Keys and values kept between requests: rewound to the longest common token prefix, copied where documents share one."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, Self, TypeVar

from lowabs_lsp.alike import common_start

MOST_SEQUENCES = 64
"""How many token sequences are kept at most, however small they are: each new prompt is compared with all of them."""


class Memory(Protocol):
    """Where the keys and values of one token sequence lie, a row for each token."""

    def copy_rows(self, source: Self, count: int) -> None:
        """Take over the first `count` rows of `source`."""
        ...


M = TypeVar("M", bound=Memory)


class CachedSequence(Generic[M]):
    """A memory and the tokens whose rows are valid in it. Rewinding is nothing but forgetting tokens."""

    def __init__(self, memory: M) -> None:
        self.memory = memory
        self.tokens: list[int] = []
        self.held = False
        """A generation in flight continues it, so nobody else may; set by those who run several at once."""

    def rewind(self, count: int) -> None:
        """Keep the first `count` tokens."""
        del self.tokens[count:]


class KvCache(Generic[M]):
    """At most `sequences` memories, made when first needed; the least recently used one is given to a new sequence."""

    def __init__(self, create: Callable[[], M], sequences: int = 4) -> None:
        self._create = create
        self._most = sequences
        self._sequences: list[CachedSequence[M]] = []  # least recently used first

    def find(self, tokens: Sequence[int]) -> CachedSequence[M]:
        """The sequence to continue for `tokens`; what it still holds is a prefix of them, and all of them are not.

        A sequence that would lose more than half of its rows is left alone, since its document may come back; what it
        shares with `tokens` is copied.
        """
        best, common = self._best(tokens)
        continues = best is not None and not best.held and 2 * common >= len(best.tokens)
        chosen = best if best and continues else self._next_free()
        if best and chosen is not best:
            chosen.memory.copy_rows(best.memory, common)
            chosen.tokens[:] = best.tokens[:common]
        chosen.rewind(min(common, len(tokens) - 1))  # the last token must run, for its logits
        self._sequences = [other for other in self._sequences if other is not chosen] + [chosen]
        return chosen

    def _best(self, tokens: Sequence[int]) -> tuple[CachedSequence[M] | None, int]:
        """The sequence that shares the longest prefix with `tokens`, and how long that is."""
        wanted = list(tokens)
        lengths = [common_start(sequence.tokens, wanted) for sequence in self._sequences]
        common = max(lengths, default=0)
        return (self._sequences[lengths.index(common)], common) if common else (None, 0)

    def _next_free(self) -> CachedSequence[M]:
        """One that holds nothing, else a new one, else the least recently used. All held: one more than allowed."""
        free = [sequence for sequence in self._sequences if not sequence.held]
        for sequence in free:
            if not sequence.tokens:
                return sequence
        return CachedSequence(self._create()) if len(self._sequences) < self._most or not free else free[0]


def sequences_that_fit(memory_bytes: int, megabytes: int) -> int:
    """How many sequences to keep when each has a memory of so many bytes; one in any case."""
    return max(1, min(MOST_SEQUENCES, (megabytes << 20) // memory_bytes))
