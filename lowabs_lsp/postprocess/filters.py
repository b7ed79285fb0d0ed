"""Reasons to keep quiet: each filter is a pure function of the completion and what surrounds it."""

import re

CLOSERS = re.compile(r"\s*[)>}\]\"'`]*\s*[:{;,]?\s*")
"""What may stand behind the cursor on its line for an insertion to make sense (as in Copilot's open client)."""


def may_insert(before: str, after: str) -> bool:
    """Whether anything can be inserted between these two halves of the cursor's line."""
    if before[-1:].isalnum() and (after[:1].isalnum() or after[:1] == "_"):
        return False
    return CLOSERS.fullmatch(after) is not None


def stands_below(text: str, suffix: str) -> bool:
    """Whether the lines of `text` are the next lines of the file already."""
    said = [line.strip() for line in text.splitlines() if line.strip()]
    below = [line.strip() for line in suffix.splitlines() if line.strip()]
    return bool(said) and said == below[: len(said)] and any(c.isalnum() for c in text)


def repeats_line_above(text: str, prefix: str) -> bool:
    """Whether a whole new line only says again what the line above it says."""
    *above, current = prefix.split("\n")
    written = [line.strip() for line in above if line.strip()]
    return not current.strip() and bool(written) and text.strip() == written[-1] and len(text.strip()) > 3
