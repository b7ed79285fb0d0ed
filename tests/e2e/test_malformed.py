"""Whatever a client sends, each request is answered, nothing pops up, and the server goes on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from raw_client import RawClient, change, framed, inline, insertion, notification, place
from server_process import Start, ready

URI = "file:///w/a.py"
INLINE = "textDocument/inlineCompletion"
DEEP = "[" * 100_000


@pytest.fixture
def client(lasting: RawClient) -> Iterator[RawClient]:
    """Of the same server for each test: after whatever was sent it still completes, and no message box was shown."""
    lasting.open(URI, "x = ")
    yield lasting
    lasting.open("file:///w/well.py", "y = ")
    assert [item["insertText"] for item in lasting.ask(INLINE, inline("file:///w/well.py", 0, 4))["items"]] == ["text"]
    assert lasting.notifications("window/showMessage") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (DEEP.encode(), -32700),
        (b"[]", -32600),
        (b"null", -32600),
        (b'"text"', -32600),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "test/idle"}]', -32600),
        (b"{}", -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "test/idle"}', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "test/idle"}', -32600),
        (b'{"jsonrpc": "2.0", "id": [1], "result": null, "method": "test/idle"}', -32600),
    ],
)
def test_what_is_no_message_is_refused_without_an_id(client: RawClient, body: bytes, code: int) -> None:
    client.send_bytes(framed(body))
    assert client.answer(None)["error"]["code"] == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"method": "test/idle"}, -32600),
        ({"jsonrpc": "1.0", "method": "test/idle"}, -32600),
        ({"jsonrpc": "2.0", "method": 3}, -32600),
        ({"jsonrpc": "2.0", "method": None}, -32600),
        ({"jsonrpc": "2.0"}, -32600),
        ({"jsonrpc": "2.0", "method": "x/unknown", "params": {}}, -32601),
        ({"jsonrpc": "2.0", "method": "x/unknown", "params": {"type_name": 3, "class": 1, "1": 2}}, -32601),
        ({"jsonrpc": "2.0", "method": "textDocument/documentSymbol", "params": {"textDocument": {"uri": URI}}}, -32601),
        ({"jsonrpc": "2.0", "method": "$/unknown"}, -32601),
        ({"jsonrpc": "2.0", "method": "workspace/executeCommand", "params": {"command": "nope"}}, -32602),
        (
            {
                "jsonrpc": "2.0",
                "method": "workspace/executeCommand",
                "params": {"command": "nope", "arguments": [{"jsonrpc": "2.0", "x": 1}]},
            },
            -32602,
        ),
        ({"jsonrpc": "2.0", "method": INLINE}, -32602),
        ({"jsonrpc": "2.0", "method": INLINE, "params": None}, -32602),
        ({"jsonrpc": "2.0", "method": INLINE, "params": [1, 2]}, -32602),
        ({"jsonrpc": "2.0", "method": INLINE, "params": "text"}, -32602),
        (
            {"jsonrpc": "2.0", "method": INLINE, "params": {"textDocument": URI, "position": {"line": 0, "character": 0}}},
            -32602,
        ),
        (
            {
                "jsonrpc": "2.0",
                "method": INLINE,
                "params": {"textDocument": {"uri": URI}, "position": {"line": None, "character": {}}},
            },
            -32602,
        ),
        (
            {"jsonrpc": "2.0", "method": INLINE, "params": inline(URI, 0, 0, selectedCompletionInfo={"range": [1], "text": 3})},
            -32602,
        ),
        ({"jsonrpc": "2.0", "method": "textDocument/completion", "params": {"position": 3}}, -32602),
        ({"jsonrpc": "2.0", "method": "completionItem/resolve", "params": {"kind": 1}}, -32602),
    ],
)
@pytest.mark.parametrize("request_id", [77, "seventy-seven"])
def test_a_request_that_cannot_be_read_is_answered_under_its_id(
    client: RawClient, request_id: object, message: dict[str, Any], code: int
) -> None:
    client.send({"id": request_id, **message})
    assert client.answer(request_id)["error"]["code"] == code


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "method": None},
        {"jsonrpc": "2.0", "method": ["x"]},
        notification("x/unknown", {"type_name": "a b"}),
        notification("$/setTrace", {"value": "everything"}),
        notification("$/cancelRequest"),
        notification("$/cancelRequest", {"id": None}),
        notification("$/cancelRequest", {"id": [1]}),
        notification("$/cancelRequest", {"id": 12345}),
        notification("window/workDoneProgress/cancel", {"token": "unknown"}),
        notification("textDocument/didOpen", {"textDocument": {"uri": 1}}),
        notification("textDocument/didOpen", None),
        notification(
            "textDocument/didChange", {"textDocument": {"uri": "file:///not/open"}, "contentChanges": [{"text": "x"}]}
        ),
        notification("textDocument/didClose", {"textDocument": {"uri": "file:///not/open"}}),
        notification("textDocument/didSave", {"textDocument": {"uri": URI}}),
        notification("notebookDocument/didChange", {"notebookDocument": {"uri": "file:///n", "version": 1}, "change": {}}),
        {"jsonrpc": "2.0", "id": "unknown", "result": {}},
        {"jsonrpc": "2.0", "id": "unknown", "error": {"code": 1, "message": "m"}},
        {"jsonrpc": "2.0", "id": "unknown", "error": "text"},
        {"jsonrpc": "2.0", "id": {}, "result": {}},
    ],
)
def test_a_notification_that_cannot_be_read_does_no_harm(client: RawClient, message: dict[str, Any]) -> None:
    client.send(message)
    client.ask("test/idle")


@pytest.mark.parametrize(
    "headers",
    [
        b"content-length: %d\r\n\r\n",
        b"Content-Length:%d\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
        b"garbage\r\n\r\nContent-Length: %d\r\n\r\n",
    ],
)
def test_headers_are_read_in_every_spelling(client: RawClient, headers: bytes) -> None:
    request = client.next_request("test/idle")
    body = json.dumps(request).encode()
    client.send_bytes(headers % len(body) + body)
    assert client.answer(request["id"])["result"] is True


def test_a_message_may_come_byte_by_byte(client: RawClient) -> None:
    request = client.next_request("test/idle")
    for byte in framed(json.dumps(request).encode()):
        client.send_bytes(bytes([byte]))
    assert client.answer(request["id"])["result"] is True


def test_a_message_of_ten_megabytes_is_read(client: RawClient) -> None:
    text = "x = 1\n" * 1_700_000
    client.open("file:///w/big.py", text)
    assert client.ask("test/text", {"uri": "file:///w/big.py"}) == text


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("selected", [None, {"range": [{"line": 0, "character": 4}, {"line": 0, "character": 4}], "text": ""}])
def test_the_shapes_of_languageclient_9_are_understood(client: RawClient, kind: int, selected: object) -> None:
    context = {"selectedCompletionInfo": selected} if selected else {}
    result = client.ask(INLINE, inline(URI, 0, 4, kind=kind, **context))
    assert [item["insertText"] for item in result["items"]] == ["text"]


@pytest.mark.parametrize("context", [None, {}, {"triggerKind": 9}, {"triggerKind": "automatic"}, [], 3])
def test_a_context_that_is_missing_or_wrong_does_not_matter(client: RawClient, context: object) -> None:
    assert len(client.ask(INLINE, place(URI, 0, 4, context=context))["items"]) == 1
    assert len(client.ask("textDocument/completion", place(URI, 0, 4, context=context))["items"]) == 1


@pytest.mark.parametrize(("line", "character"), [(-1, -1), (0, 2**31), (2**40, 0), (10**30, 10**30), (0, 99)])
def test_positions_outside_of_the_text_are_answered(client: RawClient, line: int, character: int) -> None:
    assert "items" in client.ask(INLINE, inline(URI, line, character))
    assert "items" in client.ask("textDocument/completion", place(URI, line, character))


@pytest.mark.parametrize("uri", ["file:///etc/hostname", "", "no uri", "http://[", "untitled:1", "\x00"])
def test_documents_that_are_not_open_are_answered_with_nothing(client: RawClient, uri: str) -> None:
    assert client.ask(INLINE, inline(uri, 0, 0)) == {"items": []}
    assert client.ask("textDocument/completion", place(uri, 0, 0)) == {"isIncomplete": True, "items": []}


def test_a_closed_document_is_answered_with_nothing(client: RawClient) -> None:
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert client.ask(INLINE, inline(URI, 0, 4)) == {"items": []}


def test_a_change_that_cannot_be_read_closes_the_document(client: RawClient) -> None:
    client.notify("textDocument/didChange", change(URI, 2, {"range": {"start": 3}, "text": "x"}))
    assert client.ask("test/text", {"uri": URI}) is None
    client.open(URI, "x = ")
    assert len(client.ask(INLINE, inline(URI, 0, 4))["items"]) == 1


def test_ranges_and_versions_of_careless_clients_are_read(client: RawClient) -> None:
    wide = {"start": {"line": -1, "character": -7}, "end": {"line": 2**40, "character": 2**40}}
    client.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": URI, "version": None}, "contentChanges": [{"range": wide, "rangeLength": -1, "text": "a"}]},
    )
    client.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": URI}, "contentChanges": [{**insertion(0, 9, "b"), "rangeLength": None}]},
    )
    assert client.ask("test/text", {"uri": URI}) == "ab"
    client.notify("textDocument/didChange", change(URI, 3, {"range": None, "text": "c"}))
    assert client.ask("test/text", {"uri": URI}) == "c"


@pytest.mark.parametrize(
    "capabilities",
    [
        {
            "general": {"positionEncodings": ["utf-8", "utf-7"]},
            "workspace": {"configuration": True},
            "textDocument": {"completion": {"completionItemKind": {"valueSet": ["x"]}}},
        },
        {"general": {"positionEncodings": ["utf-8"]}, "textDocument": {"codeAction": 3}},
        {"general": {"positionEncodings": ["utf-8"]}, "window": {"showMessage": [1, 2]}},
    ],
)
def test_capabilities_that_cannot_be_read_do_not_keep_an_editor_out(start: Start, capabilities: object) -> None:
    client = start()
    assert client.initialize(capabilities)["positionEncoding"] == "utf-8"
    assert client.leave() == 0


@pytest.mark.parametrize(
    "params", [{}, {"capabilities": None}, {"capabilities": {"general": 7}}, {"processId": "x", "rootUri": 3}]
)
def test_an_initialize_that_is_hardly_one_is_still_answered(start: Start, params: object) -> None:
    client = start()
    assert "capabilities" in client.ask("initialize", params)
    assert client.leave() == 0


@pytest.mark.parametrize("params", [None, 3, []])
def test_an_initialize_without_an_object_is_refused_and_may_be_repeated(start: Start, params: object) -> None:
    client = start()
    assert client.answer(client.request("initialize", params))["error"]["code"] == -32602
    client.initialize()
    assert client.leave() == 0


def test_a_handler_that_fails_is_an_error_and_no_message_box(start: Start) -> None:
    client = ready(start())
    assert client.answer(client.request("test/fail"))["error"]["code"] == -32603
    assert client.notifications("window/showMessage") == []
    assert client.leave() == 0
    client.wait(lambda: "a handler that fails" in client.stderr, "log")


def test_an_answer_that_comes_after_its_question_was_dropped_does_no_harm(start: Start) -> None:
    client = start()
    del client.replies["workspace/configuration"]
    client.initialize({"workspace": {"configuration": True}})
    client.wait(lambda: any(message.get("method") == "workspace/configuration" for message in client.messages), "question")
    question = next(message for message in client.messages if message.get("method") == "workspace/configuration")
    client.ask("shutdown")
    client.send({"jsonrpc": "2.0", "id": question["id"], "result": [None]})
    client.notify("exit")
    assert client.exit_code() == 0
    assert "Traceback" not in client.stderr
