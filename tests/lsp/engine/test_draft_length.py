import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.engine.draft_length import DraftLength


def learnt(probability: float, slope: float, *, runs: int = 400, proposed: int = 15) -> DraftLength:
    """What comes of `runs` proposals whose guesses are right with `probability`, where a token adds `slope` to a run."""
    length, draw = DraftLength(), random.Random(1)
    for _ in range(runs):
        count = length.choose(proposed)
        tokens = count + 1 + (count + 1) % 2
        length.learn_time(tokens, 1e-3 * (1 + slope * tokens))
        accepted = next((n for n in range(count) if draw.random() > probability), count)
        length.learn_acceptance(proposed, count, accepted)
    return length


def best(probability: float, slope: float, proposed: int = 15) -> int:
    """The count with the most tokens a second, computed with what `learnt` has to find out."""

    def rate(count: int) -> float:
        expected = sum(probability**n for n in range(count + 1))
        return expected / (1 + slope * (count + 1 + (count + 1) % 2))

    return max(range(1, proposed + 1), key=rate)


def test_at_first_all_guesses_are_verified() -> None:
    assert [DraftLength().choose(proposed) for proposed in (0, 1, 3, 7, 15)] == [0, 1, 3, 7, 15]


@pytest.mark.parametrize("probability", [0.05, 0.3, 0.6, 0.8, 0.95])
@pytest.mark.parametrize("slope", [0.01, 0.05, 0.3])
def test_it_finds_the_length_that_pays_most(probability: float, slope: float) -> None:
    found = learnt(probability, slope).choose(15)
    lower, upper = (best(max(0.0, probability + step), slope) for step in (-0.15, min(0.15, 0.99 - probability)))
    assert lower <= found <= upper


def test_one_guess_is_free() -> None:
    length = learnt(0.0, 10.0)
    assert length.choose(15) == 1


def test_where_a_run_may_have_one_token_a_wrong_guess_is_not_made() -> None:
    length = DraftLength(unit=1)
    assert [length.choose(proposed) for proposed in (0, 1, 3)] == [0, 1, 3]
    for _ in range(400):
        count = length.choose(15)
        length.learn_time(count + 1, 1e-3 * (1 + 0.3 * (count + 1)))
        length.learn_acceptance(15, count, 0)
    assert length.choose(15) == 0
    assert length.choose(1) == 1  # proposals of one have a record of their own


def test_a_better_time_is_noticed_after_a_worse_one() -> None:
    length = learnt(0.0, 0.05, runs=100)
    assert length.choose(15) == 1
    for _ in range(100):
        length.learn_acceptance(15, length.choose(15), length.choose(15))
    assert length.choose(15) == 15


def test_proposals_of_another_length_have_a_record_of_their_own() -> None:
    length = learnt(0.0, 0.05)
    assert length.acceptance(15) < 0.1
    assert length.acceptance(3) == pytest.approx(0.9)


@given(st.lists(st.tuples(st.integers(1, 16), st.floats(1e-5, 10)), max_size=20), st.integers(0, 31))
def test_it_never_chooses_more_than_there_is(times: list[tuple[int, float]], proposed: int) -> None:
    length = DraftLength()
    for tokens, seconds in times:
        length.learn_time(tokens, seconds)
    assert min(1, proposed) <= length.choose(proposed) <= proposed


def test_one_slow_run_weighs_little() -> None:
    length = DraftLength()
    for seconds in (1e-3, 1.0, 1e-3):
        length.learn_time(2, seconds)
    assert length.seconds(2) < 1.2e-3
