"""The text around the cursor, cut to a token budget at edges that stay put while a person types."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import takewhile

CountTokens = Callable[[str], int]

STEP = 16
"""The window begins at a line number that is a multiple of this: typing moves its edge once in so many lines."""
FROZEN_LINES, FROZEN_SHARE = 3, 0.9
"""A suffix is nearly the same while so many of its first lines are, and this share of all."""


def cut_suffix(text: str, offset: int, *, budget: int, count: CountTokens) -> str:
    """The lines behind `offset` that fit into `budget` tokens; of a first line that is too long, its beginning."""
    used, end = 0, offset
    for line in _lines(text, offset):
        used += count(line)
        if used > budget:
            return text[offset:end] or _fit(line, budget, count, keep_end=False)
        end += len(line)
    return text[offset:]


def cut_prefix(text: str, offset: int, *, budget: int, count: CountTokens, reserve: int = 0) -> str:
    """The lines before `offset` that fit into `budget` tokens; of a last line that is too long, its end.

    A prefix that does not reach the beginning of `text` leaves `reserve` tokens of its budget free.
    """
    used, start = 0, offset
    edges: list[tuple[int, int]] = []
    while start > 0:
        above = text.rfind("\n", 0, start - 1) + 1
        used += count(text[above:start])
        if used > budget:
            break
        start = above
        edges.append((start, used))
    if start == 0:
        return text[:offset]
    kept = [edge for edge, tokens in edges if tokens <= budget - reserve]
    if not kept:
        line = text[text.rfind("\n", 0, max(offset - 1, 0)) + 1 : offset]
        return _fit(line, max(budget - reserve, 0), count, keep_end=True)
    return text[_stepped(text, kept) : offset]


def _stepped(text: str, edges: list[int]) -> int:
    """Of line starts, the later ones first: the earliest whose line number is a multiple of `STEP`, else the earliest."""
    highest = text.count("\n", 0, edges[-1])
    skipped = -highest % STEP
    return edges[-1 - skipped] if skipped < len(edges) else edges[-1]


def nearly_same(last: str, fresh: str) -> bool:
    """Whether two suffixes begin alike and differ in few lines: then the one that the cache holds does as well."""
    if last == fresh:
        return True
    old, new = last.split("\n"), fresh.split("\n")
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    return head >= FROZEN_LINES and head + tail >= FROZEN_SHARE * max(len(old), len(new))


def _alike(old: list[str], new: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _lines(text: str, start: int) -> Iterator[str]:
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


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


def count_lines(text: str, count: CountTokens) -> int:
    """Tokens of `text`, its lines counted one by one.

    A tokenizer that merges across line ends needs fewer for the whole, so a budget that holds for this sum holds.
    """
    return sum(map(count, _lines(text, 0)))


def remembering(count: CountTokens, size: int = 1 << 16) -> CountTokens:
    """`count` with a memory: from one key to the next nearly every line is the same."""
    return lru_cache(size)(count)
