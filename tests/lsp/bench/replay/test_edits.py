"""Edits turn the old text into the new one, and look like what a person would do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.replay.edits import Edit, Piece, apply_edits, edits_between, find_pastes, removed_lines, split_lines

texts = st.text(alphabet="ab( )\n\t\u00e4", max_size=60) | st.lists(
    st.sampled_from(["def f():\n", "    return 1\n", "    x = g(a, b)\n", "\n", "}\n", "x = 1\n"]), max_size=12
).map("".join)


@given(texts, texts)
def test_edits_make_the_new_text_of_the_old_one(before: str, after: str) -> None:
    assert apply_edits(before, edits_between(before, after)) == after


@given(texts, texts)
def test_edits_also_hold_with_carriage_returns(before: str, after: str) -> None:
    before, after = before.replace("\n", "\r\n"), after.replace("\n", "\r\n")
    edits = edits_between(before, after)
    assert apply_edits(before, edits) == after
    assert all(edit.start == 0 or before[edit.start - 1 : edit.start + 1] != "\r\n" for edit in edits)


@given(texts, texts)
def test_edits_are_in_order_and_never_overlap(before: str, after: str) -> None:
    edits = edits_between(before, after)
    ends = [0, *(edit.start + edit.removed for edit in edits)]
    assert all(end <= edit.start for end, edit in zip(ends, edits, strict=False))


@pytest.mark.parametrize(
    ("before", "after", "edits"),
    [
        ("a\nb\n", "a\nx\nb\n", [Edit(1, 0, "\nx")]),
        ("f(a)\n", "f(a, b)\n", [Edit(3, 0, ", b")]),
        ("a\nb\nc\n", "a\nc\n", [Edit(2, 2, "")]),
        ("b\n", "x\nb\n", [Edit(0, 0, "x\n", opens_line=True)]),
        ("", "x\n", [Edit(0, 0, "x\n")]),
        ("    one two\n", "    entirely else\n", [Edit(4, 7, "entirely else")]),
        ("a = value\nb\n", "a = other\nb\n", [Edit(4, 5, "other")]),
        ("a\r\nb\r\n", "a\r\nx\r\nb\r\n", [Edit(1, 0, "\r\nx")]),
    ],
)
def test_edits_are_what_a_person_would_do(before: str, after: str, edits: list[Edit]) -> None:
    assert edits_between(before, after) == edits


@given(st.text(alphabet="a\n\f\u2028", max_size=20))
def test_only_line_feeds_end_lines(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    assert len(lines) == text.count("\n") + (not text.endswith("\n") and text != "")


MOVED = "def moved_here(first, b):\n    total = a + b * 2\n    return [total]\n"


def test_lines_that_were_cut_are_pasted() -> None:
    assert find_pastes("\nx = 1\n" + MOVED + "y = 2", ["z\n" + MOVED]) == [
        Piece("\nx = 1\n"),
        Piece(MOVED, pasted=True),
        Piece("y = 2"),
    ]


@pytest.mark.parametrize("sources", [[], [MOVED.replace("total", "other")], ["def moved_here(first, b):\n"]])
def test_other_lines_are_typed(sources: list[str]) -> None:
    assert find_pastes(MOVED, sources) == [Piece(MOVED)]


def test_a_few_brackets_are_typed_even_if_they_were_cut() -> None:
    assert find_pastes("}\n\n}\n", ["}\n\n}\n"]) == [Piece("}\n\n}\n")]


def test_only_lines_that_went_away_can_be_pasted() -> None:
    assert removed_lines("a\nb\nc\nd\n", "a\nc\nx\nd\n") == ["b\n"]


@given(texts, st.lists(texts, max_size=2))
def test_pieces_are_the_text(text: str, sources: list[str]) -> None:
    assert "".join(piece.text for piece in find_pastes(text, sources)) == text
