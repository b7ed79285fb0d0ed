"""A server that fails in a row is left alone for longer and longer, and one trial at a time finds out whether it is back."""

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.remote.breaker import FAILURES, LONGEST, SHORTEST, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock, spread=lambda: 0.0)
    for _ in range(FAILURES):
        breaker.failed()
    return breaker


def test_it_takes_some_failures_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(10):
        assert [breaker.failed() for _ in range(FAILURES - 1)] == [False] * (FAILURES - 1)
        breaker.succeeded()
    assert breaker.is_closed
    assert [breaker.failed() for _ in range(FAILURES)] == [False] * (FAILURES - 1) + [True]
    assert not breaker.is_closed


def test_one_trial_is_let_through_after_the_pause() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = SHORTEST - 0.1
    assert not breaker.take_trial()
    clock.now = SHORTEST
    assert [breaker.take_trial(), breaker.take_trial()] == [True, False]
    breaker.succeeded()
    assert breaker.is_closed


def test_the_pause_doubles_to_a_limit_and_is_short_again_after_a_success() -> None:
    clock = Clock()
    breaker = opened(clock)
    pauses = []
    for _ in range(6):
        began = clock.now
        while not breaker.take_trial():
            clock.now += 1.0
        pauses.append(clock.now - began)
    assert pauses == [SHORTEST, 2 * SHORTEST, 4 * SHORTEST, 8 * SHORTEST, LONGEST, LONGEST]
    breaker.succeeded()
    breaker.trip()
    clock.now += SHORTEST
    assert breaker.take_trial()


@given(st.floats(0, 1), st.floats(0, 600))
def test_editors_come_back_spread_over_a_quarter_and_never_before_they_are_wanted(spread: float, wish: float) -> None:
    clock = Clock()
    breaker = Breaker(clock, spread=lambda: spread)
    for _ in range(FAILURES):
        breaker.failed(wish)
    least = max(SHORTEST, wish)
    clock.now = least * 0.999
    assert not breaker.take_trial()
    clock.now = least * 1.26
    assert breaker.take_trial()
