"""The cells of a notebook as one document for each language."""

from lsprotocol import types as lsp

from lowabs_lsp.server.documents import Documents
from lowabs_lsp.server.notebooks import Notebook
from lowabs_lsp.values import Document

NOTEBOOK = "file:///w/study.ipynb"


def cell(name: str, language: str, text: str) -> lsp.TextDocumentItem:
    return lsp.TextDocumentItem(f"vscode-notebook-cell:/w/study.ipynb#{name}", language, 1, text)


def opened(*cells: lsp.TextDocumentItem) -> Documents:
    documents = Documents(roots=["file:///w"])
    notebook = Notebook(NOTEBOOK, documents, order=[cell.uri for cell in cells])
    notebook.open_cells(cells)
    return documents


A, B, TITLE = cell("a", "python", "one\n"), cell("b", "ipython", "two"), cell("t", "markdown", "# Title")
PYTHON = Document(f"{NOTEBOOK}#python", "study.ipynb/cells.py", "python", "one\n\n\ntwo")


def test_cells_of_one_language_are_one_document() -> None:
    documents = opened(A, TITLE, B)
    assert documents.use(A.uri).snapshot() == documents.use(B.uri).snapshot() == PYTHON


def test_the_whole_is_the_same_object_until_a_cell_changes() -> None:
    documents = opened(A, B)
    whole = documents.use(A.uri).snapshot()
    assert documents.use(B.uri).snapshot() is whole
    documents.change(lsp.VersionedTextDocumentIdentifier(2, B.uri), [lsp.TextDocumentContentChangeWholeDocument("2")])
    assert documents.use(A.uri).snapshot().text == "one\n\n\n2"


def test_a_cursor_has_its_offset_in_the_whole_and_its_position_in_the_cell() -> None:
    cursor = opened(A, B).use(B.uri).cursor(lsp.Position(0, 2))
    assert (cursor.document.text[: cursor.offset], cursor.position, cursor.word) == ("one\n\n\ntw", lsp.Position(0, 2), "tw")


def test_the_others_have_a_notebook_once_for_each_language() -> None:
    documents = opened(A, TITLE, B)
    other = lsp.TextDocumentItem("file:///w/a.py", "python", 1, "a")
    documents.open(other)
    assert [document.text for document in documents.others(other.uri)] == [PYTHON.text, "# Title"]
    assert [document.text for document in documents.others(PYTHON.uri)] == ["a", "# Title"]


def test_a_notebook_has_its_path_in_the_folders_that_the_workspace_has_now() -> None:
    documents = opened(A)
    documents.move_roots(["file:///"])
    assert documents.use(A.uri).snapshot().path == "w/study.ipynb/cells.py"


def test_a_notebook_that_comes_as_one_text_has_the_path_of_its_code() -> None:
    documents = Documents(roots=["file:///w"])
    opened = [documents.open(lsp.TextDocumentItem(NOTEBOOK, language, 1, "")) for language in ("python", "json")]
    assert [document.snapshot().path for document in opened] == ["study.ipynb/cells.py", "study.ipynb"]


def test_a_cell_that_has_no_place_stands_alone() -> None:
    documents = Documents()
    Notebook(NOTEBOOK, documents).open_cells([A, B])
    assert documents.use(B.uri).snapshot().text == "two"
