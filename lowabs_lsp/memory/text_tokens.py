"""The tokens of a text that changes: only the lines around a change are tokenized again."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from lowabs_lsp.alike import common_ends

Encode = Callable[[str], Sequence[int]]
TokenArray = NDArray[np.uint32]

_CUT = re.compile(r"\n(?=[^\S\n]*\S)")
"""Behind the line ends before a line that is not blank: there no byte-level pre-tokenizer joins two pieces."""


@frozen(eq=False)
class Change:
    """`tokens` have taken the place of what was at [start:stop]."""

    start: int
    stop: int
    tokens: TokenArray


class TextTokens:
    """A text and its tokens, which depend on the text alone and not on the way it came about."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self.text = ""
        self.tokens: TokenArray = np.empty(0, np.uint32)
        self._starts = np.zeros(1, np.intp)
        """Where each piece begins in the text, and the text's length."""
        self._firsts = np.zeros(1, np.intp)
        """Where each piece begins in the tokens, and their number."""

    def replace(self, text: str) -> Change:
        """Take `text` for the old one, and say what became of the tokens."""
        first, last = self._touched(text)
        begin, end = int(self._starts[first]), int(self._starts[last])
        pieces = _pieces(text[begin : end + len(text) - len(self.text)])
        encoded = [np.asarray(self._encode(piece), np.uint32) for piece in pieces]
        change = Change(int(self._firsts[first]), int(self._firsts[last]), np.concatenate([np.empty(0, np.uint32), *encoded]))
        self._starts = _respan(self._starts, first, last, [len(piece) for piece in pieces])
        self._firsts = _respan(self._firsts, first, last, [len(ids) for ids in encoded])
        self.tokens = np.concatenate((self.tokens[: change.start], change.tokens, self.tokens[change.stop :]))
        self.text = text
        return change

    def _touched(self, text: str) -> tuple[int, int]:
        """The range of pieces that may be cut otherwise in `text`: one before the change, since a blank line joins it."""
        if text == self.text:
            return 0, 0
        same, same_end = common_ends(self.text, text)
        first = max(0, int(np.searchsorted(self._starts, same, side="right")) - 2)
        last = int(np.searchsorted(self._starts, len(self.text) - same_end, side="right"))
        return first, min(last, len(self._starts) - 1)


def _pieces(text: str) -> list[str]:
    cuts = [0, *(cut.end() for cut in _CUT.finditer(text)), len(text)]
    return [text[start:stop] for start, stop in pairwise(cuts) if start < stop]


def _respan(edges: NDArray[np.intp], first: int, last: int, lengths: Sequence[int]) -> NDArray[np.intp]:
    """`edges` with pieces of the given lengths in place of those from `first` to before `last`."""
    inner = edges[first] + np.cumsum([0, *lengths])
    return np.concatenate((edges[:first], inner, edges[last + 1 :] + (inner[-1] - edges[last])))
