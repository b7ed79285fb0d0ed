"""Tabby: 20 lines before and behind the cursor, snippets as comments, the whole clipped at 1,536 bytes from the front.

After `clients/tabby-agent` and `crates/tabby` at 21b29048d. Asks after a pause that depends on the rhythm and the place.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from attrs import define, field, frozen

from lowabs_lsp.bench.replay.peers.bm25 import rank
from lowabs_lsp.bench.replay.peers.pieces import Said, Surroundings, first_tokens, last_tokens, lines_around
from lowabs_lsp.bench.replay.peers.tabby_filters import ends_line, postprocessed
from lowabs_lsp.bench.replay.policy import Event, Happening, MakePolicy, Policy, Request, Timing
from lowabs_lsp.prompt.fim import fim_segments
from lowabs_lsp.values import Cancelled, Completion, Decoding, Document, Engine, Layout, Prompt, Reason, Segment, Sentinel

LINES = 20
MOST_TOKENS = 64
CLIP = 1536
"""Bytes of the prompt, special tokens spelled out, that the server keeps, from the end."""
SNIPPET_CHARACTERS, EACH_CHARACTERS = 768, 500
CHANGED_SNIPPETS, VIEWED_SNIPPETS = 3, 5
CHUNKS, CHUNK_CHARACTERS = 100, 500
VISIBLE = 20
"""Lines on either side of the cursor that are in view in an editor."""
_COMMENTS = {
    **dict.fromkeys(("python", "shellscript", "ruby", "yaml", "toml", "dockerfile", "makefile", "r", "perl"), "#"),
    **dict.fromkeys(("rust", "java", "kotlin", "javascript", "javascriptreact", "typescript", "typescriptreact", "go"), "//"),
    **dict.fromkeys(("c", "cpp", "csharp", "php", "scala", "swift"), "//"),
    **dict.fromkeys(("lua", "sql"), "--"),
}
_TOP_LEVEL = {
    "python": ("def", "from", "class", "import"),
    "go": ("func", "interface", "struct", "package", "type", "import", "var", "const"),
    "rust": ("fn", "trait", "impl", "enum", "pub", "extern", "static", "unsafe", "use"),
    **dict.fromkeys(
        ("javascript", "javascriptreact", "typescript", "typescriptreact"),
        ("abstract", "async", "class", "const", "export", "function", "interface", "module", "package", "type", "var", "let"),
    ),
}
_RESERVED = frozenset((
    "any", "boolean", "break", "case", "catch", "class", "const", "continue", "default", "delete", "else", "enum", "export",
    "extends", "false", "finally", "for", "from", "function", "get", "import", "interface", "let", "new", "null", "number",
    "package", "private", "public", "return", "set", "static", "string", "super", "switch", "this", "throw", "true", "try",
    "type", "typeof", "var", "void", "while", "with", "yield",
))  # fmt: skip
"""Words of languages, which name nothing."""


@frozen
class Excerpt:
    """Lines of a file that may be shown as a comment."""

    path: str
    text: str


@define
class Debouncer:
    """The pause after which Tabby asks: longer for slow typists and in the middle of words."""

    _base: float = 200.0
    _last: int = 0
    _intervals: list[int] = field(factory=list)

    def delay(self, now: int, score: float) -> int:
        """Milliseconds to wait; `score` from 0 to 1 says how likely a completion is wanted here."""
        interval, self._last = now - self._last, now
        if interval <= 400:
            self._intervals = [*self._intervals, interval][-100:]
            if len(self._intervals) > 20:
                self._base = min(400.0, max(100.0, sum(self._intervals) / len(self._intervals)))
        return round(min(1000.0, max(100.0, (3.0 - 1.5 * score) * self._base)))


@define
class ChangedCode:
    """What was changed lately, by file: the text around the changes, cut into chunks."""

    _ranges: dict[str, tuple[Document, int, int]] = field(factory=dict)

    def change(self, document: Document, offset: int) -> None:
        """The cursor's line has changed."""
        line = document.text.count("\n", 0, offset)
        _, first, last = self._ranges.pop(document.path, (document, line, line))
        self._ranges[document.path] = document, min(first, line - LINES), max(last, line + LINES)

    def search(self, query: set[str], path: str, language: str) -> list[Excerpt]:
        """The chunks of other files of the language that share the most telling words with `query`, the best first."""
        chunks = [
            Excerpt(document.path, chunk)
            for document, first, last in self._ranges.values()
            if document.path != path and document.language == language
            for chunk in _chunks(document.text.split("\n")[max(0, first) : last + 1])
        ][-CHUNKS:]
        order = rank(query, [words_of(chunk.text) for chunk in chunks])
        return [chunks[i] for i in order[:CHANGED_SNIPPETS]]


@define
class Tabby:
    """One sitting with Tabby."""

    engine: Engine
    clips: bool
    """Whether the server cuts the prompt behind the template, as it does; without, the template stays whole."""
    _said: Said
    _debouncer: Debouncer = field(factory=Debouncer)
    _changed: ChangedCode = field(factory=ChangedCode)
    _viewed: list[Excerpt] = field(factory=list)

    def observe(self, event: Event) -> None:
        """Remember what was changed and what was in view."""
        if event.happening is Happening.CHANGED:
            self._changed.change(event.document, event.offset)
        elif event.happening in (Happening.FOCUSED, Happening.JUMPED):
            path, lines = event.document.path, lines_around(event.document, event.offset, VISIBLE)
            older = [view for view in self._viewed if view.path != path]
            self._viewed = [Excerpt(path, "\n".join(lines) + "\n"), *older][: VIEWED_SNIPPETS + 1]

    def timing(self, request: Request) -> Timing:
        """After a pause that adapts."""
        here = Surroundings.of(request)
        last = here.line_before[-1:]
        score = 0.5 * (re.fullmatch(r"\W*", last) is not None) + 0.4 * ends_line(here) + 0.1 * _ends_document(here)
        return Timing(debounce=self._debouncer.delay(request.now, score))

    def complete(self, request: Request, cancelled: Cancelled) -> Completion:
        """What was said and typed along with, or a new continuation."""
        here = Surroundings.of(request)
        if (raw := self._said.recall(request)) is None:
            language = request.document.language
            decoding = Decoding(max_tokens=MOST_TOKENS, stop=stops(language))
            segments = self._segments(request, here)
            raw = self.engine.generate(Prompt(segments, heal=False), decoding, cancelled).text
            if not cancelled():
                self._said.remember(request, raw)
        text = postprocessed(raw, here, request.document.language)
        return Completion(text, Reason.SHOWN if text else Reason.EMPTY)

    def _segments(self, request: Request, here: Surroundings) -> tuple[Segment, ...]:
        prefix = "".join(_ended(here.prefix.split("\n")[-LINES:]))
        rest = here.suffix[len(here.line_behind) :] if ends_line(here) else here.suffix
        suffix = "".join(_ended(rest.split("\n")[:LINES])) + ("\n" if rest.count("\n") >= LINES else "")
        commented = as_comments(self._snippets(request, here), _COMMENTS.get(request.document.language))
        room, count = self.engine.context_length - MOST_TOKENS - len(Sentinel), self.engine.count_tokens
        suffix = first_tokens(suffix or "\n", room // 3, count)
        prefix = last_tokens(commented + prefix, room - count(suffix), count)
        segments = fim_segments(self.engine.layout, prefix, suffix)
        return clip_front(segments, self.engine.layout, CLIP) if self.clips else segments

    def _snippets(self, request: Request, here: Surroundings) -> list[Excerpt]:
        """Chunks of changed code, then what was in view, in that order, up to the first that is too much."""
        document = request.document
        changed = self._changed.search(words_of(here.prefix), document.path, document.language)
        viewed = [Excerpt(view.path, _cropped(view.text)) for view in self._viewed if view.path != document.path]
        kept: list[Excerpt] = []
        for excerpt in changed + viewed[:VIEWED_SNIPPETS]:
            if sum(len(other.text) for other in kept) + len(excerpt.text) > SNIPPET_CHARACTERS:
                break
            kept.append(excerpt)
        return kept


def words_of(text: str) -> set[str]:
    """The words of some length in `text` that name something."""
    return {word for word in re.findall(r"\w+", text) if len(word) > 2 and word not in _RESERVED}


def _chunks(lines: list[str]) -> list[str]:
    """Runs of lines of about 500 characters; each begins with the last line of the one before."""
    chunks: list[str] = []
    start = 0
    while start < len(lines):
        end, size = start, 0
        while end < len(lines) and (size + len(lines[end]) < CHUNK_CHARACTERS or end < start + 2):
            size += len(lines[end]) + 1
            end += 1
        chunk = "\n".join(lines[start:end]) + "\n"
        chunks += [chunk] if chunk.strip() else []
        if end == len(lines):
            break
        start = end - 1
    return chunks


def _cropped(text: str) -> str:
    head = text[:EACH_CHARACTERS]
    return head[: head.rfind("\n") + 1] or head if len(text) > EACH_CHARACTERS else text


def _ended(lines: list[str]) -> list[str]:
    """`lines` with line ends between them."""
    return [*(line + "\n" for line in lines[:-1]), lines[-1]]


def as_comments(excerpts: Sequence[Excerpt], mark: str | None) -> str:
    """Excerpts with their paths, each line behind a comment mark; nothing in a language without line comments."""
    if not excerpts or mark is None:
        return ""
    lines: list[str] = []
    for excerpt in excerpts:
        lines += [*([""] if lines else []), f"Path: {excerpt.path}", *excerpt.text.splitlines()]
    return "".join(f"{mark} {line}\n" if line else f"{mark}\n" for line in lines)


def clip_front(segments: Sequence[Segment], layout: Layout, size: int) -> tuple[Segment, ...]:
    """The last `size` bytes of a prompt as it is spelled; a special token that is cut through is no more one."""
    kept: list[Segment] = []
    for segment in reversed(segments):
        spelled = layout.spelling.get(segment, "") if isinstance(segment, Sentinel) else segment
        data = spelled.encode()
        if len(data) <= size:
            kept.insert(0, segment)
            size -= len(data)
            continue
        rest = data[len(data) - size :].decode(errors="ignore") if size else ""
        return (rest, *kept) if rest else tuple(kept)
    return tuple(kept)


def stops(language: str) -> tuple[str, ...]:
    """Texts before which a continuation ends."""
    words = (*((_COMMENTS[language],) if language in _COMMENTS else ()), *_TOP_LEVEL.get(language, ()))
    return ("\n\n", *(f"\n{word}" for word in words))


def _ends_document(here: Surroundings) -> bool:
    return re.fullmatch(r"\W*", here.suffix) is not None


def make_tabby(*, clips: bool) -> MakePolicy:
    """Tabby for one sitting; with `clips` false, without the cut through its prompt."""

    def make(engine: Engine, root: Path, seed: str) -> Policy:
        return Tabby(engine, clips, Said(entries=100, ahead=50))

    return make
