"""The end of the process that started us: an editor that crashes must leave no server behind."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Any

POLL = 5.0
"""Seconds between two looks, where the system cannot tell us."""


def process_end(process_id: int) -> Coroutine[Any, Any, None]:
    """What returns when the process that has this id now ends.

    Never, for one that cannot be seen from here, such as an editor outside of our container, nor on Windows, where the
    end of standard input has to do.
    """
    if process_id <= 0:  # it would mean a whole group of processes
        return _never()
    if hasattr(os, "pidfd_open"):
        try:
            return _readable(os.pidfd_open(process_id))
        except (OSError, OverflowError):
            return _never()
    return _polled(process_id) if sys.platform != "win32" and _exists(process_id) else _never()


async def _readable(descriptor: int) -> None:
    """Wait until `descriptor` can be read, then close it."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _polled(process_id: int) -> None:
    while _exists(process_id):
        await asyncio.sleep(POLL)


async def _never() -> None:
    await asyncio.get_running_loop().create_future()


def _exists(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
