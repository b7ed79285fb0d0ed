"""A conversation with one client, and the way to it over standard streams, which never blocks the event loop."""

import asyncio
import contextlib
import logging
import os
import queue
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from lowabs_lsp.server.frames import FrameReader, frame
from lowabs_lsp.server.session import Session

logger = logging.getLogger(__name__)

CHUNK = 1 << 16
"""Bytes to read at once."""


class Writer(Protocol):
    """The way to a client."""

    def write(self, body: bytes) -> None:
        """Send one message, without waiting."""
        ...


async def converse(session: Session, writer: Writer, bodies: AsyncIterator[bytes]) -> int:
    """Handle one client's messages until it leaves. Returns the exit code: 0 only after a shutdown."""
    server = session.server
    server.protocol.set_writer(writer)  # type: ignore[arg-type]  # pygls' writers close too; here who opens a stream closes it
    pump = asyncio.ensure_future(_pump(session, bodies))
    ends: list[asyncio.Future[Any]] = [pump, server.left]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if pump.done():
            await pump
        return await server.left
    finally:
        pump.cancel()
        session.close()


async def _pump(session: Session, bodies: AsyncIterator[bytes]) -> None:
    server = session.server
    async for body in bodies:
        try:
            server.protocol.receive(body)
        except Exception:  # one message, whatever it is, must not cost a person the session
            logger.exception("a message could not be handled")
        if server.left.done():
            return
        await asyncio.sleep(0)  # a request sees the text of now, before the next message changes it
    server.leave(0 if server.protocol.was_shut_down else 1)


async def bodies_of(next_chunk: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    """The messages in a stream of which `next_chunk` gives a piece, and an empty one at its end."""
    frames = FrameReader()
    while chunk := await next_chunk():
        for body in frames.feed(chunk):
            yield body


class PipeWriter:
    """Writes on a thread of its own: a client that does not read must not stop us from reading."""

    def __init__(self, descriptor: int, on_broken: Callable[[], object]) -> None:
        self._descriptor, self._on_broken = descriptor, on_broken
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def write(self, body: bytes) -> None:
        """Send one message, without waiting."""
        self._queue.put(frame(body))

    def close(self, timeout: float) -> None:
        """Wait until all is written, `timeout` seconds at most."""
        self._queue.put(b"")
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while data := self._queue.get():
                while data:
                    data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._on_broken()


async def over_pipes(session: Session, read_from: int, write_to: int) -> int:
    """Serve the one client at the other end of two file descriptors. Returns the exit code."""
    for descriptor in (read_from, write_to):
        if sys.platform != "win32":
            os.set_blocking(descriptor, True)  # whoever started us may have left it otherwise
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def on_loop(action: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is interested any more
            loop.call_soon_threadsafe(action, *arguments)

    writer = PipeWriter(write_to, lambda: on_loop(session.server.leave, 1))
    reader = threading.Thread(target=_read, args=(read_from, lambda chunk: on_loop(chunks.put_nowait, chunk)), daemon=True)
    reader.start()
    try:
        return await converse(session, writer, bodies_of(chunks.get))
    finally:
        writer.close(timeout=2.0)


def _read(descriptor: int, deliver: Callable[[bytes], None]) -> None:
    """Deliver what comes, and an empty chunk at the end. Unbuffered: no lock is held while the process exits."""
    chunk = b"more"
    while chunk:
        try:
            chunk = os.read(descriptor, CHUNK)
        except OSError:
            chunk = b""
        deliver(chunk)
