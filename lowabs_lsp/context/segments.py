"""Many files' chunks, indexed by the words that identifiers are made of and by the names that are declared.

Files are indexed in segments: immutable, sorted arrays, so a reader needs no lock and a changed file costs a small new
segment.
"""

import zlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from lowabs_lsp.context.chunks import Outline
from lowabs_lsp.context.terms import declaration_term, word_terms, words

REMEMBERED = 1 << 14
"""Words whose terms are kept from one chunk to the next."""
LAST_LINE = 65535
"""Lines behind this are taken for this one, so that a line fits where a count does."""

Numbers = NDArray[np.int32]
Places = NDArray[np.int64]
Terms = NDArray[np.uint32]
Counts = NDArray[np.uint16]


@frozen
class StoredFile:
    """A file's text, packed: it is needed when one of its chunks is found."""

    path: str
    packed: bytes

    def lines(self) -> list[str]:
        """The file's lines without their ends."""
        return zlib.decompress(self.packed).decode("utf-8", "surrogatepass").split("\n")


@frozen(eq=False)
class Segment:
    """Some files' chunks [C] and the postings [P] that say which term is in which chunk, sorted by term [T]."""

    files: tuple[StoredFile, ...]
    file: Numbers
    """[C] Which of `files` a chunk is from."""
    first: Numbers
    end: Numbers
    length: NDArray[np.float32]
    """[C] Words in a chunk."""
    terms: Terms
    starts: Places
    """[T + 1] Where a term's postings begin."""
    chunks: Numbers
    counts: Counts
    """[P] How often the term stands in the chunk; for the term of a declaration, its line plus one."""
    gone: frozenset[int] = field(default=frozenset())
    """Numbers of files that were removed or stand in a later segment now."""

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        arrays = (self.file, self.first, self.end, self.length, self.terms, self.starts, self.chunks, self.counts)
        return sum(array.nbytes for array in arrays) + sum(len(file.packed) + len(file.path) for file in self.files)

    def postings(self, terms: Terms) -> tuple[Places, Places]:
        """Where the postings of each of `terms` begin and end."""
        if not len(self.terms):
            return np.zeros(len(terms), np.int64), np.zeros(len(terms), np.int64)
        places = np.minimum(np.searchsorted(self.terms, terms), len(self.terms) - 1)
        found = self.terms[places] == terms
        return np.where(found, self.starts[places], 0), np.where(found, self.starts[places + 1], 0)

    def without(self, numbers: Iterable[int]) -> "Segment":
        """The same, less some of its files."""
        return evolve(self, gone=self.gone.union(numbers))


class SegmentBuilder:
    """Collects files for one segment after the other; remembers the terms of the words that it met."""

    def __init__(self) -> None:
        self._terms: dict[str, list[int]] = {}
        self._clear()

    def _clear(self) -> None:
        self._files: list[StoredFile] = []
        self._chunks: list[tuple[int, int, int, int]] = []
        self._postings = (array("I"), array("H"), array("i"))

    @property
    def size(self) -> int:
        """Postings collected."""
        return len(self._postings[0])

    def add(self, path: str, text: str, outline: Outline) -> None:
        """Take a file into the segment to be built. Its lines end in a line feed."""
        lines, base = text.split("\n"), len(self._chunks)
        for start, end in outline.chunks:
            counted = self._count("\n".join(lines[start:end]))
            self._post(counted, (min(times, LAST_LINE) for times in counted.values()), len(self._chunks))
            self._chunks.append((len(self._files), start, end, counted.total()))
        for name, line in outline.declarations:
            chunk = next(number for number, (_, end) in enumerate(outline.chunks) if line < end)
            self._post([declaration_term(name)], [min(line + 1, LAST_LINE)], base + chunk)
        self._files.append(StoredFile(path, zlib.compress(text.encode("utf-8", "surrogatepass"), 1)))

    def _post(self, terms: Collection[int], counts: Iterable[int], chunk: int) -> None:
        self._postings[0].extend(terms)
        self._postings[1].extend(counts)
        self._postings[2].extend([chunk] * len(terms))

    def _count(self, text: str) -> Counter[int]:
        if len(self._terms) > REMEMBERED:
            self._terms.clear()
        counted: Counter[int] = Counter()
        for word, times in Counter(words(text)).items():
            known = self._terms.get(word)
            if known is None:
                known = self._terms[word] = word_terms(word)
            for term in known:
                counted[term] += times
        return counted

    def build(self) -> Segment:
        """A segment of the files collected; collecting begins anew."""
        terms, counts, chunks = self._postings
        table = np.array(self._chunks, np.int32).reshape(-1, 4)
        segment = _sorted(
            self._files, table, np.array(terms, np.uint32), np.array(counts, np.uint16), np.array(chunks, np.int32)
        )
        self._clear()
        return segment


def _sorted(files: Sequence[StoredFile], table: Numbers, terms: Terms, counts: Counts, chunks: Numbers) -> Segment:
    """A segment of postings in any order. `table` [C, 4] has each chunk's file, first line, end and length."""
    order = np.argsort(terms, kind="stable")
    unique, starts = np.unique(terms[order], return_index=True)
    file, first, end, length = (np.ascontiguousarray(column) for column in table.T)
    edges = np.append(starts, len(terms)).astype(np.int64)
    return Segment(tuple(files), file, first, end, length.astype(np.float32), unique, edges, chunks[order], counts[order])


def merge(segments: Sequence[Segment]) -> Segment:
    """One segment of what is left of several."""
    files: list[StoredFile] = []
    tables, terms, counts, chunks, before = [], [], [], [], 0
    for segment in segments:
        stays = np.array([number not in segment.gone for number in range(len(segment.files))], bool)
        renumbered = np.cumsum(stays) - 1 + len(files)
        files += [file for file, kept in zip(segment.files, stays, strict=True) if kept]
        kept_chunks = stays[segment.file]
        columns = (renumbered[segment.file], segment.first, segment.end, segment.length)
        tables.append(np.stack([column[kept_chunks].astype(np.int32) for column in columns], 1))
        kept = kept_chunks[segment.chunks]
        terms.append(np.repeat(segment.terms, np.diff(segment.starts))[kept])
        counts.append(segment.counts[kept])
        chunks.append((np.cumsum(kept_chunks) - 1 + before)[segment.chunks[kept]].astype(np.int32))
        before += len(tables[-1])
    return _sorted(files, np.concatenate(tables), np.concatenate(terms), np.concatenate(counts), np.concatenate(chunks))
