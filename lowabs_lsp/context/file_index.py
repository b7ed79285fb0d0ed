"""The segments of a growing and changing set of files: full ones stay, small ones are merged, removed files fade."""

from lowabs_lsp.context.chunks import Outliner
from lowabs_lsp.context.segments import Segment, SegmentBuilder, merge

FULL = 250_000
"""Postings of a segment; more take longer to sort in one go."""
SMALL = 8
"""Segments of single changes, before they become one."""


class FileIndex:
    """One thread writes. Any thread may read `segments`: each state of it is immutable."""

    def __init__(self) -> None:
        self.segments: tuple[Segment, ...] = ()
        self.sizes: dict[str, int] = {}
        """Characters of each file."""
        self.characters = 0
        self._outliner = Outliner()
        self._builder = SegmentBuilder()
        self._pending: set[str] = set()

    def put(self, path: str, text: str) -> None:
        """Take a file in, or its new text. It is found from the next `publish` on, if not before."""
        if path in self._pending:
            self.publish()
        self.remove(path)
        self._builder.add(path, text, self._outliner.outline(path, text))
        self._pending.add(path)
        self.sizes[path] = len(text)
        self.characters += len(text)
        if self._builder.size >= FULL:
            self.publish()

    def remove(self, path: str) -> None:
        """Forget a file, known or not."""
        if path in self._pending:
            self.publish()
        if path in self.sizes:
            self.characters -= self.sizes.pop(path)
            self.segments = tuple(_without(segment, path) for segment in self.segments)

    def publish(self) -> None:
        """Let everything be found that was put."""
        if self._pending:
            self._pending = set()
            self.segments = _tidy((*self.segments, self._builder.build()))


def _without(segment: Segment, path: str) -> Segment:
    numbers = [number for number, file in enumerate(segment.files) if file.path == path and number not in segment.gone]
    return segment.without(numbers) if numbers else segment


def _tidy(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Merge the small segments when they are many; drop the dead weight of those that are half gone."""
    segments = tuple(merge([s]) if 2 * len(s.gone) > len(s.files) else s for s in segments)
    segments = tuple(segment for segment in segments if segment.files)
    small = [segment for segment in segments if len(segment.chunks) < FULL // 4]
    if len(small) <= SMALL:
        return segments
    return (*(segment for segment in segments if segment not in small), merge(small))
