from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.memory.evidence import CANDIDATES, HALF_LIFE, LENGTHS, SAMPLE, Evidence, Source, gather
from lowabs_lsp.memory.shelf import Shelf
from lowabs_lsp.memory.suffix_index import SuffixIndex

VOCABULARY = 4
DOCUMENT = st.lists(st.integers(0, VOCABULARY - 1), max_size=60)
CountNaively = Callable[[Sequence[Sequence[int]], Sequence[int]], Counter[tuple[int, int]]]


def index_of(documents: Sequence[Sequence[int]], vocabulary: int = VOCABULARY) -> SuffixIndex:
    return Shelf.empty(vocabulary).put({str(n): document for n, document in enumerate(documents)}).index


def counted(evidence: Evidence, view: int = 0) -> Counter[tuple[int, int]]:
    """What one source says, as the naive memory says it."""
    part = evidence.counts[:, view * LENGTHS : (view + 1) * LENGTHS]
    rows, lengths = np.nonzero(part)
    return Counter({(int(evidence.candidates[k]), int(n)): int(part[k, n]) for k, n in zip(rows, lengths, strict=True)})


@given(documents=st.lists(DOCUMENT, max_size=3), context=DOCUMENT)
def test_counts_are_those_of_looking_everywhere(
    count_naively: CountNaively, documents: list[list[int]], context: list[int]
) -> None:
    evidence = gather([Source(index_of(documents))], context)
    assert counted(evidence) == count_naively(documents, context)
    assert np.array_equal(evidence.totals, evidence.counts.sum(axis=0))


@given(repeated=st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=5), times=st.integers(2, 20))
def test_long_matches_are_told_apart(count_naively: CountNaively, repeated: list[int], times: int) -> None:
    document = (repeated * times)[:60]
    assert counted(gather([Source(index_of([document]))], document)) == count_naively([document], document)


@given(documents=st.lists(DOCUMENT, min_size=2, max_size=3), context=DOCUMENT)
def test_what_is_hidden_is_as_if_it_were_not_there(documents: list[list[int]], context: list[int]) -> None:
    shelf = Shelf.empty(VOCABULARY).put({str(n): document for n, document in enumerate(documents)})
    hidden = gather([Source(shelf.index, hidden=shelf.spans["1"])], context)
    never = gather([Source(shelf.without(["1"]).index)], context)
    assert counted(hidden) == counted(never)
    assert np.array_equal(hidden.totals, never.totals)


@given(first=DOCUMENT, second=DOCUMENT, context=DOCUMENT)
def test_sources_do_not_mix(count_naively: CountNaively, first: list[int], second: list[int], context: list[int]) -> None:
    evidence = gather([Source(index_of([first])), Source(index_of([second]))], context)
    assert counted(evidence, 0) == count_naively([first], context)
    assert counted(evidence, 1) == count_naively([second], context)


def test_an_occurrence_in_the_file_counts_by_its_distance_too() -> None:
    file = [1, 2, *[0] * (HALF_LIFE - 4), 1, 3]
    index = index_of([file])
    cursor = index.packing.depth + 1 + HALF_LIFE
    evidence = gather([Source(index, cursor=cursor)], [1])
    by_token = dict(zip(evidence.candidates.tolist(), evidence.counts[:, LENGTHS].tolist(), strict=True))
    assert by_token[2] == 0.5
    assert by_token[3] == 0.5 ** ((cursor - (index.packing.depth + HALF_LIFE - 1)) / HALF_LIFE)


def test_of_a_frequent_context_all_occurrences_count_and_few_are_looked_at() -> None:
    document = [1, 0] * (40 * SAMPLE) + [3, 1, 2]
    evidence = gather([Source(index_of([document]))], [3, 1])
    assert evidence.totals[1] == 1
    assert evidence.totals[0] == pytest.approx(40 * SAMPLE + 1)
    assert evidence.counts[:, 0].sum() == pytest.approx(evidence.totals[0])


def test_the_best_supported_candidates_are_kept() -> None:
    often = [token for n in range(3 * CANDIDATES) for token in (0, 1 + n) * (1 + n % 3)]
    evidence = gather([Source(index_of([often], 1 + 3 * CANDIDATES))], [0])
    assert len(evidence.candidates) == CANDIDATES
    assert set(evidence.counts[:, 0]) == {3.0}
    assert evidence.totals[0] == len(often) / 2


def test_without_a_match_there_are_no_candidates() -> None:
    evidence = gather([Source(index_of([[0, 1]])), Source(SuffixIndex.empty(VOCABULARY))], [3])
    assert evidence.candidates.tolist() == []
    assert not evidence.totals.any()
