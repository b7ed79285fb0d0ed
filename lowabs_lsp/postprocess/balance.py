"""Brackets that a completion closes although nothing is open, or although the text behind the cursor closes them."""

import re

from lowabs_lsp.syntax.brackets import scan

WINDOW = 4_000
"""Characters on each side of the cursor in which brackets are matched."""
_MARGIN = re.compile(r"^[\w@#]", re.MULTILINE)
UNPAIRED = frozenset({"shellscript", "markdown", "plaintext", "makefile"})
"""Languages in which a bracket may stand alone."""


def trim_brackets(text: str, prefix: str, suffix: str, language: str) -> str:
    """`text` up to the first bracket that closes more than is open and not closed yet.

    Where its line goes on behind that bracket, what stands before it was not meant to stand alone, and the line goes too.
    """
    if language in UNPAIRED or (owed := _owed(prefix, language)) is None:
        return text
    _, _, end = scan(text, language, owed)
    if end < len(text):
        return _up_to(text, end)
    spare = len(owed) - _closed(suffix, language)
    return text if spare < 0 else _closing_at_most(text, owed, spare, language)


def _owed(prefix: str, language: str) -> str | None:
    """The closers that the statement at the end of `prefix` waits for, the innermost first; None where it cannot be told.

    A line that begins at the margin begins the statement, unless it closes something. In a string nothing can be told.
    """
    window = prefix[-WINDOW:]
    starts = [match.start() for match in _MARGIN.finditer(window)]
    if not starts and len(window) < len(prefix):
        return None
    text = window[starts[-1] if starts else 0 :]
    while True:
        owed, quote, end = scan(text, language)
        if quote:
            return None
        if end == len(text):
            return owed
        text = text[end + 1 :]


def _closed(suffix: str, language: str) -> int:
    """How many brackets `suffix` closes that it did not open."""
    text, count = suffix[:WINDOW], 0
    while True:
        _, _, end = scan(text, language)
        if end == len(text):
            return count
        text, count = text[end + 1 :], count + 1


def _closing_at_most(text: str, owed: str, spare: int, language: str) -> str:
    """`text` up to the bracket with which it would have closed more than `spare` of `owed`."""
    _, _, end = scan(text, language, owed[:spare])
    return _up_to(text, end) if end < len(text) else text


def _up_to(text: str, end: int) -> str:
    goes_on = any(character.isalnum() for character in text[end:].partition("\n")[0])
    return (text[:end].rpartition("\n")[0] if goes_on else text[:end]).rstrip()
