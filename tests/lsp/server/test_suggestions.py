"""What is counted of suggestions, as a text grows and a client tells."""

from collections import Counter
from collections.abc import Callable

import pytest

from lowabs_lsp.server.suggestions import SETTLED_AFTER, Suggestions, is_part, kept_of
from lowabs_lsp.values import Completion, Document, Reason

CURSOR = "‸"


class Desk:
    """A document, and what was counted and judged about the suggestions in it."""

    def __init__(self, marked: str) -> None:
        self.counts: Counter[str] = Counter()
        self.judged: list[bool] = []
        self.now = 0.0
        self.suggestions = Suggestions(self.count, lambda completion, right: self.judged.append(right), lambda: self.now)
        self.text, self.offset, self.shown = marked.replace(CURSOR, ""), marked.index(CURSOR), 0

    def count(self, language: str, event: str, number: int) -> None:
        self.counts[event] += number

    def document(self) -> Document:
        return Document("file:///a.py", "a.py", "python", self.text)

    def show(self, text: str) -> None:
        self.shown += 1
        self.suggestions.show(str(self.shown), self.document(), self.offset, Completion(text, Reason.SHOWN))

    def become(self, marked: str) -> None:
        before = self.document()
        self.text, self.offset = marked.replace(CURSOR, ""), marked.index(CURSOR)
        self.suggestions.change(before, self.document())

    def tally(self) -> dict[str, int]:
        self.suggestions.leave(self.document())
        return dict(self.counts)


Play = Callable[[Desk], None]


def plays(*steps: str) -> Desk:
    """`+text` shows a suggestion, everything else is what the document becomes."""
    desk = Desk("x = ‸\n")
    for step in steps:
        desk.show(step[1:]) if step.startswith("+") else desk.become(step)
    return desk


@pytest.mark.parametrize(
    ("steps", "counts", "judged"),
    [
        (["+foo(1)", "x = foo(1)‸\n"], {"shown": 1, "accepted": 1, "characters": 6, "retained": 6}, [True]),
        (
            ["+foo(1)", "x = f‸\n", "+oo(1)", "x = foo(1)‸\n"],
            {"shown": 1, "accepted": 1, "characters": 5, "retained": 5},
            [True],
        ),
        (["+foo(1)", "x = foo‸\n", "x = foo(‸)\n", "+1", "x = foo(1‸)\n"], {"shown": 1, "typed": 1}, [True]),
        (["+foo (1)", "x = foo ‸\n"], {"shown": 1, "partly": 1, "characters": 4, "retained": 4}, [True]),
        (
            ["+foo (1)", "x = foo ‸\n", "+(1)", "x = foo (1)‸\n"],
            {"shown": 1, "partly": 1, "characters": 7, "retained": 7},
            [True],
        ),
        (["+foo(1)", "x = g‸\n"], {"shown": 1, "dismissed": 1}, [False]),
        (["+foo(1)", "x =‸\n"], {"shown": 1, "dismissed": 1}, [False]),
        (["+foo(1)"], {"shown": 1, "dismissed": 1}, [False]),
        (["+foo(1)", "+foo(1)"], {"shown": 1, "dismissed": 1}, [False]),
        (["+foo(1)", "x = b‸\n", "+ar"], {"shown": 2, "dismissed": 2}, [False, False]),
        (["+ab", "x = a‸\n", "x = ab‸\n"], {"shown": 1, "typed": 1}, [True]),
    ],
)
def test_what_becomes_of_a_suggestion(steps: list[str], counts: dict[str, int], judged: list[bool]) -> None:
    desk = plays(*steps)
    assert (desk.tally(), desk.judged) == (counts, judged)


def test_the_client_and_the_text_tell_of_the_same_acceptance_in_any_order() -> None:
    expected = {"shown": 1, "accepted": 1, "characters": 6, "retained": 6}
    first, then = plays("+foo(1)", "x = foo(1)‸\n"), plays("+foo(1)")
    first.suggestions.accept("1")
    then.suggestions.accept("1")
    then.become("x = foo(1)‸\n")
    assert (first.tally(), then.tally()) == (expected, expected)


def test_units_are_those_of_the_client() -> None:
    desk = plays("+'🙂🙂' + x")
    desk.suggestions.accept("1", units=5)
    assert desk.counts["characters"] == 3


def test_texts_that_are_over_are_not_kept() -> None:
    desk = plays("+foo(1)", "x = g‸\n", "+lobal", "x = global‸\n", "+1", "x = global2‸\n")
    assert [suggestion.document.text for suggestion in desk.suggestions._by_id.values()] == ["", "", ""]


def test_unknown_names_are_ignored() -> None:
    desk = plays("+foo")
    desk.suggestions.accept("?")
    desk.suggestions.reject("?")
    assert desk.counts == {"shown": 1}


def test_what_is_edited_soon_is_not_kept_and_what_is_edited_late_was() -> None:
    soon, late = plays("+foobar(1)", "x = foobar(1)‸\n"), plays("+foobar(1)", "x = foobar(1)‸\n")
    late.now = SETTLED_AFTER
    late.become("# more above\nx = foobar(1)‸\n")
    for desk in (soon, late):
        desk.become("x = other‸\n")
    assert (soon.tally()["retained"], late.tally()["retained"]) == (0, 9)


def test_an_accepted_text_is_followed_when_the_text_above_it_grows() -> None:
    desk = plays("+foobar(1)", "x = foobar(1)‸\n")
    desk.become("# " + "more above\n# " * 200 + "\nx = foobar(1)‸\n")
    assert desk.tally()["retained"] == 9


@pytest.mark.parametrize(("text", "kept"), [("foobar(1, 2)", 12), ("foobar(1, 3)", 10), ("", 0), ("barfoo", 0), ("foobar", 6)])
def test_what_is_kept_of_an_accepted_text(text: str, kept: int) -> None:
    assert kept_of("foobar(1, 2)", f"x = {text}\n", 4) == kept


@pytest.mark.parametrize(
    ("inserted", "part"),
    [("word", True), ("word(", True), ("wo", False), ("word(on", False), ("\n    ", False), ("other", False)],
)
def test_an_insertion_that_ends_with_a_word_is_an_accepted_part(inserted: str, part: bool) -> None:
    assert is_part(inserted, "word(one)\n    ") is part
