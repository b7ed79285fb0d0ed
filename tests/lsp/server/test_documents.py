"""Text sync: the server's text is the client's, in every position encoding and with every character."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types as lsp

from lowabs_lsp.server.documents import Documents, OpenDocument, file_path, relative_path, split_lines

URI = "file:///w/a.py"
ENCODINGS = ("utf-8", "utf-16", "utf-32")
UNITS: dict[str, Callable[[str], int]] = {
    "utf-8": lambda c: len(c.encode()),
    "utf-16": lambda c: 1 + (ord(c) > 0xFFFF),
    "utf-32": lambda c: 1,
}
NOT_LINE_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def open_document(text: str, encoding: str = "utf-16") -> OpenDocument:
    documents = Documents(encoding=encoding)
    documents.open(lsp.TextDocumentItem(URI, "python", 1, text))
    return documents.use(URI)


def span(start: tuple[int, int], end: tuple[int, int]) -> lsp.Range:
    return lsp.Range(lsp.Position(*start), lsp.Position(*end))


def replace(document: OpenDocument, start: tuple[int, int], end: tuple[int, int], text: str) -> str:
    document.change(lsp.TextDocumentContentChangePartial(range=span(start, end), text=text))
    return document.snapshot().text


def line_starts(text: str) -> list[int]:
    return [0] + [match.end() for match in re.finditer(r"\r\n|\n|\r", text)]


def position_of(text: str, offset: int, encoding: str) -> tuple[int, int]:
    """The client's side, written plainly: lines from scratch, units added up."""
    start = max(start for start in line_starts(text) if start <= offset)
    return line_starts(text).index(start), sum(UNITS[encoding](c) for c in text[start:offset])


characters = st.one_of(st.sampled_from("ab_ 9(é😋\n\r" + NOT_LINE_ENDS), st.just("\r\n"), st.characters(codec="utf-8"))
texts = st.lists(characters, max_size=25).map("".join)


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, str, list[tuple[tuple[int, int], tuple[int, int], str, str]]]:
    """An encoding, a text, and changes with the text after each; no place is inside of a CRLF, as in an editor."""
    encoding, first = draw(st.sampled_from(ENCODINGS)), draw(texts)
    text, changes = first, []
    for _ in range(draw(st.integers(1, 6))):
        places = [place for place in range(len(text) + 1) if text[place - 1 : place + 1] != "\r\n"]
        a, b = sorted((draw(st.sampled_from(places)), draw(st.sampled_from(places))))
        inserted = draw(texts)
        start, end = position_of(text, a, encoding), position_of(text, b, encoding)
        text = text[:a] + inserted + text[b:]
        changes.append((start, end, inserted, text))
    return encoding, first, changes


@given(edits())
def test_the_text_is_the_clients_after_every_change(
    example: tuple[str, str, list[tuple[tuple[int, int], tuple[int, int], str, str]]],
) -> None:
    encoding, text, changes = example
    document = open_document(text, encoding)
    for start, end, inserted, expected in changes:
        assert replace(document, start, end, inserted) == expected
        assert document.lines == split_lines(expected)


@given(texts, st.sampled_from(ENCODINGS), st.data())
def test_offset_and_position_are_inverse(text: str, encoding: str, data: st.DataObject) -> None:
    places = [place for place in range(len(text) + 1) if text[place - 1 : place + 1] != "\r\n"]
    offset = data.draw(st.sampled_from(places))
    position = lsp.Position(*position_of(text, offset, encoding))
    cursor = open_document(text, encoding).cursor(position)
    assert (cursor.offset, cursor.position) == (offset, position)


@given(texts)
def test_lines_are_split_where_the_protocol_says(text: str) -> None:
    starts = line_starts(text)
    assert split_lines(text) == [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


@pytest.mark.parametrize("character", NOT_LINE_ENDS)
def test_other_separators_end_no_line(character: str) -> None:
    document = open_document(f"a = 1\n{character}b = 2\nc = 3\n")
    assert replace(document, (2, 5), (2, 5), "0") == f"a = 1\n{character}b = 2\nc = 30\n"


@pytest.mark.parametrize(
    ("text", "position", "offset"),
    [
        ("abc", (0, 10), 3),
        ("abc\r\ndef\r\n", (0, 9), 3),
        ("abc\ndef", (7, 0), 7),
        ("abc\n", (7, 2), 4),
        ("", (3, 3), 0),
        ("x = 1\n", (1, 0), 6),
        ("abc", (2**31 - 1, 2**31 - 1), 3),
    ],
)
def test_a_place_outside_of_the_text_is_its_nearest_one(text: str, position: tuple[int, int], offset: int) -> None:
    assert open_document(text).cursor(lsp.Position(*position)).offset == offset


def test_a_request_is_not_changed_by_being_answered() -> None:
    position = lsp.Position(0, 10)
    open_document("abc").cursor(position)
    assert position == lsp.Position(0, 10)


@pytest.mark.parametrize(("encoding", "units"), [("utf-8", 2), ("utf-16", 1)])
def test_half_a_character_is_not_there(encoding: str, units: int) -> None:
    assert open_document("😋", encoding).cursor(lsp.Position(0, units)).offset == 0


def test_a_range_may_be_given_backwards() -> None:
    assert replace(open_document("abcdef"), (0, 4), (0, 2), "-") == "ab-ef"


def test_a_carriage_return_and_a_later_line_feed_become_one_line_end() -> None:
    document = open_document("a\ry\nb")
    assert replace(document, (1, 0), (1, 1), "") == "a\r\nb"
    assert document.lines == ["a\r\n", "b"]


def test_a_change_without_a_range_is_the_whole_text() -> None:
    document = open_document("a\nb")
    document.change(lsp.TextDocumentContentChangeWholeDocument(text="c"))
    assert document.snapshot().text == "c"


def test_lone_surrogates_become_replacement_characters() -> None:
    document = open_document("a\ud83dz")
    assert document.snapshot().text == "a\ufffdz"
    assert replace(document, (0, 2), (0, 2), "\ude0b") == "a\ufffd\ufffdz"


@pytest.mark.parametrize(
    ("before", "encoding", "word", "start"),
    [
        ("x.foo", "utf-16", "foo", 2),
        ("x.", "utf-16", "", 2),
        ("😋 größe", "utf-8", "größe", 5),
        ("😋 größe", "utf-16", "größe", 3),
        ("a_1", "utf-32", "a_1", 0),
    ],
)
def test_the_typed_word_ends_at_the_cursor(before: str, encoding: str, word: str, start: int) -> None:
    cursor = open_document(before, encoding).cursor(lsp.Position(0, 99))
    assert (cursor.word, cursor.word_range.start.character, cursor.word_range.end) == (word, start, cursor.position)


def test_a_snapshot_is_made_once_and_never_changes() -> None:
    document = open_document("a")
    before = document.snapshot()
    assert document.snapshot() is before
    replace(document, (0, 1), (0, 1), "b")
    assert (before.text, document.snapshot().text) == ("a", "ab")


def test_the_others_come_most_recently_used_first() -> None:
    documents = Documents()
    for name in "abcd":
        documents.open(lsp.TextDocumentItem(f"file:///{name}", "python", 1, name))
    documents.use("file:///b")
    documents.close("file:///c")
    assert [document.text for document in documents.others("file:///d")] == ["b", "a"]


def test_a_document_that_is_not_open_is_not_looked_for_on_disk() -> None:
    documents = Documents()
    with pytest.raises(KeyError):
        documents.use("file:///etc/hostname")
    documents.close("file:///etc/hostname")


@pytest.mark.parametrize(
    ("uri", "roots", "path"),
    [
        ("file:///w/src/a%20b.py", ["file:///w"], "src/a b.py"),
        ("file:///w/src/a.py", ["file:///w", "file:///w/src/"], "a.py"),
        ("file:///workspace/a.py", ["file:///w"], "a.py"),
        ("file:///c%3A/w/a.py", ["file:///c:/w"], "a.py"),
        ("file:///a.py", ["file:///"], "a.py"),
        ("file:///elsewhere/a.py", [], "a.py"),
        ("untitled:Untitled-1", ["file:///w"], "Untitled-1"),
        ("http://[", [], "["),
        ("", [""], ""),
    ],
)
def test_paths_are_relative_to_the_workspace(uri: str, roots: list[str], path: str) -> None:
    assert relative_path(uri, roots) == path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///project/a%20b.py", "/project/a b.py"),
        ("untitled:one", None),
        ("file:///project/a%00b.py", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_only_files_of_this_machine_have_a_path(uri: str, path: str | None) -> None:
    assert file_path(uri) == path
