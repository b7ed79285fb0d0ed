from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.memory.draft import propose
from lowabs_lsp.memory.evidence import Evidence, Source, gather
from lowabs_lsp.memory.gates import load_gates
from lowabs_lsp.memory.shelf import Shelf

VOCABULARY = 6
DOCUMENT = st.lists(st.integers(0, VOCABULARY - 1), max_size=40)
GATES = load_gates("alone")


def draft(documents: Sequence[Sequence[int]], tokens: Sequence[int], count: int) -> list[int]:
    indexes = [Shelf.empty(VOCABULARY).put({"": document}).index for document in documents]
    sources = (Source(indexes[0]), Source(indexes[1], cursor=len(indexes[1].text)), Source(indexes[2]))

    def look_up(sequence: Sequence[int]) -> Evidence:
        return gather(sources, sequence)

    return propose(look_up, tokens, count, GATES)


@given(documents=st.tuples(DOCUMENT, DOCUMENT, DOCUMENT), tokens=DOCUMENT, count=st.integers(0, 12))
def test_each_guess_stood_in_a_source_behind_the_token_before(
    documents: tuple[list[int], ...], tokens: list[int], count: int
) -> None:
    guesses = draft(documents, tokens, count)
    assert len(guesses) <= count
    seen = {pair for document in documents for pair in pairwise(document)}
    assert {*pairwise([*tokens[-1:], *guesses])} <= seen


def test_a_long_repetition_is_copied() -> None:
    line = [1, 2, 3, 4, 5, 0, 2, 4, 1, 3, 5]
    assert draft([line * 3, [], []], line[:6], 5) == line[6:]


def test_nothing_is_proposed_where_nothing_matches() -> None:
    assert draft([[0, 1], [], []], [5], 5) == []
