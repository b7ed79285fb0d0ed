"""The smallest replacement between two versions of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.context.changes import Change, changed

texts = st.text(alphabet="ab\n", max_size=40)


@given(head=texts, old=texts, new=texts, tail=texts)
def test_the_change_turns_the_old_text_into_the_new_one_and_is_no_larger_than_the_edit(
    head: str, old: str, new: str, tail: str
) -> None:
    before, after = head + old + tail, head + new + tail
    change = changed(before, after)
    assert before[: change.start] + after[change.start : change.new_end] + before[change.old_end :] == after
    assert change.old_end - change.start <= len(old)
    assert change.new_end - change.start <= len(new)


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("abc", "abc", Change(3, 3, 3)),
        ("", "x", Change(0, 0, 1)),
        ("abc", "abXc", Change(2, 2, 3)),
        ("aaa", "aa", Change(2, 3, 2)),
        ("abc", "axc", Change(1, 2, 2)),
    ],
)
def test_examples(old: str, new: str, change: Change) -> None:
    assert changed(old, new) == change
