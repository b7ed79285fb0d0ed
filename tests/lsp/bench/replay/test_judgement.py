"""What of a suggestion is right, and how near it comes."""

from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.replay.judgement import Offer, Part, Place, edit_similarity, first_line, place_of, right_parts

CURSOR = "‸"
words = st.text(alphabet="ab (\n", max_size=12)


@pytest.mark.parametrize(
    ("suggestion", "rest", "offers"),
    [
        ("a + b", "a + b\n", [Offer(Part.WHOLE, "a + b"), Offer(Part.WORD, "a")]),
        ("a + b\nwrong", "a + b\n", [Offer(Part.LINE, "a + b"), Offer(Part.WORD, "a")]),
        ("a + c", "a + b\n", [Offer(Part.WORD, "a")]),
        ("pre", "present", []),
        ("pre", "pre", [Offer(Part.WHOLE, "pre")]),
        ("pre()", "pre(", [Offer(Part.WORD, "pre")]),
        ("x", "y", []),
        ("\n    x = 1", "\n    x = 1\n", [Offer(Part.WHOLE, "\n    x = 1"), Offer(Part.WORD, "\n    x")]),
        ("\n    x\n    z", "\n    x\n    y", [Offer(Part.LINE, "\n    x")]),
        ("  ", "  x", []),
        ("", "x", []),
        ("x", "", []),
    ],
)
def test_right_is_what_would_have_been_typed(suggestion: str, rest: str, offers: list[Offer]) -> None:
    assert list(right_parts(suggestion, rest)) == offers


@given(words, words)
def test_every_right_part_begins_both(suggestion: str, rest: str) -> None:
    for offer in right_parts(suggestion, rest):
        assert suggestion.startswith(offer.text)
        assert rest.startswith(offer.text)


def test_reading_takes_longer_for_longer_text_but_not_for_ever() -> None:
    times = [Offer(Part.WHOLE, "x" * size).reading_time for size in (1, 40, 100, 1000)]
    assert times == [260, 650, 1250, 1250]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\nb", "a"), ("\n  a\nb", "\n  a"), ("", ""), ("\n\n", "\n\n"), ("a  \r\nb", "a"), ("\r\n\r\n\tb\r\n", "\r\n\r\n\tb")],
)
def test_the_first_line_is_the_first_with_something_on_it(text: str, line: str) -> None:
    assert first_line(text) == line


@pytest.mark.parametrize(
    ("marked", "place"),
    [
        ("x = ‸\n", Place.LINE_END),
        ("x = f(‸)", Place.MID_LINE),
        ("def f():‸\n", Place.BLOCK_START),
        ("def f():\n    ‸\n", Place.BLOCK_START),
        ("# says it\n‸", Place.AFTER_COMMENT),
        ("x = 1\n\n‸\ny", Place.NEW_LINE),
        ("‸", Place.NEW_LINE),
    ],
)
def test_places_have_their_kind(marked: str, place: Place) -> None:
    assert place_of("python", *marked.split(CURSOR)) == place


@given(st.text(max_size=30), st.text(max_size=30))
def test_similarity_is_symmetric_and_one_only_for_equals(a: str, b: str) -> None:
    assert edit_similarity(a, b) == edit_similarity(b, a)
    assert (edit_similarity(a, b) == 1) == (a == b)
    assert 0 <= edit_similarity(a, b) <= 1


def slow_similarity(a: str, b: str) -> float:
    row = [0] * (len(b) + 1)
    for x in a:
        previous = 0
        for j, y in enumerate(b):
            previous, row[j + 1] = row[j + 1], previous + 1 if x == y else max(row[j], row[j + 1])
    return 2 * row[-1] / (len(a) + len(b)) if a or b else 1.0


@given(st.text(alphabet="abc", max_size=40), st.text(alphabet="abc", max_size=40))
def test_similarity_is_that_of_the_plain_recurrence(a: str, b: str) -> None:
    assert edit_similarity(a, b) == slow_similarity(a, b)
    assert edit_similarity(a, b) >= SequenceMatcher(None, a, b, autojunk=False).ratio()
