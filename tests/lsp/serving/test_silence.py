from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.serving.silence import LONGEST, PATIENCE, Silence


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def silence(clock: Clock) -> Silence[str]:
    return Silence(clock)


def test_a_replica_that_does_not_say_that_a_job_arrived_is_silent(silence: Silence[str], clock: Clock) -> None:
    silence.asked("a")
    assert not silence.covers("a")
    clock.now += 2 * PATIENCE
    assert silence.covers("a")


def test_further_jobs_do_not_make_a_silent_replica_younger(silence: Silence[str], clock: Clock) -> None:
    for _ in range(4):
        silence.asked("a")
        clock.now += PATIENCE / 2
    assert silence.covers("a")


def test_one_that_was_asked_nothing_owes_nothing(silence: Silence[str], clock: Clock) -> None:
    silence.asked("a")
    clock.now += 2 * PATIENCE
    assert not silence.covers("b")


def ends_silence(end: Callable[[Silence[str]], None]) -> bool:
    clock = Clock()
    silence = Silence[str](clock)
    silence.asked("a")
    clock.now += 2 * PATIENCE
    end(silence)
    return not silence.covers("a")


def test_a_sign_of_life_or_the_end_of_its_life_ends_it() -> None:
    assert ends_silence(lambda silence: silence.heard("a"))
    assert ends_silence(lambda silence: silence.keep({"b"}))
    assert not ends_silence(lambda silence: silence.keep({"a"}))


def test_where_all_are_slow_it_takes_longer_to_count_as_silent(silence: Silence[str], clock: Clock) -> None:
    for _ in range(50):
        silence.asked("a")
        clock.now += 0.1
        silence.heard("a")
    silence.asked("b")
    clock.now += 2 * PATIENCE
    assert not silence.covers("b")
    clock.now += LONGEST - 2 * PATIENCE + 0.001
    assert silence.covers("b")
    silence.heard("b")
    for _ in range(50):
        silence.asked("a")
        silence.heard("a")
    silence.asked("b")
    clock.now += 1.001 * PATIENCE
    assert silence.covers("b")


@given(st.lists(st.tuples(st.sampled_from("ah"), st.floats(0, 0.2))))
def test_it_is_the_time_since_the_first_job_that_was_not_answered(events: list[tuple[str, float]]) -> None:
    clock = Clock()
    silence = Silence[str](clock)
    owed_since: float | None = None
    for kind, pause in events:
        (silence.asked if kind == "a" else silence.heard)("r")
        owed_since = None if kind == "h" else clock.now if owed_since is None else owed_since
        clock.now += pause
        owed = 0.0 if owed_since is None else clock.now - owed_since
        assert not (silence.covers("r") and owed <= PATIENCE)
        assert silence.covers("r") or owed <= LONGEST
