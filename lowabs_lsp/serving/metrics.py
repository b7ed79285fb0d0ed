"""What Prometheus is told: requests, times, tokens and load; no text of anybody."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from lowabs_lsp.serving.jobs import Answer
from lowabs_lsp.values import Stop

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The figures of one HTTP front."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)  # processor time and memory, where the system tells (Linux)
        self.requests = Counter("lowabs_requests", "Requests by route and status", ["route", "status"], registry=self._registry)
        self.seconds = Histogram(
            "lowabs_request_seconds",
            "Time to the answer, or to the first piece of a stream",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.first = Histogram("lowabs_first_piece_seconds", "Time to the first text", buckets=SECONDS, registry=self._registry)
        self._tokens = Counter("lowabs_tokens", "Tokens by kind", ["kind"], registry=self._registry)
        self._stops = Counter("lowabs_stops", "Answers by why they ended", ["reason"], registry=self._registry)
        self._open = Gauge("lowabs_open_requests", "Requests that are being answered", registry=self._registry)
        self._running = Gauge("lowabs_running_jobs", "Jobs that have a sequence in the engine", registry=self._registry)
        self._waiting = Gauge("lowabs_waiting_jobs", "Jobs that wait for one", registry=self._registry)

    @contextmanager
    def request(self, route: str) -> Iterator[None]:
        """While a request is being answered."""
        with self._open.track_inprogress(), self.seconds.labels(route).time():
            yield

    def answered(self, answer: Answer) -> None:
        """Count what a job took."""
        generated = answer.generated
        for kind, count in (
            ("prompt", generated.prompt_tokens),
            ("reused", generated.reused_tokens),
            ("generated", len(generated.tokens)),
            ("drafted", generated.drafted_tokens),
            ("accepted", generated.accepted_tokens),
        ):
            self._tokens.labels(kind).inc(count)
        self._stops.labels(str(generated.stop)).inc()

    def cancelled(self) -> None:
        """Count a job whose client went away."""
        self._stops.labels(str(Stop.CANCELLED)).inc()

    def exposition(self, load: tuple[int, int]) -> bytes:
        """The text that Prometheus reads."""
        self._running.set(load[0])
        self._waiting.set(load[1])
        return generate_latest(self._registry)
