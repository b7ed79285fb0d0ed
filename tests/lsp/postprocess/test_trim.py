"""Where a completion ends."""

import pytest

from lowabs_lsp.postprocess.trim import drop_overlap, trim_block, trim_line


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
