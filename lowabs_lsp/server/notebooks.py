"""A notebook's cells as one document for each of their languages, which is what the model is shown around a cursor."""

from collections.abc import Sequence
from urllib.parse import unquote

from attrs import define, field
from lsprotocol import types as lsp

from lowabs_lsp.server.documents import Documents, OpenDocument, shown_path
from lowabs_lsp.values import Document

BETWEEN = "\n\n"
"""What stands between two cells: an empty line."""


@define(eq=False)
class Notebook:
    """The cells of one notebook, in their order. Lives on the event loop."""

    uri: str
    documents: Documents
    """In which the cells are open, each under its own URI."""
    order: list[str] = field(factory=list)
    """The URIs of all cells."""
    _cells: dict[str, OpenDocument] = field(factory=dict)
    _joined: dict[str, tuple[list[Document], Document]] = field(factory=dict)
    """By language: the texts of the cells, and what they are together."""

    def open_cells(self, items: Sequence[lsp.TextDocumentItem]) -> None:
        """Begin to follow these cells, wherever they stand."""
        for item in items:
            self._cells[unquote(item.uri)] = self.documents.open(item, self)

    def rearrange(self, structure: lsp.NotebookDocumentCellChangeStructure) -> None:
        """Cells came, went or moved."""
        start, gone = structure.array.start, structure.array.delete_count
        self.order[start : start + gone] = [cell.document for cell in structure.array.cells or ()]
        self.close_cells([cell.uri for cell in structure.did_close or ()])
        self.open_cells(structure.did_open or ())

    def close_cells(self, uris: Sequence[str]) -> None:
        """Forget these cells."""
        for uri in uris:
            self._cells.pop(unquote(uri), None)
            self.documents.close(uri)

    def close(self) -> None:
        """Forget every cell."""
        self.close_cells(list(self._cells))

    def around(self, part: OpenDocument) -> tuple[Document, int]:
        """All cells of the language of `part` as one document, and the offset at which `part` begins in it."""
        cells = self._cells_of(part)
        before = cells[: cells.index(part)]
        return self._join(part.language, [cell.own() for cell in cells]), sum(
            len(cell.own().text) + len(BETWEEN) for cell in before
        )

    def wholes(self) -> dict[str, Document]:
        """The document of each language that a cell is in."""
        return {cell.language: self.around(cell)[0] for cell in self._cells.values()}

    def _cells_of(self, part: OpenDocument) -> list[OpenDocument]:
        ordered = (self._cells.get(unquote(uri)) for uri in self.order)
        cells = [cell for cell in ordered if cell is not None and cell.language == part.language]
        return cells if part in cells else [part]  # a client that puts it in no place: alone, and it works

    def _join(self, language: str, parts: list[Document]) -> Document:
        path = shown_path(self.uri, self.documents.roots, language)
        known = self._joined.get(language)
        if known is None or known[1].path != path or not _are_same(known[0], parts):
            text = BETWEEN.join(part.text for part in parts)
            known = self._joined[language] = parts, Document(f"{self.uri}#{language}", path, language, text)
        return known[1]


def _are_same(some: list[Document], others: list[Document]) -> bool:
    return len(some) == len(others) and all(map(lambda one, other: one is other, some, others))
