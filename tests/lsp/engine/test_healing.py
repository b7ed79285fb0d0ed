from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.engine.healing import MOST_TAKEN_BACK, Healing

SPELLINGS = st.lists(st.text("abc ", max_size=4).map(str.encode), min_size=1, max_size=30)


def agrees(spelled: bytes, owed: bytes) -> bool:
    return bool(spelled) and (spelled.startswith(owed) or owed.startswith(spelled))


def can_begin_a_longer_one(vocabulary: Sequence[bytes], ending: bytes) -> bool:
    return any(len(spelled) > len(ending) and spelled.startswith(ending) for spelled in vocabulary)


@given(vocabulary=SPELLINGS, owed=st.text("abc ", min_size=1, max_size=6).map(str.encode))
def test_exactly_the_tokens_that_agree_with_the_owed_bytes_are_allowed(vocabulary: list[bytes], owed: bytes) -> None:
    found = sorted(Healing(vocabulary).agreeing(owed))
    assert found == [i for i, spelled in enumerate(vocabulary) if agrees(spelled, owed)]


@given(vocabulary=SPELLINGS, data=st.data())
def test_as_many_tokens_are_torn_as_begin_a_longer_one(vocabulary: list[bytes], data: st.DataObject) -> None:
    words = [i for i, spelled in enumerate(vocabulary) if spelled]
    tokens = data.draw(st.lists(st.sampled_from(words), max_size=12)) if words else []
    ends = {n: b"".join(vocabulary[i] for i in tokens[len(tokens) - n :]) for n in range(1, len(tokens) + 1)}
    torn = [n for n, ending in ends.items() if n <= MOST_TAKEN_BACK and can_begin_a_longer_one(vocabulary, ending)]
    assert Healing(vocabulary).count_torn(tokens) == max([min(1, len(tokens)), *torn])


def test_a_word_in_pieces_is_taken_back_whole() -> None:
    vocabulary = [b"x", b"config", b"ur", b"at", b"configuration", b" "]
    assert Healing(vocabulary).count_torn([5, 1, 2, 3]) == 3


def test_the_last_token_is_taken_back_even_if_nothing_is_longer() -> None:
    assert Healing([b"a", b"b"]).count_torn([0, 1]) == 1


def test_a_constraint_forbids_the_rest_and_changes_no_probability() -> None:
    logprobs = np.log(np.array([0.1, 0.2, 0.3, 0.4], np.float32))
    constrained = Healing([b"a", b"ab", b"b", b"abc"]).constrain(logprobs, b"ab")
    assert np.array_equal(constrained, np.where([True, True, False, True], logprobs, -np.inf))
