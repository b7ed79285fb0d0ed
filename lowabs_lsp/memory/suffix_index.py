"""An index of token contexts: every place of a text that reads like the present one, in microseconds.

All places are sorted by the tokens in front of them, read backwards, so those that share the last n tokens with a query
are one slice, and it lies within the slice of n - 1. Contexts are packed into two machine words, which numpy's binary
search reads at once; an edit sorts only the places whose context it touched.
"""

from collections.abc import Collection, Sequence

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from lowabs_lsp.memory.sorted_rows import Packing, Rows, Stored, Words, no_rows

BOUNDARY = 0
"""Stands between documents; token `t` is stored as `t + 1`, so no query ever matches across one."""

Slice = tuple[int, int]
TokenIds = Sequence[int] | NDArray[np.integer]


@frozen(eq=False)
class SuffixIndex:
    """A text and its places sorted by context. Immutable: a change returns a new index, so readers need no lock."""

    packing: Packing
    text: Stored
    """Documents, each behind `packing.depth` boundaries."""
    rows: Rows

    @classmethod
    def empty(cls, vocabulary: int) -> "SuffixIndex":
        """An index of nothing, for token ids below `vocabulary`."""
        return cls(Packing.of(vocabulary), np.empty(0, np.uint32), no_rows())

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.text.nbytes + self.rows.nbytes

    def stored(self, tokens: TokenIds) -> Stored:
        """A document as it stands in the text."""
        stored = np.zeros(self.packing.depth + len(tokens), np.uint32)
        stored[self.packing.depth :] = np.asarray(tokens, np.uint32)
        stored[self.packing.depth :] += 1
        return stored

    def edit(self, start: int, stop: int, replacement: Stored) -> "SuffixIndex":
        """The index of the text in which `replacement` stands for `text[start:stop]`."""
        text = np.concatenate((self.text[:start], replacement, self.text[stop:]))
        growth = len(text) - len(self.text)
        touched = min(stop + self.packing.depth, len(self.text))  # up to here contexts reach into the edit
        places = self.rows.places
        kept = self.rows.pick((places < start) | (places >= touched))
        kept = evolve(kept, places=np.where(kept.places >= start, kept.places + np.int32(growth), kept.places))
        return SuffixIndex(self.packing, text, kept.merge(self._sorted(text, start, touched + growth)))

    def without(self, documents: Collection[Slice]) -> "SuffixIndex":
        """The index of the text without whole documents, given with their boundaries."""
        alive = np.ones(len(self.text), np.bool_)
        for start, stop in documents:
            alive[start:stop] = False
        kept = self.rows.pick(alive[self.rows.places])
        moved = np.cumsum(alive, dtype=np.int32) - 1
        return SuffixIndex(self.packing, self.text[alive], evolve(kept, places=moved[kept.places]))

    def slices(self, needles: tuple[Words, ...]) -> list[Slice]:
        """For n = 1, 2, ...: the rows whose last n tokens are those of a context, packed; ends before there are none."""
        found: list[Slice] = []
        low, high = 0, len(self.rows)
        for column, edges in zip((self.rows.first, self.rows.second), needles, strict=True):
            places = (low + column[low:high].searchsorted(edges)).tolist()
            for low, high in zip(places[::2], places[1::2], strict=True):
                if low == high:
                    return found
                found.append((low, high))
        return found

    def _sorted(self, text: Stored, start: int, stop: int) -> Rows:
        places = (start + np.flatnonzero(text[start:stop] != BOUNDARY)).astype(np.int32)
        first, second = self.packing.words(text, places)
        return Rows(first, second, text[places], places).sort()
