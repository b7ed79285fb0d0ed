"""Messages over blocking descriptors: bodies in, frames out, and the end of the process that wants them."""

import contextlib
import logging
import os
import queue
import select
import threading
from collections.abc import Callable, Iterator

from lowabs_lsp.logs import key_values
from lowabs_lsp.server.frames import FrameReader, frame

logger = logging.getLogger(__name__)

CHUNK = 1 << 16
"""Bytes to read at once."""
GRACE = 2.0
"""Seconds that the last messages may take."""


class Outbox:
    """Sends in order, on a thread of its own: who reads slowly must not keep us from reading."""

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._send = send
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, body: bytes) -> None:
        """Send one message, without waiting."""
        self._queue.put(frame(body))

    def close(self) -> None:
        """Wait until all is sent, not for ever."""
        self._queue.put(b"")
        self._thread.join(GRACE)

    def _run(self) -> None:
        try:
            while data := self._queue.get():
                self._send(data)
        except OSError:
            logger.debug("nobody reads any more")


def bodies(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The messages that `read` gives piece by piece, until there are no more."""
    frames = FrameReader()
    with contextlib.suppress(OSError):
        while chunk := read(CHUNK):
            yield from frames.feed(chunk)


def write_all(descriptor: int, data: bytes) -> None:
    """Write, however often it takes."""
    while data:
        data = data[os.write(descriptor, data) :]


def end_with(process_id: int) -> None:
    """End this process when that one ends, where the system tells us; the end of standard input does elsewhere."""
    if process_id > 0 and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError, OverflowError):
            descriptor = os.pidfd_open(process_id)
            threading.Thread(target=_end_with, args=(descriptor,), daemon=True).start()


def _end_with(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll()
    logger.warning(key_values(event="orphaned"))
    os._exit(1)
