"""A small synchronous JSON-RPC client over the pipes of a server process."""

import json
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Condition, Lock, Thread
from typing import IO, Any

from lowabs_lsp.errors import BenchError

Json = Any  # whatever a message holds: the protocol types it, not this module
Handler = Callable[[Json], Json]
METHOD_NOT_FOUND = -32601
REMEMBERED_LINES = 40
"""Lines of the server's log that an error message can show."""


class Connection:
    """A server process and the messages to and from it. One thread reads messages, one the server's log."""

    def __init__(
        self, command: list[str], folder: Path, *, handlers: Mapping[str, Handler], on_log: Callable[[str], None]
    ) -> None:
        self._handlers, self._on_log = handlers, on_log
        self._log: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._responses: dict[int, Json] = {}
        self._changed, self._writing = Condition(), Lock()
        self._last_id, self._ended = 0, False
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:
            raise BenchError(f"{command[0]}: {error.strerror}; the language server cannot be started with it") from error
        self._threads = [Thread(target=target, daemon=True) for target in (self._read_messages, self._read_log)]
        for thread in self._threads:
            thread.start()

    @property
    def process_id(self) -> int:
        """Of the server."""
        return self._process.pid

    def request(self, method: str, params: Json) -> int:
        """Send a request; the number asks for its response."""
        with self._changed:
            self._last_id += 1
            number = self._last_id
        self._send({"id": number, "method": method, "params": params})
        return number

    def notify(self, method: str, params: Json) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def response(self, number: int, timeout: float | None = None) -> Json:
        """The response to a request, or None after `timeout` seconds. Raises BenchError when the server is gone."""
        with self._changed:
            self._changed.wait_for(lambda: number in self._responses or self._ended, timeout)
            if number in self._responses:
                return self._responses.pop(number)
            if self._ended:
                raise BenchError(f"the language server ended by itself; its log ends with:\n{self.log_end()}")
            return None

    def call(self, method: str, params: Json, timeout: float) -> Json:
        """The result of a request. Raises BenchError when it fails or takes longer than `timeout` seconds."""
        response = self.response(self.request(method, params), timeout)
        if response is None:
            raise BenchError(
                f"the language server did not answer {method} in {timeout:g} s; its log ends with:\n{self.log_end()}"
            )
        if "error" in response:
            raise BenchError(f"the language server refused {method}: {response['error'].get('message')}")
        return response.get("result")

    def cancel(self, number: int) -> None:
        """Ask the server to stop; its response is of no use any more."""
        self.notify("$/cancelRequest", {"id": number})

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until `condition`, asked after each message from the server; false after `timeout` seconds or its end."""
        with self._changed:
            return self._changed.wait_for(lambda: condition() or self._ended, timeout) and condition()

    def log_end(self) -> str:
        """The last lines that the server wrote to its log."""
        return "\n".join(self._log)

    def close(self, timeout: float) -> int:
        """Ask the server to leave, wait for it, and return its exit code; it is killed after `timeout` seconds."""
        try:
            self.call("shutdown", None, timeout)
            self.notify("exit", None)
            return self._process.wait(timeout)
        except (BenchError, subprocess.TimeoutExpired):
            self._process.kill()
            return self._process.wait()
        finally:
            for thread in self._threads:
                thread.join()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                _close(stream)

    def _send(self, message: dict[str, Json]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False).encode()
        assert self._process.stdin is not None
        with self._writing:
            try:
                self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                self._process.stdin.flush()
            except OSError as error:
                raise BenchError(f"the language server is gone; its log ends with:\n{self.log_end()}") from error

    def _read_messages(self) -> None:
        assert self._process.stdout is not None
        while (message := read_message(self._process.stdout)) is not None:
            self._take(message)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, message: Json) -> None:
        if "method" in message:
            self._hear(message)
        with self._changed:
            if "method" not in message:
                self._responses[message["id"]] = message
            self._changed.notify_all()

    def _hear(self, message: Json) -> None:
        handler = self._handlers.get(message["method"])
        result = handler(message.get("params")) if handler else None
        if "id" in message:
            unknown = {"error": {"code": METHOD_NOT_FOUND, "message": "not offered by this client"}}
            self._send({"id": message["id"], **({"result": result} if handler else unknown)})

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            text = line.decode(errors="replace").rstrip()
            self._log.append(text)
            with self._changed:
                self._on_log(text)
                self._changed.notify_all()


def read_message(stream: IO[bytes]) -> Json:
    """The next message, or None at the end of the stream."""
    length = 0
    while (line := stream.readline()).strip():
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    body = stream.read(length) if line and length else b""
    return json.loads(body) if body else None


def _close(stream: IO[bytes] | None) -> None:
    try:
        if stream is not None:
            stream.close()
    except OSError:  # what was still to be written has no reader any more
        pass
