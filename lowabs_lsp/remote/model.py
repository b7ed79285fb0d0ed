"""A model behind HTTP: one prompt out, one answer in, before a deadline."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import httpx2
from attrs import frozen

from lowabs_lsp.errors import RemoteError, SettingsError
from lowabs_lsp.remote.answer import Answer
from lowabs_lsp.remote.connection import Connection, Exchange
from lowabs_lsp.remote.detect import ASSUMED_CONTEXT, find_server
from lowabs_lsp.remote.dialects import Server, read_line, request_of
from lowabs_lsp.remote.keys import find_key
from lowabs_lsp.remote.parts import Parts
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Cancelled, Decoding, Generated, Prompt, Stop, never

POLL_SECONDS = 0.005
"""How often somebody who waits for an answer asks whether it is still wanted."""
LONGEST = 30.0
"""Seconds of an answer without a deadline."""
SHARE = 0.5
"""Of the time that there is, for an answer to begin; the rest is for the model of this machine."""
INTRODUCTION = 2.0
"""Seconds for each question to a server about itself."""


class RemoteModel:
    """One model of one server."""

    def __init__(self, settings: EngineSettings) -> None:
        """Raises SettingsError for an address that is none. Connects to nothing yet."""
        self._settings = settings
        url = read_url(settings.url)
        self.address = f"{url.scheme}://{url.netloc.decode()}"
        self._connection = Connection(str(url), find_key(url.host))
        self.server: Server | None = None
        """None until it was reached."""

    @property
    def context_length(self) -> int:
        """Of prompt and continuation together, in tokens."""
        return self.server.context_length if self.server else ASSUMED_CONTEXT

    @property
    def description(self) -> str:
        """The model, and where it runs."""
        if self.server is None:
            return f"a model at {self.address}"
        return f"{self.server.model or 'a model'} at {self.address} ({self.server.kind})"

    def close(self) -> None:
        """Close the connection now, and not only when nobody has the model any more."""
        self._connection.close()

    def connect(self) -> Server:
        """Get to know the server, unless it is known. Raises RemoteError."""
        if self.server is None:
            with self._named():
                self.server = find_server(self._connection, self._settings, timeout=INTRODUCTION)
        return self.server

    def generate(self, prompt: Prompt, decoding: Decoding, cancelled: Cancelled = never) -> Generated:
        """Continue `prompt`. Raises RemoteError, also when nothing comes in good time for somebody else to do it."""
        server, time_left = self.connect(), TimeLeft.of(decoding.deadline, self._settings.deadline / 1e3)
        path, body = request_of(server, Parts.of(prompt), decoding)
        answer = Answer(decoding.stop, decoding.observer)
        with self._named(), self._connection.post(path, body, deadline=time_left.deadline) as exchange:
            while answer.stop is None:
                self._listen(exchange, answer, server.kind)
                if answer.stop is None and cancelled():
                    answer.stop = Stop.CANCELLED
                elif answer.stop is None:
                    answer.stop = time_left.stop(answer)
        return answer.generated()

    def _listen(self, exchange: Exchange, answer: Answer, kind: str) -> None:
        """Take in the next line of the answer, if one comes soon."""
        piece = read_line(kind, exchange.take(POLL_SECONDS))
        if piece is not None:
            ours = answer.add(piece)
            exchange.is_complete = piece.stop is not None and not ours

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say in every fault whose it is."""
        try:
            yield
        except RemoteError as fault:
            fault.args = (f"{self.address}: {fault}",)
            raise


@frozen
class TimeLeft:
    """When an answer must have begun, how long it may pause, and when it is over; in `time.monotonic()` seconds."""

    begin: float
    silence: float
    deadline: float

    @classmethod
    def of(cls, deadline: float | None, patience: float) -> Self:
        """For a request of now, with its deadline if it has one, of a user with so much patience in seconds."""
        now = time.monotonic()
        if deadline is None:
            return cls(now + patience, patience, now + LONGEST)
        return cls(min(now + patience, now + SHARE * (deadline - now)), patience, deadline)

    def stop(self, answer: Answer) -> Stop | None:
        """The end of an answer whose time is over. Raises RemoteError where none has begun in time."""
        now = time.monotonic()
        if not answer.text and now >= self.begin:
            raise RemoteError("no answer in time (engine.deadline, and half of completion.deadline)", passing=True)
        return Stop.DEADLINE if now >= min(self.deadline, answer.heard_at + self.silence) else None


def read_url(text: str) -> httpx2.URL:
    """The address of a server, without the `/v1` that others want to have written. Raises SettingsError."""
    try:
        url = httpx2.URL(text.strip().rstrip("/").removesuffix("/v1"))
    except httpx2.InvalidURL as error:
        raise SettingsError(f"engine.url: {error}; write it as in http://127.0.0.1:8000") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingsError(f"engine.url: {text:.60}: not an address; write it as in http://127.0.0.1:8000")
    return url
