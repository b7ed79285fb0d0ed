"""Everything the model is shown for one completion, within an exact number of tokens, in an order that spares its cache."""

from collections.abc import Callable, Iterable, Sequence

from attrs import define, field

from lowabs_lsp.context.edits import EditLog
from lowabs_lsp.context.open_index import OpenIndex
from lowabs_lsp.context.place import Place
from lowabs_lsp.context.scope import lead
from lowabs_lsp.context.segments import Segment
from lowabs_lsp.context.shield import Shield
from lowabs_lsp.context.sources import Choice, Sources
from lowabs_lsp.context.window import CountTokens, count_lines, cut_prefix, cut_suffix, nearly_same
from lowabs_lsp.settings import ContextSettings
from lowabs_lsp.values import Context, Document, Snippet

OVERHEAD = 16
"""Tokens kept free for sentinels and merges."""
LEAD_SHARE = 0.125
"""Of the room, for imports and enclosing headers above a prefix that does not reach the beginning of its file."""
WINDOW_SHARE = 0.9
"""Of the room, for suffix and snippets at most: some prefix is always shown."""
FAR = 32
"""Lines that the cursor moves before its own document is indexed again."""
REMEMBERED = 16
"""Documents whose last context is remembered."""


@define
class _Memory:
    """What was shown for a document last."""

    choice: Choice = field(factory=Choice)
    line: int = -1
    budget: int = -1
    """Of the snippets, in tokens."""
    indexed_line: int = -FAR - 1
    suffix: str = ""
    lead: str = ""
    lead_for: tuple[str, str, int] = ("", "", 0)
    """What stands above the window, its first line, and the room that there was."""


class ContextBuilder:
    """Builds one context after the other; what it shows is a function of the documents it was given so far.

    Owned by the completer and used by its thread. Snippets are chosen anew when the cursor comes to another line, never
    while a line is typed.
    """

    def __init__(
        self, settings: ContextSettings, count: CountTokens, segments: Callable[[], Sequence[Segment]] = tuple
    ) -> None:
        self._settings = settings
        self._count = count
        self._shield = Shield(settings.exclude)
        self._sources = Sources(settings.sources, EditLog(), OpenIndex(), segments)
        self._memories: dict[str, _Memory] = {}
        self._last_uri = ""
        self._has_snippets = settings.snippet_share > 0 and bool(set(settings.sources) - {"scope"})

    def withholds(self, document: Document) -> bool:
        """Whether the model is to see nothing of `document`: it is private, binary, minified or excluded."""
        return self._shield.withholds(document)

    def is_in_secret(self, document: Document, offset: int) -> bool:
        """Whether a secret ends or goes on at `offset`: what would be completed there is the secret."""
        around = slice(max(0, offset - 1), offset + 1)
        return any(a != b for a, b in zip(document.text[around], self.shown(document).text[around], strict=True))

    def makes_secret(self, document: Document, offset: int, text: str) -> bool:
        """Whether `text` at `offset` would be a secret, or hold one: whatever the model has it from, it is not to be shown."""
        return self._shield.makes_secret(document, offset, text)

    def shown(self, document: Document) -> Document:
        """`document` as everything that learns from it is to see it: with its secrets masked."""
        return self._shield.shown(document)

    def shown_of(self, documents: Iterable[Document]) -> list[Document]:
        """Those of `documents` that may be shown, as they are to be seen."""
        return [self.shown(document) for document in documents if not self.withholds(document)]

    def build(
        self, document: Document, offset: int, *, room: int, recent: Sequence[Document] = (), observes: bool = True
    ) -> Context:
        """The context at `offset` of `document`, in at most `ContextSettings.max_tokens` and at most `room` tokens.

        `recent` holds the other open documents, the most recently used first. `observes` is false for a
        text that nobody has typed yet: it is no edit.
        """
        document = self.shown(document)
        total = max(0, min(self._settings.max_tokens, room) - OVERHEAD - self._count(document.path))
        memory = self._memory(document)
        suffix = self._suffix(document, offset, int(total * min(self._settings.suffix_share, WINDOW_SHARE)), memory)
        window = total - count_lines(suffix, self._count)
        if observes:
            self._observe(document, recent)
        self._choose(document, offset, total, window, memory)
        snippets = memory.choice.snippets
        prefix = self._prefix(document.text, offset, total, window - sum(map(self._cost, snippets)), memory)
        self._last_uri = document.uri
        return Context(
            path=document.path,
            language=document.language,
            prefix=prefix.replace("\r\n", "\n"),
            suffix=suffix.replace("\r\n", "\n"),
            snippets=snippets,
            newline="\r\n" if "\r\n" in document.text else "\n",
        )

    def _memory(self, document: Document) -> _Memory:
        memory = self._memories.pop(document.uri, None) or _Memory()
        self._memories[document.uri] = memory
        if len(self._memories) > REMEMBERED:
            del self._memories[next(iter(self._memories))]
        return memory

    def _suffix(self, document: Document, offset: int, budget: int, memory: _Memory) -> str:
        fresh = cut_suffix(document.text, offset, budget=budget, count=self._count)
        if not nearly_same(memory.suffix, fresh) or count_lines(memory.suffix, self._count) > budget:
            memory.suffix = fresh
        return memory.suffix

    def _observe(self, document: Document, recent: Sequence[Document]) -> None:
        """See what was edited since the last time, here and in the other open documents."""
        if self._has_snippets:
            others = self.shown_of(other for other in recent if other.uri != document.uri)
            for seen in (*reversed(others), document):
                self._sources.edits.observe(seen)
            self._sources.open_documents.follow(document, others)

    def _choose(self, document: Document, offset: int, total: int, window: int, memory: _Memory) -> None:
        """Choose the snippets where the cursor is on another line than the last time."""
        share = min(self._settings.snippet_share, WINDOW_SHARE - min(self._settings.suffix_share, WINDOW_SHARE))
        line, budget = document.text.count("\n", 0, offset), int(total * share)
        if not self._has_snippets or (line, budget, document.uri) == (memory.line, memory.budget, self._last_uri):
            return
        if abs(line - memory.indexed_line) > FAR:
            self._sources.open_documents.take(document)
            memory.indexed_line = line
        left = window - sum(map(self._cost, memory.choice.snippets))
        start = offset - len(cut_prefix(document.text, offset, budget=left, count=self._count, reserve=self._reserve(total)))
        place = Place(document, offset, start, memory.suffix)
        memory.choice = self._sources.choose(place, memory.choice, budget=budget, cost=self._cost)
        memory.line, memory.budget = line, budget

    def _reserve(self, total: int) -> int:
        """Tokens for what stands above a prefix that is cut off."""
        return int(total * LEAD_SHARE) if "scope" in self._settings.sources else 0

    def _prefix(self, text: str, offset: int, total: int, budget: int, memory: _Memory) -> str:
        reserve = self._reserve(total)
        prefix = cut_prefix(text, offset, budget=budget, count=self._count, reserve=reserve)
        above = text[: offset - len(prefix)]
        if not above or not reserve:
            return prefix
        first = next((line for line in prefix.split("\n") if line.strip()), "")
        if memory.lead_for != (above, first, reserve):
            memory.lead = lead(above, first, budget=reserve, count=self._count)
            memory.lead_for = (above, first, reserve)
        return memory.lead + prefix

    def _cost(self, snippet: Snippet) -> int:
        """Tokens of a snippet in the prompt."""
        return 1 + self._count(f"{snippet.path}\n") + count_lines(snippet.text, self._count)
