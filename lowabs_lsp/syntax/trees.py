"""Texts with their syntax trees: parsed again only where they changed."""

from collections import OrderedDict
from typing import Self

from attrs import field, frozen
from tree_sitter import Language, Node, Parser, Tree

from lowabs_lsp.alike import common_ends
from lowabs_lsp.syntax.grammars import grammar_of
from lowabs_lsp.values import Document

REMEMBERED = 4
"""Documents whose last tree is kept."""
LARGEST = 400_000
"""Bytes; larger documents are not parsed."""


@frozen(eq=False)
class Parsed:
    """A text as UTF-8 and its tree."""

    grammar: Language
    data: bytes
    tree: Tree = field(repr=False)

    @classmethod
    def of(cls, grammar: Language, data: bytes) -> Self:
        """Parse `data` from nothing."""
        return cls(grammar, data, Parser(grammar).parse(data))

    @property
    def is_sound(self) -> bool:
        """Whether the grammar reads all of it without mending."""
        return not self.tree.root_node.has_error

    def replaced(self, start: int, end: int, new: bytes) -> "Parsed":
        """The same with other bytes from `start` to `end`; only what they touch is parsed again."""
        data = self.data[:start] + new + self.data[end:]
        tree = self.tree.copy()
        tree.edit(
            start, end, start + len(new), _point(self.data, start), _point(self.data, end), _point(data, start + len(new))
        )
        return Parsed(self.grammar, data, Parser(self.grammar).parse(data, tree))

    def enclosing(self, start: int, end: int, kinds: frozenset[str]) -> tuple[int, int]:
        """The bytes of the smallest node of one of `kinds` around a range, else of the statements at the top that it is in."""
        node: Node | None = self.tree.root_node.descendant_for_byte_range(max(start - 1, 0), end)
        while node is not None and node.parent is not None:
            if node.type in kinds:
                return node.start_byte, node.end_byte
            node = node.parent
        touched = [each for each in self.tree.root_node.children if each.start_byte <= end and each.end_byte >= start]
        return (touched[0].start_byte, touched[-1].end_byte) if touched else (start, end)


class Trees:
    """The last tree of each of a few documents. One thread at a time."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, tuple[str, Parsed]] = OrderedDict()

    def parse(self, document: Document) -> Parsed | None:
        """`document` parsed; None where its language has no grammar or it is too large."""
        grammar, data = grammar_of(document.language), document.text.encode(errors="surrogatepass")
        if grammar is None or len(data) > LARGEST:
            return None
        language, last = self._last.pop(document.uri, ("", None))
        if last is not None and language == document.language:
            start, end = common_ends(last.data, data)
            parsed = last.replaced(start, len(last.data) - end, data[start : len(data) - end]) if last.data != data else last
        else:
            parsed = Parsed.of(grammar, data)
        self._last[document.uri] = document.language, parsed
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return parsed


def _point(data: bytes, at: int) -> tuple[int, int]:
    return data.count(b"\n", 0, at), at - (data.rfind(b"\n", 0, at) + 1)
