"""A text in pieces of a screen's fraction, cut where its syntax has joints, and the names that it declares.

tree-sitter knows the joints where a grammar is installed; elsewhere blank lines and indentation tell them.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Generic, TypeVar

from attrs import frozen
from tree_sitter import Node, Parser, Query, QueryCursor

from lowabs_lsp.context.grammars import GRAMMARS, declared, load, suffix_of

MOST_LINES = 12
"""Of a chunk. A prompt of a thousand tokens has room for three or four of these."""
HEADER_LINES = 4
"""What stands above a long block stays with the block's beginning up to so many lines."""

DEEPEST = 64
"""Parts within parts are looked at down to here; a sum of a thousand lines is a thousand deep."""

Span = tuple[int, int]
"""First line and the line behind the last, from 0."""
T = TypeVar("T")
_BODY = re.compile(r"body|block|compound_statement|_list$|do_group|object$")
"""Types of the nodes that stand behind a header."""


@frozen
class Outline:
    """What a text is made of."""

    chunks: tuple[Span, ...]
    """Every line once, in order."""
    declarations: tuple[tuple[str, int], ...]
    """Names of functions, classes, types and constants with their lines."""


@frozen
class Part(Generic[T]):
    """One of the things that a text, or a part of it, is made of."""

    first: int
    end: int
    """The line behind its last."""
    inside: T
    is_body: bool
    """It belongs to the header before it."""


class Outliner:
    """Cuts texts. Keeps a parser for each language that it met, so each thread has its own."""

    def __init__(self) -> None:
        self._parsers: dict[str, tuple[Parser, Query] | None] = {}

    def outline(self, path: str, text: str) -> Outline:
        """The chunks and declarations of `text`, whose language the suffix of `path` tells. Lines end in a line feed."""
        lines = text.split("\n")
        known = self._parser(suffix_of(path, text))
        if known is None:
            return Outline(tuple(_cut((0, len(lines)), len(lines), lambda span: _indented(lines, span))), tuple(declared(text)))
        parser, query = known
        root = parser.parse(text.encode("utf-8", "replace")).root_node
        chunks = tuple(_cut(root, len(lines), _children))
        names = QueryCursor(query).captures(root).get("n", [])
        declarations = {(node.text.decode(), node.start_point.row) for node in names if node.text}
        return Outline(chunks, tuple(sorted(declarations, key=lambda declared: (declared[1], declared[0]))))

    def _parser(self, suffix: str) -> tuple[Parser, Query] | None:
        if suffix not in self._parsers:
            loaded = load(GRAMMARS[suffix]) if suffix in GRAMMARS else None
            self._parsers[suffix] = (Parser(loaded[0]), loaded[1]) if loaded else None
        return self._parsers[suffix]


def _children(node: Node) -> Iterator["Part[Node]"]:
    for child in node.children:
        end = child.end_point
        yield Part(child.start_point.row, end.row + (end.column > 0), child, _BODY.search(child.type) is not None)


def _indented(lines: list[str], span: Span) -> Iterator["Part[Span]"]:
    """The paragraphs of a span: each begins at a line of least indentation, behind a blank or a deeper one."""
    first, end = span
    depths = [len(line) - len(line.lstrip()) if line.strip() else -1 for line in lines[first:end]]
    below = min((depth for depth in depths[1:] if depth >= 0), default=0)
    has_header = 0 <= depths[0] < below
    least = below if has_header else min((depth for depth in depths if depth >= 0), default=0)
    starts = [n for n in range(1, len(depths)) if depths[n] == least != depths[n - 1]]
    edges = [first, *(first + n for n in starts), end]
    if starts:
        yield from (Part(a, b, (a, b), has_header and a == first + 1) for a, b in pairwise(edges))


def _cut(root: T, lines: int, parts: Callable[[T], Iterable["Part[T]"]]) -> list[Span]:
    """Greedily: a chunk grows by whole parts; a part that is longer than a chunk is cut by its own parts."""
    chunks: list[Span] = []

    def close(start: int, end: int) -> int:
        for first in range(start, end, MOST_LINES):
            chunks.append((first, min(first + MOST_LINES, end)))
        return max(start, end)

    def descend(whole: T, start: int, depth: int) -> int:
        for part in parts(whole) if depth < DEEPEST else ():
            if part.end - start <= MOST_LINES:
                continue
            fits_alone = part.end - part.first <= MOST_LINES and not part.is_body
            if fits_alone or part.first - start > HEADER_LINES:
                start = close(start, part.first)
            if part.end - start > MOST_LINES:
                start = close(descend(part.inside, start, depth + 1), part.end)
        return start

    close(descend(root, 0, 0), lines)
    return chunks
