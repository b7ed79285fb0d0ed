"""The engine process of all editors of one user: a session for each connection, and an end once nobody has come for a while."""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.ledger import state_folder
from lowabs_lsp.logs import key_values
from lowabs_lsp.server.app import GRACE, new_session
from lowabs_lsp.server.engine_thread import EngineThread, OpenEngine
from lowabs_lsp.server.frames import frame
from lowabs_lsp.server.session import Session
from lowabs_lsp.server.transport import CHUNK, bodies_of, converse
from lowabs_lsp.settings import Settings, read_settings
from lowabs_lsp.sharing.hello import is_same_user, read_hello, write_hello
from lowabs_lsp.sharing.place import own_version
from lowabs_lsp.sharing.relay import LOG

logger = logging.getLogger(__name__)

IDLE = 300.0
"""Seconds without a client after which the process ends."""
PATIENCE = 5.0
"""Seconds in which a client must say hello."""

NewSession = Callable[[Settings], Session]

_client: ContextVar["asyncio.StreamWriter | None"] = ContextVar("client", default=None)
"""Whose work is done."""


class Host:
    """Lives on the event loop."""

    def __init__(self, new_session: NewSession, idle: float = IDLE) -> None:
        self._new_session, self._idle = new_session, idle
        self._clients = 0
        self._is_idle = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    async def serve(self, path: Path, ready: Callable[[], object]) -> int:
        """Listen at `path`, call `ready`, and go on until idle. Returns 0."""
        path.unlink(missing_ok=True)  # of a process that was killed; whoever starts us sees to it that there is no other
        server = await asyncio.start_unix_server(self._connected, path)
        path.chmod(0o600)
        own = path.stat().st_ino
        self._rest()
        ready()
        try:
            await self._is_idle.wait()
        finally:
            with contextlib.suppress(OSError):
                if path.stat().st_ino == own:
                    path.unlink()
            server.close()
        logger.info(key_values(event="idle"))
        return 0

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        self._rest()
        try:
            settings = await self._greet(reader, writer)
            _client.set(writer)
            await converse(self._new_session(settings), Client(writer), bodies_of(lambda: reader.read(CHUNK)))
            await writer.drain()
        except (LowabsError, ConnectionError, TimeoutError, ValueError) as error:
            logger.warning(key_values(event="client-lost", error=str(error) or type(error).__name__))
        finally:
            writer.close()
            self._clients -= 1
            self._rest()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Settings:
        """The settings of a client's command line. Raises LowabsError for somebody who is none of ours."""
        connection: socket.socket = writer.get_extra_info("socket")
        if not is_same_user(connection):
            raise LowabsError("a process of another user")
        hello = read_hello(await asyncio.wait_for(reader.readline(), PATIENCE), own_version())
        writer.write(write_hello(version=own_version(), process=os.getpid()))
        return read_settings(hello.get("settings"))[0]

    def _rest(self) -> None:
        """Begin to wait for the end while there is no client."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if self._clients else asyncio.get_running_loop().call_later(self._idle, self._is_idle.set)


class Client:
    """The way to one client."""

    def __init__(self, stream: asyncio.StreamWriter) -> None:
        self._stream = stream

    def write(self, body: bytes) -> None:
        """Send one message, without waiting."""
        self._stream.write(frame(body))


class ClientLog(logging.Handler):
    """Sends what is logged for a client to that client, for its editor to show."""

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line."""
        writer = _client.get()
        if writer is not None and _on_loop() and not writer.is_closing():
            notification: dict[str, Any] = {"jsonrpc": "2.0", "method": LOG, "params": {"line": self.format(record)}}
            writer.write(frame(json.dumps(notification).encode()))


def _on_loop() -> bool:
    """Whether this is the event loop's thread, on which alone a stream may be written to."""
    try:
        return bool(asyncio.get_running_loop())
    except RuntimeError:
        return False


def run_host(path: Path, ready: int | None, *, open_engine: OpenEngine) -> int:
    """Be the engine process at `path`; `ready` is a descriptor to tell once it listens. Returns the exit code."""
    thread = EngineThread(open_engine)
    host = Host(lambda settings: new_session(thread, settings, state=state_folder()))
    return run(host.serve(path, lambda: tell(ready)), thread)


def run(serving: Coroutine[Any, Any, int], thread: EngineThread) -> int:
    """Serve until idle, and leave whatever the engine does then. Returns the exit code."""
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.WARNING)  # the file grows as long as the process lives; clients are told more
    log = ClientLog()
    log.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(log)
    code = asyncio.run(serving)
    if not thread.stop(GRACE):
        os._exit(code)
    return code


def tell(ready: int | None) -> None:
    if ready is not None:
        os.write(ready, b"1")
        os.close(ready)
