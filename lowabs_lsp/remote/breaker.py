"""Whether a server is to be asked at all: after some failures in a row it is left alone for a while, then tried again."""

import random
import threading
import time
from collections.abc import Callable

FAILURES = 3
"""In a row, after which the server is left alone."""
SHORTEST, LONGEST = 5.0, 60.0
"""Seconds that it is left alone the first time, doubled with every trial that fails."""


class Breaker:
    """Closed: ask. Open: do not, but once the pause is over let one trial through. Any thread may call it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, spread: Callable[[], float] = random.random) -> None:
        """`spread` draws from 0 to 1, so that a thousand editors do not come back in the same second."""
        self._clock, self._spread = clock, spread
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = SHORTEST
        self._open_until: float | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the server may be asked."""
        return self._open_until is None

    def failed(self, retry_after: float = 0.0) -> bool:
        """The server failed; it wants to be left alone for `retry_after` seconds. True if that opens the breaker."""
        with self._lock:
            self._failures += 1
            if self._open_until is not None or (self._failures < FAILURES and not retry_after):
                return False
            self._open(retry_after)
            return True

    def trip(self) -> None:
        """Open at once: the server could not be found in the first place."""
        with self._lock:
            self._open(0.0)

    def succeeded(self) -> None:
        """The server answered: all is well."""
        with self._lock:
            self._failures, self._pause, self._open_until = 0, SHORTEST, None

    def take_trial(self) -> bool:
        """Whether the caller is the one who is to try the server now. It must say how that went."""
        with self._lock:
            if self._open_until is None or self._clock() < self._open_until:
                return False
            self._open(0.0)  # nobody else meanwhile
            return True

    def _open(self, retry_after: float) -> None:
        pause = max(self._pause, retry_after)
        self._open_until = self._clock() + pause * (1 + self._spread() / 4)
        self._pause = min(LONGEST, 2 * self._pause)
