"""How much two texts, or two lists of tokens, have in common: by halves, since comparing slices is fast and looping is not."""

from typing import TypeVar

Text = TypeVar("Text", str, bytes, list[int])


def common_start(a: Text, b: Text) -> int:
    """With how many items alike both begin."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_ends(a: Text, b: Text) -> tuple[int, int]:
    """With how many items alike both begin, and with how many, behind those, they end."""
    start = common_start(a, b)
    low, high = 0, min(len(a), len(b)) - start
    while low < high:
        middle = (low + high + 1) // 2
        if a[len(a) - middle : len(a) - low] == b[len(b) - middle : len(b) - low]:
            low = middle
        else:
            high = middle - 1
    return start, low
