"""What changed from one version of a text to the next, found by bisection: microseconds where few keys lie between."""

from attrs import frozen


@frozen
class Change:
    """`old[start:old_end]` became `new[start:new_end]`."""

    start: int
    old_end: int
    new_end: int


def changed(old: str, new: str) -> Change:
    """The smallest single replacement that turns `old` into `new`; an empty one at the end where they are equal."""
    start = _common(old, new, min(len(old), len(new)), from_end=False)
    same = _common(old, new, min(len(old), len(new)) - start, from_end=True)
    return Change(start, len(old) - same, len(new) - same)


def _common(old: str, new: str, most: int, *, from_end: bool) -> int:
    """How many characters, up to `most`, two texts share at their beginning or at their end."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if from_end:
            same = old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]
        else:
            same = old[low:middle] == new[low:middle]
        if same:
            low = middle
        else:
            high = middle - 1
    return low
