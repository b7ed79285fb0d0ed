"""The file being edited: its text above and below the cursor in one index that is edited as the text is."""

from collections import Counter
from itertools import groupby

import numpy as np

from lowabs_lsp.memory.evidence import Source
from lowabs_lsp.memory.suffix_index import SuffixIndex
from lowabs_lsp.memory.text_tokens import Change, Encode, TextTokens, TokenArray

NEAREST = 8
"""Tokens in front of the cursor that token healing may take back and that would then foretell themselves."""


class OpenFile:
    """Owned by the engine's thread."""

    def __init__(self, vocabulary: int, encode: Encode, prefix: str, suffix: str) -> None:
        self._prefix, self._suffix = TextTokens(encode), TextTokens(encode)
        self._index = SuffixIndex.empty(vocabulary)
        self._pad = self._index.packing.depth
        self._index = self._index.edit(0, 0, np.zeros(2 * self._pad, np.uint32))
        self.move(prefix, suffix)
        self._lines_at_first = Counter((prefix + suffix).splitlines(keepends=True))

    @property
    def prefix_tokens(self) -> TokenArray:
        """The tokens in front of the cursor."""
        return self._prefix.tokens

    @property
    def source(self) -> Source:
        """The file as evidence."""
        cursor = self._pad + len(self._prefix.tokens)
        return Source(self._index, hidden=(max(self._pad, cursor - NEAREST), cursor), cursor=cursor)

    def move(self, prefix: str, suffix: str) -> None:
        """The text and the cursor are now here."""
        self._splice(self._pad, self._prefix.replace(prefix))
        self._splice(2 * self._pad + len(self._prefix.tokens), self._suffix.replace(suffix))

    def _splice(self, offset: int, change: Change) -> None:
        if change.start < change.stop or len(change.tokens):
            self._index = self._index.edit(offset + change.start, offset + change.stop, change.tokens + np.uint32(1))

    def new_lines(self) -> list[str]:
        """Runs of lines that were not in the file when it was opened here."""
        known = self._lines_at_first.copy()
        lines = (self._prefix.text + self._suffix.text).splitlines(keepends=True)
        fresh = []
        for line in lines:
            known[line] -= 1
            fresh.append(known[line] < 0)
        runs = groupby(zip(fresh, lines, strict=True), key=lambda pair: pair[0])
        return ["".join(line for _, line in run) for is_fresh, run in runs if is_fresh]
