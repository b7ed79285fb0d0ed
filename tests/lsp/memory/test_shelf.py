from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.memory.shelf import Shelf

VOCABULARY = 4
DOCUMENT = st.lists(st.integers(0, VOCABULARY - 1), max_size=30)
KEYS = st.sampled_from("abc")
STEPS = st.lists(st.tuples(KEYS, st.none() | DOCUMENT), max_size=12)


def contents(shelf: Shelf) -> dict[str, list[int]]:
    pad = shelf.index.packing.depth
    return {key: (shelf.index.text[start + pad : stop].astype(int) - 1).tolist() for key, (start, stop) in shelf.spans.items()}


def columns(shelf: Shelf) -> list[list[int]]:
    rows = shelf.index.rows
    return [rows.first.tolist(), rows.second.tolist(), rows.following.tolist()]


def follow(steps: Sequence[tuple[str, list[int] | None]]) -> tuple[Shelf, dict[str, list[int]]]:
    shelf, plain = Shelf.empty(VOCABULARY), dict[str, list[int]]()
    for key, document in steps:
        plain.pop(key, None)
        if document is None:
            shelf = shelf.without([key])
        else:
            shelf, plain[key] = shelf.put({key: document}), document
    return shelf, plain


@given(STEPS)
def test_documents_come_and_go_as_in_a_dictionary(steps: list[tuple[str, list[int] | None]]) -> None:
    shelf, plain = follow(steps)
    assert list(contents(shelf).items()) == list(plain.items())


@given(STEPS)
def test_nothing_is_left_of_what_is_gone(steps: list[tuple[str, list[int] | None]]) -> None:
    shelf, plain = follow(steps)
    assert columns(shelf) == columns(Shelf.empty(VOCABULARY).put(plain))


@given(STEPS, st.integers(0, 120))
def test_the_oldest_documents_give_way(steps: list[tuple[str, list[int] | None]], most: int) -> None:
    shelf, _ = follow(steps)
    kept = shelf.within(most)
    assert len(kept.index.text) <= most or not kept.spans
    assert list(kept.spans) == list(shelf.spans)[len(shelf.spans) - len(kept.spans) :]
    first_evicted = len(shelf.spans) - len(kept.spans) - 1
    if first_evicted >= 0:  # one more would have been too many
        start, _ = list(shelf.spans.values())[first_evicted]
        assert len(shelf.index.text) - start > most
