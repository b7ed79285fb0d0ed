"""When work ahead is done and when it gives way, on a real event loop with a real engine thread."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lowabs_lsp.server.ahead import Ahead, accepted, entered
from lowabs_lsp.values import Cancelled, Document

CURSOR = "‸"


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=1) as executor:
        yield executor


class Work:
    """A job that notes what became of it."""

    def __init__(self, *, released: bool = True) -> None:
        self.started, self.released = threading.Event(), threading.Event()
        self.ends: list[str] = []
        if released:
            self.released.set()

    def __call__(self, cancelled: Cancelled) -> Callable[[], None]:
        self.started.set()
        while not self.released.wait(0.001) and not cancelled():
            pass
        return lambda: self.ends.append("done")


async def rest(ahead: Ahead) -> None:
    while ahead.is_working:
        await asyncio.sleep(0)


async def test_what_is_planned_is_done_when_nothing_else_is_to_be_done(executor: ThreadPoolExecutor) -> None:
    busy, work = True, Work()
    ahead = Ahead(executor, lambda: not busy)
    ahead.plan(work)
    assert not ahead.is_working
    busy = False
    ahead.proceed()
    await rest(ahead)
    ahead.proceed()
    await rest(ahead)
    assert work.ends == ["done"]


async def test_it_gives_way_within_a_step_and_what_came_of_it_is_dropped(executor: ThreadPoolExecutor) -> None:
    ahead, work = Ahead(executor, lambda: True), Work(released=False)
    ahead.plan(work)
    assert await asyncio.to_thread(work.started.wait, 10)
    ahead.give_way()
    await rest(ahead)
    assert work.ends == []


async def test_a_new_plan_replaces_the_old_one(executor: ThreadPoolExecutor) -> None:
    ahead, running, waiting, last = Ahead(executor, lambda: True), Work(released=False), Work(), Work()
    ahead.plan(running)
    assert await asyncio.to_thread(running.started.wait, 10)
    ahead.plan(waiting)
    ahead.plan(last)
    await rest(ahead)
    assert (running.ends, waiting.ends, last.ends) == ([], [], ["done"])


async def test_a_failure_is_no_concern_of_anybody(executor: ThreadPoolExecutor) -> None:
    def fail(cancelled: Cancelled) -> Callable[[], None]:
        raise ValueError("no")

    ahead, work = Ahead(executor, lambda: True), Work()
    ahead.plan(fail)
    await rest(ahead)
    ahead.plan(work)
    await rest(ahead)
    assert work.ends == ["done"]


def place(marked: str) -> tuple[Document, int]:
    return Document("file:///a.py", "a.py", "python", marked.replace(CURSOR, "")), marked.index(CURSOR)


def marked(found: tuple[Document, int] | None) -> str | None:
    return found and found[0].text[: found[1]] + CURSOR + found[0].text[found[1] :]


def test_an_accepted_text_is_in_front_of_the_cursor() -> None:
    assert marked(accepted(*place("x = ‸\n"), "foo(1)")) == "x = foo(1)‸\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1‸\n", "x = 1\n‸\n"),
        ("    x = 1‸", "    x = 1\n    ‸"),
        ("def f():‸\n", "def f():\n    ‸\n"),
        ("if x:\n  y = 1\n  if z:‸\n", "if x:\n  y = 1\n  if z:\n    ‸\n"),
        ("x = 1‸\r\ny = 2\r\n", "x = 1\r\n‸\r\ny = 2\r\n"),
        ("x = f(‸)", None),
        ("    ‸\n", None),
    ],
)
def test_enter_indents_as_editors_do(before: str, after: str | None) -> None:
    assert marked(entered(*place(before))) == after
