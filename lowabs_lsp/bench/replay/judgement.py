"""What of a suggestion is right, how long it takes to see that, and how near its first line comes."""

import re
from collections.abc import Iterator
from enum import StrEnum

from attrs import frozen

from lowabs_lsp.prompt.languages import is_comment, opens_block

REACTION, READING, LONGEST_READING = 250, 10, 1250
"""Milliseconds to notice a suggestion, to read one character of it, and at most."""
_LEADING_LINES = re.compile(r"(?:[ \t]*\r?\n)*")
_WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)")


class Part(StrEnum):
    """What can be accepted with one key."""

    WHOLE = "whole"
    LINE = "line"
    WORD = "word"


class Place(StrEnum):
    """Where in the text a suggestion is wanted."""

    LINE_END = "line end"
    NEW_LINE = "new line"
    MID_LINE = "mid-line"
    BLOCK_START = "block start"
    AFTER_COMMENT = "after comment"


@frozen
class Offer:
    """A part of a suggestion that is right."""

    part: Part
    text: str

    @property
    def reading_time(self) -> int:
        """Milliseconds until a person has seen that it is right."""
        return min(REACTION + READING * len(self.text.strip()), LONGEST_READING)


def right_parts(suggestion: str, rest: str) -> Iterator[Offer]:
    """What of `suggestion` is the beginning of `rest`, which is still to be typed; the largest part first.

    A part must end where a word of `rest` ends: nobody takes `pre` on the way to `present`.
    """
    seen = set()
    word = _WORD.match(suggestion)
    for part, text in (
        (Part.WHOLE, suggestion),
        (Part.LINE, first_line(suggestion)),
        (Part.WORD, word.group() if word else ""),
    ):
        if text.strip() and text not in seen and rest.startswith(text) and _ends_a_word(text, rest):
            yield Offer(part, text)
        seen.add(text)


def _ends_a_word(text: str, rest: str) -> bool:
    inside = text[-1:], rest[len(text) : len(text) + 1]
    return not all(c.isalnum() or c == "_" for c in inside) or not inside[1]


def first_line(text: str) -> str:
    """`text` up to the end of its first line that is not blank; a line end in front of that line belongs to it."""
    match = _LEADING_LINES.match(text)
    start = match.end() if match else 0
    return text[:start] + text[start:].partition("\n")[0].rstrip()


def place_of(language: str, before: str, behind: str) -> Place:
    """The kind of place between two halves of a text."""
    line, rest = before.rpartition("\n")[2], behind.partition("\n")[0]
    if rest.strip():
        return Place.MID_LINE
    if line.strip():
        return Place.BLOCK_START if opens_block(language, line) else Place.LINE_END
    above = before.rstrip().rpartition("\n")[2]
    if above and opens_block(language, above):
        return Place.BLOCK_START
    return Place.AFTER_COMMENT if above and is_comment(language, above) else Place.NEW_LINE


def edit_similarity(a: str, b: str) -> float:
    """2 LCS / (|a| + |b|): one minus the normalised distance by insertions and deletions.

    It is the `fuzz.ratio` by which CodeXGLUE (Lu et al. 2021, arXiv 2102.04664) compares completed lines, from 0 to 1.
    """
    return 2 * _common_subsequence(a, b) / (len(a) + len(b)) if a or b else 1.0


def _common_subsequence(a: str, b: str) -> int:
    """Length of the longest common subsequence, by the bit-parallel recurrence of Hyyrö (2004), one step a character."""
    positions: dict[str, int] = {}
    for i, character in enumerate(a):
        positions[character] = positions.get(character, 0) | 1 << i
    full = (1 << len(a)) - 1
    row = full
    for character in b:
        matches = row & positions.get(character, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(a) - row.bit_count()
