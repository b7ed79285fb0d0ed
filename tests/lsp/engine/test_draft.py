from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.engine.draft import LONGEST_MATCH, MOST_GUESSES, PromptLookup

TOKENS = st.lists(st.integers(0, 3), max_size=40)


def look_up_slowly(tokens: Sequence[int], count: int) -> list[int]:
    """The definition: latest place of the longest match of at most `LONGEST_MATCH` tokens."""
    for length in range(min(LONGEST_MATCH, len(tokens) - 1), 0, -1):
        for end in range(len(tokens) - 1, length - 1, -1):
            if tokens[end - length : end] == tokens[-length:]:
                return list(tokens[end : end + min(count, 2**length - 1)])
    return []


@given(tokens=TOKENS, count=st.integers(0, MOST_GUESSES))
def test_proposes_what_followed_the_latest_longest_match(tokens: list[int], count: int) -> None:
    assert list(PromptLookup().propose(tokens, count)) == look_up_slowly(tokens, count)


def test_a_longer_match_is_trusted_further() -> None:
    text = [1, 2, 3, 4, *range(10, 40)]
    assert len(PromptLookup().propose([*text, 4], MOST_GUESSES)) == 1
    assert len(PromptLookup().propose([*text, 3, 4], MOST_GUESSES)) == 3
    assert len(PromptLookup().propose([*text, 1, 2, 3, 4], MOST_GUESSES)) == MOST_GUESSES


def test_a_new_token_has_no_past() -> None:
    assert list(PromptLookup().propose([1, 2, 3], 5)) == []
