from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.memory.suffix_index import SuffixIndex

VOCABULARY = 4
DOCUMENT = st.lists(st.integers(0, VOCABULARY - 1), max_size=40)


def index_of(documents: Sequence[Sequence[int]], vocabulary: int = VOCABULARY) -> SuffixIndex:
    index = SuffixIndex.empty(vocabulary)
    for document in documents:
        index = index.edit(len(index.text), len(index.text), index.stored(document))
    return index


def columns(index: SuffixIndex) -> list[list[int]]:
    """All that does not depend on where in the text a document stands."""
    return [index.rows.first.tolist(), index.rows.second.tolist(), index.rows.following.tolist()]


def followers(index: SuffixIndex, context: Sequence[int]) -> list[list[int]]:
    """For n = 1, 2, ... what follows the last n tokens of `context`, by the index."""
    return [
        sorted(index.rows.following[low:high].astype(int) - 1) for low, high in index.slices(index.packing.needles(context))
    ]


def followers_found_by_looking(documents: Sequence[Sequence[int]], context: Sequence[int], depth: int) -> list[list[int]]:
    found = [
        sorted(
            document[place]
            for document in documents
            for place in range(n, len(document))
            if document[place - n : place] == context[-n:]
        )
        for n in range(1, min(depth, len(context)) + 1)
    ]
    return [tokens for tokens in found if tokens]


@given(documents=st.lists(DOCUMENT, max_size=4), context=DOCUMENT)
def test_slices_hold_what_followed_the_last_tokens(documents: list[list[int]], context: list[int]) -> None:
    index = index_of(documents)
    assert followers(index, context) == followers_found_by_looking(documents, context, index.packing.depth)


@pytest.mark.parametrize(("vocabulary", "depth"), [(4096, 8), (32_000, 8), (32_768, 6), (151_665, 6), (2**31 - 1, 4)])
@given(data=st.data())
def test_ids_of_any_vocabulary_are_told_apart(vocabulary: int, depth: int, data: st.DataObject) -> None:
    tokens = st.sampled_from([0, 1, vocabulary - 2, vocabulary - 1])
    document, context = data.draw(st.lists(tokens, max_size=40)), data.draw(st.lists(tokens, max_size=12))
    index = index_of([document], vocabulary)
    assert index.packing.depth == depth
    assert followers(index, context) == followers_found_by_looking([document], context, depth)


@given(document=DOCUMENT, others=st.lists(DOCUMENT, min_size=1, max_size=3), data=st.data())
def test_an_edited_text_is_indexed_as_if_it_were_new(document: list[int], others: list[list[int]], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(document)))
    stop = data.draw(st.integers(start, len(document)))
    typed = data.draw(st.lists(st.integers(0, VOCABULARY - 1), max_size=5))
    index = index_of([document, *others])
    offset = index.packing.depth
    edited = index.edit(offset + start, offset + stop, np.array(typed, np.uint32) + np.uint32(1))
    fresh = index_of([[*document[:start], *typed, *document[stop:]], *others])
    assert edited.text.tolist() == fresh.text.tolist()
    assert columns(edited) == columns(fresh)
    assert sorted(edited.rows.places) == sorted(fresh.rows.places)


@given(documents=st.lists(DOCUMENT, min_size=1, max_size=5), data=st.data())
def test_a_document_taken_out_is_as_if_it_had_never_been_there(documents: list[list[int]], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.integers(0, len(documents) - 1)))
    index = index_of(documents)
    edges = np.cumsum([0, *(index.packing.depth + len(document) for document in documents)]).tolist()
    without = index.without([(edges[n], edges[n + 1]) for n in gone])
    never = index_of([document for n, document in enumerate(documents) if n not in gone])
    assert without.text.tolist() == never.text.tolist()
    assert columns(without) == columns(never)
    for row, place in enumerate(without.rows.places):
        assert without.text[place] == without.rows.following[row]


def test_many_rows_and_few_are_merged_to_the_same_order() -> None:
    random = np.random.default_rng(0)
    long, short = random.integers(0, 3, 2000).tolist(), random.integers(0, 3, 30).tolist()
    assert columns(index_of([long, short])) == columns(index_of([short, long]))
