"""What an editor gets to show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types as lsp

from lowabs_lsp.server.documents import Cursor, Documents
from lowabs_lsp.server.items import (
    LABEL_LENGTH,
    MenuStyle,
    documentation_of,
    extending_items,
    inline_items,
    label_of,
    menu_items,
)

URI = "file:///w/a.py"
PLAIN = MenuStyle()


def cursor_at(line: str) -> Cursor:
    """The end of `line`."""
    documents = Documents(encoding="utf-16")
    documents.open(lsp.TextDocumentItem(URI, "python", 1, line))
    return documents.use(URI).cursor(lsp.Position(0, 1000))


def span(start: int, end: int) -> lsp.Range:
    return lsp.Range(lsp.Position(0, start), lsp.Position(0, end))


def test_ghost_text_is_the_remainder_at_the_cursor() -> None:
    assert inline_items("urn a", cursor_at("  ret")) == [lsp.InlineCompletionItem("urn a", range=span(5, 5))]


def test_ghost_text_with_a_selected_item_continues_that() -> None:
    selected = lsp.SelectedCompletionInfo(span(2, 5), "return")
    assert extending_items(" a", selected) == [lsp.InlineCompletionItem("return a", range=span(2, 5))]


def test_a_menu_item_replaces_the_typed_word_by_the_whole() -> None:
    (item,) = menu_items("urn a + b\n", cursor_at("😋 ret"), PLAIN)
    assert item.text_edit == lsp.TextEdit(span(3, 6), "return a + b\n")
    assert (item.label, item.filter_text) == ("return a + b", "return a + b\n")
    assert item.insert_text_format is lsp.InsertTextFormat.PlainText


@given(word=st.text("ab_1é", max_size=5), text=st.text(min_size=1))
def test_a_menu_item_passes_the_filter_of_every_client(word: str, text: str) -> None:
    (item,) = menu_items(text, cursor_at(f"x.{word}"), PLAIN)
    assert item.filter_text is not None
    assert item.filter_text.startswith(word)
    assert item.filter_text == word + text


def test_nothing_is_no_item() -> None:
    selected = lsp.SelectedCompletionInfo(span(0, 1), "x")
    cursor = cursor_at("x")
    assert (inline_items("", cursor), extending_items("", selected), menu_items("", cursor, PLAIN)) == ([], [], [])


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a\n  b", "a"),
        ("\n    return 1\n", "return 1"),
        ("  x", "x"),
        ("y" * 81, "y" * (LABEL_LENGTH - 1) + "…"),
        ("a\r\nb", "a"),
    ],
)
def test_a_label_is_the_first_line_with_something_to_read(text: str, label: str) -> None:
    assert label_of(text) == label


def test_the_documentation_is_the_whole_text_as_code() -> None:
    (item,) = menu_items("(\n  1)", cursor_at("f"), MenuStyle(markdown=True))
    assert item.documentation == lsp.MarkupContent(lsp.MarkupKind.Markdown, "```python\nf(\n  1)\n```")


def test_code_with_a_fence_in_it_gets_a_longer_one() -> None:
    (item,) = menu_items("```", cursor_at(""), MenuStyle(markdown=True))
    assert item.documentation == lsp.MarkupContent(lsp.MarkupKind.Markdown, "````python\n```\n````")


def test_a_client_without_markdown_gets_plain_text() -> None:
    (item,) = menu_items("1", cursor_at("x = "), PLAIN)
    assert item.documentation == lsp.MarkupContent(lsp.MarkupKind.PlainText, "1")


@pytest.mark.parametrize("data", [None, 1, [], {"language": 1}, {}])
def test_data_that_comes_back_changed_does_no_harm(data: object) -> None:
    item = lsp.CompletionItem("f", data=data)
    assert documentation_of(item, MenuStyle(markdown=True)).value == "```\nf\n```"


def test_other_servers_come_first_where_ghost_text_shows_the_same() -> None:
    sort_texts = [menu_items("1", cursor_at(""), MenuStyle(shows_ghost_text=ghost))[0].sort_text for ghost in (True, False)]
    assert sort_texts == ["~", None]
    assert menu_items("1", cursor_at(""), PLAIN)[0].preselect is None


@pytest.mark.parametrize(
    ("capabilities", "style"),
    [
        (lsp.ClientCapabilities(), MenuStyle()),
        (lsp.ClientCapabilities(text_document=lsp.TextDocumentClientCapabilities()), MenuStyle()),
        (
            lsp.ClientCapabilities(
                text_document=lsp.TextDocumentClientCapabilities(
                    completion=lsp.CompletionClientCapabilities(
                        completion_item=lsp.ClientCompletionItemOptions(
                            documentation_format=[lsp.MarkupKind.Markdown],
                            insert_text_mode_support=lsp.ClientCompletionItemInsertTextModeOptions([lsp.InsertTextMode.AsIs]),
                        )
                    ),
                    inline_completion=lsp.InlineCompletionClientCapabilities(),
                )
            ),
            MenuStyle(markdown=True, insert_as_is=True, shows_ghost_text=True),
        ),
    ],
)
def test_what_a_menu_understands_is_read_from_the_capabilities(capabilities: lsp.ClientCapabilities, style: MenuStyle) -> None:
    assert MenuStyle.of(capabilities) == style
