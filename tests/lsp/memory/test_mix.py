from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.memory.evidence import Source, gather
from lowabs_lsp.memory.gates import UNSEEN, Gates, load_gates, read
from lowabs_lsp.memory.mix import best_candidate, given_to, learn, mix
from lowabs_lsp.memory.shelf import Shelf
from lowabs_lsp.values import FloatArray

VOCABULARY = 6
DOCUMENT = st.lists(st.integers(0, VOCABULARY - 1), max_size=40)
LOGITS = st.lists(st.floats(-6, 6), min_size=VOCABULARY, max_size=VOCABULARY)


def sources_of(*documents: Sequence[int]) -> tuple[Source, Source, Source]:
    """Workspace, file and edits."""
    first, second, third = (Shelf.empty(VOCABULARY).put({"": document}).index for document in documents)
    return Source(first), Source(second, cursor=len(second.text)), Source(third)


def log_softmax(logits: Sequence[float]) -> FloatArray:
    shifted = np.array(logits) - max(logits)
    return np.asarray(shifted - np.log(np.exp(shifted).sum()), np.float32)


@pytest.fixture(scope="module")
def gates() -> Gates:
    return load_gates("mix")


@given(documents=st.tuples(DOCUMENT, DOCUMENT, DOCUMENT), context=DOCUMENT, logits=LOGITS)
def test_the_mixture_is_a_distribution(
    gates: Gates, documents: tuple[list[int], ...], context: list[int], logits: list[float]
) -> None:
    mixed = mix(gather(sources_of(*documents), context), log_softmax(logits), gates)
    if mixed is not None:
        assert np.exp(mixed.logprobs.astype(float)).sum() == pytest.approx(1, abs=1e-5)


def test_without_evidence_there_is_nothing_to_mix(gates: Gates) -> None:
    assert mix(gather(sources_of([], [], []), [1, 2]), log_softmax([0.0] * VOCABULARY), gates) is None


@given(documents=st.tuples(DOCUMENT, DOCUMENT, DOCUMENT), context=DOCUMENT, logits=LOGITS, token=st.integers(0, VOCABULARY - 1))
def test_the_mixture_is_the_sum_of_what_slots_and_model_give(
    gates: Gates, documents: tuple[list[int], ...], context: list[int], logits: list[float], token: int
) -> None:
    logprobs = log_softmax(logits)
    mixed = mix(gather(sources_of(*documents), context), logprobs, gates)
    if mixed is not None:
        given = given_to(mixed.reading, token, float(np.exp(logprobs[token])))
        weighted = float(gates.open(mixed.reading) @ given)
        assert float(np.exp(mixed.logprobs[token])) == pytest.approx(weighted, rel=1e-4, abs=2 * UNSEEN)


@given(documents=st.tuples(DOCUMENT, DOCUMENT, DOCUMENT), context=DOCUMENT, logits=LOGITS)
def test_slots_that_saw_nothing_have_no_weight(
    gates: Gates, documents: tuple[list[int], ...], context: list[int], logits: list[float]
) -> None:
    evidence = gather(sources_of(*documents), context)
    if len(evidence.candidates):
        weights = gates.open(read(evidence, log_softmax(logits)))
        assert weights.sum() == pytest.approx(1)
        assert not weights[:-1][evidence.totals == 0].any()


@given(documents=st.tuples(DOCUMENT, DOCUMENT, DOCUMENT), context=DOCUMENT, logits=LOGITS, token=st.integers(0, VOCABULARY - 1))
def test_what_was_right_is_never_less_likely_after_learning(
    gates: Gates, documents: tuple[list[int], ...], context: list[int], logits: list[float], token: int
) -> None:
    evidence, logprobs = gather(sources_of(*documents), context), log_softmax(logits)
    mixed = mix(evidence, logprobs, gates)
    if mixed is not None:
        again = mix(evidence, logprobs, learn(gates, mixed, token))
        assert again is not None
        assert again.logprobs[token] >= mixed.logprobs[token] - 1e-5


def test_gates_learn_whom_to_trust(gates: Gates) -> None:
    evidence = gather(sources_of([1, 2, 1, 2, 1, 2], [], []), [1])
    logprobs = log_softmax([0, 0, 0, 5, 0, 0])
    said = []
    for _ in range(50):
        mixed = mix(evidence, logprobs, gates)
        assert mixed is not None
        said.append(float(mixed.logprobs[3]))
        gates = learn(gates, mixed, 3)
    assert said == sorted(said)
    assert said[-1] > said[0]


def test_memory_alone_names_what_followed_most() -> None:
    evidence = gather(sources_of([1, 2, 0, 1, 2, 0, 1, 3, 0], [], []), [0, 1])
    token, probability = best_candidate(evidence, load_gates("alone"))
    assert token == 2
    assert 0 < probability <= 1
