"""Ends runs in flight that nobody waits for any longer, from a thread that sleeps while nothing runs."""

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import onnxruntime as ort

from lowabs_lsp.values import Cancelled

POLL_SECONDS = 0.002
"""How often a run in flight asks whether anybody still waits for it."""


class Watcher:
    """Watches one generation at a time; its thread ends with it.

    The thread is kept between generations because starting and joining one costs milliseconds on a busy machine.
    """

    def __init__(self) -> None:
        self._watch = _Watch()
        weakref.finalize(self, self._watch.close)
        threading.Thread(target=self._watch.keep, name="lowabs-watcher", daemon=True).start()

    @contextmanager
    def watching(self, stop: Cancelled) -> Iterator[ort.RunOptions]:
        """Options for runs that end with InterruptedRunError soon after `stop` turns true; the thread asks it."""
        options = ort.RunOptions()
        self._watch.begin(stop, options)
        try:
            yield options
        finally:
            self._watch.end()


class _Watch:
    """What the thread and its owner share; it does not know the owner, so that the owner can go."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._current: tuple[Cancelled, ort.RunOptions] | None = None
        self._closed = False

    def begin(self, stop: Cancelled, options: ort.RunOptions) -> None:
        with self._changed:
            self._current = stop, options
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._current = None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def keep(self) -> None:
        """The thread's life."""
        with self._changed:
            while not self._closed:
                if self._current is not None:
                    stop, options = self._current
                    if stop():
                        options.terminate = True
                        self._current = None
                self._changed.wait(None if self._current is None else POLL_SECONDS)
