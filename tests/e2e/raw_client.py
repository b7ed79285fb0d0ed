"""A client that speaks bytes and JSON to a real server process and knows nothing of pygls: what it sends may be wrong."""

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Message = dict[str, Any]

TIMEOUT = 30.0
"""Seconds until a missing answer fails a test."""


class RawClient:
    """Keeps every message that comes. Requests of the server are answered from `replies`, by method."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **(environment or {})}
        )
        self.messages: list[Message] = []
        self.answers: dict[Any, Message] = {}
        self.replies: dict[str, Any] = {"workspace/configuration": [None], "window/workDoneProgress/create": None}
        """A method that is not here is not answered."""
        self.stderr = ""
        self._changed = threading.Condition()
        self._last_id = 0
        self._ended = False
        self._may_read = threading.Event()
        self._may_read.set()
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._read_stdout, self._read_stderr)]
        for thread in self._threads:
            thread.start()

    def send_bytes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, *messages: object) -> None:
        """Send any JSON, all messages in one write."""
        self.send_bytes(b"".join(framed(json.dumps(message).encode()) for message in messages))

    def notify(self, method: str, params: object = None) -> None:
        self.send(notification(method, params))

    def request(self, method: str, params: object = None) -> int:
        """Send a request and return its id without waiting."""
        message = self.next_request(method, params)
        self.send(message)
        return int(message["id"])

    def next_request(self, method: str, params: object = None) -> Message:
        self._last_id += 1
        return {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}

    def answer(self, request_id: object) -> Message:
        """Wait for the response with this id and take it."""
        self.expect(request_id)
        return self.answers.pop(request_id)

    def expect(self, request_id: object) -> None:
        """Wait for the response with this id."""
        self.wait(lambda: request_id in self.answers, f"answer to {request_id!r}")

    def ask(self, method: str, params: object = None) -> Any:
        """Send a request and wait for its result; an error fails the test."""
        response = self.answer(self.request(method, params))
        assert "error" not in response, response
        return response["result"]

    def notifications(self, method: str) -> list[Any]:
        """The params of all that came with this method so far."""
        return [message.get("params") for message in self.messages if message.get("method") == method]

    def wait(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until a message makes `happened` true."""
        with self._changed:
            self._changed.wait_for(lambda: happened() or self._ended, TIMEOUT)
            assert happened(), f"no {what}; server said:\n{self.stderr[-3000:]}"

    def until(self, true: Callable[[], bool]) -> None:
        """Ask again and again: for what the server does in the background and tells nobody."""
        end = time.monotonic() + TIMEOUT
        while not true():
            assert time.monotonic() < end, self.stderr[-3000:]

    def initialize(self, capabilities: object = None, **params: object) -> Any:
        """The whole handshake. Returns the server's capabilities."""
        start = {"processId": None, "rootUri": "file:///w", "capabilities": capabilities or {}} | params
        result = self.ask("initialize", start)
        self.notify("initialized", {})
        return result["capabilities"]

    def open(self, uri: str, text: str, language: str = "python") -> None:
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def leave(self) -> int:
        """Shutdown, exit; the exit code."""
        self.ask("shutdown")
        self.notify("exit")
        return self.exit_code()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Read nothing of what the server sends, after at most one message more."""
        self._may_read.clear()
        try:
            yield
        finally:
            self._may_read.set()

    def end_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def exit_code(self) -> int:
        code = self.process.wait(TIMEOUT)
        for thread in self._threads:
            thread.join(TIMEOUT)
        return code

    def dispose(self) -> None:
        """End the process if it still runs and free what it had."""
        if self.process.poll() is None:
            self.process.kill()
        self.exit_code()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _read_stdout(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while self._may_read.wait() and (header := stream.readline()):
            length = int(header.removeprefix(b"Content-Length: "))
            assert stream.readline() == b"\r\n"
            self._take(json.loads(stream.read(length)))
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, message: Message) -> None:
        with self._changed:
            self.messages.append(message)
            if "method" not in message:
                self.answers[message["id"]] = message
            self._changed.notify_all()
        if "method" in message and "id" in message and message["method"] in self.replies:
            self.send({"jsonrpc": "2.0", "id": message["id"], "result": self.replies[message["method"]]})

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.stderr += line.decode(errors="replace")
                self._changed.notify_all()


def framed(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def notification(method: str, params: object = None) -> Message:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def place(uri: str, line: int, character: int, **more: object) -> Message:
    """The params of a request at a position."""
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}, **more}


def inline(uri: str, line: int, character: int, kind: int = 2, **context: object) -> Message:
    """The params of an inline completion request."""
    return place(uri, line, character, context={"triggerKind": kind, **context})


def change(uri: str, version: int, *changes: object) -> Message:
    """The params of a didChange."""
    return {"textDocument": {"uri": uri, "version": version}, "contentChanges": list(changes)}


def insertion(line: int, character: int, text: str) -> Message:
    here = {"line": line, "character": character}
    return {"range": {"start": here, "end": here}, "text": text}
