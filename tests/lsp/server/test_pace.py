"""Tokens, deadlines and waiting by the measured speed of a machine."""

import pytest
from attrs import evolve

from lowabs_lsp.server.pace import FEWEST, LONGEST_WAIT, Pace
from lowabs_lsp.settings import CompletionSettings
from lowabs_lsp.values import Generated, Limits, Stop, Timings

SETTINGS = CompletionSettings(max_tokens=64, deadline=400)


def pace(*, prefill: float, per_token: float, runs: int = 5, times: int = 1) -> Pace:
    measured = Pace()
    for _ in range(times):
        generated = Generated("x", (1,) * 10, (0.0,) * 10, Stop.END, model_runs=runs)
        measured.measure(evolve(generated, timings=Timings(prefill=prefill, decode=10 * per_token)))
    return measured


@pytest.mark.parametrize(
    ("prefill", "per_token", "tokens"), [(20, 2, 64), (100, 10, 30), (380, 10, FEWEST), (1000, 100, FEWEST), (0, 6.25, 64)]
)
def test_as_many_tokens_as_fit_the_deadline(prefill: float, per_token: float, tokens: int) -> None:
    limits = pace(prefill=prefill, per_token=per_token).limits(SETTINGS, asked_at=5.0)
    assert (limits.max_tokens, limits.deadline) == (tokens, 5.4)


def test_before_anything_was_measured_all_tokens_may_come() -> None:
    assert Pace().limits(SETTINGS, asked_at=0.0) == Limits(max_tokens=64, deadline=0.4)


def test_without_a_deadline_nothing_is_limited() -> None:
    assert pace(prefill=1000, per_token=100).limits(evolve(SETTINGS, deadline=0), asked_at=5.0) == Limits()


def test_what_ran_no_model_measures_nothing() -> None:
    assert pace(prefill=1000, per_token=100, runs=0) == Pace()


def test_a_machine_that_changes_is_followed() -> None:
    measured = pace(prefill=10, per_token=2)
    for _ in range(40):
        measured.measure(Generated("x", (1,), (0.0,), Stop.END, model_runs=1, timings=Timings(prefill=100, decode=20)))
    assert (measured.per_token, measured.before_first) == (pytest.approx(20, rel=0.01), pytest.approx(100, rel=0.02))


@pytest.mark.parametrize(
    ("prefill", "per_token", "debounce", "milliseconds"),
    [(10, 2, 0, 0), (10, 2, 30, 30), (60, 5, 0, 40), (60, 5, 100, 100), (500, 50, 0, LONGEST_WAIT)],
)
def test_only_a_slow_machine_waits_for_the_next_key(
    prefill: float, per_token: float, debounce: int, milliseconds: float
) -> None:
    delay = pace(prefill=prefill, per_token=per_token).delay(evolve(SETTINGS, debounce=debounce))
    assert delay == pytest.approx(milliseconds / 1e3)
