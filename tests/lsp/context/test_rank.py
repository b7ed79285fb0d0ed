"""The best that fit are shown, and what is shown already stays while it is good enough."""

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.context.rank import LOYALTY, Candidate, choose
from lowabs_lsp.values import Snippet

A, B, C = (Snippet(f"{name}.py", name * 10, "test") for name in "abc")


def picked(
    *scored: tuple[float, Snippet], shown: tuple[Snippet, ...] = (), budget: int = 20, most: int = 9
) -> tuple[Snippet, ...]:
    candidates = [Candidate(score, snippet) for score, snippet in scored]
    return choose(candidates, shown, budget=budget, most=most, cost=lambda snippet: len(snippet.text))


def test_the_best_that_fit_come_first() -> None:
    assert picked((1, A), (3, B), (2, C)) == (B, C)


def test_one_that_does_not_fit_gives_way_to_a_smaller_one() -> None:
    assert picked((3, Snippet("big.py", "x" * 15, "test")), (2, A), budget=10) == (A,)


def test_no_more_than_the_most_are_chosen() -> None:
    assert picked((3, A), (2, B), most=1) == (A,)


def test_what_is_shown_stays_against_a_slightly_better_one() -> None:
    assert picked((1.0, A), (0.9 * LOYALTY, B), shown=(A,), budget=10) == (A,)


def test_what_is_shown_gives_way_to_a_much_better_one() -> None:
    assert picked((1.0, A), (1.1 * LOYALTY, B), shown=(A,), budget=10) == (B,)


def test_what_stays_keeps_its_place_and_what_comes_stands_behind() -> None:
    assert picked((1, A), (1.2, C), (2, B), shown=(C, A), budget=99) == (C, A, B)


def test_what_is_no_candidate_any_more_goes() -> None:
    assert picked((1, A), shown=(B, A)) == (A,)


@given(
    scores=st.lists(st.floats(0.1, 9), min_size=3, max_size=3),
    shown=st.permutations([A, B, C]),
    order=st.permutations([0, 1, 2]),
)
def test_the_order_of_candidates_does_not_matter(scores: list[float], shown: list[Snippet], order: list[int]) -> None:
    candidates = list(zip(scores, (A, B, C), strict=True))
    assert picked(*candidates, shown=tuple(shown[:1])) == picked(*(candidates[n] for n in order), shown=tuple(shown[:1]))
