"""Which completion runs, for whom and until when: a run serves later keys while they agree with it, and else stops."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import cached_property

from attrs import define, evolve, field, frozen

from lowabs_lsp.server.agreement import Place, added_behind, agrees, rest_of
from lowabs_lsp.values import Cancelled, Completion, Document, Observer, Reason

Work = Callable[[Cancelled, Observer], Completion]
"""What computes a completion and tells its text as it grows. Runs on the engine thread."""

Prepare = Callable[[], Awaitable[Work]]
"""Waits until there is something to compute with. Runs on the event loop."""

SUPERSEDED = Completion("", Reason.SUPERSEDED)

LINGER = 0.005
"""Seconds that a run goes on after its request was taken back: the key that replaces the request may be on its way."""
LINGER_TYPED = 0.15
"""The same, when a key that agrees with it is there already: the client will ask again, after a debounce of its own."""


@frozen
class Request:
    """Somebody's wish for a completion at one place."""

    document: Document
    offset: int
    channel: str
    """The kind of request, such as the LSP method. A client awaits one answer for each kind."""

    @cached_property
    def place(self) -> Place:
        """The cursor and the text around it."""
        return Place(self.document.text[: self.offset], self.document.text[self.offset :])

    def is_at(self, other: "Request") -> bool:
        """Whether one completion is for both."""
        return self.document.uri == other.document.uri and self.place == other.place

    def supersedes(self, other: "Request") -> bool:
        """Whether nobody wants the answer to the older `other` any more: asked for again, or of a text that is gone."""
        if self.document.uri != other.document.uri:
            return False
        return self.channel == other.channel or self.document.text != other.document.text


Waiter = asyncio.Future[Completion | None]
"""Gets the run's completion, or None when the run is not for it any more."""


@define(eq=False)
class _Run:
    """One computation and those who wait for it. Without waiters it stops, now or soon."""

    origin: Request
    cancelled: threading.Event = field(factory=threading.Event)
    hurry: asyncio.Event = field(factory=asyncio.Event)
    """Somebody waits who does not want the delay."""
    waiters: dict[Waiter, Request] = field(factory=dict)
    said: str = ""
    """What is known of the completion so far, before it is post-processed."""
    has_begun: bool = False
    """The work is under way. Before that, a later request had better begin anew, with all of its text."""
    was_followed: bool = False
    """Keys that agree with it have been typed since."""
    task: "asyncio.Task[None] | None" = None

    def may_serve(self, request: Request) -> bool:
        """Whether what it says may go on at `request`."""
        if request.is_at(self.origin) or not self.has_begun:
            return request.is_at(self.origin)
        origin, here = self.origin.place, request.place
        if request.document.uri != self.origin.document.uri or not here.prefix.startswith(origin.prefix):
            return False
        typed, added = here.prefix[len(origin.prefix) :], added_behind(origin.suffix, here.suffix)
        return added is not None and agrees(self.said, typed + added)

    def may_become(self, text: str) -> bool:
        """Whether what it says may still stand in its document, which is now `text`."""
        origin = self.origin.place
        size = len(text) - len(origin.prefix) - len(origin.suffix)
        if size < 0 or not text.startswith(origin.prefix) or not text.endswith(origin.suffix):
            return False
        return agrees(self.said, text[len(origin.prefix) : len(origin.prefix) + size])

    def answer(self, completion: Completion | None) -> None:
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

    def __init__(self, executor: Executor, on_done: Callable[[Request, Completion], None] = lambda *done: None) -> None:
        """`on_done` hears of each completion for the request that began it, also when nobody waits for it any more."""
        self._executor, self._on_done = executor, on_done
        self._runs: list[_Run] = []

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits to."""
        return not self._runs

    def serves(self, request: Request) -> bool:
        """Whether a run that is on its way may answer `request`."""
        return self._serving(request) is not None

    async def complete(self, request: Request, prepare: Prepare, *, delay: float = 0.0) -> Completion:
        """Answer `request` with what the prepared work says, begun `delay` seconds from now unless it is superseded first.

        A run that is on its way already serves the request while keys and text agree. A request that is superseded is
        answered at once. Cancelling this coroutine stops the work, if nobody else waits for it and no key agrees with
        it. Raises what preparing and working raise.
        """
        while True:
            run = self._serving(request) or self._begin(request, prepare, delay)
            if delay <= 0:
                run.hurry.set()
            waiter: Waiter = asyncio.get_running_loop().create_future()
            run.waiters[waiter] = request
            self.supersede(request)
            try:
                completion = await waiter
            finally:
                self._leave(run, waiter)
            answer = completion and _as_seen_from(request, run.origin, completion)
            if answer is not None:
                return answer

    def supersede(self, request: Request) -> None:
        """Answer everything that `request` makes pointless with nothing, and stop what then runs for nobody."""
        for run in list(self._runs):
            for waiter, older in list(run.waiters.items()):
                if older is not request and request.supersedes(older):
                    if not waiter.done():
                        waiter.set_result(SUPERSEDED)
                    self._leave(run, waiter)

    def follow(self, uri: str, text: str) -> None:
        """The document is `text` now: stop at once what cannot become it any more, and let the rest go on for a while."""
        for run in [run for run in self._runs if run.origin.document.uri == uri]:
            if not run.may_become(text):
                self._abandon(run)
            elif text != run.origin.document.text:
                run.was_followed = True

    def stop(self, uri: str | None = None) -> None:
        """Answer everything, or everything for one document, with nothing and stop the runs."""
        for run in list(self._runs):
            if uri in (None, run.origin.document.uri):
                self._abandon(run)

    def _serving(self, request: Request) -> _Run | None:
        return next((run for run in self._runs if run.may_serve(request)), None)

    def _begin(self, request: Request, prepare: Prepare, delay: float) -> _Run:
        run = _Run(request)
        run.task = asyncio.get_running_loop().create_task(self._carry_out(run, prepare, delay))
        self._runs.append(run)
        return run

    async def _carry_out(self, run: _Run, prepare: Prepare, delay: float) -> None:
        loop = asyncio.get_running_loop()

        def tell(text: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is interested any more
                loop.call_soon_threadsafe(self._hear, run, text)

        def begin() -> Completion:
            run.has_begun = True
            return work(run.cancelled.is_set, tell)

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(run.hurry.wait(), delay)
        try:
            work = await prepare()
            completion = await loop.run_in_executor(self._executor, begin)
            self._on_done(run.origin, completion)
            run.answer(completion)
        except Exception as error:  # it belongs to those who wait
            run.fail(error)
        self._forget(run)

    def _hear(self, run: _Run, text: str) -> None:
        """Let go of those who want something else than what is said now."""
        run.said = text
        for waiter in [waiter for waiter, request in run.waiters.items() if not run.may_serve(request)]:
            if not waiter.done():
                waiter.set_result(None)
            self._leave(run, waiter)

    def _leave(self, run: _Run, waiter: Waiter) -> None:
        if run.waiters.pop(waiter, None) is None or run.waiters or run not in self._runs:
            return
        if waiter.cancelled() and run.has_begun:
            linger = LINGER_TYPED if run.was_followed else LINGER
            asyncio.get_running_loop().call_later(linger, self._end_unless_wanted, run, not run.was_followed)
        else:
            self._abandon(run)

    def _end_unless_wanted(self, run: _Run, is_first_look: bool) -> None:
        """Stop a run for which nobody waits. If a key that agrees with it has come in the meantime, look again later."""
        if run.waiters or run not in self._runs:
            return
        if is_first_look and run.was_followed:
            asyncio.get_running_loop().call_later(LINGER_TYPED, self._end_unless_wanted, run, False)
        else:
            self._abandon(run)

    def _abandon(self, run: _Run) -> None:
        run.answer(SUPERSEDED)
        self._forget(run)
        run.stop()

    def _forget(self, run: _Run) -> None:
        if run in self._runs:
            self._runs.remove(run)


def _as_seen_from(request: Request, origin: Request, completion: Completion) -> Completion | None:
    """What a completion for `origin` is at `request`; None where it is over or another one there."""
    if completion is SUPERSEDED or request.is_at(origin):
        return completion
    rest = rest_of(completion.text, origin.place, request.place)
    return evolve(completion, text=rest, reason=Reason.TYPED_THROUGH) if rest.strip() else None
