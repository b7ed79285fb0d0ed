"""Which keys go along with a suggestion, brackets and quotes that the editor closes included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.server.agreement import Place, added_behind, agrees, open_closers, rest_of

CURSOR = "‸"
CODE = st.text("ab([{)]}\"' \n", max_size=12)


def place(marked: str) -> Place:
    return Place(*marked.split(CURSOR))


@pytest.mark.parametrize(
    ("text", "here", "rest"),
    [
        ("foo(1)", "x = foo‸\n", "(1)"),
        ("foo(1)", "x = foo(‸)\n", "1"),
        ("foo(1)", "x = foo(1‸)\n", ""),
        ("foo(1)", "x = foo(1)‸\n", ""),
        ("foo(1) + bar(2)", "x = foo(‸)\n", "1) + bar(2"),
        ("foo(1) + bar", "x = foo(‸)\n", "1"),
        ("foo(1) + bar", "x = foo(1)‸\n", " + bar"),
        ("foo([1, 2], 3)", "x = foo([‸])\n", "1, 2"),
        ("foo([1])", "x = foo([‸])\n", "1"),
        ('"a(b" + c', 'x = "‸"\n', "a(b"),
        ('f("a\\"b")', 'x = f("‸")\n', 'a\\"b'),
        ("{\n    a: 1\n}", "x = {\n    ‸\n}\n", "a: 1"),
        ("foo(a):\n    return a", "x = foo(‸)\n", "a"),
        ("foo(a,", "x = foo(‸)\n", "a,"),
        ("foo(1)", "x = foo(‸]\n", ""),
        ("foo(1)", "x = fo‸)\n", ""),
        ("foo(1)", "x = f‸ # else\n", ""),
        ("foo(1)", "y = f‸\n", ""),
        ("foo(1)", "x =‸\n", ""),
    ],
)
def test_what_is_left_of_a_suggestion(text: str, here: str, rest: str) -> None:
    assert rest_of(text, place("x = ‸\n"), place(here)) == rest


@given(text=CODE, typed=st.integers(0, 12), suffix=CODE)
def test_what_is_left_completes_the_suggestion_or_the_part_within_the_brackets(text: str, typed: int, suffix: str) -> None:
    head = text[:typed]
    added = open_closers(head)
    rest = rest_of(text, Place("p", suffix), Place("p" + head, added + suffix))
    assert not rest or text.startswith(head + rest) or head + rest + added == text


@given(text=CODE, typed=st.integers(0, 12))
def test_without_help_of_the_editor_what_is_left_is_the_rest(text: str, typed: int) -> None:
    assert rest_of(text, Place("p", "s"), Place("p" + text[:typed], "s")) == text[typed:]


@pytest.mark.parametrize(
    ("said", "between", "whether"),
    [
        ("foo(1)", "", True),
        ("foo(1)", "fo", True),
        ("foo(1)", "foo()", True),
        ("foo(1)", "foo(1) + ", True),
        ("", "anything", True),
        ("foo(1)", "fa", False),
        ("foo(1)", "fo)", False),
        ("foo(1)", "foo(]", False),
        ("{\n    a", "{\n    \n}", True),
    ],
)
def test_whether_a_text_may_still_become_the_suggestion(said: str, between: str, whether: bool) -> None:
    assert agrees(said, between) is whether


def test_another_suffix_is_no_help_of_the_editor() -> None:
    assert added_behind("\n", "x\n") is None
    assert added_behind("x\n", "\n") is None
    assert added_behind("\n", ")" * 81 + "\n") is None
    assert added_behind("\n", ")\n") == ")"
