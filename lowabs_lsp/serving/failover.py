"""One job, many replicas: where a replica dies, the job goes to another, and the client notices nothing but time."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from lowabs_lsp.errors import BusyError
from lowabs_lsp.logs import key_values
from lowabs_lsp.serving.jobs import Answer, Job, Pieces

T = TypeVar("T")

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""How long a job is tried anew."""

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between tries, doubled each time; drawn, so that the jobs of a dead replica do not come back all at once."""


class LostError(Exception):
    """The replica that had a job is gone, or cannot be reached."""


async def keep_trying(attempt: Callable[[int], Awaitable[T]]) -> T:
    """What the first try gives that is not lost; its number tells a try what it is. Raises BusyError when none does in time."""
    began = time.monotonic()
    number = 0
    while True:
        try:
            return await attempt(number)
        except LostError as exc:
            await pause(number, began, exc)
        number += 1


async def keep_streaming(attempt: Callable[[int], Pieces]) -> Pieces:
    """The pieces of the first try that ends. What a lost try has said already is not said again: all say the same."""
    began = time.monotonic()
    number, sent = 0, 0
    while True:
        try:
            async for piece in unsaid(attempt(number), sent):
                sent += len(piece) if isinstance(piece, str) else 0
                yield piece
            return
        except LostError as exc:
            await pause(number, began, exc)
        number += 1


async def unsaid(pieces: Pieces, said: int) -> AsyncGenerator[str | Answer, None]:
    """`pieces` without their first `said` characters."""
    async for piece in pieces:
        if isinstance(piece, str):
            piece, said = piece[said:], max(0, said - len(piece))
            if not piece:
                continue
        yield piece


async def pause(number: int, began: float, lost: LostError) -> None:
    """Wait before the next try. Raises BusyError when there have been tries for long enough."""
    waited = time.monotonic() - began
    log.warning("event=replica-lost %s", key_values(attempt=number, ms=1e3 * waited, reason=lost))
    if waited > PATIENCE_SECONDS:
        raise BusyError("no replica answers at the moment; try again") from lost
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**number)
    await asyncio.sleep(random.uniform(longest / 2, longest))


def session_of_try(job: Job, number: int) -> str:
    """The second try goes where the session has its place now; later ones go elsewhere, should that place be ill."""
    return job.session if number < 2 else f"{job.session}#{number}"
