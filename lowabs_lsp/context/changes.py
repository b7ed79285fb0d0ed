"""What changed from one version of a text to the next, found by bisection: microseconds where few keys lie between."""

from attrs import frozen

from lowabs_lsp.alike import common_ends


@frozen
class Change:
    """`old[start:old_end]` became `new[start:new_end]`."""

    start: int
    old_end: int
    new_end: int


def changed(old: str, new: str) -> Change:
    """The smallest single replacement that turns `old` into `new`; an empty one at the end where they are equal."""
    start, same = common_ends(old, new)
    return Change(start, len(old) - same, len(new) - same)
