"""Open documents as their editor shows them: changes in any position encoding, offsets, frozen snapshots."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol
from urllib.parse import unquote, urlsplit

from attrs import define, field, frozen
from lsprotocol import types as lsp
from pygls.uris import to_fs_path

from lowabs_lsp.prompt.languages import lsp_identifier, suffix_of
from lowabs_lsp.values import Document

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_UNITS: dict[str, Callable[[str], int]] = {
    lsp.PositionEncodingKind.Utf8: lambda text: len(text.encode()),
    lsp.PositionEncodingKind.Utf16: lambda text: len(text.encode("utf-16-le")) // 2,
    lsp.PositionEncodingKind.Utf32: len,
}
_HEADS: dict[str, Callable[[str, int], str]] = {
    lsp.PositionEncodingKind.Utf8: lambda text, units: text.encode()[:units].decode(errors="ignore"),
    lsp.PositionEncodingKind.Utf16: lambda text, units: text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"),
    lsp.PositionEncodingKind.Utf32: lambda text, units: text[:units],
}


def split_lines(text: str) -> list[str]:
    """Lines with their ends; the last one has none and may be empty.

    Only the protocol's line ends count. `str.splitlines` has others too, such as form feed and U+2028.
    """
    lines = _LINE.findall(text)
    if not lines or lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return lines


def count_units(text: str, encoding: str) -> int:
    """The length of `text` in the units of `encoding`."""
    return len(text) if text.isascii() else _UNITS[encoding](text)


def take_units(text: str, units: int, encoding: str) -> int:
    """How many code points the first `units` of `text` hold; a character that is cut in two counts as not there."""
    return min(units, len(text)) if text.isascii() else len(_HEADS[encoding](text, units))


def well_formed(text: str) -> str:
    """`text` with each lone surrogate replaced; the replacement has as many units in every encoding."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def word_start(line: str, column: int) -> int:
    """Where the word that ends at `column` begins; `column` itself where none does."""
    while column and (line[column - 1].isalnum() or line[column - 1] == "_"):
        column -= 1
    return column


@frozen
class Cursor:
    """A place in a frozen document."""

    document: Document
    offset: int
    """Index into the text, in code points."""
    position: lsp.Position
    """The same place for the client."""
    word: str
    """What is typed of the word that ends here."""
    word_range: lsp.Range
    """Where `word` stands."""


class Whole(Protocol):
    """What open documents are parts of, such as the cells of a notebook."""

    def around(self, part: "OpenDocument") -> tuple[Document, int]:
        """The whole as it is now, the same object until it changes, and the offset of `part` in it."""


@define(eq=False)
class OpenDocument:
    """One text that a client edits. Owned by `Documents`, on the event loop."""

    uri: str
    path: str
    language: str
    version: int | None
    encoding: str
    lines: list[str]
    whole: Whole | None = None
    """Of which this is a part; that is then what the model is shown."""
    last_position: lsp.Position = field(init=False)
    """Where a client was last known to be; the end of the text before that."""
    _snapshot: Document | None = None

    def __attrs_post_init__(self) -> None:
        self.last_position = lsp.Position(len(self.lines), 0)

    def change(self, change: lsp.TextDocumentContentChangeEvent) -> None:
        """Apply one change; positions outside of the text are taken as its nearest place."""
        self._snapshot = None
        text = well_formed(change.text)
        if isinstance(change, lsp.TextDocumentContentChangePartial):
            self._replace(change.range, text)
        else:
            self.lines = split_lines(text)

    def _replace(self, span: lsp.Range, text: str) -> None:
        (first, start), (last, end) = sorted((self._locate(span.start), self._locate(span.end)))
        text = self.lines[first][:start] + text + self.lines[last][end:]
        if first and text.startswith("\n") and self.lines[first - 1].endswith("\r"):  # the two become one line end
            first -= 1
            text = self.lines[first] + text
        replacement = split_lines(text)
        if last + 1 < len(self.lines):
            replacement.pop()  # the empty rest behind a line end is the beginning of the line that follows
        self.lines[first : last + 1] = replacement

    def _locate(self, position: lsp.Position) -> tuple[int, int]:
        """Line and column in code points, inside of the text."""
        if position.line >= len(self.lines):
            return len(self.lines) - 1, len(self.lines[-1])
        line = self.lines[position.line].rstrip("\r\n")
        return position.line, take_units(line, position.character, self.encoding)

    def move(self, path: str) -> None:
        """The same document has another path in the workspace."""
        self.path, self._snapshot = path, None

    def snapshot(self) -> Document:
        """The document of now, the whole of a part; the same object until it changes."""
        return self._around()[0]

    def own(self) -> Document:
        """This text of now alone; the same object until it changes."""
        if self._snapshot is None:
            self._snapshot = Document(self.uri, self.path, self.language, "".join(self.lines), self.version)
        return self._snapshot

    def cursor(self, position: lsp.Position) -> Cursor:
        """The place nearest to `position`."""
        line, column = self._locate(position)
        start = word_start(self.lines[line], column)
        here = self._position(line, column)
        document, begin = self._around()
        return Cursor(
            document=document,
            offset=begin + sum(map(len, self.lines[:line])) + column,
            position=here,
            word=self.lines[line][start:column],
            word_range=lsp.Range(self._position(line, start), here),
        )

    def _around(self) -> tuple[Document, int]:
        return self.whole.around(self) if self.whole else (self.own(), 0)

    def _position(self, line: int, column: int) -> lsp.Position:
        return lsp.Position(line, count_units(self.lines[line][:column], self.encoding))


@define
class Documents:
    """The documents that one client has open, the most recently used last."""

    encoding: str = lsp.PositionEncodingKind.Utf16
    roots: Sequence[str] = ()
    """URIs of the workspace's folders."""
    _open: dict[str, OpenDocument] = field(factory=dict)

    def open(self, item: lsp.TextDocumentItem, whole: Whole | None = None) -> OpenDocument:
        """Begin to follow a document; one that is open already begins anew."""
        language = lsp_identifier(item.language_id)
        document = self._open[unquote(item.uri)] = OpenDocument(
            uri=item.uri,
            path=shown_path(item.uri, self.roots, language),
            language=language,
            version=item.version,
            encoding=self.encoding,
            lines=split_lines(well_formed(item.text)),
            whole=whole,
        )
        return document

    def change(
        self, identifier: lsp.VersionedTextDocumentIdentifier, changes: Sequence[lsp.TextDocumentContentChangeEvent]
    ) -> None:
        """Apply `changes` in order. Raises KeyError when the document is not open."""
        document = self.use(identifier.uri)
        for change in changes:
            document.change(change)
        document.version = identifier.version

    def close(self, uri: str) -> None:
        """Forget a document, open or not."""
        self._open.pop(unquote(uri), None)

    def use(self, uri: str) -> OpenDocument:
        """An open document, which is the most recently used one from now on. Raises KeyError."""
        document = self._open.pop(unquote(uri))
        self._open[unquote(uri)] = document
        return document

    @property
    def in_front(self) -> str | None:
        """The URI of the document that was used last."""
        return next((document.uri for document in reversed(self._open.values())), None)

    def move_roots(self, roots: Sequence[str]) -> None:
        """The workspace has other folders: paths of open documents change with them."""
        self.roots = roots
        for document in self._open.values():
            document.move(shown_path(document.uri, roots, document.language))

    def all(self) -> list[Document]:
        """Every open document, the most recently used last."""
        latest: dict[object, OpenDocument] = {}
        for document in self._open.values():
            key = (document.whole, document.language) if document.whole else document.uri
            latest.pop(key, None)
            latest[key] = document
        return [document.snapshot() for document in latest.values()]

    def others(self, uri: str) -> Iterator[Document]:
        """Every open document but that of `uri`, the most recently used first."""
        key = unquote(uri)
        return (document for document in reversed(self.all()) if unquote(document.uri) != key)


def shown_path(uri: str, roots: Sequence[str], language: str) -> str:
    """The path of a document for the model: where code is a notebook's, as if it were a file inside of it.

    So a pattern that excludes the notebook excludes its code, and the ending of the name tells the language.
    """
    path = relative_path(uri, roots)
    return f"{path}/cells{suffix_of(language)}" if path.endswith(".ipynb") and language != "json" else path


def relative_path(uri: str, roots: Sequence[str]) -> str:
    """The path of `uri` below the deepest of `roots`, or its last part outside of all."""
    path = _path(uri)
    inside = [root for root in map(_path, roots) if root and path.startswith(root.rstrip("/") + "/")]
    if inside:
        return path[len(max(inside, key=len).rstrip("/")) + 1 :]
    return path.rpartition("/")[2]


def file_path(uri: str) -> str | None:
    """The path in this machine's file system, or None where `uri` names no file of it."""
    try:
        path = to_fs_path(uri) if urlsplit(uri).scheme == "file" else None
    except ValueError:  # no URI at all
        return None
    return path if path and "\0" not in path else None


def _path(uri: str) -> str:
    try:
        return unquote(urlsplit(uri).path)
    except ValueError:  # no URI at all
        return uri
