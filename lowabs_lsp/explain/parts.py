"""What the model was shown, in parts that can be left out one at a time."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from attrs import evolve, frozen

from lowabs_lsp.values import Context, Document

NEAR = 4
"""Lines above the cursor that are parts of their own."""
LINES = 6
"""Of a part farther away, at most."""
MOST = 40
"""Parts; what is farthest away is put together."""


class Kind(StrEnum):
    """Where a part stands in the prompt."""

    ABOVE = "above"
    """The file before the cursor."""
    BELOW = "below"
    """The file behind the cursor."""
    SNIPPET = "snippet"
    """Another file, or another place of this one."""


@frozen
class Part:
    """Some lines, and the context that lacks them."""

    kind: Kind
    path: str
    first: int
    """Number of the first line in the document, from 1; 0 where it has none: snippets, and headers from far above."""
    lines: tuple[str, ...]
    origin: str
    without: Context
    start: int
    """Number of its first line in the text that the model was shown, from 0: of the prefix, the suffix, or a snippet."""


def parts_of(context: Context, document: Document, offset: int) -> list[Part]:
    """Every part of `context` but the cursor's own line, in the order of the prompt's text."""
    above = list(_above(context, document, offset))
    below = list(_below(context, document, offset))
    return [*_snippets(context), *above, *below]


def _snippets(context: Context) -> Iterator[Part]:
    for number, snippet in enumerate(context.snippets):
        rest = (*context.snippets[:number], *context.snippets[number + 1 :])
        lines = tuple(snippet.text.rstrip("\n").split("\n"))
        yield Part(Kind.SNIPPET, snippet.path, 0, lines, snippet.origin, evolve(context, snippets=rest), 0)


def _above(context: Context, document: Document, offset: int) -> Iterator[Part]:
    *lines, current = context.prefix.split("\n")
    first = document.text.count("\n", 0, offset) + 1 - len(lines)
    whole = document.text.replace("\r\n", "\n").split("\n")
    near = max(0, len(lines) - NEAR)
    groups = [*_together(_groups(lines[:near]), MOST // 2, at_end=False), *((n, n + 1) for n in range(near, len(lines)))]
    for start, end in groups:
        kept = [*lines[:start], *lines[end:], current]
        number = first + start
        stands = 0 < number <= len(whole) and whole[number - 1] == lines[start]
        origin = "this file" if stands else "imports and headers from far above"
        without = evolve(context, prefix="\n".join(kept))
        yield Part(Kind.ABOVE, context.path, number if stands else 0, tuple(lines[start:end]), origin, without, start)


def _below(context: Context, document: Document, offset: int) -> Iterator[Part]:
    current, *lines = context.suffix.split("\n")
    first = document.text.count("\n", 0, offset) + 2
    for start, end in _together(_groups(lines), MOST // 4, at_end=True):
        if any(line.strip() for line in lines[start:end]):
            without = evolve(context, suffix="\n".join([current, *lines[:start], *lines[end:]]))
            yield Part(Kind.BELOW, context.path, first + start, tuple(lines[start:end]), "this file", without, start + 1)


def _groups(lines: Sequence[str]) -> list[tuple[int, int]]:
    """Paragraphs of at most `LINES` lines, with the blank lines behind them."""
    groups: list[tuple[int, int]] = []
    start = 0
    for number in range(1, len(lines) + 1):
        ends = number == len(lines) or (not lines[number - 1].strip() and bool(lines[number].strip()))
        if ends or number - start == LINES:
            groups.append((start, number))
            start = number
    return [(start, end) for start, end in groups if start < end]


def _together(groups: list[tuple[int, int]], most: int, *, at_end: bool) -> list[tuple[int, int]]:
    """At most so many: those farthest from the cursor are one."""
    if len(groups) <= most:
        return groups
    if at_end:
        return [*groups[: most - 1], (groups[most - 1][0], groups[-1][1])]
    return [(groups[0][0], groups[-most][1]), *groups[-most + 1 :]]
