"""The one thread on which engines are opened and run."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary

from lowabs_lsp.settings import EngineSettings, Settings
from lowabs_lsp.values import Engine

OpenEngine = Callable[[Settings], Engine]
"""Opens the engine that settings name. Slow. Raises BundleError or EngineError with the remedy."""


@runtime_checkable
class ForSessions(Protocol):
    """An engine that keeps what its sessions have in its memory apart."""

    def for_session(self) -> Engine:
        """The same engine, with a share of its own for one session."""
        ...


EngineKey = tuple[str, EngineSettings]


def engine_key(settings: Settings) -> EngineKey:
    """The part of the settings on which an engine depends."""
    return settings.model, settings.engine


class EngineThread:
    """Shared by all sessions of the process. An engine lives as long as a session holds it."""

    def __init__(self, open_engine: OpenEngine) -> None:
        self._open_engine = open_engine
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._engines: WeakValueDictionary[EngineKey, Engine] = WeakValueDictionary()

    @property
    def executor(self) -> Executor:
        """Runs work on the thread, in order."""
        return self._threads

    async def open(self, settings: Settings) -> Engine:
        """The engine that `settings` name; opened only if no session has it. Raises what the opener raises."""
        engine = await asyncio.get_running_loop().run_in_executor(self._threads, self._find_or_open, settings)
        return engine.for_session() if isinstance(engine, ForSessions) else engine

    def forget(self, settings: Settings) -> None:
        """Open anew the next time, whoever still holds the engine that `settings` name."""
        self._engines.pop(engine_key(settings), None)

    def _find_or_open(self, settings: Settings) -> Engine:
        engine = self._engines.get(engine_key(settings))
        if engine is None:
            engine = self._engines[engine_key(settings)] = self._open_engine(settings)
        return engine

    def stop(self, timeout: float) -> bool:
        """Take no more work; true if what is there is over within `timeout` seconds."""
        last = self._threads.submit(lambda: None)
        self._threads.shutdown(wait=False)
        try:
            last.result(timeout)
        except FutureTimeoutError:
            return False
        return True
