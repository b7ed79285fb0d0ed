"""From a completion to what each editor can show: ghost text and menu items, with explicit ranges."""

from typing import Any

from attrs import frozen
from lsprotocol import types as lsp

from lowabs_lsp.server.documents import Cursor

LABEL_LENGTH = 80
"""Characters of a menu label at most; menus cut longer ones each in their own way."""


@frozen
class MenuStyle:
    """What the client's menu understands."""

    markdown: bool = False
    insert_as_is: bool = False
    """It can be told not to indent the lines of an item again."""
    shows_ghost_text: bool = False

    @classmethod
    def of(cls, capabilities: lsp.ClientCapabilities) -> "MenuStyle":
        """What a client has declared, whichever part of it is missing."""
        text_document = capabilities.text_document
        completion = text_document.completion if text_document else None
        item = completion.completion_item if completion else None
        modes = item.insert_text_mode_support.value_set if item and item.insert_text_mode_support else ()
        return cls(
            markdown=lsp.MarkupKind.Markdown in ((item and item.documentation_format) or ()),
            insert_as_is=lsp.InsertTextMode.AsIs in modes,
            shows_ghost_text=text_document is not None and text_document.inline_completion is not None,
        )


def inline_items(text: str, cursor: Cursor, command: lsp.Command | None = None) -> list[lsp.InlineCompletionItem]:
    """`text` as ghost text behind the cursor; empty text is no item.

    Without a range VS Code and lsp-mode show nothing; the empty one at the cursor works in every client.
    """
    here = lsp.Range(cursor.position, cursor.position)
    return [lsp.InlineCompletionItem(text, range=here, command=command)] if text else []


def extending_items(
    text: str, selected: lsp.SelectedCompletionInfo, command: lsp.Command | None = None
) -> list[lsp.InlineCompletionItem]:
    """`text` as the continuation of the menu item that is selected; empty text is no item."""
    return [lsp.InlineCompletionItem(selected.text + text, range=selected.range, command=command)] if text else []


def menu_items(text: str, cursor: Cursor, style: MenuStyle, command: lsp.Command | None = None) -> list[lsp.CompletionItem]:
    """`text` as the one item of a menu, which replaces the typed word by the whole; empty text is no item."""
    if not text:
        return []
    whole = cursor.word + text
    item = lsp.CompletionItem(
        label=label_of(whole),
        kind=lsp.CompletionItemKind.Text,
        detail="lowabs",
        filter_text=whole,
        # Where ghost text shows the same, other servers' items come first; else by label, beside what it begins with.
        sort_text="~" if style.shows_ghost_text else None,
        insert_text_format=lsp.InsertTextFormat.PlainText,
        insert_text_mode=lsp.InsertTextMode.AsIs if style.insert_as_is else None,
        text_edit=lsp.TextEdit(cursor.word_range, whole),
        command=command,
        data={"language": cursor.document.language},
    )
    item.documentation = documentation_of(item, style)
    return [item]


def label_of(text: str) -> str:
    """The first line of `text` that has something to read, without its indentation."""
    line = text.strip().partition("\n")[0].rstrip()
    return line if len(line) <= LABEL_LENGTH else line[: LABEL_LENGTH - 1] + "…"


def documentation_of(item: lsp.CompletionItem, style: MenuStyle) -> lsp.MarkupContent:
    """The whole text of an item, as a block of code where the client can show one."""
    text = item.text_edit.new_text if item.text_edit else item.insert_text or item.label
    if not style.markdown:
        return lsp.MarkupContent(lsp.MarkupKind.PlainText, text)
    fence = "```"
    while fence in text:
        fence += "`"
    return lsp.MarkupContent(lsp.MarkupKind.Markdown, f"{fence}{_language(item.data)}\n{text}\n{fence}")


def _language(data: Any) -> str:
    """The language in an item's data, which clients hand back and may have changed."""
    language = data.get("language") if isinstance(data, dict) else None
    return language if isinstance(language, str) else ""
