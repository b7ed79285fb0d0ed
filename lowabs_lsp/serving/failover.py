"""One job, many replicas: where one dies or hangs, another has the job as well, and the client notices nothing but time."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from attrs import frozen

from lowabs_lsp.errors import BusyError
from lowabs_lsp.logs import key_values
from lowabs_lsp.serving.jobs import Answer, Pieces

T = TypeVar("T")

log = logging.getLogger(__name__)


class LostError(Exception):
    """The replica that had a job is gone, or cannot be reached."""


@frozen
class Patience:
    """How long to wait for replicas, in seconds."""

    until_another: float = 0.3
    """A job that nothing was heard of for so long is given to another replica as well, once."""
    until_busy: float = 10.0
    """A job whose replicas are lost is tried anew for so long."""
    first_pause: float = 0.02
    """Before the second try; doubled with each, and drawn, so that a dead replica's jobs do not come back all at once."""
    longest_pause: float = 0.5


class Budget:
    """How many silent jobs may be given to a second replica: a tenth of all, lest who is merely busy get twice the work."""

    def __init__(self, share: float = 0.1, most: float = 20.0) -> None:
        self._share, self._most = share, most
        self._left = most

    @property
    def is_spent(self) -> bool:
        """No silent job may be given to a second replica now."""
        return self._left < 1

    def earn(self) -> None:
        """A job has come."""
        self._left = min(self._most, self._left + self._share)

    def spend(self) -> None:
        """A silent job has been given to a second replica."""
        self._left -= 1


def always() -> bool:
    """Another replica may be there for whatever is known."""
    return True


async def keep_trying(
    attempt: Callable[[int], Awaitable[T]], patience: Patience, budget: Budget, has_another: Callable[[], bool] = always
) -> T:
    """What the first try gives that is not lost; tries know their number. Raises BusyError when all are lost for too long.

    `has_another` tells whether a replica is there that does not have the job yet.
    """
    tries = Tries(patience, budget, has_another)
    tasks: set[asyncio.Task[T]] = {tries.start(attempt)}
    try:
        while True:
            done, tasks = await asyncio.wait(tasks, timeout=tries.until_helper(), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not isinstance(task.exception(), LostError):
                    return task.result()
            if done and not tasks:
                await tries.pause(next(iter(done)).exception())
            if not tasks or (not done and tries.call_helper()):
                tasks.add(tries.start(attempt))
    finally:
        for task in tasks:
            task.cancel()


class Tries:
    """The tries of one job."""

    def __init__(self, patience: Patience, budget: Budget, has_another: Callable[[], bool] = always) -> None:
        self.patience, self.budget, self.has_another = patience, budget, has_another
        self.began = time.monotonic()
        self.number = 0
        self.has_helper = False
        budget.earn()

    def until_helper(self) -> float | None:
        """Seconds of silence after which a second replica may get the job as well; None if none may any more."""
        return None if self.has_helper or self.budget.is_spent else self.patience.until_another

    def call_helper(self) -> bool:
        """Whether a second replica gets the job beside one that was silent: it must be there, and not every job may."""
        if self.budget.is_spent or not self.has_another():
            return False
        self.has_helper = True
        self.budget.spend()
        return True

    def start(self, attempt: Callable[[int], Awaitable[T]]) -> "asyncio.Task[T]":
        """The next try."""
        task = asyncio.ensure_future(attempt(self.number))
        self.number += 1
        assert isinstance(task, asyncio.Task)
        return task

    async def pause(self, lost: BaseException | None) -> None:
        """Wait before the next try. Raises BusyError when there have been tries for long enough."""
        waited = time.monotonic() - self.began
        log.warning("event=replica-lost %s", key_values(tries=self.number, ms=1e3 * waited, reason=lost))
        if waited > self.patience.until_busy:
            raise BusyError("no replica answers at the moment; try again") from lost
        longest = min(self.patience.longest_pause, self.patience.first_pause * 2**self.number)
        await asyncio.sleep(random.uniform(longest / 2, longest))


async def keep_streaming(
    attempt: Callable[[int], Pieces], patience: Patience, budget: Budget, has_another: Callable[[], bool] = always
) -> Pieces:
    """The pieces of the first try that ends. What a lost try has said already is not said again: all say the same."""
    tries = Tries(patience, budget, has_another)
    sent = 0
    while True:
        try:
            async with aclosing(unsaid(heard(attempt(tries.number), tries), sent)) as pieces:
                async for piece in pieces:
                    sent += len(piece) if isinstance(piece, str) else 0
                    yield piece
            return
        except TimeoutError:
            tries.number += 1
        except LostError as exc:
            tries.number += 1
            await tries.pause(exc)


async def heard(pieces: Pieces, tries: Tries) -> AsyncGenerator[str | Answer, None]:
    """`pieces`; raises TimeoutError where one lets wait so long that a second replica gets the job."""
    async with aclosing(pieces):
        while True:
            piece = await next_piece(pieces, tries)
            if piece is None:
                return
            yield piece


async def next_piece(pieces: Pieces, tries: Tries) -> str | Answer | None:
    """The next one; None behind the last. Raises TimeoutError as `heard` does."""
    coming = asyncio.ensure_future(anext(pieces, None))
    try:
        while not coming.done():
            done, _ = await asyncio.wait({coming}, timeout=tries.until_helper())
            if not done and tries.call_helper():
                raise TimeoutError
        return coming.result()
    finally:
        if not coming.done():
            coming.cancel()
            await asyncio.wait({coming})


async def unsaid(pieces: AsyncGenerator[str | Answer, None], said: int) -> AsyncGenerator[str | Answer, None]:
    """`pieces` without their first `said` characters."""
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, str):
                piece, said = piece[said:], max(0, said - len(piece))
                if not piece:
                    continue
            yield piece
