"""The engine comes in the background: progress while it is opened, one message when it cannot be, and another try later."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from lowabs_lsp.completer import Completer
from lowabs_lsp.errors import LowabsError
from lowabs_lsp.logs import key_values
from lowabs_lsp.recording import RecordingEngine
from lowabs_lsp.server.engine_thread import EngineThread, engine_key
from lowabs_lsp.settings import Settings
from lowabs_lsp.surroundings import Surroundings, key_of
from lowabs_lsp.values import Engine

logger = logging.getLogger(__name__)

RETRY_AFTER = 5.0
"""Seconds after a failure in which no request makes us try again."""

Begin = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
"""Begins a task that ends with the session."""


class Editor(Protocol):
    """What the loader tells a user."""

    def show_fault(self, message: str) -> None:
        """Show a message that says what to do."""
        ...

    async def show_progress(self, work: "asyncio.Future[Any]", title: str) -> None:
        """Show that `work` goes on until it is done."""
        ...


class Loader:
    """Keeps one session's completer in step with its settings."""

    def __init__(
        self,
        thread: EngineThread,
        editor: Editor,
        begin: Begin,
        *,
        roots: Callable[[], Sequence[Path]] = tuple,
        near: Callable[[], Sequence[str]] = tuple,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`roots` tells the folders of the workspace as they are now, `near` the paths whose neighbours are read first.

        `on_change` is called when `fault` or others change.
        """
        self._thread, self._editor, self._begin, self._clock = thread, editor, begin, clock
        self._roots, self._near = roots, near
        self.surroundings: Surroundings | None = None
        """Of the workspace, as soon as there is an engine."""
        self._settings: Settings | None = None
        self._completer: Completer | None = None
        self._loading: asyncio.Task[None] | None = None
        self._failed_at = 0.0
        self._told = ""
        self._on_change = on_change
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def completer_at_hand(self) -> Completer | None:
        """The completer if it is there; asking changes nothing."""
        return self._completer

    @property
    def is_loading(self) -> bool:
        """Whether an engine is being opened, or the settings that name it are not known yet."""
        return self._loading is not None or self._settings is None

    @property
    def fault(self) -> str:
        """Why there is no engine, and what to do; empty while one is there or on its way."""
        return "" if self._completer is not None or self.is_loading else self._told

    async def wait(self, seconds: float) -> Completer | None:
        """The completer, as soon as an engine that is on its way is there. None when it fails, or takes longer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.completer() is None and self.is_loading:
                    await self._next_change()
        return self._completer

    def reopen(self) -> None:
        """Open the engine anew, whatever is at hand."""
        if self._settings is not None:
            self._thread.forget(self._settings)
            self._told = ""
            self._open(self._settings)

    def configure(self, settings: Settings) -> None:
        """Use `settings` from now on. Opens their engine in the background unless it is the one at hand."""
        same = self._wants(settings)
        self._settings = settings
        if same and self._completer is not None:
            self._completer = self._equip(self._completer.engine, settings)
        elif not (same and self._loading is not None):
            self._told = self._told if same else ""
            self._open(settings)

    def completer(self) -> Completer | None:
        """The completer if its engine is there. Some time after a failure, asking for it makes us try again."""
        idle = self._completer is None and self._loading is None
        if idle and self._settings is not None and self._clock() - self._failed_at >= RETRY_AFTER:
            self._open(self._settings)
        return self._completer

    def move(self) -> None:
        """The workspace has other folders now."""
        if self._completer is not None and self._settings is not None:
            self._completer = self._equip(self._completer.engine, self._settings)

    def close(self) -> None:
        """Let the work in the background end."""
        if self.surroundings is not None:
            self.surroundings.stop()

    def _equip(self, engine: Engine | None, settings: Settings) -> Completer:
        plain = plain_of(engine)
        if plain is not None:
            engine = RecordingEngine(plain) if settings.history.recordings else plain
        roots, vocabulary = self._roots(), engine.vocabulary if engine else None
        if self.surroundings is None or self.surroundings.key != key_of(roots, settings, vocabulary):
            self.close()
            self.surroundings = Surroundings(roots, settings, vocabulary)
            self._read(self.surroundings)
        known = self._completer.confidence if self._completer and plain_of(self._completer.engine) is plain else None
        return Completer(engine, settings, self.surroundings, known)

    def _read(self, surroundings: Surroundings) -> None:
        loop = asyncio.get_running_loop()
        read = loop.create_future()

        def when_read() -> None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(read.cancel)  # what shows progress only waits for the end

        if surroundings.start(when_read, self._near()):
            self._begin(self._editor.show_progress(read, "Reading the workspace"))

    async def _next_change(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _changed(self) -> None:
        """Wake those who wait for news, and tell."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._on_change()

    def _wants(self, settings: Settings) -> bool:
        return self._settings is not None and engine_key(settings) == engine_key(self._settings)

    def _open(self, settings: Settings) -> None:
        self._completer = None
        self._loading = self._begin(self._load(settings))
        if not self._told:
            self._begin(self._editor.show_progress(self._loading, "Loading the completion model"))
        self._changed()

    async def _load(self, settings: Settings) -> None:
        started = self._clock()
        try:
            engine = await self._thread.open(settings)
        except Exception as error:  # whatever a model folder or a device driver does, the server goes on
            if self._wants(settings):
                self._loading, self._failed_at = None, self._clock()
                self._tell(error)
                self._changed()
            return
        logger.info(key_values(event="loaded", engine=engine.description, ms=(self._clock() - started) * 1e3))
        if self._settings is not None and self._wants(settings):
            self._loading, self._completer = None, self._equip(engine, self._settings)
            self._changed()

    def _tell(self, failure: Exception) -> None:
        message = str(failure)
        if not isinstance(failure, LowabsError):
            message = f"The model cannot be loaded: {failure!r}; run `lowabs-lsp doctor` to see what is wrong"
        if message != self._told:
            logger.error(key_values(event="load-failed", error=message), exc_info=_traceback_of(failure))
            self._editor.show_fault(message)
        self._told = message


def plain_of(engine: Engine | None) -> Engine | None:
    """What a recording engine runs."""
    return engine.engine if isinstance(engine, RecordingEngine) else engine


def _traceback_of(failure: Exception) -> Exception | None:
    return None if isinstance(failure, LowabsError) else failure
