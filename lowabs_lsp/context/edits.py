"""What was changed lately, in whatever file, as it reads now."""

from collections.abc import Sequence
from itertools import takewhile

from attrs import define, frozen

from lowabs_lsp.context.changes import changed
from lowabs_lsp.values import Document

FILES, REGIONS = 16, 32
"""Files and changed regions that are remembered; the oldest are forgotten first."""
NEAR = 4
"""Lines between two changes that are still one region."""
LONGEST = 60
"""Lines of a change that a person may have made by hand; what changes more was pasted, generated or checked out."""
AROUND = 2
"""Lines shown before and behind a region."""


@frozen
class Edit:
    """A changed region of a file, with a little of what is around it."""

    path: str
    lines: tuple[str, ...]
    first: int


@define
class _Region:
    path: str
    first: int
    end: int
    """The line behind its last."""


class EditLog:
    """Sees each version of each document, in order, and remembers where they differ."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._regions: list[_Region] = []

    def observe(self, document: Document) -> None:
        """Look at a document; the first look at a file is no edit."""
        path, text = document.path, document.text
        last = self._texts.pop(path, text)
        self._texts[path] = text
        if len(self._texts) > FILES:
            self._forget(next(iter(self._texts)))
        if last is not text and last != text:
            self._note(path, last, text)

    def _forget(self, path: str) -> None:
        del self._texts[path]
        self._regions = [region for region in self._regions if region.path != path]

    def _note(self, path: str, last: str, text: str) -> None:
        change = changed(last, text)
        first = text.count("\n", 0, change.start)
        removed = last.count("\n", change.start, change.old_end)
        added = text.count("\n", change.start, change.new_end)
        region = _Region(path, first, first + added + 1)
        kept = []
        for other in self._regions:
            if other.path == path:
                _shift(other, first, removed, added)
                if other.first <= region.end + NEAR and region.first <= other.end + NEAR:
                    region.first, region.end = min(region.first, other.first), max(region.end, other.end)
                    continue
            kept.append(other)
        by_hand = max(added, removed) <= LONGEST
        self._regions = [*kept, region][-REGIONS:] if by_hand else kept

    def latest(self, most: int) -> list[Edit]:
        """The last `most` regions, the latest first."""
        edits = []
        for region in reversed(self._regions[-most:] if most else []):
            lines = self._texts[region.path].split("\n")
            first = max(0, region.first - AROUND)
            edits.append(Edit(region.path, tuple(lines[first : region.end + AROUND]), first))
        return edits


def _shift(region: _Region, first: int, removed: int, added: int) -> None:
    """Move the edges of `region` that lie behind a change of `removed` line ends into `added` in line `first`."""
    delta = added - removed
    if region.first > first:
        region.first = max(first, region.first + delta)
    if region.end > first + 1:
        region.end = max(region.first + 1, region.end + delta)


def trimmed(lines: Sequence[str]) -> tuple[str, ...]:
    """`lines` without the blank ones at both ends."""
    start = len(list(takewhile(lambda line: not line.strip(), lines)))
    end = len(lines) - len(list(takewhile(lambda line: not line.strip(), reversed(lines))))
    return tuple(lines[start:end])
