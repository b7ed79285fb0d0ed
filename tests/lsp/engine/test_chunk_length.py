import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.engine.chunk_length import LAYER_SECONDS, LONGEST, SHORTEST, ChunkLength


def learnt(layers: int, token_seconds: float, runs: int = 30) -> ChunkLength:
    """What comes of prompts on a machine where a token takes so long."""
    length = ChunkLength(layers)
    for _ in range(runs):
        tokens = length.choose()
        length.learn(tokens, tokens * token_seconds)
    return length


def test_a_fast_model_runs_the_longest_chunks() -> None:
    assert learnt(layers=3, token_seconds=30e-6).choose() == LONGEST


def test_a_slow_model_runs_what_a_layer_computes_in_time() -> None:
    assert learnt(layers=28, token_seconds=0.01).choose() == int(28 * LAYER_SECONDS / 0.01)


def test_the_slowest_model_runs_the_shortest_chunks() -> None:
    assert learnt(layers=2, token_seconds=1.0).choose() == SHORTEST


def test_one_slow_moment_halves_no_chunk() -> None:
    length = learnt(layers=12, token_seconds=0.001)
    before = length.choose()
    length.learn(before, 10.0)
    assert before / 2 < length.choose() <= before


@pytest.mark.parametrize("longest", [2, 16, 40])
@given(runs=st.lists(st.tuples(st.integers(1, 256), st.floats(1e-6, 10.0)), max_size=5))
def test_a_chunk_is_even_and_within_its_bounds(longest: int, runs: list[tuple[int, float]]) -> None:
    length = ChunkLength(12, longest)
    for tokens, seconds in runs:
        length.learn(tokens, seconds)
    assert 0 < length.choose() <= longest
    assert length.choose() % 2 == 0
