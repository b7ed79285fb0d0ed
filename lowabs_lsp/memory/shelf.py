"""The documents of a workspace in one index, each under a key: what a document taught goes with it."""

from collections.abc import Collection, Mapping

import numpy as np
from attrs import frozen

from lowabs_lsp.memory.suffix_index import Slice, SuffixIndex, TokenIds

BYTES_PER_TOKEN = 28
"""Of an index: the token, two words of context, the following token and the place."""


@frozen(eq=False)
class Shelf:
    """Immutable: readers keep the shelf that they were given."""

    index: SuffixIndex
    spans: Mapping[str, Slice]
    """Where each document stands in the text, the least recently put first; boundaries included."""

    @classmethod
    def empty(cls, vocabulary: int) -> "Shelf":
        """A shelf without documents."""
        return cls(SuffixIndex.empty(vocabulary), {})

    def put(self, documents: Mapping[str, TokenIds]) -> "Shelf":
        """With `documents`, in place of those that had their keys. Many at once cost little more than one."""
        if not documents:
            return self
        shelf = self.without(documents.keys())
        stored = {key: shelf.index.stored(tokens) for key, tokens in documents.items()}
        spans, end = dict(shelf.spans), len(shelf.index.text)
        for key, text in stored.items():
            spans[key] = (end, end + len(text))
            end += len(text)
        start = len(shelf.index.text)
        return Shelf(shelf.index.edit(start, start, np.concatenate(list(stored.values()))), spans)

    def without(self, keys: Collection[str]) -> "Shelf":
        """Without the documents of `keys`; unknown ones are no matter."""
        keys = set(keys)
        gone = [self.spans[key] for key in keys if key in self.spans]
        if not gone:
            return self
        spans, end = {}, 0
        for key, (start, stop) in self.spans.items():
            if key not in keys:
                spans[key] = (end, end + stop - start)
                end += stop - start
        return Shelf(self.index.without(gone), spans)

    def within(self, most: int) -> "Shelf":
        """Without the documents put longest ago, as far as it takes to have at most `most` tokens."""
        excess = len(self.index.text) - most
        evicted: list[str] = []
        for key, (start, stop) in self.spans.items():
            if excess <= 0:
                break
            evicted.append(key)
            excess -= stop - start
        return self.without(evicted)
