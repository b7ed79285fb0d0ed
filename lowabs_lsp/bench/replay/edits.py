"""What a person would do to turn one version of a file into the next: where to go, what to delete, type and paste."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from operator import itemgetter

from attrs import evolve, frozen

SIMILAR = 0.5
"""Share of the shorter version that stays, blanks aside, from which on a changed block is mended, not written anew."""
PASTED_LINES, PASTED_CHARACTERS = 3, 40
"""At least so many lines in a row with so many characters, blanks aside, that were taken away elsewhere are pasted."""
_TOO_LONG_TO_MEND = 2_000
_TOKEN = re.compile(r"\r\n|\n|[ \t]+|\w+|.", re.DOTALL)

Block = tuple[int, str, str]
"""Offset into the old text, the old text there, the new text."""


@frozen
class Piece:
    """Text that comes in one way."""

    text: str
    pasted: bool = False


@frozen
class Edit:
    """At one place of the old text: delete, then insert. The edits of a file are in order and never overlap."""

    start: int
    """Offset into the old text."""
    removed: int
    """How many characters of the old text go."""
    text: str
    opens_line: bool = False
    """The line end at the end of `text` is made first, behind the cursor: a line is opened above another one."""


def apply_edits(before: str, edits: Iterable[Edit]) -> str:
    """The new text."""
    parts, reached = [], 0
    for edit in edits:
        parts += [before[reached : edit.start], edit.text]
        reached = edit.start + edit.removed
    return "".join([*parts, before[reached:]])


def edits_between(before: str, after: str) -> list[Edit]:
    """The edits that make `after` of `before`, from top to bottom."""
    edits: list[Edit] = []
    for block in _changed_blocks(before, after):
        for start, old, new in _mended(block):
            floor = edits[-1].start + edits[-1].removed if edits else 0
            edits.append(_as_typed(Edit(start, len(old), new), before, floor))
    return edits


def removed_lines(before: str, after: str) -> list[str]:
    """Each run of lines of `before` that is not in `after`: what may have been cut to be pasted elsewhere."""
    return [old for _, old, _ in _changed_blocks(before, after) if old]


def split_lines(text: str) -> list[str]:
    """Lines with their ends. Only a line feed ends one: `str.splitlines` knows form feeds and others too."""
    *whole, last = text.split("\n")
    return [line + "\n" for line in whole] + ([last] if last else [])


def _changed_blocks(before: str, after: str) -> Iterator[Block]:
    """Each run of changed lines."""
    old, new = split_lines(before), split_lines(after)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield starts[i], "".join(old[i:j]), "".join(new[k:m])


def _mended(block: Block) -> list[Block]:
    """The words to change in a block, or the whole block where little of it stays."""
    start, old, new = block
    a, b = _TOKEN.findall(old), _TOKEN.findall(new)
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    if not a or not b or len(a) + len(b) > _TOO_LONG_TO_MEND or _share_kept(a, b, matcher) < SIMILAR:
        return [_trimmed(block)]
    changes: list[Block] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        old_words, new_words = "".join(a[i:j]), "".join(b[k:m])
        if tag != "equal":
            changes.append((start, old_words, new_words))
        start += len(old_words)
    return _joined(changes, block)


def _share_kept(a: list[str], b: list[str], matcher: SequenceMatcher[str]) -> float:
    """How much of the shorter of `a` and `b` stands in the other one too, in characters that are not blank."""
    size = min(_ink("".join(a)), _ink("".join(b)))
    kept = sum(_ink("".join(a[i : i + n])) for i, _, n in matcher.get_matching_blocks())
    return kept / size if size else 0.0


def _ink(text: str) -> int:
    return len("".join(text.split()))


def _joined(changes: list[Block], block: Block) -> list[Block]:
    """`changes` with those made one between which less stays than is changed on either side: nobody edits so finely."""
    origin, old, _ = block
    joined = changes[:1]
    for start, removed, text in changes[1:]:
        before, removed_before, text_before = joined[-1]
        end = before + len(removed_before)
        kept = old[end - origin : start - origin]
        if len(kept) <= min(max(len(removed_before), len(text_before)), max(len(removed), len(text))):
            joined[-1] = (before, removed_before + kept + removed, text_before + kept + text)
        else:
            joined.append((start, removed, text))
    return joined


def _trimmed(block: Block) -> Block:
    """A block that is written anew, without the words at its beginning and the line end that both versions have."""
    start, old, new = block
    for a, b in zip(_TOKEN.findall(old), _TOKEN.findall(new), strict=False):
        if a != b or "\n" in a:
            break
        start, old, new = start + len(a), old[len(a) :], new[len(a) :]
    end = next((end for end in ("\r\n", "\n") if old.endswith(end) and new.endswith(end)), "")
    return start, old.removesuffix(end), new.removesuffix(end)


def _as_typed(edit: Edit, before: str, floor: int) -> Edit:
    """An insertion of lines as it is typed: from the end of the line above, or on a line opened for it.

    The same insertion can be written from several places, `x↵` before a line or `↵x` behind the one above; moving it to the
    left, never past `floor`, finds the form that begins with the line end.
    """
    if edit.removed or "\n" not in edit.text:
        return edit
    line_end = "\r\n" if "\r\n" in edit.text else "\n"
    start, text = edit.start, edit.text
    while start > floor and before[start - 1] == text[-1] and not text.startswith(line_end):
        start, text = start - 1, text[-1] + text[:-1]
    if text.startswith(line_end):
        return Edit(start, 0, text)
    at_line_start = edit.start == 0 or before[edit.start - 1] == "\n"
    return evolve(edit, opens_line=at_line_start and edit.text.endswith("\n") and edit.start < len(before))


def find_pastes(text: str, sources: Sequence[str]) -> list[Piece]:
    """`text` cut into what is typed and what is pasted because it stands so in one of `sources`, which were cut."""
    lines = split_lines(text)
    known = {window for source in sources for window in _windows(split_lines(source))}
    seen = [False] * len(lines)
    for i, window in enumerate(_windows(lines)):
        if window in known:
            seen[i : i + PASTED_LINES] = [True] * PASTED_LINES
    pieces: list[Piece] = []
    for was_cut, run in groupby(zip(seen, lines, strict=True), key=itemgetter(0)):
        piece = "".join(line for _, line in run)
        pasted = was_cut and _ink(piece) >= PASTED_CHARACTERS
        if pieces and not pasted and not pieces[-1].pasted:
            pieces[-1] = Piece(pieces[-1].text + piece)
        else:
            pieces.append(Piece(piece, pasted))
    return pieces


def _windows(lines: list[str]) -> list[tuple[str, ...]]:
    """Every `PASTED_LINES` lines in a row, without their line ends."""
    bare = [line.rstrip("\r\n") for line in lines]
    return [tuple(bare[i : i + PASTED_LINES]) for i in range(len(bare) - PASTED_LINES + 1)]
