"""Wires it together: one engine thread, a session for each client, and the way to it."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.ledger import Ledger, state_folder
from lowabs_lsp.recording import Tape
from lowabs_lsp.server.engine_thread import EngineThread, OpenEngine
from lowabs_lsp.server.features import register
from lowabs_lsp.server.protocol import Server
from lowabs_lsp.server.session import Session
from lowabs_lsp.server.transport import over_pipes
from lowabs_lsp.settings import Settings

OK, INTERRUPTED = 0, 130
"""Exit codes, besides those of a session."""

GRACE = 1.0
"""Seconds that a running step of the engine may take at the end before the process goes without it."""


def serve_stdio(*, open_engine: OpenEngine, settings: Settings) -> int:
    """Serve the editor that started this process. Returns the exit code: 0 only after a shutdown.

    `settings` are those of the command line: what is not at its default in them wins over the client's. Leaves the
    process itself if the engine does not come to rest.
    """
    thread = EngineThread(open_engine)
    return run_stdio(new_session(thread, settings, watches_parent=True, state=state_folder()), thread)


def serve_tcp(host: str, port: int, *, open_engine: OpenEngine, settings: Settings) -> int:
    """Serve editors that connect to a TCP port, until interrupted. Raises LowabsError when it cannot listen there."""
    from lowabs_lsp.server.sockets import over_tcp

    thread, state = EngineThread(open_engine), state_folder()
    return _listen(over_tcp(lambda: new_session(thread, settings, state=state), host, port), thread, f"{host}:{port}")


def serve_websocket(host: str, port: int, *, open_engine: OpenEngine, settings: Settings) -> int:
    """Serve editors that open a WebSocket, until interrupted. Raises LowabsError when it cannot listen there."""
    from lowabs_lsp.server.sockets import over_websocket

    thread, state = EngineThread(open_engine), state_folder()
    return _listen(
        over_websocket(lambda: new_session(thread, settings, state=state), host, port),
        thread,
        f"{host}:{port}",
    )


def new_session(
    thread: EngineThread, settings: Settings, *, watches_parent: bool = False, state: Path | None = None
) -> Session:
    """A session with every feature, for one client. Without a folder for its state nothing is written down."""
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # it logs the text of messages; what matters is logged here
    ledger, tape = (Ledger(state), Tape(state)) if state else (None, None)
    session = Session(Server(), thread, settings, watches_parent=watches_parent, ledger=ledger, tape=tape)
    register(session)
    return session


def run_stdio(session: Session, thread: EngineThread) -> int:
    """Serve `session` over this process' standard streams. Returns the exit code."""
    return _run(over_pipes(session, *_take_standard_streams()), thread)


def _listen(serving: Coroutine[Any, Any, int], thread: EngineThread, address: str) -> int:
    try:
        code = _run(serving, thread)
    except OSError as error:
        raise LowabsError(f"cannot listen on {address}: {error.strerror}; choose another port or address") from error
    return OK if code == INTERRUPTED else code


def _run(serving: Coroutine[Any, Any, int], thread: EngineThread) -> int:
    try:
        code = asyncio.run(_until_interrupted(serving))
    except KeyboardInterrupt:  # where the event loop cannot take signals
        code = INTERRUPTED
    finally:
        at_rest = thread.stop(GRACE)
    if not at_rest:
        _leave_at_once(code)
    return code


async def _until_interrupted(serving: Coroutine[Any, Any, int]) -> int:
    """Python's own way would not wake the event loop when another thread gets the signal."""
    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return await serving
    except asyncio.CancelledError:
        return INTERRUPTED


def _take_standard_streams() -> tuple[int, int]:
    """Descriptors for the protocol alone: what else prints goes to stderr, what else reads gets nothing."""
    try:
        read_from, write_to = os.dup(0), os.dup(1)
    except OSError as error:
        raise LowabsError("standard input or output is closed; let an editor start the server, or use --tcp") from error
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # an editor may start us without stderr
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.close(nothing)
    return read_from, write_to


def _leave_at_once(code: int) -> None:
    """The interpreter's own way out would wait for the engine, which may take long to open a model."""
    sys.stderr.flush()
    os._exit(code)
