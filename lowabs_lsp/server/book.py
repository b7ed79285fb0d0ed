"""Writes down how requests end and what becomes of suggestions: a moment later, off the event loop, if the user lets us."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import date

from lowabs_lsp.errors import LedgerError
from lowabs_lsp.ledger import Ledger, RequestLine

logger = logging.getLogger(__name__)

WRITE_AFTER = 2.0
"""Seconds for which entries are gathered."""


class Book:
    """One client's entries. Lives on the event loop."""

    def __init__(self, ledger: Ledger | None, may_write: Callable[[], bool]) -> None:
        self._ledger, self._may_write = ledger, may_write
        self._requests: list[RequestLine] = []
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def note(self, line: RequestLine) -> None:
        """A request has ended."""
        if self._is_open():
            self._requests.append(line)
            self._soon()

    def count(self, language: str, event: str, number: int) -> None:
        """Add to a tally of today."""
        if self._is_open():
            self._counts[date.fromtimestamp(time.time()).isoformat(), language, event] += number
            self._soon()

    def close(self) -> None:
        """Write what is left, now."""
        if self._timer is not None:
            self._timer.cancel()
        self._write(*self._take())

    def _is_open(self) -> bool:
        return self._ledger is not None and self._may_write()

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_AFTER, self._write_aside)

    def _write_aside(self) -> None:
        asyncio.get_running_loop().run_in_executor(None, self._write, *self._take())

    def _take(self) -> tuple[list[RequestLine], Counter[tuple[str, str, str]]]:
        taken = self._requests, self._counts
        self._requests, self._counts, self._timer = [], Counter(), None
        return taken

    def _write(self, requests: list[RequestLine], counts: Counter[tuple[str, str, str]]) -> None:
        if self._ledger is None or not (requests or counts):
            return
        try:
            self._ledger.add(requests, counts)
        except LedgerError as error:  # completions are worth more than their count
            logger.warning("event=not-written error=%s", error)
