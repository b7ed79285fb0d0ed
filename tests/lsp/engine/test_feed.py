"""What CUDA replays, as far as it goes without a device: the same inputs at the same addresses, on the CPU."""

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.engine.bundle import OpenBundle, open_bundle
from lowabs_lsp.engine.device import open_on
from lowabs_lsp.engine.feed import CPU, CUDA, CUDA_GRAPHS
from lowabs_lsp.engine.session import Session

GROUPED = Path(__file__).parents[2] / "data" / "tiny-grouped"
CAPTURING = evolve(CPU, captures=True)


@pytest.fixture(scope="module")
def bundle() -> OpenBundle:
    """Its graph has the form that CUDA's graphs have."""
    return open_bundle(GROUPED)


@pytest.fixture(scope="module")
def session(bundle: OpenBundle) -> Session:
    return open_on(CPU, bundle, threads=2)


@pytest.fixture(scope="module")
def capturing(bundle: OpenBundle) -> Session:
    return open_on(CAPTURING, bundle, threads=2)


@settings(deadline=None, max_examples=30)
@given(ids=st.lists(st.integers(0, 511), min_size=2, max_size=60), lengths=st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_captured_steps_among_other_runs_give_the_bits_of_the_whole(
    session: Session, capturing: Session, ids: list[int], lengths: list[int]
) -> None:
    whole = session.run(session.create_memory(), ids, 0, len(ids))
    memory, logits, start, turn = capturing.create_memory(), [], 0, 0
    while start < len(ids):
        piece = ids[start : start + lengths[turn % len(lengths)]]
        logits.append(capturing.run(memory, piece, start, len(piece)))
        start, turn = start + len(piece), turn + 1
    assert np.array_equal(np.concatenate(logits), whole)


def test_two_memories_take_turns(session: Session, capturing: Session) -> None:
    texts = [[7, 8, 9, 10], [300, 20, 100, 4]]
    memories = [capturing.create_memory() for _ in texts]
    said = [[capturing.run(memories[n], ids[i : i + 1], i, 1) for n, ids in enumerate(texts)] for i in range(4)]
    for n, ids in enumerate(texts):
        assert np.array_equal(np.concatenate([row[n] for row in said]), session.run(session.create_memory(), ids, 0, 4))


def test_only_the_device_that_captures_is_asked_to() -> None:
    assert dict(CUDA_GRAPHS.options).pop("enable_cuda_graph") == "1"
    assert (CUDA_GRAPHS.captures, CUDA.captures, CPU.captures) == (True, False, False)
    assert "enable_cuda_graph" not in dict(CUDA.options)
