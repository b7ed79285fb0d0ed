"""Source files to training sequences: holes cut at characters, then tokenized, in the layouts that serving uses."""

import ast
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from random import Random

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from tree_sitter import Language, Parser

from lowabs_lsp.prompt.fim import END_OF_TEXT, PSM, QWEN_SPELLING, SPECIAL_TOKENS, SPM, file_segments, fim_segments
from lowabs_lsp.syntax.grammars import grammar_of
from lowabs_lsp.values import Segment, Sentinel
from lowabs_model.corpus.shards import SourceFile
from lowabs_model.corpus.tasks.families import FAMILIES
from lowabs_model.recipe import HoleRecipe

Encode = Callable[[list[str]], list[list[int]]]
"""Texts to token ids, many at once; sentinel spellings in a text are encoded as plain text."""

Rows = NDArray[np.uint16]
Spans = list[tuple[int, int]]

END_ID = SPECIAL_TOKENS.index(END_OF_TEXT)
PAD_ID = SPECIAL_TOKENS.index("<|fim_pad|>")
"""Fills the end of a row; it is never a target."""
SENTINEL_IDS = {sentinel: SPECIAL_TOKENS.index(spelling) for sentinel, spelling in QWEN_SPELLING.items()}

UNIT_CHARACTERS = 12_000
"""Of a file that is visited at once: large beside a sequence, small beside a long file."""
UNITS_PER_BLOCK = 48
"""Some half megabyte: large beside a batch, so that its rows are well mixed, and small beside memory."""
SHORTEST_PIECE = 32
"""Characters below which a piece that is still too long in tokens is dropped."""
HOLE_NODES = (
    *(ast.stmt, ast.Call, ast.Compare, ast.BinOp, ast.BoolOp, ast.IfExp, ast.Lambda, ast.JoinedStr),
    *(ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp, ast.List, ast.Tuple, ast.Dict, ast.Set),
)
"""Python's syntax that a person writes in one go; bare names and constants are left to the other kinds of holes."""
SHORTEST_NODE = 8
"""Bytes of a node of other languages: shorter ones are names, literals and signs around them."""
LARGEST_PARSED_FILE = 120_000
"""Characters; parsing a whole file for the holes of one unit must stay cheap."""

SNIPPETS_DRAWN = 8
"""Pieces of other files, of which the most alike is shown, since serving shows what is alike too."""
_WORDS = re.compile("string|comment")
_IDENTIFIER = re.compile(r"[^\W\d]\w+")


@frozen
class Unit:
    """A stretch of one file, from a line's start to a line's end."""

    file: int
    start: int
    end: int


def units_of(files: Sequence[SourceFile], weights: dict[str, float], random: Random) -> list[Unit]:
    """One epoch in random order: every unit of every file as often as its language's weight says."""
    units: list[Unit] = []
    for index, file in enumerate(files):
        weight = weights.get(file.language, 1.0)
        for start, end in line_pieces(file.text, UNIT_CHARACTERS):
            units += [Unit(index, start, end)] * (int(weight) + (random.random() < weight % 1))
    random.shuffle(units)
    return units


def line_pieces(text: str, size: int, start: int = 0, end: int | None = None) -> Spans:
    """Cut text[start:end] behind line ends into pieces of about `size` characters; a longer line is cut anywhere."""
    end = len(text) if end is None else end
    pieces: Spans = []
    while start < end:
        stop = min(start + size, end)
        if stop < end:
            newline = text.rfind("\n", start, stop)
            stop = newline + 1 if newline >= start + size // 2 else stop
        pieces.append((start, stop))
        start = stop
    return pieces


def node_spans(file: SourceFile) -> Spans:
    """Statements and expressions, as character ranges; of a file that no parser here reads, its indented blocks."""
    if len(file.text) > LARGEST_PARSED_FILE:
        return _indented_spans(file.text)
    if file.language == "python":
        try:
            return _python_spans(file.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return _indented_spans(file.text)
    grammar = grammar_of(file.language)
    return _tree_spans(file.text, grammar) if grammar is not None else _indented_spans(file.text)


def _tree_spans(text: str, grammar: Language) -> Spans:
    """The nodes of a tree-sitter tree that are made of others and no mere words, but for the root and what it cannot read."""
    data = text.encode()
    cursor = Parser(grammar).parse(data).walk()
    spans: Spans = []
    if not cursor.goto_first_child():
        return spans
    while True:
        node = cursor.node
        assert node is not None
        span = node.start_byte, node.end_byte
        is_made = node.is_named and node.named_child_count and span[1] - span[0] >= SHORTEST_NODE
        if is_made and not node.is_error and not _WORDS.search(node.type) and span not in spans[-1:]:
            spans.append(span)
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            cursor.goto_parent()
            if cursor.depth == 0:
                return spans if len(data) == len(text) else _in_characters(spans, data)


def _in_characters(spans: Spans, data: bytes) -> Spans:
    """Ranges of bytes as ranges of characters."""
    starts = np.flatnonzero((np.frombuffer(data, np.uint8) & 0xC0) != 0x80)
    found = np.searchsorted(starts, np.array(spans, np.int64).reshape(-1, 2))
    return [(int(start), int(end)) for start, end in found.tolist()]


def _python_spans(text: str) -> Spans:
    if "\r" in text:
        raise ValueError("ast counts lines at carriage returns too")
    lines = text.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))

    def offset(line: int, column: int) -> int:
        content = lines[line - 1]  # ast counts columns in bytes of UTF-8
        return starts[line - 1] + (column if content.isascii() else len(content.encode()[:column].decode()))

    return [
        (offset(node.lineno, node.col_offset), offset(node.end_lineno or 0, node.end_col_offset or 0))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, HOLE_NODES)
    ]


def _indented_spans(text: str) -> Spans:
    """Runs of lines that are indented deeper than the line before them."""
    spans: Spans = []
    open_blocks: list[tuple[int, int]] = []  # indentation, start
    position, previous = 0, 0
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        if stripped:
            indentation = len(line) - len(line.lstrip())
            while open_blocks and indentation < open_blocks[-1][0]:
                spans.append((open_blocks.pop()[1], previous))
            if not open_blocks or indentation > open_blocks[-1][0]:
                open_blocks.append((indentation, position + indentation))
            previous = position + len(line.rstrip("\r\n"))
        position += len(line)
    spans += [(start, previous) for _, start in open_blocks[1:]]
    return spans


def task_spans(file: SourceFile) -> Spans:
    """The holes that families of tasks find in a file, each once."""
    return sorted({span for find in FAMILIES.values() for span in find(file)})


def draw_hole(text: str, spans: Spans, recipe: HoleRecipe, random: Random, tasks: Spans | None = None) -> tuple[int, int]:
    """Where to cut `text`: a character range, of the kind that the recipe's weights draw."""
    weights = (recipe.line, recipe.node, recipe.span, recipe.task)
    kind = random.choices(("line", "node", "span", "task"), weights)[0]
    if kind == "task" and tasks:
        return random.choice(tasks)
    if kind == "node" and spans:
        return random.choice(spans)
    if kind == "span":
        first, second = sorted(random.randrange(len(text) + 1) for _ in range(2))
        return first, min(second, first + max(1, len(text) // 3))
    return _line_hole(text, random)


def _inside(spans: Spans, start: int, length: int) -> Spans:
    """Those that lie in a piece of a file and leave half of it, by the piece's own offsets."""
    return [(a - start, b - start) for a, b in spans if start <= a and b <= start + length and b - a < length // 2]


def _given_hole(file: SourceFile, start: int, text: str) -> tuple[int, int] | None:
    """The hole of a task, where it lies in `text`, which begins at `start` of the file."""
    if file.hole is None or file.hole[0] < start or file.hole[1] > start + len(text):
        return None
    return file.hole[0] - start, file.hole[1] - start


def _line_hole(text: str, random: Random) -> tuple[int, int]:
    """From a cursor to the end of its line, or further: geometric, at most six lines."""
    start = random.randrange(len(text) + 1)
    if random.random() < 0.3:  # a person often asks where the indentation ends
        line = text.rfind("\n", 0, start) + 1
        start = line + len(text[line:]) - len(text[line:].lstrip(" \t"))
    lines = 1
    while lines < 6 and random.random() < 0.35:
        lines += 1
    end = start
    for count in range(lines):
        newline = text.find("\n", end + (count > 0))
        end = len(text) if newline < 0 else newline
    return start, max(start, end)


class DocumentWriter:
    """Turns units into documents of at most `length` tokens. Reads only; every choice comes from the `random` given."""

    def __init__(self, files: Sequence[SourceFile], encode: Encode, recipe: HoleRecipe, *, length: int) -> None:
        self.files, self.encode, self.recipe, self.length = files, encode, recipe, length
        self.by_repository: dict[str, list[int]] = {}
        for index, file in enumerate(files):
            self.by_repository.setdefault(file.repository, []).append(index)

    def write(self, unit: Unit, random: Random) -> list[list[int]]:
        """The documents of one unit, as token ids."""
        file = self.files[unit.file]
        spans = node_spans(file) if random.random() < self.recipe.rate else []
        tasks = task_spans(file) if self.recipe.task else []
        characters = max(SHORTEST_PIECE, int(self.length * self._characters_per_token(file, unit)))
        pieces = self._pieces(file, unit, characters, random) if file.hole is None else [(unit.start, unit.end)]
        documents: list[list[int]] = []
        while pieces:
            drafts = [self._draft(file, start, end, (spans, tasks), random) for start, end in pieces]
            too_long: Spans = []
            for (start, end), tokens in zip(pieces, self._tokens(drafts), strict=True):
                if len(tokens) <= self.length:
                    documents.append(tokens)
                elif end - start > SHORTEST_PIECE:
                    too_long += line_pieces(file.text, (end - start) // 2 + 1, start, end)
            pieces = too_long
        return documents

    def _pieces(self, file: SourceFile, unit: Unit, characters: int, random: Random) -> Spans:
        """Cut a unit: mostly pieces that fill a sequence, some shorter ones, which also fill the gaps when packed."""
        pieces: Spans = []
        start = unit.start
        while start < unit.end:
            share = 1.0 if random.random() < 0.55 else random.uniform(0.05, 0.6)
            pieces.append(line_pieces(file.text, max(SHORTEST_PIECE, int(share * characters)), start, unit.end)[0])
            start = pieces[-1][1]
        return pieces

    def _characters_per_token(self, file: SourceFile, unit: Unit) -> float:
        """A little less than what the unit's beginning has, so that most pieces fit at once."""
        sample = file.text[unit.start : unit.start + 1000]
        return 0.88 * len(sample) / max(1, len(self.encode([sample])[0]))

    def _draft(self, file: SourceFile, start: int, end: int, found: tuple[Spans, Spans], random: Random) -> tuple[Segment, ...]:
        """One document as segments. The text to be learned last is joined to the prefix in spm, as the decoder sees it."""
        recipe, text = self.recipe, file.text[start:end]
        head: tuple[Segment, ...] = ()
        if random.random() < recipe.cross_file:
            cut = len(text) // 3
            head, text, start = self._other_file(file, text[cut:], cut, random), text[cut:], start + cut
        if random.random() >= recipe.rate:
            return head + (file_segments(file.path, text) if random.random() >= recipe.no_path else (text,))
        if random.random() >= recipe.no_path:
            head += file_segments(file.path)
        spans, tasks = (_inside(each, start, len(text)) for each in found)
        hole_start, hole_end = _given_hole(file, start, text) or draw_hole(text, spans, recipe, random, tasks)
        prefix, middle, suffix = text[:hole_start], text[hole_start:hole_end], text[hole_end:]
        if random.random() < recipe.truncated_suffix:
            suffix = suffix[: random.randrange(len(suffix) + 1)] if random.random() < 0.5 else ""
        if random.random() < recipe.spm:
            *before, last = fim_segments(SPM, prefix, suffix)
            return (*head, *before, str(last) + middle)
        return (*head, *fim_segments(PSM, prefix, suffix), middle)

    def _other_file(self, file: SourceFile, text: str, characters: int, random: Random) -> tuple[Segment, ...]:
        """A piece of another file of the same repository, as serving places a snippet: of some, the one most like `text`."""
        words = set(_IDENTIFIER.findall(text))
        best: tuple[Segment, ...] = ()
        most = -1
        for _ in range(SNIPPETS_DRAWN):
            other = self.files[random.choice(self.by_repository[file.repository])]
            start = other.text.rfind("\n", 0, random.randrange(len(other.text) + 1)) + 1
            snippet = other.text[start : start + characters]
            shared = len(words.intersection(_IDENTIFIER.findall(snippet)))
            if other.path != file.path and shared > most:
                best, most = file_segments(other.path, snippet), shared
        return best

    def _tokens(self, drafts: list[tuple[Segment, ...]]) -> list[list[int]]:
        """Encode all texts at once, with the sentinels' ids between them and the end token behind."""
        texts = [segment for draft in drafts for segment in draft if not isinstance(segment, Sentinel)]
        encoded = iter(self.encode(texts))
        documents: list[list[int]] = []
        for draft in drafts:
            parts = [[SENTINEL_IDS[s]] if isinstance(s, Sentinel) else next(encoded) for s in draft]
            documents.append([token for part in parts for token in part] + [END_ID])
        return documents


def pack(documents: Iterable[list[int]], length: int) -> Rows:
    """Best fit: rows [R, length] that each open with a document's start; the longest document that still fits is next.

    No document is cut. The ends of rows are PAD_ID.
    """
    waiting: dict[int, list[list[int]]] = {}
    for document in documents:
        waiting.setdefault(len(document), []).append(document)
    sizes = sorted(waiting)
    rows: list[list[int]] = []
    while sizes:
        row: list[int] = []
        while (place := bisect_right(sizes, length - len(row))) > 0:
            size = sizes[place - 1]
            row += waiting[size].pop()
            if not waiting[size]:
                sizes.pop(place - 1)
        rows.append(row + [PAD_ID] * (length - len(row)))
    return np.array(rows, dtype=np.uint16).reshape(-1, length)


class Blocks:
    """The endless training text, cut into numbered blocks of rows. Block n is the same whoever asks, and whenever."""

    def __init__(
        self,
        files: Sequence[SourceFile],
        encode: Encode,
        *,
        weights: dict[str, float],
        seed: int,
        units_per_block: int = UNITS_PER_BLOCK,
    ) -> None:
        if not files:
            raise ValueError("no training files")
        self.files, self.encode, self.weights, self.seed = files, encode, weights, seed
        self.units_per_block = units_per_block
        self._epoch: tuple[int, list[Unit]] = (-1, [])
        self._epoch_units = len(units_of(files, {k: math.ceil(v) for k, v in weights.items()}, Random(0)))

    def rows(self, number: int, length: int, recipe: HoleRecipe) -> Rows:
        """The rows [R, length] of block `number`."""
        random = Random(f"{self.seed} {number} {length}")
        writer = DocumentWriter(self.files, self.encode, recipe, length=length)
        documents = [tokens for unit in self._units(number) for tokens in writer.write(unit, random)]
        rows = pack(documents, length)
        return np.random.default_rng([self.seed, number]).permutation(rows)

    def _units(self, number: int) -> Iterator[Unit]:
        blocks_per_epoch = max(1, math.ceil(self._epoch_units / self.units_per_block))
        epoch, block = divmod(number, blocks_per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, units_of(self.files, self.weights, Random(f"{self.seed} epoch {epoch}")))
        units = self._epoch[1]
        share = len(units) / blocks_per_epoch
        return iter(units[round(block * share) : round((block + 1) * share)])
