"""Copilot's open engine: 35 % before, 15 % behind the cursor, 35 % stable and 15 % volatile context, shown after 200 ms.

After `src/extension/completions-core` of vscode-copilot-chat at 31acd00a8.
"""

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from pathlib import Path

from attrs import define, field, frozen

from lowabs_lsp.bench.replay.keys import Key
from lowabs_lsp.bench.replay.peers.pieces import Said, Surroundings, distance, first_tokens, last_tokens
from lowabs_lsp.bench.replay.policy import Event, Happening, Policy, Request, Timing
from lowabs_lsp.postprocess.trim import trim_block
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.prompt.languages import opens_block
from lowabs_lsp.values import Cancelled, Completion, Context, Decoding, Document, Engine, Reason, Snippet, Stop

PROMPT = 8192 - 500
PREFIX, SUFFIX, STABLE, VOLATILE = 0.35, 0.15, 0.35, 0.15
FEWEST_CHARACTERS = 10
HOLD = 200
LINE_TOKENS, BLOCK_TOKENS, AFTER_ACCEPT_TOKENS = 64, 200, 20
WINDOW, SNIPPETS, NEIGHBOURS, LARGEST_NEIGHBOUR = 60, 4, 20, 10_000
EDITS, EDIT_LINES, EDIT_CONTEXT, EDIT_DISTANCE = 8, 10, 3, 100
SAME_SUFFIX_TOKENS, SAME_SUFFIX = 50, 0.1
MIDDLE_OF_LINE = re.compile(r"\s*[)>}\]\"'`]*\s*[:{;,]?\s*")
REPETITIONS = ((1, 10), (10, 30), (20, 45), (30, 60))
"""Longest repeated piece and number of last tokens in which it is looked for."""
_TRIMMED_BY_STATEMENT = {"javascript", "javascriptreact", "typescript", "typescriptreact", "go"}
_PARSED = {*_TRIMMED_BY_STATEMENT, "python", "ruby", "java", "csharp", "php", "cpp", "c"}
_STOP_WORDS = frozenset((
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "before", "but", "by",
    "can", "do", "does", "each", "from", "had", "has", "have", "here", "how", "if", "in", "into", "is", "it", "its",
    "just", "more", "most", "no", "not", "of", "off", "on", "only", "or", "other", "our", "out", "over", "same",
    "should", "so", "some", "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this",
    "those", "to", "too", "under", "until", "up", "very", "was", "we", "were", "what", "when", "where", "which",
    "who", "why", "will", "with", "would", "you", "assert", "break", "case", "catch", "class", "const", "continue",
    "def", "else", "enum", "finally", "for", "func", "function", "import", "let", "match", "new", "raise", "return",
    "self", "static", "struct", "super", "switch", "throw", "try", "var", "while",
))  # fmt: skip
"""Words that say nothing about what a text is about: of English, and of programming languages."""


@frozen
class RecentEdit:
    """A run of changed lines."""

    path: str
    first: int
    """Line, from 0, in the text after it."""
    last: int
    diff: str


@define
class RecentEdits:
    """What changed in each open file since it was opened, as far as the person has left it."""

    _opened: dict[str, Document] = field(factory=dict)
    _edits: dict[str, list[RecentEdit]] = field(factory=dict)

    def open(self, document: Document) -> None:
        """A file is open."""
        self._opened.setdefault(document.path, document)

    def settle(self, document: Document) -> None:
        """The person pauses: what is changed by now is a recent edit."""
        self._edits.pop(document.path, None)
        self._edits[document.path] = changed_hunks(self._opened.get(document.path, document), document)

    def near(self, request: Request) -> list[RecentEdit]:
        """The last edits, but for those around the cursor; the last one last."""
        line = request.document.text.count("\n", 0, request.offset)
        edits = [
            edit
            for hunks in self._edits.values()
            for edit in hunks
            if edit.path != request.document.path or min(abs(edit.first - line), abs(edit.last - line)) > EDIT_DISTANCE
        ]
        return edits[-EDITS:]


@define
class Windows:
    """The words of every 60 lines in a row of the files that were looked at last."""

    _words: dict[str, list[set[str]]] = field(factory=dict)

    def of(self, text: str) -> list[set[str]]:
        """One set for each line a window can begin at."""
        if text not in self._words:
            lines = [_words(line) for line in text.split("\n")]
            starts = range(max(1, len(lines) - WINDOW + 1))
            self._words[text] = [set().union(*lines[start : start + WINDOW]) for start in starts]
            while len(self._words) > NEIGHBOURS:
                self._words.pop(next(iter(self._words)))
        return self._words[text]


@define
class Copilot:
    """One sitting with Copilot's engine."""

    engine: Engine
    _said: Said
    _edits: RecentEdits = field(factory=RecentEdits)
    _windows: Windows = field(factory=Windows)
    _suffix: str = ""

    def observe(self, event: Event) -> None:
        """Follow what is edited."""
        if event.happening is Happening.OPENED:
            self._edits.open(event.document)
        elif event.happening in (Happening.JUMPED, Happening.SAVED):
            self._edits.settle(event.document)

    def timing(self, request: Request) -> Timing:
        """The model is asked at once, but nothing is shown while the person types on."""
        return Timing(hold=HOLD)

    def complete(self, request: Request, cancelled: Cancelled) -> Completion:
        """What was said and typed along with, or a new continuation."""
        here = Surroundings.of(request)
        if MIDDLE_OF_LINE.fullmatch(here.line_behind) is None:
            return Completion("", Reason.MID_WORD)
        if len(request.document.text) < FEWEST_CHARACTERS:
            return Completion("", Reason.EMPTY)
        if (text := self._said.recall(request)) is None:
            text = self._generate(request, here, cancelled)
            if not cancelled():
                self._said.remember(request, text)
        shown = in_context(text, here)
        return Completion(shown, Reason.SHOWN if shown else Reason.EMPTY)

    def _generate(self, request: Request, here: Surroundings, cancelled: Cancelled) -> str:
        blank = not here.line_before.strip()
        block = wants_block(request, here)
        after_accept = request.key is Key.ACCEPT and not block
        tokens = BLOCK_TOKENS if block else AFTER_ACCEPT_TOKENS if after_accept else LINE_TOKENS
        decoding = Decoding(max_tokens=tokens, stop=("\n\n",) if block or after_accept else ("\n",))
        context = self._context(request, here, blank=blank)
        generated = self.engine.generate(render(context, self.engine.layout), decoding, cancelled)
        if is_repetitive(generated.tokens):
            return ""
        text = generated.text
        if blank:  # the prompt ends at the line above's end
            text = _without_blanks(text, here.line_before)
        if after_accept:
            return "\n".join(text.split("\n")[:2])
        return trim_block(text, here.line_before, whole=generated.stop in (Stop.END, Stop.TEXT)) if block else text

    def _context(self, request: Request, here: Surroundings, *, blank: bool) -> Context:
        """Each part within its share; what one leaves over goes to the next."""
        count = self.engine.count_tokens
        size = min(PROMPT, self.engine.context_length - BLOCK_TOKENS - 16)
        stable, left = fitted(similar_snippets(request, self._windows), int(size * STABLE), count)
        volatile, left = fitted(_as_snippets(self._edits.near(request)), left + int(size * VOLATILE), count)
        suffix = first_tokens(self._frozen(here), left + int(size * SUFFIX), count)
        left += int(size * SUFFIX) - count(suffix) + int(size * PREFIX)
        prefix = here.prefix[: len(here.prefix) - len(here.line_before)] if blank else here.prefix
        return Context(
            path=request.document.path,
            language=request.document.language,
            prefix=last_tokens(prefix, left, count),
            suffix=suffix,
            snippets=(*stable, *volatile),
        )

    def _frozen(self, here: Surroundings) -> str:
        """The text below the cursor's line, as it was shown last where it begins nearly the same."""
        suffix = here.suffix[len(here.line_behind) :].lstrip()
        now, before = (re.findall(r"\w+|\s+|.", text[:1000])[:SAME_SUFFIX_TOKENS] for text in (suffix, self._suffix))
        if not (now and before and now[0] == before[0] and _distance(now, before) < SAME_SUFFIX * len(now)):
            self._suffix = suffix
        return self._suffix


def wants_block(request: Request, here: Surroundings) -> bool:
    """Whether several lines are asked for."""
    language = request.document.language
    if language in _TRIMMED_BY_STATEMENT:
        return request.key is Key.ACCEPT
    if language not in _PARSED:
        return True
    above = next((line for line in reversed(here.prefix.split("\n")) if line.strip()), "")
    empty = not here.next_line or _indent(here.next_line) <= _indent(above)
    return not here.line_behind.strip() and opens_block(language, above) and empty


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _without_blanks(text: str, line_before: str) -> str:
    """`text`, which begins at the line's beginning, without the blanks that stand there already."""
    first = text.partition("\n")[0]
    return text[min(_indent(first), len(line_before)) :]


def similar_snippets(request: Request, windows: Windows) -> list[Snippet]:
    """The windows of other open files of the language that are most like the text at the cursor, the best first."""
    document = request.document
    reference = _words("\n".join(document.text[: request.offset].split("\n")[-WINDOW:]))
    found = []
    for other in list(request.workspace)[:NEIGHBOURS]:
        if other.language == document.language and 0 < len(other.text) < LARGEST_NEIGHBOUR:
            text = other.text.replace("\r\n", "\n")
            scores = [_jaccard(window, reference) for window in windows.of(text)]
            start = max(range(len(scores)), key=scores.__getitem__)
            if scores[start] > 0:
                lines = text.split("\n")[start : start + WINDOW]
                found.append((scores[start], Snippet(other.path, "\n".join(lines) + "\n", "similar")))
    return [snippet for _, snippet in sorted(found, key=lambda pair: -pair[0])[:SNIPPETS]]


def _jaccard(a: set[str], b: set[str]) -> float:
    common = len(a & b)
    return common / (len(a) + len(b) - common) if a or b else 0.0


def _words(text: str) -> set[str]:
    return {word for word in re.split(r"[^a-zA-Z0-9]", text) if word and word not in _STOP_WORDS}


def changed_hunks(old: Document, new: Document) -> list[RecentEdit]:
    """The runs of changed lines, but those that are large or only blank, as diffs with lines around them."""
    before, after = old.text.split("\n"), new.text.split("\n")
    edits = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        removed, added = before[i:j], after[k:m]
        same = "".join(removed).split() == "".join(added).split()
        if tag == "equal" or same or max(len(removed), len(added)) > EDIT_LINES:
            continue
        around = after[max(0, k - EDIT_CONTEXT) : k], after[m : m + EDIT_CONTEXT]
        lines = [
            *(f" {line}" for line in around[0]),
            *(f"+{line}" for line in added),
            *(f"-{line} --- IGNORE ---" for line in removed),
            *(f" {line}" for line in around[1]),
        ]
        edits.append(RecentEdit(new.path, k, m, "\n".join(lines) + "\n"))
    return edits


def _as_snippets(edits: Sequence[RecentEdit]) -> list[Snippet]:
    return [Snippet(edit.path, edit.diff, "recent edit") for edit in edits]


def fitted(snippets: list[Snippet], budget: int, count: Callable[[str], int]) -> tuple[list[Snippet], int]:
    """The snippets that fit, and what is left of the budget."""
    kept = []
    for snippet in snippets:
        size = count(snippet.path) + count(snippet.text) + 3
        if size <= budget:
            kept.append(snippet)
            budget -= size
    return kept, budget


def _distance(a: list[str], b: list[str]) -> int:
    """The Levenshtein distance of two lists of words."""
    letters = {word: chr(i) for i, word in enumerate(dict.fromkeys(a + b))}
    return distance("".join(letters[word] for word in a), "".join(letters[word] for word in b))


def is_repetitive(tokens: Sequence[int]) -> bool:
    """Whether the last tokens are one short piece over and over, by the prefix function of Knuth, Morris and Pratt."""
    backwards = list(reversed(tokens))
    borders = [0] * len(backwards)
    k = 0
    for i in range(1, len(backwards)):
        while k and backwards[i] != backwards[k]:
            k = borders[k - 1]
        k += backwards[i] == backwards[k]
        borders[i] = k
    return any(len(backwards) >= last and last - borders[last - 1] <= longest for longest, last in REPETITIONS)


def in_context(text: str, here: Surroundings) -> str:
    """`text` as it fits between what is there, or nothing."""
    if not text.strip() or text.strip() == here.next_line.strip():
        return ""
    lines = text.rstrip().split("\n")
    below = [line for line in here.lines_below if line.strip()]
    for start in range(1, len(lines)):
        closing = [line for line in lines[start:] if line.strip()]
        if closing and _closes(closing, below[: len(closing)]):
            lines = lines[:start]
            break
    text = "\n".join(lines).rstrip()
    rest = here.line_behind.rstrip()
    return text[: len(text) - len(rest)] if rest and text.endswith(rest) else text


def _closes(closing: list[str], below: list[str]) -> bool:
    """Whether all of `closing` are block ends that follow anyway; of the last one a beginning is enough."""
    if len(below) < len(closing):
        return False
    *whole, last = closing
    same = all(line == other and line.strip() == "}" for line, other in zip(whole, below, strict=False))
    follows = below[len(closing) - 1]
    return same and (follows.startswith(last) or last.startswith(follows))


def make_copilot(engine: Engine, root: Path, seed: str) -> Policy:
    """Copilot's engine for one sitting."""
    return Copilot(engine, Said(entries=100, ahead=1 << 20))
