"""Answers come when the clock says, once, and never for a request that a later key made pointless."""

from threading import Event as Flag

import pytest

from lowabs_lsp.bench.replay.assistant import Answer, Assistant
from lowabs_lsp.bench.replay.clock import Clock, RealClock, VirtualClock
from lowabs_lsp.bench.replay.inside import CountingEngine, InsideBackend
from lowabs_lsp.bench.replay.keys import Key
from lowabs_lsp.bench.replay.policy import Event, Request, Timing
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import EngineError
from lowabs_lsp.values import Cancelled, Completion, Document, Reason

DOCUMENT = Document("file:///a.py", "a.py", "python", "x = ")


def request(now: int = 0) -> Request:
    return Request(DOCUMENT, 4, (), Key.CHARACTER, now)


class Told:
    """A policy that says one thing, waits as it is told, and can be held up."""

    def __init__(self, timing: Timing | None = None) -> None:
        self._timing = timing or Timing()
        self.gate, self.started = Flag(), Flag()
        self.gate.set()
        self.asked: list[Request] = []
        self.cancelled = False
        self.fails = False

    def observe(self, event: Event) -> None:
        raise EngineError("it cannot hear")

    def timing(self, request: Request) -> Timing:
        return self._timing

    def complete(self, request: Request, cancelled: Cancelled) -> Completion:
        self.asked.append(request)
        self.started.set()
        while not self.gate.wait(0.001) and not cancelled():
            pass
        self.cancelled |= cancelled()
        return Completion("1", Reason.SHOWN)


def assistant(policy: Told, clock: Clock, latency: int = 0) -> Assistant:
    return Assistant(InsideBackend(policy, CountingEngine(ScriptedEngine())), clock, latency)


@pytest.mark.parametrize(
    ("timing", "latency", "at"),
    [(Timing(), 0, 100), (Timing(), 50, 150), (Timing(debounce=30), 0, 130), (Timing(debounce=30, hold=90), 50, 190)],
)
def test_on_the_virtual_clock_an_answer_is_there_when_it_should_be(timing: Timing, latency: int, at: int) -> None:
    clock, policy = VirtualClock(now=100), Told(timing)
    helper = assistant(policy, clock, latency)
    helper.ask(request(now=100))
    assert helper.arrival(at - 1) is None
    arrival = helper.arrival(500)
    assert arrival is not None
    assert (arrival.at, arrival.answer, clock.now) == (at, Answer("1"), at)
    assert helper.arrival(500) is None


def test_a_request_that_is_debounced_away_reaches_nobody() -> None:
    policy = Told(Timing(debounce=200))
    helper = assistant(policy, VirtualClock())
    helper.ask(request(now=0))
    assert helper.arrival(150) is None
    helper.ask(request(now=150))
    assert helper.arrival(400) is not None
    assert [asked.now for asked in policy.asked] == [150]


def test_on_the_real_clock_a_new_request_cancels_the_one_before() -> None:
    policy, clock = Told(), RealClock(speed=1000.0)
    policy.gate.clear()
    helper = assistant(policy, clock)
    helper.ask(request(clock.now))
    assert policy.started.wait(10)
    assert helper.arrival(clock.now + 1) is None
    helper.drop()
    helper.ask(request(clock.now))
    policy.gate.set()
    arrival = helper.arrival(clock.now + 10_000_000)
    assert arrival is not None
    assert policy.cancelled
    assert arrival.wall_ms > 0
    assert len(policy.asked) == 2


def test_what_a_policy_raises_when_it_hears_something_comes_out_at_the_end() -> None:
    backend = InsideBackend(Told(), CountingEngine(ScriptedEngine()))
    backend.observe(Event(None, DOCUMENT, 0, 0))  # type: ignore[arg-type]  # nobody looks at it
    with pytest.raises(EngineError, match="cannot hear"):
        backend.close()


def test_the_virtual_clock_never_goes_back() -> None:
    clock = VirtualClock()
    clock.wait_until(50)
    clock.wait_until(20)
    assert clock.now == 50


def test_the_real_clock_is_as_fast_as_its_person() -> None:
    clock = RealClock(speed=1000.0)
    clock.wait_until(2000)
    assert clock.now >= 2000
    assert clock.seconds_until(0) == 0
    assert 0 < clock.seconds_until(clock.now + 10_000) <= 10
