"""Brackets and their partners."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.postprocess.balance import trim_brackets


@pytest.mark.parametrize(
    ("prefix", "text", "suffix", "kept"),
    [
        ("f(", "a, b)", "", "a, b)"),
        ("f(", "a, b))", "", "a, b)"),
        ("f(\n  ", "a, b)", "\n)", "a, b"),
        ("x = ", "g(a)", "", "g(a)"),
        ("x = ", "b) and c", "", ""),
        ("x = ", "a = 1\nb) and c", "", "a = 1"),
        ('def f():\n    """It is (so', "called)", '"""\n', "called)"),
        ("def f():\n    '''a (b'''\n    return f(", "x) is not None", "", "x) is not None"),
        ("}\nx = [", "1]", "", "1]"),
    ],
)
def test_a_text_ends_where_it_closes_too_much(prefix: str, text: str, suffix: str, kept: str) -> None:
    assert trim_brackets(text, prefix, suffix, "python") == kept


@given(text=st.text(st.sampled_from("ab()[]{}\n "), max_size=30), prefix=st.text(st.sampled_from("a(["), max_size=5))
def test_what_is_left_is_a_beginning(text: str, prefix: str) -> None:
    assert text.startswith(trim_brackets(text, prefix, "", "python"))
