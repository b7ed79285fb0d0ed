"""Brackets and quotes."""

import pytest

from lowabs_lsp.syntax.brackets import scan


@pytest.mark.parametrize(
    ("text", "language", "opened", "left"),
    [
        ("f(a, [b", "python", "", ("])", "", 7)),
        ("f(')')", "python", "", ("", "", 6)),
        ("f(a))", "python", "", ("", "", 4)),
        ("a)", "python", ")", ("", "", 2)),
        ("a]", "python", ")", (")", "", 1)),
        ("# (", "python", "", ("", "", 3)),
        ("// (", "c", "", ("", "", 4)),
        ("x # (", "c", "", (")", "", 5)),
        ('"a', "python", "", ("", '"', 2)),
        ('"""a"', "python", "", ("", '"""', 5)),
        ("it's (", "yaml", "", (")", "", 6)),
        ("$#(", "shellscript", "", (")", "", 3)),
    ],
)
def test_what_a_text_leaves_open(text: str, language: str, opened: str, left: tuple[str, str, int]) -> None:
    assert scan(text, language, opened) == left
