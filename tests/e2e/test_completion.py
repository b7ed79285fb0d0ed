"""Keys in, suggestions out, through pygls' own client and a real process."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcRequestCancelled
from pygls.lsp.client import LanguageClient
from server_process import command

URI = "file:///w/src/a.py"
AUTOMATIC, INVOKED = lsp.InlineCompletionTriggerKind.Automatic, lsp.InlineCompletionTriggerKind.Invoked
PATIENCE = 20.0
"""Seconds until an answer that does not come fails a test."""


class Editor:
    """One document in a pygls client."""

    def __init__(self, client: LanguageClient) -> None:
        self.client = client
        self.text, self.version = "", 0

    def open(self, text: str) -> None:
        self.text = text
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(URI, "python", 0, text)))

    def type(self, text: str) -> None:
        """Type at the end."""
        self.replace(self.end(), self.end(), text)
        self.text += text

    def backspace(self, count: int) -> None:
        end = self.end()
        self.replace(lsp.Position(end.line, end.character - count), end, "")
        self.text = self.text[:-count]

    def replace(self, start: lsp.Position, end: lsp.Position, text: str) -> None:
        self.version += 1
        identifier = lsp.VersionedTextDocumentIdentifier(self.version, URI)
        change = lsp.TextDocumentContentChangePartial(lsp.Range(start, end), text)
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(identifier, [change]))

    def end(self) -> lsp.Position:
        last = self.text.rpartition("\n")[2]
        return lsp.Position(self.text.count("\n"), len(last.encode("utf-16-le")) // 2)

    def ask(
        self, *, selected: lsp.SelectedCompletionInfo | None = None, kind: lsp.InlineCompletionTriggerKind = AUTOMATIC
    ) -> "asyncio.Future[Any]":
        """An inline completion at the end, without waiting."""
        context = lsp.InlineCompletionContext(kind, selected)
        params = lsp.InlineCompletionParams(context, lsp.TextDocumentIdentifier(URI), self.end())
        return asyncio.ensure_future(self.client.text_document_inline_completion_async(params))

    async def ghost(self, **more: Any) -> list[str]:
        """The texts that would be inserted at the end."""
        return [item.insert_text for item in (await self.ask(**more)).items]

    async def menu(self) -> list[lsp.CompletionItem]:
        params = lsp.CompletionParams(lsp.TextDocumentIdentifier(URI), self.end())
        result = await self.client.text_document_completion_async(params)
        assert isinstance(result, lsp.CompletionList)
        assert result.is_incomplete
        return list(result.items)

    async def test(self, name: str, **params: Any) -> Any:
        return await self.client.protocol.send_request_async(f"test/{name}", params)

    async def prompts(self) -> int:
        """How often the model was asked."""
        return len(await self.test("prompts"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def process() -> AsyncIterator[LanguageClient]:
    """One server for this module, past the handshake."""
    client = LanguageClient("editor", "1")
    await client.start_io(
        *command(
            says={
                "ret": "urn a + b",
                "x = ": "foo(1, 2)",
                "foo(": "1, 2)",
                "bar(": "3)",
                "return": " c",
                "fail": "!",
                "def f():": "\n    return 1",
            }
        )
    )
    inline = lsp.InlineCompletionClientCapabilities()
    item = lsp.ClientCompletionItemOptions(
        documentation_format=[lsp.MarkupKind.Markdown],
        insert_text_mode_support=lsp.ClientCompletionItemInsertTextModeOptions([lsp.InsertTextMode.AsIs]),
    )
    capabilities = lsp.ClientCapabilities(
        text_document=lsp.TextDocumentClientCapabilities(
            inline_completion=inline, completion=lsp.CompletionClientCapabilities(completion_item=item)
        )
    )
    await client.initialize_async(lsp.InitializeParams(capabilities=capabilities, root_uri="file:///w"))
    client.initialized(lsp.InitializedParams())
    while not await client.protocol.send_request_async("test/loaded", {}):
        pass
    yield client
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]  # pygls leaves it so


@pytest_asyncio.fixture(loop_scope="module")
async def editor(process: LanguageClient) -> AsyncIterator[Editor]:
    editor = Editor(process)
    yield editor
    await editor.test("gate", open=True)
    process.text_document_did_close(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(URI)))


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_ghost_text_is_the_rest_at_the_cursor(editor: Editor) -> None:
    editor.open("def add(a, b):\n    ret")
    (item,) = (await editor.ask()).items
    here = lsp.Position(1, 7)
    assert item == lsp.InlineCompletionItem("urn a + b", range=lsp.Range(here, here))


async def test_a_menu_item_replaces_the_typed_word(editor: Editor) -> None:
    editor.open("def add(a, b):\n    ret")
    (item,) = await editor.menu()
    assert item.text_edit == lsp.TextEdit(lsp.Range(lsp.Position(1, 4), lsp.Position(1, 7)), "return a + b")
    assert (item.label, item.filter_text, item.sort_text) == ("return a + b", "return a + b", "~")
    assert item.insert_text_mode is lsp.InsertTextMode.AsIs


async def test_an_item_without_documentation_is_resolved(editor: Editor) -> None:
    editor.open("def add(a, b):\n    ret")
    (item,) = await editor.menu()
    whole, item.documentation = item.documentation, None
    assert (await editor.client.completion_item_resolve_async(item)).documentation == whole
    assert whole == lsp.MarkupContent(lsp.MarkupKind.Markdown, "```python\nreturn a + b\n```")


async def test_a_block_comes_with_its_lines(editor: Editor) -> None:
    editor.open("def f():")
    assert await editor.ghost() == ["\n    return 1"]
    assert [item.label for item in await editor.menu()] == ["return 1"]


async def test_nothing_to_say_is_no_item(editor: Editor) -> None:
    editor.open("something else")
    assert (await editor.ghost(), await editor.menu()) == ([], [])


async def test_typing_along_a_suggestion_does_not_run_the_model(editor: Editor) -> None:
    editor.open("x = ")
    assert await editor.ghost() == ["foo(1, 2)"]
    asked = await editor.prompts()
    for typed, rest in (("f", "oo(1, 2)"), ("oo(", "1, 2)"), ("1", ", 2)")):
        editor.type(typed)
        assert await editor.ghost() == [rest]
    editor.backspace(3)
    assert await editor.ghost() == ["o(1, 2)"]
    assert [item.label for item in await editor.menu()] == ["foo(1, 2)"]
    assert await editor.prompts() == asked


async def test_typing_along_where_the_editor_closes_a_bracket_does_not_run_the_model(editor: Editor) -> None:
    editor.open("x = ")
    assert await editor.ghost() == ["foo(1, 2)"]
    asked = await editor.prompts()
    editor.type("foo(")
    editor.replace(editor.end(), editor.end(), ")")
    assert await editor.ghost() == ["1, 2"]
    assert await editor.prompts() == asked


async def test_accepting_a_word_keeps_the_rest_in_view_without_the_model(editor: Editor) -> None:
    editor.open("def add(a, b):\n    ret")
    assert await editor.ghost() == ["urn a + b"]
    asked = await editor.prompts()
    editor.type("urn a")
    assert await editor.ghost() == [" + b"]
    assert await editor.prompts() == asked


async def test_leaving_a_suggestion_runs_the_model_and_coming_back_does_not(editor: Editor) -> None:
    editor.open("x = ")
    assert await editor.ghost() == ["foo(1, 2)"]
    editor.type("g")
    assert await editor.ghost() == []
    asked = await editor.prompts()
    editor.backspace(1)
    assert await editor.ghost() == ["foo(1, 2)"]
    assert await editor.prompts() == asked


async def test_menu_and_ghost_text_of_one_key_share_a_run(editor: Editor) -> None:
    editor.open("x = ")
    asked = await editor.prompts()
    await editor.test("gate", open=False)
    ghost, menu = asyncio.ensure_future(editor.ghost()), asyncio.ensure_future(editor.menu())
    await editor.test("started")
    await editor.test("gate", open=True)
    assert (await ghost, [item.label for item in await menu]) == (["foo(1, 2)"], ["foo(1, 2)"])
    assert await editor.prompts() == asked + 1


async def test_the_menu_of_an_editor_with_ghost_text_is_not_held_up(editor: Editor) -> None:
    editor.open("x = ")
    await editor.test("gate", open=False)
    await editor.test("patience", seconds=0.05)
    assert await asyncio.wait_for(editor.menu(), PATIENCE) == []  # though the gate stays closed
    assert await editor.test("idle")
    await editor.test("patience", seconds=60.0)
    await editor.test("gate", open=True)
    assert [item.label for item in await editor.menu()] == ["foo(1, 2)"]


async def test_what_is_accepted_behind_further_keys_is_what_was_suggested(editor: Editor) -> None:
    editor.open("x = ")
    requests = []
    for key in "foo(":
        requests.append(editor.ask())
        editor.type(key)
    requests.append(editor.ask())
    answers = [[item.insert_text for item in (await request).items] for request in requests]
    typed = ["", "f", "fo", "foo", "foo("]
    assert {head + text for head, answer in zip(typed, answers, strict=True) for text in answer} == {"foo(1, 2)"}
    assert answers[-1] == ["1, 2)"]


async def test_an_answer_is_not_cut_by_the_keys_typed_since_it_was_asked_for(editor: Editor) -> None:
    editor.open("x = ")
    await editor.test("gate", open=False, told=3)
    running = editor.ask()
    await editor.test("started")
    editor.type("fo")
    assert await editor.test("text", uri=URI) == "x = fo"
    await editor.test("gate", open=True)
    (item,) = (await running).items
    here = lsp.Position(0, 4)
    assert (item.insert_text, item.range) == ("foo(1, 2)", lsp.Range(here, here))


async def test_a_selected_item_is_continued(editor: Editor) -> None:
    editor.open("    ret")
    typed = lsp.Range(lsp.Position(0, 4), lsp.Position(0, 7))
    (item,) = (await editor.ask(selected=lsp.SelectedCompletionInfo(typed, "return"))).items
    assert (item.insert_text, item.range) == ("return c", typed)
    assert await editor.ghost(selected=lsp.SelectedCompletionInfo(typed, "retry")) == []


async def test_a_selected_item_on_the_way_of_a_suggestion_is_continued_from_memory(editor: Editor) -> None:
    editor.open("    ret")
    assert await editor.ghost() == ["urn a + b"]
    asked = await editor.prompts()
    typed = lsp.Range(lsp.Position(0, 4), lsp.Position(0, 7))
    assert await editor.ghost(selected=lsp.SelectedCompletionInfo(typed, "return")) == ["return a + b"]
    assert await editor.prompts() == asked


async def test_a_cancel_is_answered_as_one_and_stops_the_engine(editor: Editor) -> None:
    editor.open("x = ")
    await editor.test("gate", open=False)
    future = editor.client.protocol.send_request(
        lsp.TEXT_DOCUMENT_INLINE_COMPLETION,
        lsp.InlineCompletionParams(lsp.InlineCompletionContext(AUTOMATIC), lsp.TextDocumentIdentifier(URI), editor.end()),
        msg_id="to-cancel",
    )
    await editor.test("started")
    editor.client.cancel_request(lsp.CancelParams("to-cancel"))
    with pytest.raises(JsonRpcRequestCancelled):
        await asyncio.wrap_future(future)
    assert await editor.test("idle")  # with the gate still closed


async def test_the_latest_request_wins(editor: Editor) -> None:
    editor.open("x = ")
    await editor.test("gate", open=False)
    earlier = editor.ask()
    await editor.test("started")
    editor.type("bar(")
    later = editor.ask()
    assert list((await earlier).items) == []  # at once: the gate is closed
    await editor.test("gate", open=True)
    assert [item.insert_text for item in (await later).items] == ["3)"]


async def test_a_running_request_serves_the_keys_that_agree_with_what_it_says(editor: Editor) -> None:
    editor.open("x = ")
    await editor.test("gate", open=False, told=3)
    asked, earlier = await editor.prompts(), editor.ask()
    await editor.test("started")
    editor.type("fo")
    later = editor.ask()
    assert list((await earlier).items) == []
    await editor.test("gate", open=True)
    assert [item.insert_text for item in (await later).items] == ["o(1, 2)"]
    assert await editor.prompts() == asked + 1


async def test_a_running_request_stops_at_once_when_a_key_disagrees_with_what_it_says(editor: Editor) -> None:
    editor.open("x = ")
    await editor.test("gate", open=False, told=3)
    running = editor.ask()
    await editor.test("started")
    editor.type("g")
    assert list((await asyncio.wait_for(running, PATIENCE)).items) == []
    assert await editor.test("idle")  # with the gate still closed


async def test_a_busy_engine_does_not_stop_other_answers(editor: Editor) -> None:
    editor.open("x = ")
    await editor.test("gate", open=False)
    running = editor.ask()
    await editor.test("started")
    editor.type("1")
    assert await editor.test("text", uri=URI) == "x = 1"
    await editor.test("gate", open=True)
    assert len((await running).items) == 1


async def test_closing_a_document_stops_its_runs(editor: Editor) -> None:
    editor.open("x = ")
    await editor.test("gate", open=False)
    running = editor.ask()
    await editor.test("started")
    editor.client.text_document_did_close(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(URI)))
    assert list((await running).items) == []
    assert await editor.test("idle")


async def test_the_path_is_relative_to_the_root(editor: Editor) -> None:
    editor.open("x = ")
    await editor.ghost()
    assert "src/a.py\n" in (await editor.test("prompts"))[-1]
