"""Whether a file that parsed still parses with a text inserted, or could once the text goes on."""

import re
from collections.abc import Iterator

from attrs import field, frozen

from lowabs_lsp.syntax.continuations import continuations, goes_on
from lowabs_lsp.syntax.grammars import grammar_of
from lowabs_lsp.syntax.strict import STRICT
from lowabs_lsp.syntax.trees import Parsed, Trees
from lowabs_lsp.values import Document

_PLACEHOLDERS = {"python": (b"pass",), "shellscript": (b":",), "json": (b'"": 0', b'"": 0,', b"0", b"0,")}
"""What may stand for the line that is being written, where a language needs something there."""
_LINES = ("comment", "line_comment")
"""What goes on to the end of its line."""
LARGEST_TEXT = 20_000
"""Bytes; no string or comment that somebody writes is longer."""
LARGEST_STATEMENT = 3_000
"""Bytes; longer statements in SQL are mostly data."""


@frozen
class Check:
    """One place in one document."""

    language: str
    parsed: Parsed
    at: int
    """The cursor, in bytes."""
    line: str
    """Its line up to the cursor."""
    behind: str
    """The rest of that line."""
    stands: bool
    """The document parses as it is."""
    is_sound: bool
    """It does, or it would without the line that is being written."""
    _answers: dict[str, bool] = field(factory=dict, eq=False, repr=False)
    """What was parsed already: forms and features ask for the same texts."""

    @property
    def is_in_text(self) -> bool:
        """Whether the cursor is within a string or a comment: what looks like code there is none."""
        node = self.parsed.tree.root_node.descendant_for_byte_range(max(self.at - 1, 0), self.at)
        while node is not None and node.end_byte - node.start_byte < LARGEST_TEXT:
            inside = node.start_byte < self.at < node.end_byte or (node.type in _LINES and node.start_byte < self.at)
            if inside and any(kind in node.type for kind in ("string", "comment", "heredoc")):
                return True
            node = node.parent
        return False

    def admits(self, text: str) -> bool:
        """Whether the document parses with `text` inserted.

        In a line that does not stand yet, a text that plainly goes on may need more to be whole, unless something stands
        behind the cursor: that would be in its way.
        """
        if not self.is_sound or self.parses_with(text):
            return True
        whole = self.line + text
        may_go_on = not self.stands and not self.behind.strip() and goes_on(whole)
        return may_go_on and any(self._parses(text + more) for more in continuations(self.language, whole))

    def parses_with(self, text: str) -> bool:
        """Whether the document parses with `text` inserted, nothing else added."""
        if text not in self._answers:
            self._answers[text] = self._parses(text)
        return self._answers[text]

    def _parses(self, text: str) -> bool:
        new = _bytes(text)
        return _is_sound(self.language, self.parsed.replaced(self.at, self.at, new), self.at, self.at + len(new))


def check_at(trees: Trees, document: Document, offset: int) -> Check | None:
    """The check at `offset` of `document`; None where there is no grammar."""
    at = len(_bytes(document.text[:offset]))
    parsed: Parsed | None
    if document.language == "sql":
        parsed, at = _statement(_bytes(document.text), at)
    else:
        parsed = trees.parse(document)
    if parsed is None:
        return None
    line, behind = document.text[:offset].rpartition("\n")[2], document.text[offset:].partition("\n")[0]
    befores = (_is_sound(document.language, *each) for each in _befores(document.language, parsed, at))
    stands = next(befores)
    return Check(document.language, parsed, at, line, behind, stands, stands or any(befores))


def _statement(data: bytes, at: int) -> tuple[Parsed | None, int]:
    """Only the statement that `at` is in: one that the grammar does not know says nothing of others. No templates."""
    start, end = data.rfind(b";", 0, at) + 1, data.find(b";", at) + 1 or len(data)
    statement, grammar = data[start:end], grammar_of("sql")
    if grammar is None or len(statement) > LARGEST_STATEMENT or b"{{" in statement or b"{%" in statement:
        return None, 0
    return Parsed.of(grammar, statement), at - start


def _befores(language: str, parsed: Parsed, at: int) -> Iterator[tuple[Parsed, int, int]]:
    """The document as it is; without the cursor's line; with a statement in its place. And where to look."""
    yield parsed, at, at
    data = parsed.data
    start = data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at) if b"\n" in data[at:] else len(data)
    if not re.fullmatch(rb"[\s)\]}\"'`:;,{]*", data[at:end]):
        return
    indent = start + len(data[start:at]) - len(data[start:at].lstrip())
    without = parsed.replaced(indent, end, b"")
    yield without, indent, indent
    for placeholder in _PLACEHOLDERS.get(language, ()):
        yield without.replaced(indent, indent, placeholder), indent, indent + len(placeholder)


def _is_sound(language: str, parsed: Parsed, start: int, end: int) -> bool:
    strict = STRICT.get(language)
    return parsed.is_sound and (strict is None or strict(parsed, start, end))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
