"""Who is answered when, on a real event loop with a real engine thread; no step waits for a clock."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lowabs_lsp.server.schedule import Request, Schedule
from lowabs_lsp.values import Cancelled, Completion, Document, Observer, Reason

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

    def __init__(self, text: str = "text", *, released: bool = False, told: int = 0) -> None:
        self.text, self.told = text, told
        self.runs = 0
        self.started, self.released, self.saw_cancel = threading.Event(), threading.Event(), threading.Event()
        if released:
            self.released.set()

    async def prepare(self) -> "Work":
        return self

    def __call__(self, cancelled: Cancelled, observer: Observer) -> Completion:
        self.runs += 1
        if self.told:
            observer(self.text[: self.told])
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
    return asyncio.create_task(schedule.complete(wish, work.prepare, delay=delay))


async def test_a_request_is_answered_by_its_work(schedule: Schedule) -> None:
    assert await schedule.complete(request(), Work("x", released=True).prepare) == Completion("x", Reason.SHOWN)


async def test_a_later_request_answers_the_earlier_one_at_once_and_stops_its_work(schedule: Schedule) -> None:
    first, second = Work(told=4), Work("second", released=True)
    earlier = start(schedule, request("a"), first)
    assert await happens(first.started)
    await asyncio.sleep(0)  # what was said has arrived
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
    assert (await schedule.complete(request(channel="inline"), unused.prepare)).text == "now"
    assert (await patient).text == "now"


async def test_a_delay_that_passes_runs_the_work(schedule: Schedule) -> None:
    assert (await schedule.complete(request(), Work("x", released=True).prepare, delay=0.001)).text == "x"


async def test_what_the_work_raises_reaches_who_asked(schedule: Schedule) -> None:
    def fail(cancelled: Cancelled, observer: Observer) -> Completion:
        raise ValueError("no")

    async def prepare() -> Callable[[Cancelled, Observer], Completion]:
        return fail

    with pytest.raises(ValueError, match="no"):
        await schedule.complete(request(), prepare)
    assert (await schedule.complete(request(), Work("next", released=True).prepare)).text == "next"


async def test_stopping_answers_all_and_stops_the_work(schedule: Schedule) -> None:
    running, delayed = Work(), Work()
    first = start(schedule, request(), running)
    second = start(schedule, request(uri="file:///b.py"), delayed, delay=LONG)
    assert await happens(running.started)
    schedule.stop()
    assert [(await first).reason, (await second).reason] == [Reason.SUPERSEDED] * 2
    assert await happens(running.saw_cancel)
    assert delayed.runs == 0


async def test_a_run_serves_the_keys_that_agree_with_what_it_says(schedule: Schedule) -> None:
    work, unused = Work("foo(1)", told=3), Work()
    earlier = start(schedule, request("x = ", 4), work)
    assert await happens(work.started)
    later = start(schedule, request("x = fo", 6), unused)
    assert (await earlier).reason is Reason.SUPERSEDED
    closed = start(schedule, request("x = foo()", 8), unused)
    assert (await later).reason is Reason.SUPERSEDED
    work.released.set()
    assert await closed == Completion("1", Reason.TYPED_THROUGH)
    assert (work.runs, unused.runs) == (1, 0)


async def test_a_run_is_left_at_once_by_a_key_that_disagrees_with_what_it_says(schedule: Schedule) -> None:
    work, other = Work("foo(1)", told=3), Work("global", released=True)
    start(schedule, request("x = ", 4), work)
    assert await happens(work.started)
    await asyncio.sleep(0)  # what was said has arrived
    assert (await schedule.complete(request("x = g", 5), other.prepare)).text == "global"
    assert work.saw_cancel.is_set()


async def test_who_joined_a_run_that_then_says_something_else_gets_a_run_of_its_own(schedule: Schedule) -> None:
    work, own = Work("foo(1)"), Work("own", released=True)
    start(schedule, request("x = ", 4), work)
    assert await happens(work.started)
    later = start(schedule, request("x = g", 5), own)
    await asyncio.sleep(0)
    schedule._hear(schedule._runs[0], "foo")
    assert (await later).text == "own"
    assert await happens(work.saw_cancel)


async def test_who_joined_a_run_that_ends_otherwise_gets_a_run_of_its_own(schedule: Schedule) -> None:
    work, own = Work("foo(1)"), Work("own", released=True)
    start(schedule, request("x = ", 4), work)
    assert await happens(work.started)
    later = start(schedule, request("x = g", 5), own)
    await asyncio.sleep(0)
    work.released.set()
    assert (await later).text == "own"


async def test_a_change_that_disagrees_stops_the_run_before_anybody_asks_again(schedule: Schedule) -> None:
    work = Work("foo(1)", told=3)
    running = start(schedule, request("x = ", 4), work)
    assert await happens(work.started)
    await asyncio.sleep(0)
    schedule.follow("file:///a.py", "x = fo")
    assert not running.done()
    schedule.follow("file:///a.py", "x = g")
    assert (await running).reason is Reason.SUPERSEDED
    assert await happens(work.saw_cancel)


@pytest.mark.parametrize("typed_first", [True, False])
async def test_a_run_whose_request_a_key_took_back_serves_the_request_behind_the_key(
    schedule: Schedule, typed_first: bool
) -> None:
    work, unused = Work("foo(1)", told=3), Work()
    taken_back = start(schedule, request("x = ", 4), work)
    assert await happens(work.started)
    if typed_first:
        schedule.follow("file:///a.py", "x = f")
    taken_back.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taken_back
    schedule.follow("file:///a.py", "x = f")
    later = start(schedule, request("x = f", 5), unused)
    await asyncio.sleep(0)
    work.released.set()
    assert (await later).text == "oo(1)"
    assert unused.runs == 0


async def test_a_run_whose_request_a_key_took_back_ends_if_nobody_asks_again(schedule: Schedule) -> None:
    work = Work("foo(1)", told=3)
    taken_back = start(schedule, request("x = ", 4), work)
    assert await happens(work.started)
    schedule.follow("file:///a.py", "x = f")
    taken_back.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taken_back
    assert await happens(work.saw_cancel)
    assert schedule.is_idle


async def test_what_a_run_says_is_kept_also_if_nobody_waits_any_more(executor: ThreadPoolExecutor) -> None:
    kept: list[str] = []
    schedule, work = Schedule(executor, lambda request, completion: kept.append(completion.text)), Work("foo(1)", told=3)
    taken_back = start(schedule, request("x = ", 4), work)
    assert await happens(work.started)
    schedule.follow("file:///a.py", "x = f")
    taken_back.cancel()
    work.released.set()
    with pytest.raises(asyncio.CancelledError):
        await taken_back
    while not schedule.is_idle:
        await asyncio.sleep(0)
    assert kept == ["foo(1)"]


async def test_nothing_is_kept_of_what_is_over(schedule: Schedule) -> None:
    await schedule.complete(request(), Work(released=True).prepare)
    task = start(schedule, request(), Work(), delay=LONG)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert schedule._runs == []
