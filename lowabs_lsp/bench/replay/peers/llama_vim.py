"""llama.vim: 256 lines before and 64 behind the cursor, a ring of chunks seen before, a request with each key.

After `autoload/llama.vim` at a1c8e6e and the infill prompt of llama.cpp's server.
"""

import re
from pathlib import Path
from random import Random

from attrs import define, evolve, frozen

from lowabs_lsp.bench.replay.peers.pieces import (
    LONGEST,
    CountTokens,
    Said,
    Surroundings,
    first_tokens,
    last_tokens,
    lines_around,
    whole_last_lines,
)
from lowabs_lsp.bench.replay.policy import Event, Happening, Policy, Request, Timing
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.values import Cancelled, Completion, Context, Decoding, Document, Engine, Reason, Snippet

PREFIX_LINES, SUFFIX_LINES, SCOPE = 256, 64, 1024
LONGEST_LINE_BEHIND = 8
RING, QUEUE, CHUNK = 16, 16, 64
BATCH = 1024
"""`n_batch` of the server by its own presets for infilling: three quarters for the prefix, one for the suffix."""
FAR = 32
"""Lines between two places from which on chunks are picked on the way."""
IDLE, UPDATE = 3000, 1000
"""Milliseconds without a key from which on queued chunks enter the ring, and from one to the next."""


@frozen
class Chunk:
    """Lines of a file."""

    path: str
    lines: tuple[str, ...]

    def similarity(self, other: "Chunk") -> float:
        """How many of the words of both are in common."""
        mine, others = self._words(), other._words()
        known = set(mine)
        total = len(mine) + len(others)
        return 2 * sum(word in known for word in others) / total if total else 1.0

    def _words(self) -> list[str]:
        return [word for word in re.split(r"\W+", "\n".join(self.lines)) if word]


class Ring:
    """Chunks that the person came by: queued first, in the prompt once there was time."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._queued: list[Chunk] = []
        self.chunks: list[Chunk] = []

    def pick(self, path: str, lines: list[str], *, evict: bool) -> None:
        """Queue half a chunk's worth of `lines`, drawn at random, unless something like it is there already."""
        if len(lines) < 3:
            return
        chunk = Chunk(path, tuple(lines)) if len(lines) + 1 < CHUNK else self.draw(path, lines)
        if chunk in self.chunks or chunk in self._queued:
            return
        for kept in (self._queued, self.chunks):
            similar = [other for other in kept if other.similarity(chunk) > 0.9]
            if similar and not evict:
                return
            kept[:] = [other for other in kept if other not in similar]
        self._queued = [*self._queued, chunk][-QUEUE:]

    def draw(self, path: str, lines: list[str]) -> Chunk:
        """Half a chunk of `lines`."""
        start = self._random.randint(0, max(0, len(lines) - CHUNK // 2))
        return Chunk(path, tuple(lines[start : start + CHUNK // 2 + 1]))

    def take_in(self, count: int) -> None:
        """Move queued chunks into the ring, the oldest first."""
        for chunk in self._queued[:count]:
            self.chunks = [*self.chunks, chunk][-RING:]
        self._queued = self._queued[count:]

    def evict(self, here: Chunk) -> None:
        """Drop chunks like the text at the cursor: they make the model repeat it."""
        self.chunks = [chunk for chunk in self.chunks if chunk.similarity(here) <= 0.5]


@define
class LlamaVim:
    """One sitting with llama.vim."""

    engine: Engine
    ring: Ring
    _said: Said
    _front: tuple[Document, int] | None = None
    _picked_line: int = -9999
    _last_key: int = 0

    def observe(self, event: Event) -> None:
        """Pick chunks on entering, leaving and saving; take them in while nothing is typed."""
        if event.happening is Happening.FOCUSED:
            if self._front is not None:
                self._pick_around(*self._front)
            self._pick_around(event.document, event.offset)
        elif event.happening is Happening.SAVED:
            self._pick_around(event.document, event.offset)
        if event.happening is not Happening.OPENED:
            self._front = event.document, event.offset
        self.ring.take_in(event.pause // UPDATE)

    def timing(self, request: Request) -> Timing:
        """At once: a request waits only while another one runs."""
        return Timing()

    def complete(self, request: Request, cancelled: Cancelled) -> Completion:
        """What was said and typed along with, or a new continuation."""
        idle, self._last_key = request.now - self._last_key, request.now
        self.ring.take_in(max(0, (idle - IDLE) // UPDATE))
        here = Surroundings.of(request)
        if len(here.line_behind) > LONGEST_LINE_BEHIND:
            return Completion("", Reason.MID_WORD)
        if (text := self._said.recall(request)) is None:
            text = self._generate(request, here, cancelled)
            if not cancelled():
                self._said.remember(request, text)
            self._pick_far(request)
        shown = without_repetition(text, here)
        return Completion(shown, Reason.SHOWN if shown else Reason.EMPTY)

    def _generate(self, request: Request, here: Surroundings, cancelled: Cancelled) -> str:
        nearby = lines_around(request.document, request.offset, CHUNK // 2)
        self.ring.evict(self.ring.draw(request.document.path, nearby))
        whole_line = here.line_before + here.line_behind
        indent = len(whole_line) - len(whole_line.lstrip()) if whole_line.strip() else 0
        prompt = render(self._context(request, here, blank=not whole_line.strip()), self.engine.layout)
        generated = self.engine.generate(evolve(prompt, heal=False), Decoding(max_tokens=LONGEST), cancelled)
        text = cut_below(generated.text, indent)
        return text if whole_line.strip() else _without_indent(text, here.line_before)

    def _context(self, request: Request, here: Surroundings, *, blank: bool) -> Context:
        count, length = self.engine.count_tokens, self.engine.context_length
        batch = max(64, min(BATCH, length - 2 * LONGEST))
        middle = "" if blank else here.line_before
        above = here.prefix[: len(here.prefix) - len(here.line_before)]
        prefix = "\n".join(above.split("\n")[-PREFIX_LINES - 1 :])
        behind = "" if blank else here.line_behind
        suffix = "\n".join([behind, *here.lines_below[:SUFFIX_LINES], ""])
        extra = last_chunks(self.ring.chunks, max(0, length - batch - 2 * LONGEST), count)
        return Context(
            path=request.document.path,
            language=request.document.language,
            prefix=last_tokens(prefix, 3 * batch // 4, count) + middle,
            suffix=first_tokens(suffix, max(0, batch // 4 - 2 - count(middle)), count),
            snippets=tuple(Snippet(chunk.path, "\n".join(chunk.lines) + "\n", "ring") for chunk in extra),
        )

    def _pick_around(self, document: Document, offset: int) -> None:
        self.ring.pick(document.path, lines_around(document, offset, CHUNK // 2), evict=True)

    def _pick_far(self, request: Request) -> None:
        """After a long way, chunks from before and behind the window."""
        path, lines = request.document.path, request.document.text.split("\n")
        line = request.document.text.count("\n", 0, request.offset)
        if abs(line - self._picked_line) > FAR:
            self.ring.pick(path, lines[max(0, line - SCOPE) : max(1, line - PREFIX_LINES)], evict=False)
            self.ring.pick(path, lines[line + SUFFIX_LINES : line + SUFFIX_LINES + CHUNK + 1], evict=False)
            self._picked_line = line


def last_chunks(chunks: list[Chunk], budget: int, count: CountTokens) -> list[Chunk]:
    """The newest chunks that have at most `budget` tokens, of the oldest of them its last lines."""
    kept: list[Chunk] = []
    for chunk in reversed(chunks):
        used = count(chunk.path) + 3
        text = whole_last_lines("\n".join(chunk.lines), max(0, budget - used), count)
        if not text:
            break
        kept.insert(0, Chunk(chunk.path, tuple(text.split("\n"))))
        budget -= used + count(text)
        if kept[0] != chunk:
            break
    return kept


def cut_below(text: str, indent: int) -> str:
    """`text` up to its first further line that is indented less than `indent` characters."""
    first, *lines = text.split("\n")
    kept = [first]
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip(" \t")) < indent:
            break
        kept.append(line)
    return "\n".join(kept)


def _without_indent(text: str, line_before: str) -> str:
    """`text` without the blanks that stand in front of the cursor already."""
    first = text.partition("\n")[0]
    return text[min(len(first) - len(first.lstrip(" \t")), len(line_before)) :]


def without_repetition(text: str, here: Surroundings) -> str:
    """`text`, or nothing if it only says what stands at or below the cursor."""
    lines = text.rstrip("\n").split("\n")
    below = here.lines_below
    if not text.strip() or text.rstrip("\n") == here.line_behind:
        return ""
    if lines[0] == "" and lines[1:] == below[: len(lines) - 1]:
        return ""
    at = next((i for i, line in enumerate(below) if line.strip()), len(below))
    if here.line_before + lines[0] == here.next_line and _goes_on_as(lines[1:], below[at + 1 :]):
        return ""
    return text.rstrip("\n")


def _goes_on_as(lines: list[str], below: list[str]) -> bool:
    if len(lines) == 1:
        return bool(below) and below[0].startswith(lines[0])
    return lines == below[: len(lines)]


def make_llama_vim(engine: Engine, root: Path, seed: str) -> Policy:
    """llama.vim for one sitting."""
    return LlamaVim(engine, Ring(Random(seed)), Said(entries=250, ahead=128))
