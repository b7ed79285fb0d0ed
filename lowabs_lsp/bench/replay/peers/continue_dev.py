"""Continue: 1,024 tokens, of which 30 % before and up to 20 % behind the cursor, then open files; asks after 350 ms.

After `core/autocomplete` at d0a3c0b626.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from attrs import define, evolve, field

from lowabs_lsp.bench.replay.peers.pieces import (
    LONGEST,
    CountTokens,
    Said,
    Surroundings,
    distance,
    first_tokens,
    lines_around,
    whole_first_lines,
    whole_last_lines,
    without_end,
)
from lowabs_lsp.bench.replay.policy import Event, Happening, Policy, Request, Timing
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.prompt.languages import is_comment
from lowabs_lsp.values import Cancelled, Completion, Context, Decoding, Document, Engine, Reason, Snippet

PROMPT, PREFIX_SHARE, SUFFIX_SHARE = 1024, 0.3, 0.2
DEBOUNCE = 350
EACH_SNIPPET = 10
"""Tokens reserved for each snippet's heading."""
FILES_CONSIDERED, FILES_USED, SMALLEST_SNIPPET = 10, 5, 125
RECENCY, SIZE = 0.6, 0.4
VISITED_FILES, VISITED_RANGES, VISITED_RADIUS = 3, 3, 20
STOPS = ("/src/", "#- coding: utf-8", "```", "\n\n")
NEAR_END = 20
"""Characters of the suffix at which a continuation stops."""
_BRACKETS = set(")]};")


@define
class Continue:
    """One sitting with Continue."""

    engine: Engine
    _said: Said
    _visited: "OrderedDict[str, list[Snippet]]" = field(factory=OrderedDict)

    def observe(self, event: Event) -> None:
        """Remember where the cursor was: the last three places in each of the last three files."""
        if event.happening in (Happening.JUMPED, Happening.CHANGED):
            path = event.document.path
            text = "\n".join(lines_around(event.document, event.offset, VISITED_RADIUS)).strip()
            ranges = [Snippet(path, text, "visited"), *self._visited.pop(path, [])]
            self._visited[path] = ranges[:VISITED_RANGES]
            while len(self._visited) > VISITED_FILES:
                self._visited.popitem(last=False)

    def timing(self, request: Request) -> Timing:
        """After a pause."""
        return Timing(debounce=DEBOUNCE)

    def complete(self, request: Request, cancelled: Cancelled) -> Completion:
        """What is left of the last stream, or a new one."""
        here = Surroundings.of(request)
        if (raw := self._said.recall(request)) is None:
            prompt = render(self._context(request, here), self.engine.layout)
            decoding = Decoding(max_tokens=LONGEST, stop=STOPS)
            raw = self.engine.generate(evolve(prompt, heal=False), decoding, cancelled).text
            if not cancelled():
                self._said.remember(request, raw)
        text = filtered(raw, here, request.document.language)
        return Completion(text, Reason.SHOWN if text else Reason.EMPTY)

    def _context(self, request: Request, here: Surroundings) -> Context:
        count = self.engine.count_tokens
        size = min(PROMPT, self.engine.context_length - LONGEST)
        prefix = whole_last_lines(here.prefix, int(size * PREFIX_SHARE), count)
        suffix = whole_first_lines(here.suffix, int(size * SUFFIX_SHARE), count)
        left = size - count(prefix + suffix)
        return Context(
            path=request.document.path,
            language=request.document.language,
            prefix=prefix,
            suffix=suffix or "\n",
            snippets=tuple(self._snippets(request, left)),
        )

    def _snippets(self, request: Request, left: int) -> list[Snippet]:
        """Open files first, then places visited in files that are not shown yet."""
        count = self.engine.count_tokens
        kept: list[Snippet] = []
        opened = fitted_files([file for file in request.workspace if file.text.strip()], left, count)
        visited = [each for ranges in reversed(self._visited.values()) for each in ranges if each.path != request.document.path]
        for snippet in opened + visited:
            if snippet.origin == "visited" and any(other.path == snippet.path for other in kept):
                continue
            size = count(snippet.text) + EACH_SNIPPET
            if snippet.text.strip() and size <= left:
                kept.append(snippet)
                left -= size
        return kept


def fitted_files(files: Sequence[Document], left: int, count: CountTokens) -> list[Snippet]:
    """Whole files if enough of them fit; else the beginnings of the best by recency and size, the best getting the most."""
    snippets = [Snippet(file.path, file.text.replace("\r\n", "\n"), "open file") for file in files]
    used, fit = 0, 0
    for snippet in snippets:
        used += count(snippet.text)
        if used >= left - EACH_SNIPPET:
            break
        fit += 1
    if fit >= min(FILES_USED, len(snippets)):
        return snippets[:fit]
    ranked = _ranked(snippets[:FILES_CONSIDERED])[:FILES_USED]
    while ranked and left - EACH_SNIPPET < len(ranked) * SMALLEST_SNIPPET:
        ranked.pop()
    trimmed = []
    for place, snippet in enumerate(ranked):
        n = len(ranked) - place
        limit = int(SMALLEST_SNIPPET + 2 / (n + 1) * (left - EACH_SNIPPET - n * SMALLEST_SNIPPET))
        text = first_tokens(snippet.text, limit, count)
        trimmed.append(evolve(snippet, text=text))
        left -= count(text)
    return trimmed


def _ranked(snippets: list[Snippet]) -> list[Snippet]:
    sizes = [math.log(max(len(snippet.text), 10)) for snippet in snippets]
    span = (max(sizes) - min(sizes)) if sizes else 0.0

    def score(i: int) -> float:
        size = 1 - (sizes[i] - min(sizes)) / span if span else 0.5
        return RECENCY * 1.15**-i + SIZE * size

    return [snippets[i] for i in sorted(range(len(snippets)), key=score, reverse=True)]


def filtered(text: str, here: Surroundings, language: str) -> str:
    """What passes Continue's filters of the stream and of the whole."""
    if is_comment(language, here.line_before) and not here.line_before.rstrip().endswith(('"""', "'''")):
        text = text.partition("\n")[0]
    lines = _until_repetition(_until_suffix(text, here.suffix).split("\n"), here.next_line)
    text = "\n".join(lines).rstrip("\n")
    if not text.strip() or rewrites_line_above(text, here.prefix) or repeats_extremely(lines):
        return ""
    if here.prefix.endswith(" ") and text.startswith(" "):
        text = text[1:]
    return without_end(text, here.line_behind)


def _until_suffix(text: str, suffix: str) -> str:
    """`text` up to where a run of characters stands in the beginning of the suffix, too."""
    beginning = suffix.lstrip()[: NEAR_END * 3 // 2]
    if len(suffix) < NEAR_END:
        return text
    for end in range(NEAR_END, len(text) + 1):
        if text[end - NEAR_END : end] in beginning:
            return text[: end - NEAR_END]
    return text


def _until_repetition(lines: list[str], below: str) -> list[str]:
    """`lines` up to the line below the cursor, up to a blank one, and up to the third of equal ones, which are one."""
    kept: list[str] = []
    same = 1
    for line in lines:
        if kept and not line.strip():
            break
        if below.strip() and _is_line_below(line, below):
            break
        if kept and line == kept[-1]:
            same += 1
            if same == 3:
                break
            continue
        same = 1
        kept.append(line)
    return kept


def _is_line_below(line: str, below: str) -> bool:
    if _BRACKETS & set(below.strip()) and line.strip() == below.strip():
        return line == below
    return line == below or is_repeated(line, below)


def is_repeated(a: str, b: str) -> bool:
    """Whether two lines of some length differ in less than a tenth."""
    if len(a) <= 4 or len(b) <= 4 or not b.strip():
        return False
    return distance(a.strip(), b.strip()) / len(b.strip()) < 0.1


def rewrites_line_above(text: str, prefix: str) -> bool:
    """Whether the first line of `text` is the last one written."""
    above = next((line for line in reversed(prefix.split("\n")) if line.strip()), "")
    first = next((line for line in text.split("\n") if line.strip()), "")
    return is_repeated(above, first)


def repeats_extremely(lines: list[str]) -> bool:
    """Whether most of six or more lines hold what the first ones have in common."""
    if len(lines) < 6:
        return False
    for step in (1, 2):
        common = _common_subsequence(lines[0], lines[step])
        if len(common) > 5 or len(common) > len(lines[0]) * 0.5:
            hits = step * sum(common in line for line in lines[::step])
            if hits > 8 or hits / len(lines) > 0.8:
                return True
    return False


def _common_subsequence(a: str, b: str) -> str:
    table = [""] * (len(b) + 1)
    for x in a:
        diagonal = ""
        for j, y in enumerate(b, 1):
            diagonal, table[j] = table[j], diagonal + x if x == y else max(table[j], table[j - 1], key=len)
    return table[-1]


def make_continue(engine: Engine, root: Path, seed: str) -> Policy:
    """Continue for one sitting."""
    return Continue(engine, Said(entries=1, ahead=1 << 20))
