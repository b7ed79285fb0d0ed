from typing import Self

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.engine.kv_cache import MOST_SEQUENCES, KvCache, sequences_that_fit

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=12)


class Rows:
    """A memory whose rows are the tokens themselves."""

    def __init__(self) -> None:
        self.rows = [-1] * 16

    def copy_rows(self, source: Self, count: int) -> None:
        self.rows[:count] = source.rows[:count]


def run(cache: KvCache[Rows], tokens: list[int]) -> int:
    """Find, fill and return how many rows were there already."""
    sequence = cache.find(tokens)
    reused = len(sequence.tokens)
    assert sequence.memory.rows[:reused] == sequence.tokens == tokens[:reused]
    sequence.memory.rows[reused : len(tokens)] = tokens[reused:]
    sequence.tokens += tokens[reused:]
    return reused


@given(prompts=st.lists(TOKENS, max_size=30), sequences=st.integers(1, 4))
def test_what_is_kept_is_always_the_rows_of_a_prefix(prompts: list[list[int]], sequences: int) -> None:
    cache = KvCache(Rows, sequences)
    for prompt in prompts:
        assert run(cache, prompt) < len(prompt)


@given(prompts=st.lists(TOKENS, min_size=1, max_size=30), sequences=st.integers(1, 4))
def test_there_are_never_more_memories_than_allowed(prompts: list[list[int]], sequences: int) -> None:
    made: list[Rows] = []

    def create() -> Rows:
        made.append(Rows())
        return made[-1]

    cache = KvCache(create, sequences)
    for prompt in prompts:
        run(cache, prompt)
    assert 1 <= len(made) <= sequences


@given(first=TOKENS, second=TOKENS)
def test_two_documents_do_not_drive_each_other_out(first: list[int], second: list[int]) -> None:
    first, second = [3, *first], [4, *second]
    cache = KvCache(Rows, 2)
    run(cache, first)
    run(cache, second)
    assert run(cache, first) == len(first) - 1
    assert run(cache, second) == len(second) - 1


def test_typing_on_stays_in_the_same_memory() -> None:
    cache = KvCache(Rows)
    for n in range(1, 9):
        assert run(cache, [1] * n) == n - 1
    assert run(cache, [2]) == 0  # a second one
    assert run(cache, [1] * 9) == 8


def test_a_shared_beginning_is_copied_and_its_source_kept() -> None:
    cache = KvCache(Rows)
    long, other = [1, 2, 3, 4, 5, 6, 7], [1, 2, 9]
    run(cache, long)
    assert run(cache, other) == 2
    assert run(cache, long) == 6


def test_the_least_recently_used_sequence_gives_way() -> None:
    cache = KvCache(Rows, 2)
    for prompt in ([1, 1], [2, 2], [1, 1], [3, 3]):
        run(cache, prompt)
    assert run(cache, [1, 1]) == 1
    assert run(cache, [2, 2]) == 0


@given(size=st.integers(1, 1 << 28), megabytes=st.integers(1, 1000))
def test_sequences_stay_within_their_memory_but_one_is_kept(size: int, megabytes: int) -> None:
    count = sequences_that_fit(size, megabytes)
    assert 1 <= count <= MOST_SEQUENCES
    assert count == 1 or count * size <= megabytes << 20
    assert count == MOST_SEQUENCES or (count + 1) * size > megabytes << 20


@given(prompts=st.lists(TOKENS, min_size=1, max_size=30), sequences=st.integers(2, 4))
def test_a_held_sequence_is_copied_from_and_never_rewound(prompts: list[list[int]], sequences: int) -> None:
    cache = KvCache(Rows, sequences)
    run(cache, prompts[0])
    held = cache.find(prompts[0])
    held.held, kept = True, list(held.tokens)
    for prompt in prompts:
        run(cache, prompt)
        assert held.tokens == kept == held.memory.rows[: len(kept)]
