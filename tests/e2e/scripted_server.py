"""The product's server with a scripted engine, and requests with which a test looks inside. Started as a process.

Settings' `model` says what the engine is: nothing, the script of the command line; `slow:...`, the same once
`test/open` came; else the text of that file is the script.
"""

import asyncio
import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any

from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import BundleError
from lowabs_lsp.logs import set_up_logging
from lowabs_lsp.server import app
from lowabs_lsp.server.engine_thread import EngineThread
from lowabs_lsp.server.session import Session
from lowabs_lsp.settings import Settings, load_settings
from lowabs_lsp.values import Engine


class Stage:
    """What a test can arrange."""

    def __init__(self, script: Any) -> None:
        self.engine = ScriptedEngine(script)
        self.may_open = threading.Event()
        self.opened = 0

    def open_engine(self, settings: Settings) -> Engine:
        print("noise on standard output")  # noqa: T201  # it must not reach the client
        self.opened += 1
        if settings.model.startswith("slow:"):
            self.may_open.wait()
        elif settings.model == "crash":
            raise RuntimeError("the driver is gone")
        elif settings.model:
            self.engine.script = _read(settings.model)
        return self.engine


def _read(name: str) -> str:
    try:
        return Path(name).read_text()
    except OSError as error:
        raise BundleError(f"{name}: no model there; check the setting `model`") from error


def add_test_requests(session: Session, stage: Stage, thread: EngineThread) -> None:
    """Let a test look inside and hold the engine."""
    feature, engine = session.server.feature, stage.engine

    @feature("test/text")
    def text(params: Any) -> str | None:
        try:
            return session.documents.use(params.uri).snapshot().text
        except KeyError:
            return None

    @feature("test/gate")
    def gate(params: Any) -> None:
        engine.started.clear()
        engine.told = getattr(params, "told", 0)
        (engine.gate.set if params.open else engine.gate.clear)()

    @feature("test/started")
    async def started(params: Any) -> bool:
        while not engine.started.is_set():  # this loop's other tasks run in between
            await asyncio.sleep(0)
        return True

    @feature("test/idle")
    async def idle(params: Any) -> bool:
        await asyncio.get_running_loop().run_in_executor(thread.executor, lambda: None)
        return True

    @feature("test/prompts")
    def prompts(params: Any) -> list[str]:
        return [engine.spell(prompt) for prompt in engine.prompts]

    @feature("test/patience")
    def patience(params: Any) -> None:
        session.menu_patience = params.seconds

    @feature("test/tokens")
    def tokens(params: Any) -> int:
        return len(session.server.work_done_progress.tokens)

    @feature("test/open")
    def open_slow(params: Any) -> None:
        stage.may_open.set()

    @feature("test/loaded")
    def loaded(params: Any) -> bool:
        return session._loader.completer() is not None

    @feature("test/opened")
    def opened(params: Any) -> int:
        return stage.opened

    @feature("test/fail")
    def fail(params: Any) -> None:
        raise ValueError("a handler that fails")


def main(options: dict[str, Any]) -> int:
    """Serve with the engine that `options["says"]` scripts. Nothing is computed ahead, so that tests can count, but by `ahead`."""
    set_up_logging("info")
    logging.captureWarnings(capture=True)
    stage = Stage(options.get("says", ""))
    thread = EngineThread(stage.open_engine)
    settings = load_settings({"completion": {"ahead": options.get("ahead", "never")}})
    state = Path(options["state"]) if "state" in options else None
    session = app.new_session(thread, settings, watches_parent=True, state=state)
    session.menu_patience = 60.0  # tests do not hurry, but those of this
    add_test_requests(session, stage, thread)
    return app.run_stdio(session, thread)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
