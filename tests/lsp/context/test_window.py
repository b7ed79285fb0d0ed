"""The window around the cursor: within budget, contiguous, and steady while a person types."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.context.window import STEP, cut_prefix, cut_suffix

texts = st.lists(st.text(alphabet="ab \t(é\r\f", max_size=30), max_size=120).map("\n".join)


def by_character(text: str) -> int:
    return len(text)


def cut(text: str, offset: int, budget: int, share: float) -> tuple[str, str]:
    """Prefix and suffix; what the suffix leaves over of its share goes to the prefix, as in a prompt."""
    suffix = cut_suffix(text, offset, budget=int(budget * share), count=by_character)
    return cut_prefix(text, offset, budget=budget - len(suffix), count=by_character), suffix


@given(text=texts, place=st.floats(0, 1), budget=st.integers(0, 400), share=st.floats(0, 0.9))
def test_a_window_is_what_stands_around_the_cursor_and_fits_the_budget(
    text: str, place: float, budget: int, share: float
) -> None:
    offset = int(place * len(text))
    prefix, suffix = cut(text, offset, budget, share)
    assert text[:offset].endswith(prefix)
    assert text[offset:].startswith(suffix)
    assert len(prefix) + len(suffix) <= budget


@given(text=texts, place=st.floats(0, 1), share=st.floats(0.05, 0.9))
def test_a_text_that_fits_is_shown_whole(text: str, place: float, share: float) -> None:
    offset = int(place * len(text))
    budget = int(len(text) / share) + len(text) + 1
    prefix, suffix = cut(text, offset, budget, share)
    assert prefix == text[:offset]
    assert suffix == text[offset:]


def test_the_upper_edge_moves_once_in_so_many_lines_while_lines_are_added() -> None:
    def first_line(lines: int) -> str:
        text = "".join(f"line {number:04}\n" for number in range(lines))
        return cut(text, len(text), 600, 0.25)[0].split("\n")[0]

    edges = [first_line(lines) for lines in range(200, 200 + 4 * STEP)]
    assert sum(a != b for a, b in pairwise(edges)) == 4


def test_a_line_longer_than_the_budget_is_cut_at_the_cursor() -> None:
    prefix, suffix = cut("x" * 1000 + "|" + "y" * 1000, 1000, 100, 0.3)
    assert prefix == "x" * 70
    assert suffix == "|" + "y" * 29
