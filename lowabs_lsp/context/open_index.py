"""The open documents as their editor shows them, indexed like the files on disk, a little at each key."""

from collections.abc import Sequence

from attrs import frozen

from lowabs_lsp.context.chunks import Outliner
from lowabs_lsp.context.segments import Segment, SegmentBuilder
from lowabs_lsp.values import Document

LARGEST = 150_000
"""Characters of a document that is indexed; more would be felt."""


@frozen(eq=False)
class _Entry:
    text: str
    segment: Segment


class OpenIndex:
    """Owned by the thread that builds contexts."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._outliner = Outliner()
        self._builder = SegmentBuilder()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """One for each document."""
        return tuple(entry.segment for entry in self._entries.values())

    def holds(self, path: str) -> bool:
        """Whether `path` is found here, so that its file on disk is out of date."""
        return path in self._entries

    def follow(self, current: Document, others: Sequence[Document]) -> None:
        """Forget what is closed, and index one document: of the `others` the first that changed, else `current` if it is new.

        The current document changes with each key, so its index is renewed by `take` alone.
        """
        paths = {current.path, *(document.path for document in others)}
        self._entries = {path: entry for path, entry in self._entries.items() if path in paths}
        stale = (document for document in others if len(document.text) <= LARGEST and not self._is_current(document))
        new = current if current.path not in self._entries else None
        if (document := next(stale, new)) is not None:
            self.take(document)

    def _is_current(self, document: Document) -> bool:
        entry = self._entries.get(document.path)
        return entry is not None and entry.text is document.text

    def take(self, document: Document) -> None:
        """Index `document` as it is now."""
        if self._is_current(document):
            return
        if len(document.text) > LARGEST:
            self._entries.pop(document.path, None)
            return
        text = document.text.replace("\r\n", "\n")
        self._builder.add(document.path, text, self._outliner.outline(document.path, text))
        self._entries[document.path] = _Entry(document.text, self._builder.build())
