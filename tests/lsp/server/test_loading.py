"""The engine comes in the background, and comes back; with a real engine thread and a clock that the test moves."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import BundleError
from lowabs_lsp.server.engine_thread import EngineThread
from lowabs_lsp.server.loading import RETRY_AFTER, Loader
from lowabs_lsp.settings import Settings, load_settings
from lowabs_lsp.values import Engine


class Folder:
    """Opens engines; a fault makes that fail, a closed gate makes it wait."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.fault: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def open(self, settings: Settings) -> Engine:
        self.opened.append(settings.model)
        self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return ScriptedEngine(settings.model)


class Editor:
    """Keeps what a user would see."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.titles: list[str] = []

    def show_fault(self, message: str) -> None:
        self.faults.append(message)

    async def show_progress(self, work: "asyncio.Future[Any]", title: str) -> None:
        self.titles.append(title)


class Stage:
    """A loader with all that it needs."""

    def __init__(self, thread: EngineThread, folder: Folder, **more: Any) -> None:
        self.folder, self.editor, self.now = folder, Editor(), 100.0
        self.tasks: list[asyncio.Task[None]] = []
        self.loader = Loader(thread, self.editor, self.begin, clock=lambda: self.now, **more)

    def begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        self.tasks.append(asyncio.get_running_loop().create_task(work))
        return self.tasks[-1]

    async def settle(self) -> str | None:
        """Let everything that was begun end. Returns what the engine at hand would say."""
        while self.tasks:
            await self.tasks.pop(0)
        completer = self.loader.completer()
        if completer is None:
            return None
        assert isinstance(completer.engine, ScriptedEngine)
        assert isinstance(completer.engine.script, str)
        return completer.engine.script


Make = Callable[..., Stage]


@pytest.fixture
def folder() -> Folder:
    return Folder()


@pytest.fixture
def make(folder: Folder) -> Iterator[Make]:
    """Makes loaders that share one engine thread."""
    thread = EngineThread(folder.open)
    yield lambda **more: Stage(thread, folder, **more)
    folder.gate.set()
    assert thread.stop(10)


@pytest.fixture
def stage(make: Make) -> Stage:
    return make()


def model(name: str, **more: object) -> Settings:
    return load_settings({"model": name, **more})


async def test_before_settings_are_known_nothing_is_opened(stage: Stage) -> None:
    assert await stage.settle() is None
    assert stage.folder.opened == []


async def test_the_engine_is_there_after_a_while(stage: Stage) -> None:
    stage.loader.configure(model("a"))
    assert stage.loader.completer() is None
    assert await stage.settle() == "a"
    assert (stage.folder.opened, stage.editor.titles, stage.editor.faults) == (["a"], ["Loading the completion model"], [])


async def test_settings_that_do_not_concern_the_engine_keep_it(stage: Stage) -> None:
    stage.loader.configure(model("a"))
    await stage.settle()
    stage.loader.configure(model("a", completion={"maxTokens": 7}))
    completer = stage.loader.completer()
    assert completer is not None
    assert completer.settings.completion.max_tokens == 7
    assert stage.folder.opened == ["a"]


async def test_settings_that_come_while_it_is_opened_apply_to_it(stage: Stage) -> None:
    stage.loader.configure(model("a"))
    stage.loader.configure(model("a", completion={"maxTokens": 7}))
    assert await stage.settle() == "a"
    completer = stage.loader.completer()
    assert completer is not None
    assert completer.settings.completion.max_tokens == 7
    assert stage.folder.opened == ["a"]


async def test_another_model_replaces_the_first_at_once(stage: Stage) -> None:
    stage.loader.configure(model("a"))
    await stage.settle()
    stage.loader.configure(model("b"))
    assert stage.loader.completer() is None
    assert await stage.settle() == "b"


async def test_what_is_opened_too_late_is_not_used(stage: Stage) -> None:
    stage.folder.gate.clear()
    stage.loader.configure(model("a"))
    stage.loader.configure(model("b"))
    stage.folder.gate.set()
    assert await stage.settle() == "b"


async def test_a_failure_is_told_once_and_tried_again_after_a_while(stage: Stage) -> None:
    stage.folder.fault = BundleError("no model; install one")
    stage.loader.configure(model("a"))
    assert await stage.settle() is None
    stage.now += RETRY_AFTER - 0.1
    assert await stage.settle() is None
    assert len(stage.folder.opened) == 1
    stage.now += 0.2
    assert stage.loader.completer() is None
    assert await stage.settle() is None
    assert (len(stage.folder.opened), stage.editor.faults) == (2, ["no model; install one"])
    assert len(stage.editor.titles) == 1


async def test_a_mended_model_is_picked_up(stage: Stage) -> None:
    stage.folder.fault = BundleError("no model; install one")
    stage.loader.configure(model("a"))
    await stage.settle()
    stage.folder.fault = None
    stage.now += RETRY_AFTER
    assert stage.loader.completer() is None
    assert await stage.settle() == "a"


async def test_another_fault_is_told_too(stage: Stage) -> None:
    stage.folder.fault = BundleError("no model; install one")
    stage.loader.configure(model("a"))
    await stage.settle()
    stage.folder.fault = BundleError("cut short; install it again")
    stage.now += RETRY_AFTER
    stage.loader.completer()
    await stage.settle()
    assert stage.editor.faults == ["no model; install one", "cut short; install it again"]


async def test_a_fault_that_nobody_foresaw_says_what_to_do(stage: Stage) -> None:
    stage.folder.fault = MemoryError("too big")
    stage.loader.configure(model("a"))
    await stage.settle()
    (fault,) = stage.editor.faults
    assert "too big" in fault
    assert "lowabs-lsp doctor" in fault


async def test_sessions_with_equal_settings_share_one_engine(make: Make, folder: Folder) -> None:
    first, second = make(), make()
    for stage in (first, second):
        stage.loader.configure(model("a"))
    assert [await first.settle(), await second.settle()] == ["a", "a"]
    assert folder.opened == ["a"]


def test_a_thread_that_is_at_rest_stops_at_once_and_one_that_works_does_not(folder: Folder) -> None:
    thread = EngineThread(folder.open)
    gate = threading.Event()
    thread.executor.submit(gate.wait)
    assert not thread.stop(0.01)
    gate.set()
    assert EngineThread(folder.open).stop(10)


async def test_the_workspace_is_read_from_where_documents_are_open(make: Make, tmp_path: Path) -> None:
    for name in ("a/one.py", "b/two.py", "c/three.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("x = 1\n")
    stage = make(roots=lambda: [tmp_path], near=lambda: ["b/open.py"])
    stage.loader.configure(model("a", context={"snippetShare": 0.25}))
    await stage.settle()
    assert stage.loader.surroundings is not None
    files = stage.loader.surroundings.files
    assert files.settle(20)
    assert [file.path for segment in files.segments for file in segment.files] == ["b/two.py", "a/one.py", "c/three.py"]
    stage.loader.close()
