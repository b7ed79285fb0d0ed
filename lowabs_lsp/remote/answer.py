"""An answer as it grows: its text so far, and where and why it ends."""

import time
from collections.abc import Sequence

from lowabs_lsp.remote.dialects import Piece
from lowabs_lsp.values import Generated, Observer, Stop, Timings


class Answer:
    """What has come for one prompt."""

    def __init__(self, stops: Sequence[str], observer: Observer | None = None) -> None:
        self.text = ""
        self.stop: Stop | None = None
        """Set once it is over."""
        self.heard_at = time.monotonic()
        """When the last of it came."""
        self._stops, self._observer = stops, observer
        self._logprobs: list[float] = []
        self._prompt_tokens = 0
        self._began = time.perf_counter()
        self._first = 0.0

    def add(self, piece: Piece) -> bool:
        """Take in what came. True where we end it ourselves, at a stop that the server does not know."""
        self._first = self._first or time.perf_counter()
        self.heard_at = time.monotonic()
        self.text += piece.text
        self._logprobs += piece.logprobs
        self._prompt_tokens = piece.prompt_tokens or self._prompt_tokens
        self.stop = piece.stop
        places = [place for stop in self._stops if (place := self.text.find(stop)) >= 0]
        if places:
            self.text, self.stop = self.text[: min(places)], Stop.TEXT
        if self._observer is not None and piece.text:
            self._observer(self.text)
        return bool(places) and piece.stop is None

    def generated(self) -> Generated:
        """All of it. The tokens have no ids here."""
        assert self.stop is not None
        now = time.perf_counter()
        first = self._first or now
        return Generated(
            text=self.text,
            tokens=(),
            logprobs=tuple(self._logprobs),
            stop=self.stop,
            prompt_tokens=self._prompt_tokens,
            timings=Timings(prefill=(first - self._began) * 1e3, decode=(now - first) * 1e3),
        )
