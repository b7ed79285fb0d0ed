"""Which completion runs, for whom and until when: the latest request wins, equal ones share a run, a cancel stops it."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Executor

from attrs import define, field, frozen

from lowabs_lsp.values import Cancelled, Completion, Document, Reason

Work = Callable[[Cancelled], Completion]
"""What computes a completion. Runs on the engine thread."""

SUPERSEDED = Completion("", Reason.SUPERSEDED)


@frozen
class Request:
    """Somebody's wish for a completion at one place."""

    document: Document
    offset: int
    channel: str
    """The kind of request, such as the LSP method. A client awaits one answer for each kind."""

    def shares_run_with(self, other: "Request") -> bool:
        """Whether one completion answers both."""
        here, there = self.document, other.document
        return self.offset == other.offset and here.uri == there.uri and here.text == there.text

    def supersedes(self, other: "Request") -> bool:
        """Whether nobody wants the answer to the older `other` any more: asked for again, or of a text that is gone."""
        if self.document.uri != other.document.uri:
            return False
        return self.channel == other.channel or self.document.text != other.document.text


Waiter = asyncio.Future[Completion]


@define(eq=False)
class _Run:
    """One computation and those who wait for it. Without waiters it is stopped."""

    place: Request
    cancelled: threading.Event = field(factory=threading.Event)
    hurry: asyncio.Event = field(factory=asyncio.Event)
    """Somebody waits who does not want the delay."""
    waiters: dict[Waiter, Request] = field(factory=dict)
    task: "asyncio.Task[None] | None" = None

    def answer(self, completion: Completion) -> None:
        for waiter in [waiter for waiter in self.waiters if not waiter.done()]:
            waiter.set_result(completion)

    def fail(self, error: Exception) -> None:
        for waiter in [waiter for waiter in self.waiters if not waiter.done()]:
            waiter.set_exception(error)

    def stop(self) -> None:
        self.cancelled.set()
        if self.task is not None:
            self.task.cancel()


class Schedule:
    """One client's runs. Lives on the event loop; the work is done by `executor`, one at a time."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._runs: list[_Run] = []

    async def complete(self, request: Request, work: Work, *, delay: float = 0.0) -> Completion:
        """Answer `request` with what `work` says, begun `delay` seconds from now unless it is superseded first.

        A request that is superseded is answered at once. Cancelling this coroutine stops the work within one step, if
        nobody else waits for it. Raises what `work` raises.
        """
        self.supersede(request)
        run = self._shared(request) or self._begin(request, work, delay)
        if delay <= 0:
            run.hurry.set()
        waiter: Waiter = asyncio.get_running_loop().create_future()
        run.waiters[waiter] = request
        try:
            return await waiter
        finally:
            self._leave(run, waiter)

    def supersede(self, request: Request) -> None:
        """Answer everything that `request` makes pointless with nothing, and stop what then runs for nobody."""
        for run in list(self._runs):
            for waiter, older in list(run.waiters.items()):
                if request.supersedes(older):
                    if not waiter.done():
                        waiter.set_result(SUPERSEDED)
                    self._leave(run, waiter)

    def stop(self, uri: str | None = None) -> None:
        """Answer everything, or everything for one document, with nothing and stop the runs."""
        for run in list(self._runs):
            if uri in (None, run.place.document.uri):
                run.answer(SUPERSEDED)
                self._forget(run)
                run.stop()

    def _shared(self, request: Request) -> _Run | None:
        return next((run for run in self._runs if request.shares_run_with(run.place)), None)

    def _begin(self, request: Request, work: Work, delay: float) -> _Run:
        run = _Run(request)
        run.task = asyncio.get_running_loop().create_task(self._carry_out(run, work, delay))
        self._runs.append(run)
        return run

    async def _carry_out(self, run: _Run, work: Work, delay: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(run.hurry.wait(), delay)
        try:
            run.answer(await asyncio.get_running_loop().run_in_executor(self._executor, work, run.cancelled.is_set))
        except Exception as error:  # it belongs to those who wait
            run.fail(error)
        self._forget(run)

    def _leave(self, run: _Run, waiter: Waiter) -> None:
        run.waiters.pop(waiter, None)
        if not run.waiters and run in self._runs:
            self._forget(run)
            run.stop()

    def _forget(self, run: _Run) -> None:
        if run in self._runs:
            self._runs.remove(run)
