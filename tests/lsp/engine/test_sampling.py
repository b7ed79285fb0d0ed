import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lowabs_lsp.engine.sampling import (
    apply_temperature,
    certainty,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    log_softmax,
    make_pick,
    shape,
)
from lowabs_lsp.values import Decoding, FloatArray

ROWS = arrays(np.float32, st.integers(1, 30), elements=st.floats(-20, 20, width=32))


def kept(logprobs: FloatArray) -> set[int]:
    return {int(i) for i in np.flatnonzero(np.isfinite(logprobs))}


@given(logits=ROWS)
def test_probabilities_sum_to_one_and_keep_their_order(logits: FloatArray) -> None:
    logprobs = log_softmax(logits)
    assert np.exp(logprobs).sum() == pytest.approx(1, abs=1e-5)
    assert np.array_equal(np.argsort(logprobs, kind="stable"), np.argsort(logits, kind="stable")) or (
        np.diff(np.sort(logits)).min() < 1e-5  # differences that float32 cannot keep
    )


@given(logits=ROWS, k=st.integers(1, 40))
def test_top_k_keeps_whatever_fewer_than_k_exceed(logits: FloatArray, k: int) -> None:
    assert kept(keep_top_k(logits, k)) == {i for i, x in enumerate(logits) if (logits > x).sum() < k}


@given(logits=ROWS, p=st.floats(0.01, 0.99))
def test_top_p_keeps_the_fewest_that_reach_p(logits: FloatArray, p: float) -> None:
    probabilities = np.exp(log_softmax(logits))
    survivors = kept(keep_top_p(logits, p))
    together = sum(probabilities[i] for i in survivors)
    assert together >= p - 1e-4
    assert together - min(probabilities[i] for i in survivors) < p + 1e-4
    assert int(logits.argmax()) in survivors


@given(logits=ROWS, p=st.floats(0.01, 1))
def test_min_p_keeps_what_is_at_least_a_share_of_the_best(logits: FloatArray, p: float) -> None:
    least = logits.max() + np.float32(math.log(p))
    assert kept(keep_min_p(logits, p)) == {i for i, x in enumerate(logits) if x >= least}


@given(logits=ROWS)
def test_greedy_takes_the_first_of_the_best(logits: FloatArray) -> None:
    assert make_pick(Decoding())(logits) == int(np.flatnonzero(logits == logits.max())[0])


@given(logits=ROWS, seed=st.integers(0, 2**32))
def test_a_seed_decides_every_draw(logits: FloatArray, seed: int) -> None:
    decoding = Decoding(temperature=0.8, seed=seed)
    first, second = make_pick(decoding), make_pick(decoding)
    assert [first(logits) for _ in range(5)] == [second(logits) for _ in range(5)]


@given(
    logits=ROWS,
    decoding=st.builds(
        Decoding,
        temperature=st.floats(0.1, 3),
        top_k=st.integers(0, 5),
        top_p=st.floats(0.1, 1),
        min_p=st.floats(0, 0.9),
        seed=st.integers(0, 99),
    ),
)
def test_nothing_forbidden_is_ever_drawn(logits: FloatArray, decoding: Decoding) -> None:
    allowed = kept(shape(logits, decoding))
    pick = make_pick(decoding)
    assert {pick(logits) for _ in range(10)} <= allowed


def test_draws_follow_the_probabilities() -> None:
    logprobs = np.log(np.array([0.5, 0.2, 0.3], np.float32))
    pick = make_pick(Decoding(temperature=1))
    counts = np.bincount([pick(logprobs) for _ in range(20_000)], minlength=3)
    assert counts / 20_000 == pytest.approx([0.5, 0.2, 0.3], abs=0.02)  # five standard deviations are 0.018


def test_a_low_temperature_sharpens() -> None:
    logprobs = np.log(np.array([0.6, 0.4], np.float32))
    assert np.exp(log_softmax(apply_temperature(logprobs, 0.5)))[0] == pytest.approx(0.36 / 0.52)


@pytest.mark.parametrize(
    ("probabilities", "token", "chance", "entropy"),
    [([0.5, 0.25, 0.25], 0, 0.5, 1.5 * math.log(2)), ([0.0, 0.25, 0.25], 1, 0.5, math.log(2)), ([0.0, 1.0], 1, 1.0, 0.0)],
)
def test_certainty_is_of_what_is_not_forbidden(probabilities: list[float], token: int, chance: float, entropy: float) -> None:
    with np.errstate(divide="ignore"):
        row = np.log(np.array(probabilities, np.float32))
    assert certainty(row, token) == pytest.approx((math.log(chance), entropy), abs=1e-6)
