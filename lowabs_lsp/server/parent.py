"""The end of the process that started us: an editor that crashes must leave no server behind."""

import asyncio
import contextlib
import os
import sys

POLL = 5.0
"""Seconds between two looks, where the system cannot tell us."""


async def process_end(process_id: int) -> None:
    """Return when the process ends.

    Never returns for one that cannot be seen from here, such as that of an editor outside of our container, nor on
    Windows, where the end of standard input has to do.
    """
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError, OverflowError):
            await _readable(os.pidfd_open(process_id))
            return
    elif sys.platform != "win32" and _exists(process_id):
        while _exists(process_id):
            await asyncio.sleep(POLL)
        return
    await asyncio.get_running_loop().create_future()


async def _readable(descriptor: int) -> None:
    """Wait until `descriptor` can be read, then close it."""
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(descriptor, readable.set_result, None)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _exists(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
