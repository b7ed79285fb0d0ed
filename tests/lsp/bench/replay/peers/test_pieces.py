"""What the peers' policies share."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.replay.keys import Key
from lowabs_lsp.bench.replay.peers.bm25 import rank
from lowabs_lsp.bench.replay.peers.pieces import (
    Said,
    Surroundings,
    distance,
    first_tokens,
    last_tokens,
    whole_first_lines,
    whole_last_lines,
    without_end,
)
from lowabs_lsp.bench.replay.policy import Request
from lowabs_lsp.values import Document

CURSOR = "‸"
texts = st.text(alphabet="ab\n", max_size=30)


def request(marked: str) -> Request:
    offset = marked.index(CURSOR)
    return Request(Document("file:///a.py", "a.py", "python", marked.replace(CURSOR, "")), offset, (), Key.CHARACTER, 0)


@given(texts, st.integers(0, 40))
def test_windows_are_as_long_as_their_budget_allows(text: str, budget: int) -> None:
    assert last_tokens(text, budget, len) == text[max(0, len(text) - budget) :]
    assert first_tokens(text, budget, len) == text[:budget]


@given(texts, st.integers(0, 40))
def test_whole_lines_stay_within_their_budget(text: str, budget: int) -> None:
    head, tail = whole_first_lines(text, budget, len), whole_last_lines(text, budget, len)
    assert len(head) <= budget
    assert len(tail) <= budget
    assert text.split("\n")[: head.count("\n") + 1] == head.split("\n") or not head
    assert text.endswith(tail)
    assert (head == text) == (len(text) <= budget)


def test_surroundings_split_the_line_at_the_cursor() -> None:
    here = Surroundings.of(request("a\r\nb‸c\r\n\r\nd\r\n"))
    assert (here.line_before, here.line_behind, here.next_line) == ("b", "c", "d")
    assert here.lines_below == ["", "d", ""]


def test_what_was_said_is_there_while_it_is_typed() -> None:
    said = Said(entries=2, ahead=3)
    said.remember(request("x = ‸"), "value")
    assert said.recall(request("x = ‸")) == "value"
    assert said.recall(request("x = va‸")) == "lue"
    assert said.recall(request("x = vo‸")) is None
    assert said.recall(request("x = valu‸")) is None  # farther ahead than it looks
    assert said.recall(request("x = ‸)")) is None


def test_silence_is_remembered_where_it_was_and_nowhere_else() -> None:
    said = Said(entries=2, ahead=3)
    said.remember(request("x‸"), "")
    assert said.recall(request("x‸")) == ""
    assert said.recall(request("xy‸")) is None


def test_the_oldest_is_forgotten() -> None:
    said = Said(entries=2, ahead=3)
    for marked in ("a‸", "b‸", "c‸"):
        said.remember(request(marked), "said")
    assert [said.recall(request(marked)) for marked in ("a‸", "b‸", "c‸")] == [None, "said", "said"]


@given(st.text(alphabet="abc", max_size=8), st.text(alphabet="abc", max_size=8))
def test_distance_is_that_of_its_definition(a: str, b: str) -> None:
    @cache
    def slow(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(slow(i - 1, j) + 1, slow(i, j - 1) + 1, slow(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    assert distance(a, b) == slow(len(a), len(b))


def test_an_end_that_stands_there_already_is_dropped() -> None:
    assert [without_end("a, b)", rest) for rest in (")", "", "]", ")  ")] == ["a, b", "a, b)", "a, b)", "a, b"]


def test_documents_rank_by_rare_shared_words() -> None:
    documents = [{"common"}, {"common", "rare"}, {"other"}, {"common", "x", "y", "z"}]
    assert rank({"common", "rare"}, documents) == [1, 0, 3]
    assert rank({"nothing"}, documents) == []
    assert rank({"x"}, []) == []
