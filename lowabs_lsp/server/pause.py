"""Completions switched off for a while."""

import asyncio
import time
from collections.abc import Callable


class Pause:
    """On until it is ended, or for some minutes. Lives on the event loop."""

    def __init__(self, on_begin: Callable[[], None], on_change: Callable[[], None]) -> None:
        self._on_begin, self._on_change = on_begin, on_change
        self._timer: asyncio.TimerHandle | None = None
        self.is_on = False
        self.message = ""
        """One line for a person while it is on."""

    def begin(self, minutes: float | None = None) -> None:
        """Stop what runs, and everything from now on; after `minutes` by itself no longer."""
        self._drop_timer()
        self.is_on, self.message = True, "paused"
        if minutes is not None:
            seconds = max(0.0, minutes * 60)
            self.message = f"paused until {time.strftime('%H:%M', time.localtime(time.time() + seconds))}"
            self._timer = asyncio.get_running_loop().call_later(seconds, self.end)
        self._on_begin()
        self._on_change()

    def end(self) -> None:
        """Go on as before."""
        self._drop_timer()
        if self.is_on:
            self.is_on = False
            self._on_change()

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
