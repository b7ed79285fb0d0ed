"""What two sequences have in common."""

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.alike import common_ends, common_start

TEXTS = st.text("ab", max_size=12)


@given(a=TEXTS, b=TEXTS)
def test_a_common_start_is_common_and_longest(a: str, b: str) -> None:
    length = common_start(a, b)
    assert a[:length] == b[:length]
    assert a[length : length + 1] != b[length : length + 1] or length == len(a) == len(b)
    assert length == common_start(a.encode(), b.encode()) == common_start([*map(ord, a)], [*map(ord, b)])


@given(a=TEXTS, b=TEXTS)
def test_what_lies_between_common_ends_differs_at_both(a: str, b: str) -> None:
    start, end = common_ends(a, b)
    one, other = a[start : len(a) - end], b[start : len(b) - end]
    assert a == a[:start] + one + a[len(a) - end :]
    assert b == a[:start] + other + a[len(a) - end :]
    assert not one or not other or (one[0] != other[0] and one[-1] != other[-1])
