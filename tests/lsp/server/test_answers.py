"""How requests are answered, with a real loader and engine thread, and engines that are late or have nothing to say."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from attrs import evolve

from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.server.answers import Answers, Wish
from lowabs_lsp.server.engine_thread import EngineThread
from lowabs_lsp.server.loading import Loader
from lowabs_lsp.server.schedule import Request
from lowabs_lsp.settings import Settings, load_settings
from lowabs_lsp.values import Cancelled, Decoding, Document, Generated, Prompt, Reason, Stop, never

SETTINGS = load_settings({"completion": {"ahead": "never"}})


class Late(ScriptedEngine):
    """Is out of time on its first calls before it has said a word."""

    def __init__(self, script: str, late: int) -> None:
        super().__init__(script)
        self.late = late

    def generate(self, prompt: Prompt, decoding: Decoding, cancelled: Cancelled = never, **more: Any) -> Generated:
        generated = super().generate(prompt, decoding, cancelled, **more)
        if len(self.prompts) <= self.late:
            return evolve(generated, text="", tokens=(), logprobs=(), stop=Stop.DEADLINE)
        return generated


class SilentEditor:
    """Shows nothing."""

    def show_fault(self, message: str) -> None:
        raise AssertionError(message)

    async def show_progress(self, work: "asyncio.Future[Any]", title: str) -> None:
        await asyncio.wait([work])


Begin = Callable[[ScriptedEngine], Answers]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Answers by an engine that is there."""
    threads: list[EngineThread] = []
    tasks: set[asyncio.Task[None]] = set()

    def task(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        tasks.add(task := asyncio.get_running_loop().create_task(work))
        return task

    def begin(engine: ScriptedEngine, settings: Settings = SETTINGS) -> Answers:
        threads.append(EngineThread(lambda settings: engine))
        loader = Loader(threads[-1], SilentEditor(), task)
        loader.configure(settings)
        return Answers(loader, threads[-1].executor, lambda: settings)

    yield begin
    for thread in threads:
        assert thread.stop(10)


def wish(text: str = "x = ", **more: Any) -> Wish:
    return Wish(Request(Document("file:///a.py", "a.py", "python", text), len(text), "inline"), (), **more)


@pytest.mark.parametrize(
    ("late", "text", "reason", "calls"), [(0, "foo", Reason.SHOWN, 1), (1, "foo", Reason.SHOWN, 2), (2, "", Reason.DEADLINE, 2)]
)
async def test_late_is_better_than_never(begin: Begin, late: int, text: str, reason: Reason, calls: int) -> None:
    engine = Late("foo", late)
    completion = await begin(engine).answer(wish())
    assert (completion.text, completion.reason, len(engine.prompts)) == (text, reason, calls)


async def test_a_silence_is_remembered_until_something_else_changes_or_somebody_asks_for_it(begin: Begin) -> None:
    engine = ScriptedEngine("")
    answers = begin(engine)
    for _ in range(2):
        assert (await answers.answer(wish())).reason is Reason.EMPTY
    assert len(engine.prompts) == 1
    await answers.answer(wish(is_automatic=False))
    assert len(engine.prompts) == 2
    answers.follow(Document("file:///b.py", "b.py", "python", "y = 1"))
    await answers.answer(wish())
    assert len(engine.prompts) == 3


async def test_forgetting_asks_the_model_again(begin: Begin) -> None:
    engine = ScriptedEngine("foo")
    answers = begin(engine)
    await answers.answer(wish())
    answers.forget()
    await answers.answer(wish())
    assert len(engine.prompts) == 2


async def test_a_client_that_is_out_of_patience_is_answered_and_the_engine_stops(begin: Begin) -> None:
    engine = ScriptedEngine("foo")
    answers = begin(engine)
    await answers.answer(wish("y = "))
    engine.gate.clear()
    completion = await answers.answer(wish(patience=0.01))
    assert (completion.text, completion.reason) == ("", Reason.DEADLINE)
    engine.gate.set()
