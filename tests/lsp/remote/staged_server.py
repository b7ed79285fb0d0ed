"""A real HTTP server on a socket that answers as a test stages it: well, slowly, cut, with garbage, or not at all."""

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Body = dict[str, Any]


class Call:
    """One request and the way back."""

    def __init__(
        self, server: "StagedServer", connection: socket.socket, path: str, headers: dict[str, str], body: Body
    ) -> None:
        self.server, self._connection = server, connection
        self.path, self.headers, self.body = path, headers, body

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def json(self, value: object, status: str = "200 OK", **headers: str) -> None:
        body = json.dumps(value).encode()
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body)

    def begin(self) -> None:
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def chunk(self, data: bytes) -> None:
        self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end(self) -> None:
        self.send(b"0\r\n\r\n")

    def events(self, *events: object, done: bool = True) -> None:
        """A whole answer of server-sent events."""
        self.begin()
        for event in events:
            self.chunk(f"data: {json.dumps(event)}\n\n".encode())
        if done:
            self.chunk(b"data: [DONE]\n\n")
        self.end()

    def lines(self, *events: object) -> None:
        """A whole answer of a JSON object a line."""
        self.begin()
        for event in events:
            self.chunk(json.dumps(event).encode() + b"\n")
        self.end()

    def wait_for_leave(self) -> None:
        """Say nothing until the client has closed the connection."""
        while self._connection.recv(1 << 16):
            pass
        self.server.left.set()


Stage = Callable[[Call], object]


def says(text: str, finish: str = "stop") -> Stage:
    """A well server's stream of `text`, a character an event."""
    events = [{"choices": [{"text": character, "finish_reason": None}]} for character in text]
    return lambda call: call.events(*events, {"choices": [{"text": "", "finish_reason": finish}]})


class StagedServer(socketserver.ThreadingTCPServer):
    """Answers `gets` by path and each further request with the next of `posts`, the last of them again and again."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 50

    def __init__(self, port: int = 0) -> None:
        self.gets: dict[str, object] = {"/v1/models": {"data": [{"id": "staged", "owned_by": "somebody"}]}}
        self.posts: list[Stage] = [says("")]
        self.calls: list[Call] = []
        self.connections = 0
        self.left = threading.Event()
        """A client closed a connection that waited."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def posted(self) -> list[Call]:
        return [call for call in self.calls if call.body]

    def answer(self, call: Call) -> None:
        self.calls.append(call)
        if call.body:
            (self.posts.pop(0) if len(self.posts) > 1 else self.posts[0])(call)
        elif call.path not in self.gets:
            call.json({"detail": "Not Found"}, "404 Not Found")
        else:
            found = self.gets[call.path]
            found(call) if callable(found) else call.json(found)


class _Handler(socketserver.StreamRequestHandler):
    server: StagedServer

    def handle(self) -> None:
        self.server.connections += 1
        try:
            while (first := self.rfile.readline()).strip():
                headers = dict(iter(self._header, ("", "")))
                body = json.loads(self.rfile.read(int(headers.get("content-length", 0))) or b"{}")
                self.server.answer(Call(self.server, self.connection, first.split()[1].decode(), headers, body))
        except ConnectionError:
            self.server.left.set()

    def _header(self) -> tuple[str, str]:
        name, _, value = self.rfile.readline().decode().strip().partition(": ")
        return name.lower(), value


@contextmanager
def serving(port: int = 0) -> Iterator[StagedServer]:
    """A server that listens."""
    with StagedServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
