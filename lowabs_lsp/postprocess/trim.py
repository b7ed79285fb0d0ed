"""Where a completion ends: at its line, at its block, before what must not be shown, and before what is there already."""

import re

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffd]")
"""Control characters; marks without width, among them those that turn the direction of text; what stands for broken text."""


def indentation(line: str) -> str:
    """The blanks and tabs with which `line` begins."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def trim_unfit(text: str) -> str:
    """What stands before the first character that no source text should have."""
    unfit = _UNFIT.search(text)
    return text[: unfit.start()] if unfit else text


def trim_torn(text: str) -> str:
    """What stands before a word at the end, which may be torn: the generation was cut off behind it."""
    return re.sub(r"\w+\Z", "", text)


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
    inside, tab = not line_before.strip(), 1 if "\t" in indentation(line_before) else 4
    least = len(line_before) if inside else len(indentation(line_before)) + 1
    kept = lines[:1]
    for line in lines[1:]:
        depth = len(indentation(line).expandtabs(tab))
        if line.strip() and depth < least:
            if _closes(line, line_before) and depth >= least - 1:
                kept.append(line)
            break
        kept.append(line)
    return "\n".join(kept).rstrip()


def _closes(line: str, opener: str) -> bool:
    """Whether `line` begins with the closing bracket of the block that `opener` opened."""
    pairs = {"}": "{", ")": "(", "]": "["}
    return bool(line.strip()) and pairs.get(line.strip()[0], "\0") == opener.rstrip()[-1:]


def trim_repetition(text: str) -> str:
    """What stands before `text` begins to go round in circles.

    A line that comes three times is kept once. A last line that ends in a short piece five times over is left out.
    """
    lines = text.split("\n")
    counts: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        if len(bare := line.strip()) > 3:
            counts.setdefault(bare, []).append(number)
    again = [places[1] for places in counts.values() if len(places) >= 3]
    if again:
        lines = lines[: min(again)]
    round_and_round = re.search(r"(.{1,20}?)\1{4,}\s*$", lines[-1])
    if round_and_round is not None and any(c.isalnum() for c in round_and_round[1]):
        lines = lines[:-1]
    return "\n".join(lines).rstrip()


def trim_known(text: str, suffix: str) -> str:
    """The lines of `text`, behind its first one, that come before the next line of the file does."""
    below = next((line.rstrip() for line in suffix.split("\n")[1:] if line.strip()), None)
    lines = text.split("\n")
    known = next((number for number, line in enumerate(lines) if number and line.rstrip() == below), len(lines))
    return "\n".join(lines[:known]).rstrip() if known < len(lines) else text


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
