"""Search over segments: chunks that resemble a query, by BM25, and the places where names are declared."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from lowabs_lsp.context.segments import Places, Segment, StoredFile
from lowabs_lsp.context.terms import declaration_term

K1, B = 1.2, 0.75
"""BM25's usual constants: Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework"."""
COMMON = 0.2
"""A term that stands in a larger share of the chunks tells nothing and is not looked up."""
TERMS, POSTINGS = 48, 150_000
"""Of a query, the most telling terms are looked up: so many at most, and while their postings are no more than these."""
WIDE = 16
"""Times as many chunks are looked at as are wanted, since some are of files that are not."""

Weights = NDArray[np.float64]
Wanted = Callable[[Segment, str], bool]
"""Whether a file of a segment, by its path, is to be searched."""


@frozen
class Hit:
    """A chunk that a query found."""

    score: float
    path: str
    first: int
    end: int
    """The line behind its last."""
    lines: tuple[str, ...]
    """Of the chunk, without their ends."""


def search(segments: Sequence[Segment], query: Mapping[int, float], limit: int, wanted: Wanted) -> list[Hit]:
    """The `limit` chunks of wanted paths that match the weighted terms best, ties by path and line."""
    terms, weights = np.array([*query], np.uint32), np.array([*query.values()], np.float64)
    spans = [segment.postings(terms) for segment in segments]
    chunks = sum(len(segment.first) for segment in segments)
    worth = _worth(weights, sum((end - start for start, end in spans), np.zeros(len(terms), np.int64)), chunks)
    mean = sum(float(segment.length.sum()) for segment in segments) / max(chunks, 1)
    scores = np.concatenate(
        [np.zeros(0), *(_scores(segment, *span, worth, mean) for segment, span in zip(segments, spans, strict=True))]
    )
    found = list(_candidates(segments, scores, WIDE * limit, wanted))
    found.sort(key=lambda hit: (-hit[0], hit[1], hit[2]))
    return [_hit(score, segment, chunk) for score, _, _, segment, chunk in found[:limit]]


def _worth(weights: Weights, frequency: Places, chunks: int) -> Weights:
    """What a term adds to a chunk's score at most: its weight and its rarity; nothing for one that is not looked up."""
    worth = weights * np.log1p((chunks - frequency + 0.5) / (frequency + 0.5))
    worth[(frequency > max(COMMON * chunks, 8)) | (frequency == 0)] = 0
    order = np.argsort(-worth, kind="stable")
    reached = np.cumsum(np.where(worth > 0, frequency, 0)[order])
    worth[order[TERMS:]] = 0
    worth[order[reached > POSTINGS]] = 0
    return worth


def _scores(segment: Segment, start: Places, end: Places, worth: Weights, mean: float) -> Weights:
    """BM25 of each chunk."""
    sizes = np.where(worth > 0, end - start, 0)
    total = int(sizes.sum())
    if not total:
        return np.zeros(len(segment.first))
    places = np.arange(total) + np.repeat(start - np.cumsum(sizes) + sizes, sizes)
    chunks, counts = segment.chunks[places], segment.counts[places]
    norm = K1 * (1 - B + B * segment.length[chunks] / mean)
    scores = np.repeat(worth, sizes) * counts * (K1 + 1) / (counts + norm)
    return np.bincount(chunks, scores, len(segment.first)).astype(np.float64)


def _candidates(
    segments: Sequence[Segment], scores: Weights, most: int, wanted: Wanted
) -> Iterator[tuple[float, str, int, Segment, int]]:
    """The best `most` chunks of all segments, and those that tie with the last of them, less what is gone or unwanted."""
    best = np.flatnonzero(scores)
    if len(best) > most:
        best = best[scores[best] >= np.partition(scores[best], -most)[-most]]
    ends = np.cumsum([len(segment.first) for segment in segments])
    for chunk, at in zip(best.tolist(), np.searchsorted(ends, best, side="right").tolist(), strict=True):
        segment, inside = segments[at], chunk - int(ends[at]) + len(segments[at].first)
        number = int(segment.file[inside])
        path = segment.files[number].path
        if number not in segment.gone and wanted(segment, path):
            yield round(float(scores[chunk]), 6), path, int(segment.first[inside]), segment, inside


def _hit(score: float, segment: Segment, chunk: int) -> Hit:
    file = segment.files[segment.file[chunk]]
    first, end = int(segment.first[chunk]), int(segment.end[chunk])
    return Hit(score, file.path, first, end, tuple(file.lines()[first:end]))


@frozen
class Declared:
    """Where a name is declared."""

    path: str
    line: int
    file: StoredFile = field(eq=False)


def declarations(segments: Sequence[Segment], names: Sequence[str], wanted: Wanted) -> dict[str, list[Declared]]:
    """Every place of wanted paths where each of `names` is declared, by path and line."""
    terms = np.array([declaration_term(name) for name in names], np.uint32)
    places: dict[str, list[Declared]] = {name: [] for name in names}
    for segment in segments:
        for name, start, end in zip(names, *(edges.tolist() for edges in segment.postings(terms)), strict=True):
            for posting in range(start, end):
                number = int(segment.file[segment.chunks[posting]])
                file = segment.files[number]
                if number not in segment.gone and wanted(segment, file.path):
                    places[name].append(Declared(file.path, int(segment.counts[posting]) - 1, file))
    return {name: sorted(found, key=lambda place: (place.path, place.line)) for name, found in places.items()}
