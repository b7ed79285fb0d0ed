"""Where a completion ends."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.postprocess.trim import drop_overlap, trim_block, trim_known, trim_line, trim_repetition, trim_unfit


@pytest.mark.parametrize(("text", "line"), [("a + b  \nreturn", "a + b"), ("\nx", ""), ("", ""), ("x\r\ny", "x")])
def test_a_line_ends_at_its_end(text: str, line: str) -> None:
    assert trim_line(text) == line


@pytest.mark.parametrize(
    ("text", "line_before", "whole", "kept"),
    [
        ("return x\n\ndef g():", "    ", True, "return x"),
        ("for x in y:\n        print(x)\n    return\nprint()", "    ", True, "for x in y:\n        print(x)\n    return"),
        ("\n    a\n    b\nc", "def f():", True, "\n    a\n    b"),
        ("\n    a();\n}\nfunc g() {", "func f() {", True, "\n    a();\n}"),
        ("    a();\n    b(", "func f() {", False, "    a();"),
        ("a = 1", "", False, "a = 1"),
        ("", "    ", True, ""),
    ],
)
def test_a_block_ends_where_its_indentation_does(text: str, line_before: str, whole: bool, kept: str) -> None:
    assert trim_block(text, line_before, whole=whole) == kept


@pytest.mark.parametrize(
    ("text", "suffix", "kept"),
    [
        ("a, b)", ")", "a, b"),
        ("a, b)", ")\nmore", "a, b"),
        ("a, b):", "):", "a, b"),
        ("g(a)", ")", "g(a)"),
        ("g(a))", ")", "g(a)"),
        ("x", "", "x"),
        ("value", "e)", "value"),
        ('"x"', '"', '"x'),
    ],
)
def test_what_stands_behind_the_cursor_is_not_said_twice(text: str, suffix: str, kept: str) -> None:
    assert drop_overlap(text, suffix) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a = 1\nb = 2\nc = 3", "a = 1\nb = 2\nc = 3"),
        ("foo(1)\nfoo(1)\nfoo(1)", "foo(1)"),
        ("a = 1\nfoo(1)\nfoo(1)\nfoo(1)", "a = 1\nfoo(1)"),
        ("ababababab", ""),
        ("a = 1\nx, x, x, x, x, x, ", "a = 1"),
        ("-----------", "-----------"),
        ("}\n}\n}", "}\n}\n}"),
    ],
)
def test_what_comes_before_a_repetition_is_kept(text: str, kept: str) -> None:
    assert trim_repetition(text) == kept


@pytest.mark.parametrize(
    ("text", "suffix", "kept"),
    [
        ("a\n  b\n  c", "\n  b\n", "a"),
        ("a\n  b", "\n    b\n", "a\n  b"),
        ("b", "\nb", "b"),
        ("a\n}", "\n}", "a"),
        ("a\nb", "", "a\nb"),
    ],
)
def test_a_text_ends_before_the_next_line_of_the_file(text: str, suffix: str, kept: str) -> None:
    assert trim_known(text, suffix) == kept


@given(st.text(max_size=40))
def test_nothing_unfit_is_left(text: str) -> None:
    kept = trim_unfit(text)
    assert text.startswith(kept)
    assert not any(unicodedata.category(character) == "Cc" and character not in "\t\n" for character in kept)
    assert not set(kept) & set("\u200b\u200f\u202a\u202e\u2066\u2069\ufeff\ufffd")
