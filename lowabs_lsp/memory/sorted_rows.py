"""Places of a text in the order of the tokens in front of them: packing contexts into words, sorting and merging."""

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Places = NDArray[np.int32]
Stored = NDArray[np.uint32]
"""Tokens plus one; 0 is the boundary between documents."""


@frozen
class Packing:
    """How many tokens fit into one 64-bit word, with a bit to spare for the upper edge of a search."""

    bits: int
    per_word: int

    @property
    def depth(self) -> int:
        """The longest context that is sorted, in tokens."""
        return 2 * self.per_word

    @classmethod
    def of(cls, vocabulary: int) -> "Packing":
        """The packing for token ids below `vocabulary`."""
        bits = vocabulary.bit_length()
        return cls(bits=bits, per_word=min(63 // bits, 4))

    def shift(self, back: int) -> int:
        """Where in its word the token `back` places before the nearest one stands."""
        return self.bits * (self.per_word - 1 - back % self.per_word)

    def words(self, text: Stored, places: Places) -> tuple[Words, Words]:
        """The contexts in front of `places` as two words, nearest token in the highest bits."""
        first, second = np.zeros(len(places), np.uint64), np.zeros(len(places), np.uint64)
        for back in range(self.depth):
            word = first if back < self.per_word else second
            word |= text[places - (back + 1)].astype(np.uint64) << np.uint64(self.shift(back))
        return first, second

    def needles(self, context: Sequence[int]) -> tuple[Words, ...]:
        """For each of the two words: the lower and upper edges of what agrees with `context` in 1, 2, ... of its tokens."""
        words = []
        for start in (0, self.per_word):
            edges, prefix = [], 0
            for back in range(start, min(start + self.per_word, len(context))):
                unit = 1 << self.shift(back)
                prefix += (context[-1 - back] + 1) * unit
                edges += [prefix, prefix + unit]
            words.append(np.array(edges, np.uint64))
        return tuple(words)


@frozen(eq=False)
class Rows:
    """Columns of equal length, sorted by the first three; so equal documents give equal columns, places aside."""

    first: Words
    second: Words
    following: Stored
    """The token at the place."""
    places: Places

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.first.nbytes + self.second.nbytes + self.following.nbytes + self.places.nbytes

    def __len__(self) -> int:
        return len(self.places)

    def pick(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> "Rows":
        """The rows of a mask, or in an order."""
        return Rows(self.first[which], self.second[which], self.following[which], self.places[which])

    def sort(self) -> "Rows":
        """These rows in order."""
        return self.pick(np.lexsort((self.following, self.second, self.first)))

    def merge(self, new: "Rows") -> "Rows":
        """Both, in order; as both are sorted already, few new rows cost little."""
        if 4 * len(new) >= len(self):
            return Rows(
                np.concatenate((self.first, new.first)),
                np.concatenate((self.second, new.second)),
                np.concatenate((self.following, new.following)),
                np.concatenate((self.places, new.places)),
            ).sort()
        at = self._ranks(new)
        return Rows(
            np.insert(self.first, at, new.first),
            np.insert(self.second, at, new.second),
            np.insert(self.following, at, new.following),
            np.insert(self.places, at, new.places),
        )

    def _ranks(self, new: "Rows") -> NDArray[np.intp]:
        """Where each row of `new` belongs: binary search by the first three columns, all rows at once."""
        low, high = np.zeros(len(new), np.intp), np.full(len(new), len(self), np.intp)
        while (searching := low < high).any():
            middle = (low + high) // 2
            old = self.pick(np.minimum(middle, len(self) - 1))
            as_far = (old.second < new.second) | ((old.second == new.second) & (old.following <= new.following))
            behind = (old.first < new.first) | ((old.first == new.first) & as_far)
            low = np.where(searching & behind, middle + 1, low)
            high = np.where(searching & ~behind, middle, high)
        return low


def no_rows() -> Rows:
    """The rows of an empty text."""
    words = np.empty(0, np.uint64)
    return Rows(words, words, np.empty(0, np.uint32), np.empty(0, np.int32))
