"""What the peers' policies have in common: lines around a cursor, token budgets, what was said before."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from attrs import define, field, frozen

from lowabs_lsp.bench.replay.policy import Request
from lowabs_lsp.values import Document

CountTokens = Callable[[str], int]

LONGEST = 128
"""Tokens of a continuation at most, where a peer is limited by time alone."""


@frozen
class Surroundings:
    """A document in two at its cursor, and the two halves of the cursor's line. Lines end with a line feed alone."""

    prefix: str
    suffix: str

    @classmethod
    def of(cls, request: Request) -> "Surroundings":
        """Where a request was made."""
        text, offset = request.document.text, request.offset
        return cls(text[:offset].replace("\r\n", "\n"), text[offset:].replace("\r\n", "\n"))

    @property
    def line_before(self) -> str:
        """The cursor's line in front of the cursor."""
        return self.prefix.rpartition("\n")[2]

    @property
    def line_behind(self) -> str:
        """The cursor's line behind the cursor."""
        return self.suffix.partition("\n")[0]

    @property
    def lines_below(self) -> list[str]:
        """The lines below the cursor's."""
        return self.suffix.split("\n")[1:]

    @property
    def next_line(self) -> str:
        """The first line below that is not blank, or nothing."""
        return next((line for line in self.lines_below if line.strip()), "")


@define
class Said:
    """What was said at which place, for a person who types along with it. The oldest is forgotten."""

    entries: int
    ahead: int
    """How many characters may have been typed since."""
    _texts: "OrderedDict[tuple[str, str, str], str]" = field(factory=OrderedDict)

    def remember(self, request: Request, text: str) -> None:
        """`text`, which may be nothing, was the answer to `request`."""
        document, offset = request.document, request.offset
        key = document.uri, document.text[:offset], document.text[offset:]
        self._texts.pop(key, None)
        self._texts[key] = text
        while len(self._texts) > self.entries:
            self._texts.popitem(last=False)

    def recall(self, request: Request) -> str | None:
        """What is left of an answer, the one that fits with the fewest keys since; None where the model must be asked."""
        document, offset = request.document, request.offset
        before, behind = document.text[:offset], document.text[offset:]
        found: tuple[int, str] | None = None
        for (uri, prefix, suffix), text in self._texts.items():
            typed = len(before) - len(prefix)
            if uri == document.uri and suffix == behind and 0 <= typed <= self.ahead and before.startswith(prefix):
                rest = _rest(text, before[len(prefix) :])
                if rest is not None and (found is None or typed < found[0]):
                    found = typed, rest
        return found[1] if found else None


def _rest(text: str, typed: str) -> str | None:
    """`text` behind what was typed of it; None if something else, or all of it, was typed."""
    if not typed:
        return text
    return text[len(typed) :] or None if text.startswith(typed) else None


def last_tokens(text: str, budget: int, count: CountTokens) -> str:
    """The longest end of `text` that has at most `budget` tokens, counted line by line."""
    lines = _lines(text)[::-1]
    kept, left = _fitting(lines, budget, count)
    rest = lines[kept] if kept < len(lines) else ""
    part = _longest(len(rest), lambda size: rest[len(rest) - size :], left, count)
    return part + "".join(reversed(lines[:kept]))


def first_tokens(text: str, budget: int, count: CountTokens) -> str:
    """The longest beginning of `text` that has at most `budget` tokens, counted line by line."""
    lines = _lines(text)
    kept, left = _fitting(lines, budget, count)
    rest = lines[kept] if kept < len(lines) else ""
    return "".join(lines[:kept]) + _longest(len(rest), lambda size: rest[:size], left, count)


def _lines(text: str) -> list[str]:
    *whole, last = text.split("\n")
    return [line + "\n" for line in whole] + ([last] if last else [])


def _fitting(lines: Sequence[str], budget: int, count: CountTokens) -> tuple[int, int]:
    """How many of the first lines have at most `budget` tokens together, and what they leave of it."""
    for kept, line in enumerate(lines):
        size = count(line)
        if size > budget:
            return kept, budget
        budget -= size
    return len(lines), budget


def _longest(length: int, cut: Callable[[int], str], budget: int, count: CountTokens) -> str:
    low, high = 0, length
    while low < high:
        middle = (low + high + 1) // 2
        if count(cut(middle)) <= budget:
            low = middle
        else:
            high = middle - 1
    return cut(low)


def whole_last_lines(text: str, budget: int, count: CountTokens) -> str:
    """As many whole lines at the end of `text` as have at most `budget` tokens; a line end counts as one."""
    return "\n".join(reversed(_whole_lines(text.split("\n")[::-1], budget, count)))


def whole_first_lines(text: str, budget: int, count: CountTokens) -> str:
    """As many whole lines at the beginning of `text` as have at most `budget` tokens; a line end counts as one."""
    return "\n".join(_whole_lines(text.split("\n"), budget, count))


def _whole_lines(lines: Sequence[str], budget: int, count: CountTokens) -> list[str]:
    used, kept = -1, 0
    for line in lines:
        used += count(line) + 1
        if used > budget:
            break
        kept += 1
    return list(lines[:kept])


def lines_around(document: Document, offset: int, radius: int) -> list[str]:
    """The cursor's line and at most `radius` lines on either side of it."""
    line = document.text.count("\n", 0, offset)
    lines = document.text.replace("\r\n", "\n").split("\n")
    return lines[max(0, line - radius) : line + radius + 1]


def without_end(text: str, line_behind: str) -> str:
    """`text` without what it repeats of the rest of the cursor's line at its end."""
    rest = line_behind.rstrip()
    return text[: len(text) - len(rest)] if rest and text.endswith(rest) else text


def distance(a: str, b: str) -> int:
    """The Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]
