"""What of a suggestion is still to come: keys that agree with it, and brackets that the editor closed by itself."""

import re

from attrs import frozen

LONGEST = 80
"""Characters at most that an editor puts behind the cursor by itself."""
_ADDED = re.compile(r"[\s)\]}\"'`]*")
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_QUOTES = "\"'`"


@frozen
class Place:
    """A cursor and the text around it."""

    prefix: str
    suffix: str


def rest_of(text: str, origin: Place, here: Place) -> str:
    """What of `text`, suggested at `origin`, is left `here`; nothing where the keys since then say something else."""
    if not here.prefix.startswith(origin.prefix):
        return ""
    added = added_behind(origin.suffix, here.suffix)
    return "" if added is None else rest_behind(text, here.prefix[len(origin.prefix) :], added)


def rest_behind(text: str, typed: str, added: str) -> str:
    """`rest_of`, given what was typed in front of the cursor and what the editor has put behind it."""
    if not text.startswith(typed):
        return ""
    rest = text[len(typed) :]
    return rest if not added else _without(rest, typed, added)


def added_behind(old: str, new: str) -> str | None:
    """What the editor may have put in front of the suffix `old` by itself; None where `new` is another one."""
    length = len(new) - len(old)
    if not 0 <= length <= LONGEST or not new.endswith(old):
        return None
    added = new[:length]
    return added if _ADDED.fullmatch(added) else None


def agrees(said: str, between: str) -> bool:
    """Whether `between`, the text that now stands where `said` is being suggested, may still become it.

    The end of `between` may be what the editor closed by itself.
    """
    alike = 0
    for one, other in zip(said, between, strict=False):
        if one != other:
            break
        alike += 1
    if alike == len(said) or alike == len(between):
        return True
    return _closes(between[alike:], between[:alike])


def open_closers(text: str) -> str:
    """What would close everything that `text` leaves open, the innermost first."""
    return "".join(reversed(_scan(text, [])[0]))


def _closes(added: str, typed: str) -> bool:
    """Whether `added` is what an editor puts behind the cursor when `typed` is typed: closers, the innermost first."""
    bare = "".join(added.split())
    return _ADDED.fullmatch(added) is not None and open_closers(typed).startswith(bare)


def _without(rest: str, typed: str, added: str) -> str:
    """`rest` up to where it closes what stands closed behind the cursor already."""
    if not _closes(added, typed):
        return ""
    if rest.endswith(added) and "\n" not in rest:
        return rest[: -len(added)]
    closers = list(reversed(open_closers(typed)))
    end = _scan(rest, closers)[1]
    rest = rest[:end]
    return rest.rstrip() if added[:1].isspace() else rest


def _scan(text: str, closers: list[str]) -> tuple[list[str], int]:
    """Go through `text` with `closers` still to come, the innermost last.

    Returns what is left open, and where the innermost of the given ones is closed, or the length of `text`.
    """
    open_, given, closed_at, skip = list(closers), len(closers), len(text), False
    for index, character in enumerate(text):
        innermost = open_[-1] if open_ else ""
        if skip:
            skip = False
        elif character == "\\":
            skip = True
        elif character == innermost:
            open_.pop()
            if len(open_) < given and closed_at == len(text):
                closed_at = index
        elif innermost not in _QUOTES or not innermost:
            if character in _QUOTES:
                open_.append(character)
            elif character in _CLOSER:
                open_.append(_CLOSER[character])
    return open_, closed_at
