"""The text around the cursor, cut to a token budget at edges that stay put while a person types."""

from collections.abc import Callable
from functools import lru_cache

from attrs import frozen

CountTokens = Callable[[str], int]

STEP = 16
"""The window begins at a line number that is a multiple of this: typing moves its edge once in so many lines."""


@frozen
class Window:
    """`prefix` ends and `suffix` begins at the cursor."""

    prefix: str
    suffix: str


def cut_window(text: str, offset: int, *, budget: int, suffix_share: float, count: CountTokens) -> Window:
    """Cut `text` around `offset` to at most `budget` tokens, by whole lines where lines are shorter than the budget.

    Lines are counted one by one. A tokenizer that merges across line ends needs fewer for the whole, so the budget holds.
    What the suffix leaves over of its share goes to the prefix.
    """
    suffix = _head(text[offset:], int(budget * suffix_share), count)
    left = budget - _count_lines(suffix, count)
    return Window(prefix=_tail(text[:offset], left, count), suffix=suffix)


def _head(text: str, budget: int, count: CountTokens) -> str:
    lines = text.splitlines(keepends=True)
    used = kept = 0
    for line in lines:
        used += count(line)
        if used > budget:
            break
        kept += 1
    if kept == 0 and lines:
        return _fit(lines[0], budget, count, keep_end=False)
    return "".join(lines[:kept])


def _tail(text: str, budget: int, count: CountTokens) -> str:
    lines = text.splitlines(keepends=True)
    used, start = 0, len(lines)
    while start > 0 and (used := used + count(lines[start - 1])) <= budget:
        start -= 1
    if start == 0:
        return text
    stepped = -(-start // STEP) * STEP
    if stepped < len(lines):
        start = stepped
    if start == len(lines):
        return _fit(lines[-1], budget, count, keep_end=True)
    return "".join(lines[start:])


def _fit(line: str, budget: int, count: CountTokens, *, keep_end: bool) -> str:
    """The longest end (or beginning) of one long line that fits, found by bisection."""
    low, high = 0, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        piece = line[len(line) - middle :] if keep_end else line[:middle]
        if count(piece) <= budget:
            low = middle
        else:
            high = middle - 1
    return line[len(line) - low :] if keep_end else line[:low]


def _count_lines(text: str, count: CountTokens) -> int:
    return sum(count(line) for line in text.splitlines(keepends=True))


def remembering(count: CountTokens, size: int = 1 << 16) -> CountTokens:
    """`count` with a memory: from one key to the next nearly every line is the same."""
    return lru_cache(size)(count)
