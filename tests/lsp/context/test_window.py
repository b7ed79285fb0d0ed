"""The window around the cursor: within budget, contiguous, and steady while a person types."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.context.window import STEP, cut_window

texts = st.lists(st.text(alphabet="ab \t(é\r\f", max_size=30), max_size=120).map("\n".join)


def by_character(text: str) -> int:
    return len(text)


@given(text=texts, place=st.floats(0, 1), budget=st.integers(0, 400), share=st.floats(0, 0.9))
def test_a_window_is_what_stands_around_the_cursor_and_fits_the_budget(
    text: str, place: float, budget: int, share: float
) -> None:
    offset = int(place * len(text))
    window = cut_window(text, offset, budget=budget, suffix_share=share, count=by_character)
    assert text[:offset].endswith(window.prefix)
    assert text[offset:].startswith(window.suffix)
    assert len(window.prefix) + len(window.suffix) <= budget


@given(text=texts, place=st.floats(0, 1), share=st.floats(0.05, 0.9))
def test_a_text_that_fits_is_shown_whole(text: str, place: float, share: float) -> None:
    offset = int(place * len(text))
    budget = int(len(text) / share) + len(text) + 1
    window = cut_window(text, offset, budget=budget, suffix_share=share, count=by_character)
    assert window.prefix == text[:offset]
    assert window.suffix == text[offset:]


def test_the_upper_edge_moves_once_in_so_many_lines_while_lines_are_added() -> None:
    def first_line(lines: int) -> str:
        text = "".join(f"line {number:04}\n" for number in range(lines))
        return cut_window(text, len(text), budget=600, suffix_share=0.25, count=by_character).prefix.split("\n")[0]

    edges = [first_line(lines) for lines in range(200, 200 + 4 * STEP)]
    assert sum(a != b for a, b in pairwise(edges)) == 4


def test_a_line_longer_than_the_budget_is_cut_at_the_cursor() -> None:
    window = cut_window("x" * 1000 + "|" + "y" * 1000, 1000, budget=100, suffix_share=0.3, count=by_character)
    assert window.prefix == "x" * 70
    assert window.suffix == "|" + "y" * 29
