"""Where a completion ends: at its line, or at its block."""

import re


def indentation(line: str) -> str:
    """The blanks and tabs with which `line` begins."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def trim_line(text: str) -> str:
    """Only what stands on the cursor's line, without blanks at the end."""
    return re.split(r"\r\n|\n|\r", text, maxsplit=1)[0].rstrip()


def trim_block(text: str, line_before: str, *, whole: bool) -> str:
    """Only the lines that belong to the block at the cursor.

    `line_before` is the cursor's line up to the cursor. A blank one gives the indentation below which the block is over; after
    a line that opens the block, its own does. With `whole` false the generation was cut off, and so its last line is left out.
    """
    lines = text.split("\n")
    if not whole and len(lines) > 1:
        lines.pop()
    inside = not line_before.strip()
    least = len(line_before) if inside else len(indentation(line_before)) + 1
    kept = lines[:1]
    for line in lines[1:]:
        if line.strip() and len(indentation(line)) < least:
            if _closes(line, "\n".join(kept), line_before) and len(indentation(line)) >= least - 1:
                kept.append(line)
            break
        kept.append(line)
    return "\n".join(kept).rstrip()


def _closes(line: str, body: str, opener: str) -> bool:
    """Whether `line` is the closing bracket of the block that `opener` opened."""
    bare = line.strip()
    pairs = {"}": "{", ")": "(", "]": "["}
    return bool(bare) and pairs.get(bare[0], "\0") == opener.rstrip()[-1:] and body.count(bare[0]) >= 0


def drop_overlap(text: str, suffix: str) -> str:
    """Take from the end of `text` what stands right behind the cursor already: `a, b)` before `)` becomes `a, b`."""
    rest = suffix.split("\n", 1)[0].strip()
    first, newline, further = text.partition("\n")
    if rest and not newline:
        for size in range(min(len(rest), len(first)), 0, -1):
            if first.endswith(rest[:size]) and (size == len(rest) or not rest[size - 1].isalnum()):
                return _unbalanced_only(first, size)
    return first + newline + further


def _unbalanced_only(text: str, size: int) -> str:
    """Drop the last `size` characters, unless they close brackets that `text` opened itself."""
    kept = text[: len(text) - size]
    opened = sum(kept.count(c) for c in "([{") - sum(kept.count(c) for c in ")]}")
    closing = sum(text[len(text) - size :].count(c) for c in ")]}")
    if opened > 0 and closing:
        return text
    return kept
