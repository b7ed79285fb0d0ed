"""Who answers the editor: a policy in this process or a server in another one, on either clock."""

import time
from typing import Protocol

from attrs import define, field, frozen

from lowabs_lsp.bench.replay.clock import Clock
from lowabs_lsp.bench.replay.policy import Event, Request, Timing


@frozen
class Answer:
    """What came back for a request."""

    text: str
    """Empty for silence."""
    token: object = None
    """What the backend wants to hear again when this is accepted."""


@frozen
class Usage:
    """What a backend spent."""

    model_calls: int = 0
    """Requests for which the model ran."""
    model_runs: int = 0
    """Forward passes of the model."""
    cpu_seconds: float = 0.0


class Ticket(Protocol):
    """A request that is being answered."""

    def result(self, timeout: float | None) -> Answer | None:
        """The answer, or None if it takes longer than `timeout` seconds."""
        ...

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        ...


class Backend(Protocol):
    """Computes answers through one sitting."""

    def observe(self, event: Event) -> None:
        """Hear what happened."""
        ...

    def timing(self, request: Request) -> Timing:
        """When to begin with a request and when to show its answer."""
        ...

    def ask(self, request: Request) -> Ticket:
        """Begin with a request."""
        ...

    def accept(self, request: Request, answer: Answer, text: str) -> None:
        """`text`, which is the answer or the beginning of it, is accepted at the place of `request`."""
        ...

    def close(self) -> Usage:
        """End, and say what was spent. Raises BenchError when a server did not end well."""
        ...


@frozen
class Arrival:
    """An answer and when it was there."""

    request: Request
    answer: Answer
    at: int
    """Milliseconds on the person's clock."""
    wall_ms: float
    """From the request to the answer in wall time, without what was waited on purpose."""


@define
class Assistant:
    """Puts a backend's answers on a clock. A new request makes the one before pointless."""

    backend: Backend
    clock: Clock
    latency: int = 0
    """On the virtual clock: milliseconds that each answer takes."""
    _request: Request | None = None
    _timing: Timing = field(factory=Timing)
    _ticket: Ticket | None = None
    _asked: float = 0.0
    _ready: Arrival | None = None

    def ask(self, request: Request) -> None:
        """The editor asks. What it asked for before is cancelled."""
        self.drop()
        self._request, self._timing = request, self.backend.timing(request)
        if self.clock.is_real and not self._timing.debounce:
            self._begin(request)

    def drop(self) -> None:
        """Nobody waits for an answer any more."""
        if self._ticket is not None:
            self._ticket.cancel()
        self._request = self._ticket = self._ready = None

    def arrival(self, until: int) -> Arrival | None:
        """The answer to the last request if it is there at `until`; it comes once."""
        if self._request is not None and self._ready is None:
            self._ready = self._result(self._request, until)
        if self._ready is None or self._ready.at > until:
            return None
        arrival, self._ready, self._request = self._ready, None, None
        self.clock.wait_until(arrival.at)
        return arrival

    def _result(self, request: Request, until: int) -> Arrival | None:
        if (begin := request.now + self._timing.debounce) > until:
            return None
        self.clock.wait_until(begin)
        timeout = self.clock.seconds_until(until) if self.clock.is_real else None
        if (answer := self._begin(request).result(timeout)) is None:
            return None
        self._ticket = None
        done = self.clock.now if self.clock.is_real else self.clock.now + self.latency
        wall_ms = (time.perf_counter() - self._asked) * 1e3
        return Arrival(request, answer, max(done, request.now + self._timing.hold), wall_ms)

    def _begin(self, request: Request) -> Ticket:
        if self._ticket is None:
            self._asked = time.perf_counter()
            self._ticket = self.backend.ask(request)
        return self._ticket
