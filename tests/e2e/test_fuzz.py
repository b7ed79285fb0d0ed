"""Ten thousand random messages: no request stays unanswered, nothing crashes, and the server's text is the client's."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from client_text import LINE_END, changed, position_at
from raw_client import Message, RawClient, change, framed, inline, notification, place
from server_process import Start

MESSAGES = 10_000
"""For each of the three encodings."""

ALPHABET = [
    *"abc_(). \t09",
    "\n",
    "\r\n",
    "\r",
    "é",
    "😋",
    "漢",
    "\x0c",
    "\x0b",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1c",
    "\ud83d",
    "\x00",
]
JUNK: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**31,
    10**30,
    "",
    "junk",
    "\ud800",
    [],
    {},
    [[]],
    {"jsonrpc": "2.0"},
    {"start": {}},
]
URIS = [f"file:///w/{name}.py" for name in ("a", "b%20c", "d", "ünï")]
BROKEN = "file:///w/broken.py"
"""What mutated messages are about: nobody knows its text."""


class Fuzzer:
    """A client that remembers what its documents hold and which requests it has sent."""

    def __init__(self, client: RawClient, encoding: str, seed: int) -> None:
        self.client, self.encoding, self.random = client, encoding, random.Random(seed)
        self.texts: dict[str, str] = {}
        self.version = 0
        self.expected: list[object] = []

    def step(self) -> None:
        """Send one random message."""
        kinds: dict[Callable[[], None], int] = {
            self.edit: 40,
            self.replace_all: 3,
            self.open_or_close: 3,
            self.ask: 25,
            self.cancel: 10,
            self.mutate: 10,
            self.garbage: 2,
            self.configure: 1,
            self.hold: 2,
            self.huge: 1,
            self.other: 3,
        }
        self.random.choices(list(kinds), list(kinds.values()))[0]()

    def check(self) -> None:
        """The server's texts are ours."""
        for uri in URIS:
            assert self.client.ask("test/text", {"uri": uri}) == self.texts.get(uri), (uri, self.client.stderr[-2000:])

    def finish(self) -> None:
        """Every request that was sent is answered."""
        self.client.ask("test/gate", {"open": True})
        for request_id in self.expected:
            self.client.expect(request_id)

    # -------------------------------------------------------------------------------------------------- kinds of messages

    def edit(self) -> None:
        if not self.texts:
            return
        uri, changes = self.some_document(), []
        for _ in range(self.random.choice((1, 1, 1, 2, 5))):
            changes.append(self.some_change(self.texts[uri]))
            self.texts[uri] = changed(self.texts[uri], without_surrogates(changes[-1]), self.encoding)
        self.change(uri, *changes)

    def replace_all(self) -> None:
        if self.texts:
            uri, text = self.some_document(), self.some_text(200)
            self.texts[uri] = mended(text)
            self.change(uri, {"text": text})

    def open_or_close(self) -> None:
        uri = self.random.choice(URIS)
        if uri in self.texts and self.random.random() < 0.3:
            del self.texts[uri]
            self.client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        else:
            text = self.some_text(400)
            self.texts[uri] = mended(text)
            self.client.open(uri, text)

    def ask(self) -> None:
        uri = self.random.choice([*URIS, "file:///never/open.py"])
        line, character = self.random.choice(
            ((0, 0), (self.random.randrange(20), self.random.randrange(30)), (2**31, -1), (99, 2**40))
        )
        params = self.random.choice((inline, place))(uri, line, character)
        if self.random.random() < 0.1 and "context" in params:
            here = {"line": max(line, 0), "character": 0}
            params["context"]["selectedCompletionInfo"] = {"range": {"start": here, "end": here}, "text": self.some_text(5)}
        method = "textDocument/inlineCompletion" if "context" in params else "textDocument/completion"
        self.expected.append(self.client.request(method, params))

    def cancel(self) -> None:
        """A recent request, if there is one; it may have been answered."""
        recent = self.expected[-5:] or ["never sent"]
        self.client.notify("$/cancelRequest", {"id": self.random.choice(recent)})

    def mutate(self) -> None:
        """A message with something wrong in it."""
        message: Any = self.random.choice(
            (
                self.client.next_request(
                    "textDocument/inlineCompletion", inline(BROKEN, 0, 0, selectedCompletionInfo={"range": {}, "text": ""})
                ),
                self.client.next_request("textDocument/completion", place(BROKEN, 0, 0, context={"triggerKind": 1})),
                self.client.next_request("completionItem/resolve", {"label": "x", "data": {"language": "c"}}),
                self.client.next_request("workspace/executeCommand", {"command": "x", "arguments": [{"jsonrpc": "2.0"}]}),
                self.client.next_request("x/unknown", {"a": {"b": []}}),
                notification(
                    "textDocument/didOpen", {"textDocument": {"uri": BROKEN, "languageId": "c", "version": 1, "text": "x"}}
                ),
                notification("textDocument/didChange", change(BROKEN, 1, self.some_change("abc\ndef"))),
                notification("textDocument/didClose", {"textDocument": {"uri": BROKEN}}),
                notification("$/cancelRequest", {"id": -1}),
                {"jsonrpc": "2.0", "id": "never asked", "result": {"a": 1}},
            )
        )
        for _ in range(self.random.choice((1, 1, 2))):
            message = self.mutated(message)
        if wants_answer(message):
            self.expected.append(message["id"])
        self.client.send(message)

    def garbage(self) -> None:
        body = self.random.choice((b"", b"{", b"\xff\xfe", b"[1, 2]", b"nul", b"[" * 5000, self.random.randbytes(50)))
        self.client.send_bytes(self.random.choice((framed(body), b"garbage\r\n\r\n", b"Content-Length: x\r\n\r\n")))

    def configure(self) -> None:
        settings = {
            "completion": {"debounce": self.random.choice((0, 0, 1, 5))},
            "disabledLanguages": self.random.choice(([], ["c"])),
        }
        self.client.notify("workspace/didChangeConfiguration", {"settings": settings})

    def hold(self) -> None:
        """Let the engine wait, or go on."""
        self.expected.append(self.client.request("test/gate", {"open": self.random.random() < 0.6}))

    def huge(self) -> None:
        """A change of a hundred thousand characters, and its undoing."""
        if self.texts:
            uri = self.some_document()
            start = {"line": 0, "character": 0}
            self.change(uri, {"range": {"start": start, "end": start}, "text": "x" * 100_000 + "\n"})
            self.change(uri, {"range": {"start": start, "end": {"line": 1, "character": 0}}, "text": ""})

    def other(self) -> None:
        method = self.random.choice(
            ("$/setTrace", "textDocument/didSave", "$/progress", "window/workDoneProgress/cancel", "x/none")
        )
        self.client.notify(method, {"value": "off", "token": 1, "textDocument": {"uri": URIS[0]}})

    # ------------------------------------------------------------------------------------------------------------- pieces

    def change(self, uri: str, *changes: Message) -> None:
        self.version += 1
        self.client.notify("textDocument/didChange", change(uri, self.version, *changes))

    def some_document(self) -> str:
        return self.random.choice(list(self.texts))

    def some_text(self, length: int) -> str:
        return "".join(self.random.choices(ALPHABET, k=self.random.randrange(length)))

    def some_change(self, text: str) -> Message:
        """One at two places of `text`, or at places outside of it."""
        if self.random.random() < 0.05:
            start, end = {"line": self.random.randrange(30), "character": 2**31 - 1}, {"line": 2**31 - 1, "character": 0}
        else:
            first, last = sorted((self.some_offset(text), self.some_offset(text)))
            last = self.random.choice((first, first, last))
            start, end = (position_at(text, offset, self.encoding) for offset in (first, last))
        return {"range": {"start": start, "end": end}, "text": self.some_text(8)}

    def some_offset(self, text: str) -> int:
        """Not inside of a CRLF, where no editor can put a cursor."""
        offset = self.random.randint(0, len(text))
        return offset + 1 if text[max(offset - 1, 0) : offset + 1] == "\r\n" else offset

    def mutated(self, value: Any) -> Any:
        """`value` with one thing in it, however deep, left out or replaced by junk."""
        if not isinstance(value, dict) or not value or self.random.random() < 0.2:
            return self.random.choice(JUNK)
        key = self.random.choice(list(value))
        if self.random.random() < 0.3:
            return {name: kept for name, kept in value.items() if name != key}
        return {**value, key: self.mutated(value[key])}


def mended(text: str) -> str:
    """`text` as the server keeps it."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def without_surrogates(change: Message) -> Message:
    return {**change, "text": mended(change["text"])}


def wants_answer(message: Any) -> bool:
    """Whether a message is a request, or so near to one that its id must be answered."""
    if not isinstance(message, dict) or not isinstance(message.get("id"), int | str) or isinstance(message["id"], bool):
        return False
    return "method" in message or not ("result" in message or "error" in message)


@pytest.mark.parametrize(("encoding", "seed"), [("utf-8", 1), ("utf-16", 2), ("utf-32", 3)])
def test_random_messages_are_survived(start: Start, encoding: str, seed: int) -> None:
    client = start(says="suggestion")
    client.initialize({"general": {"positionEncodings": [encoding]}})
    fuzzer = Fuzzer(client, encoding, seed)
    for number in range(MESSAGES):
        fuzzer.step()
        if number % 100 == 99:
            fuzzer.check()
    fuzzer.check()
    fuzzer.finish()
    assert len(fuzzer.expected) > MESSAGES / 5
    assert client.notifications("window/showMessage") == []
    assert client.leave() == 0
    assert "Traceback" not in client.stderr


def test_the_reference_finds_what_it_should() -> None:
    text = "a\r\n😋b\rc"
    assert [match.group() for match in LINE_END.finditer(text)] == ["\r\n", "\r"]
    assert (
        changed(
            text,
            json.loads('{"range": {"start": {"line": 1, "character": 2}, "end": {"line": 1, "character": 9}}, "text": "-"}'),
            "utf-16",
        )
        == "a\r\n😋-\rc"
    )
