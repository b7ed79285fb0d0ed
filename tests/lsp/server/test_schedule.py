"""Who is answered when, on a real event loop with a real engine thread; no step waits for a clock."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lowabs_lsp.server.schedule import Request, Schedule
from lowabs_lsp.values import Cancelled, Completion, Document, Reason

LONG = 3600.0
"""Seconds that no test waits for."""


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=1) as executor:
        yield executor


@pytest.fixture
def schedule(executor: ThreadPoolExecutor) -> Schedule:
    return Schedule(executor)


class Work:
    """Says `text` once it is released, unless it is cancelled first; counts its steps like a decoder."""

    def __init__(self, text: str = "text", *, released: bool = False) -> None:
        self.text = text
        self.runs = 0
        self.started, self.released, self.saw_cancel = threading.Event(), threading.Event(), threading.Event()
        if released:
            self.released.set()

    def __call__(self, cancelled: Cancelled) -> Completion:
        self.runs += 1
        self.started.set()
        while not self.released.wait(0.001):
            if cancelled():
                self.saw_cancel.set()
                return Completion("", Reason.CANCELLED)
        return Completion(self.text, Reason.SHOWN)


def request(text: str = "a", offset: int = 1, channel: str = "inline", uri: str = "file:///a.py") -> Request:
    return Request(Document(uri, "a.py", "python", text), offset, channel)


async def happens(event: threading.Event) -> bool:
    return await asyncio.to_thread(event.wait, 10)


def start(schedule: Schedule, wish: Request, work: Work, delay: float = 0.0) -> "asyncio.Task[Completion]":
    return asyncio.create_task(schedule.complete(wish, work, delay=delay))


async def test_a_request_is_answered_by_its_work(schedule: Schedule) -> None:
    assert await schedule.complete(request(), Work("x", released=True)) == Completion("x", Reason.SHOWN)


async def test_a_later_request_answers_the_earlier_one_at_once_and_stops_its_work(schedule: Schedule) -> None:
    first, second = Work(), Work("second", released=True)
    earlier = start(schedule, request("a"), first)
    assert await happens(first.started)
    later = start(schedule, request("ab", 2), second)
    assert (await earlier).reason is Reason.SUPERSEDED
    assert (await later).text == "second"
    assert first.saw_cancel.is_set()


async def test_a_superseded_request_that_has_not_begun_never_runs(schedule: Schedule) -> None:
    blocker, queued, last = Work(), Work(), Work("last", released=True)
    start(schedule, request("x", uri="file:///other.py"), blocker)
    assert await happens(blocker.started)
    earlier = start(schedule, request("a"), queued)
    await asyncio.sleep(0)
    later = start(schedule, request("ab", 2), last)
    assert (await earlier).reason is Reason.SUPERSEDED
    blocker.released.set()
    assert (await later).text == "last"
    assert queued.runs == 0


async def test_equal_requests_share_one_run(schedule: Schedule) -> None:
    work, unused = Work("shared"), Work()
    menu = start(schedule, request(channel="menu"), work)
    inline = start(schedule, request(channel="inline"), unused)
    assert await happens(work.started)
    work.released.set()
    assert [(await menu).text, (await inline).text] == ["shared", "shared"]
    assert (work.runs, unused.runs) == (1, 0)


async def test_the_same_request_again_takes_over_the_run(schedule: Schedule) -> None:
    work, unused = Work("kept"), Work()
    earlier = start(schedule, request(), work)
    assert await happens(work.started)
    other_kind = start(schedule, request(channel="menu"), unused)
    await asyncio.sleep(0)
    later = start(schedule, request(), unused)
    assert (await earlier).reason is Reason.SUPERSEDED
    work.released.set()
    assert [(await later).text, (await other_kind).text] == ["kept", "kept"]


async def test_requests_of_two_kinds_at_two_places_of_one_text_are_both_answered(schedule: Schedule) -> None:
    menu = start(schedule, request("ab", 1, "menu"), Work("m", released=True))
    inline = start(schedule, request("ab", 2, "inline"), Work("i", released=True))
    assert [(await menu).text, (await inline).text] == ["m", "i"]


async def test_documents_do_not_supersede_each_other(schedule: Schedule) -> None:
    first = start(schedule, request(uri="file:///a.py"), Work("a", released=True))
    second = start(schedule, request(uri="file:///b.py"), Work("b", released=True))
    assert [(await first).text, (await second).text] == ["a", "b"]


async def test_a_cancel_stops_the_work_within_a_step(schedule: Schedule) -> None:
    work = Work()
    task = start(schedule, request(), work)
    assert await happens(work.started)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await happens(work.saw_cancel)


async def test_a_cancel_leaves_the_run_to_those_who_still_wait(schedule: Schedule) -> None:
    work = Work("kept")
    menu, inline = start(schedule, request(channel="menu"), work), start(schedule, request(channel="inline"), work)
    assert await happens(work.started)
    menu.cancel()
    await asyncio.sleep(0)
    work.released.set()
    assert (await inline).text == "kept"
    assert not work.saw_cancel.is_set()


async def test_a_delayed_request_is_superseded_before_it_runs(schedule: Schedule) -> None:
    delayed = Work()
    earlier = start(schedule, request("a"), delayed, delay=LONG)
    await asyncio.sleep(0)
    later = start(schedule, request("ab", 2), Work("later", released=True))
    assert (await earlier).reason is Reason.SUPERSEDED
    assert (await later).text == "later"
    assert delayed.runs == 0


async def test_a_delayed_request_can_be_cancelled(schedule: Schedule) -> None:
    delayed = Work()
    task = start(schedule, request(), delayed, delay=LONG)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert delayed.runs == 0


async def test_a_request_without_delay_hurries_the_run_that_it_shares(schedule: Schedule) -> None:
    delayed, unused = Work("now", released=True), Work()
    patient = start(schedule, request(channel="menu"), delayed, delay=LONG)
    await asyncio.sleep(0)
    assert (await schedule.complete(request(channel="inline"), unused)).text == "now"
    assert (await patient).text == "now"


async def test_a_delay_that_passes_runs_the_work(schedule: Schedule) -> None:
    assert (await schedule.complete(request(), Work("x", released=True), delay=0.001)).text == "x"


async def test_what_the_work_raises_reaches_who_asked(schedule: Schedule) -> None:
    def fail(cancelled: Cancelled) -> Completion:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await schedule.complete(request(), fail)
    assert (await schedule.complete(request(), Work("next", released=True))).text == "next"


async def test_stopping_answers_all_and_stops_the_work(schedule: Schedule) -> None:
    running, delayed = Work(), Work()
    first = start(schedule, request(), running)
    second = start(schedule, request(uri="file:///b.py"), delayed, delay=LONG)
    assert await happens(running.started)
    schedule.stop()
    assert [(await first).reason, (await second).reason] == [Reason.SUPERSEDED] * 2
    assert await happens(running.saw_cancel)
    assert delayed.runs == 0


async def test_nothing_is_kept_of_what_is_over(schedule: Schedule) -> None:
    await schedule.complete(request(), Work(released=True))
    task = start(schedule, request(), Work(), delay=LONG)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert schedule._runs == []
