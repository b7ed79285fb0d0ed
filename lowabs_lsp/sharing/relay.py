"""An editor's own process: passes messages to the shared engine process and back, and survives its death unnoticed."""

import contextlib
import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.logs import key_values
from lowabs_lsp.server.configuration import wishes
from lowabs_lsp.settings import Settings
from lowabs_lsp.sharing.journal import Journal, Message
from lowabs_lsp.sharing.pipes import GRACE, Outbox, bodies, end_with, write_all
from lowabs_lsp.sharing.place import socket_path
from lowabs_lsp.sharing.start import connect_or_start, own_command

logger = logging.getLogger(__name__)

INTERRUPTED = 130
"""Exit code."""
CALM, LONGEST_PAUSE = 30.0, 30.0
"""Seconds after which a death counts as a first one again; and between two starts at most, where deaths follow each other."""
LOG = "lowabs/log"
"""Notifies of a line in the engine process' log that concerns this client."""

Connect = Callable[[], socket.socket]
"""Connects to the engine process, started if need be. Raises LowabsError."""


class Relay:
    """One client and, one after the other, the engine processes that serve it."""

    def __init__(self, connect: Connect, write_to: int) -> None:
        """Raises LowabsError when there is no engine process to begin with."""
        self._connect = connect
        self._journal = Journal()
        self._lock = threading.Lock()
        """Held while the journal and what has been sent must agree."""
        self._leaving = threading.Event()
        self._deaths: list[float] = []
        self._gives_up = False
        """Nobody answers for a while."""
        self._connection = connect()
        self._engine: Outbox | None = Outbox(self._connection.sendall)
        self._client = Outbox(lambda data: write_all(write_to, data))

    def run(self, read_from: int) -> int:
        """Serve the client until it leaves. Returns the exit code: 0 only after a shutdown."""
        listener = threading.Thread(target=self._listen, name="lowabs-listener", daemon=True)
        listener.start()
        try:
            self._serve(read_from)
        except KeyboardInterrupt:
            return INTERRUPTED
        self._leave(listener)
        return 0 if self._journal.was_shut_down else 1

    def _serve(self, read_from: int) -> None:
        for body in bodies(lambda size: os.read(read_from, size)):
            message = parsed(body)
            self._from_client(body, message)
            if message.get("method") == "exit":
                return

    def _from_client(self, body: bytes, message: Message) -> None:
        if message.get("method") == "initialize":
            self._watch(message)
        with self._lock:
            self._journal.take(message)
            if self._engine is not None:
                self._engine.put(body)
            elif self._gives_up:
                self._answer_with_nothing(self._journal.give_up())

    def _watch(self, message: Message) -> None:
        with contextlib.suppress(LookupError, TypeError):
            end_with(message["params"]["processId"])

    def _listen(self) -> None:
        """Pass on what the engine process says, and see to another one when it is gone."""
        while not self._leaving.is_set():
            for body in bodies(self._connection.recv):
                self._from_engine(body, parsed(body))
            self._connection.close()
            with self._lock:
                self._engine = None
            if self._journal.was_shut_down:
                self._answer_with_nothing(self._journal.give_up())
                return
            if not self._leaving.is_set():
                self._replace()

    def _from_engine(self, body: bytes, message: Message) -> None:
        method = message.get("method")
        if method == LOG:
            sys.stderr.write(f"{message['params']['line']}\n")
            sys.stderr.flush()
        elif self._deaths and method in _ONCE:
            self._answer_engine(message)
        elif method is not None or self._is_wanted(message):
            self._client.put(body)

    def _is_wanted(self, answer: Message) -> bool:
        """Whether the client waits for it. After a death some answers come twice, as the one to `initialize`."""
        with self._lock:
            return self._journal.answered(answer.get("id")) or not self._deaths

    def _answer_engine(self, message: Message) -> None:
        with self._lock:
            if self._engine is not None:
                answer = {"jsonrpc": "2.0", "id": message.get("id")} | _ONCE[message["method"]]
                self._engine.put(json.dumps(answer).encode())

    def _replace(self) -> None:
        """Bring another engine process to where the one was that is gone."""
        logger.warning(key_values(event="engine-gone"))
        with self._lock:
            self._answer_with_nothing(self._journal.take_suspects())
        pause = self._next_pause()
        while not self._leaving.is_set():
            with self._lock:
                self._gives_up = pause > 0
                if self._gives_up:
                    self._answer_with_nothing(self._journal.give_up())
            self._leaving.wait(pause)
            try:
                self._connection = self._connect()
            except LowabsError as error:
                logger.error(key_values(event="engine-not-started", error=str(error)))
                pause = self._next_pause()
            else:
                self._resume()
                return

    def _resume(self) -> None:
        with self._lock:
            self._engine, self._gives_up = Outbox(self._connection.sendall), False
            for message in self._journal.replay():
                self._engine.put(json.dumps(message).encode())
        logger.info(key_values(event="engine-back"))

    def _next_pause(self) -> float:
        """Seconds before the next start: none after a first death, more and more where one follows the other."""
        now = time.monotonic()
        self._deaths = [*(death for death in self._deaths if now - death < CALM), now]
        return 0.0 if len(self._deaths) == 1 else min(LONGEST_PAUSE, 2.0 ** (len(self._deaths) - 3))

    def _answer_with_nothing(self, requests: Iterable[Message]) -> None:
        """No editor shows an empty answer, as it may show an error."""
        for request in requests:
            result = request.get("params") if request["method"] == "completionItem/resolve" else None
            self._client.put(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode())

    def _leave(self, listener: threading.Thread) -> None:
        with self._lock:
            engine = self._engine
        if engine is not None:
            engine.close()
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_WR)
            listener.join(GRACE)
        self._leaving.set()
        self._client.close()


_ONCE: dict[str, Message] = {
    "client/registerCapability": {"result": None},
    "window/workDoneProgress/create": {"error": {"code": -32601, "message": "only for the first engine process"}},
}
"""What the client was asked by the first engine process, and how we answer the next ones, so that nobody notices them."""


def parsed(body: bytes) -> Message:
    """A message as JSON; an empty one for what is none, which is passed on as it is."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def serve_shared(settings: Settings) -> int:
    """Serve the editor that started this process, with the engine process that all editors share.

    `settings` are those of the command line. Returns the exit code. Raises LowabsError where there is no engine process.
    """
    path, raw = socket_path(), wishes(settings)
    if (folder := Path(settings.model).expanduser()) and settings.model and folder.is_dir():
        raw["model"] = str(folder.absolute())  # the engine process has another working directory
    return Relay(lambda: connect_or_start(path, own_command(), raw), sys.stdout.fileno()).run(sys.stdin.fileno())
