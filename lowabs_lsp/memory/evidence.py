"""What stood behind contexts like the present one: counts by candidate, source and length of the match."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from lowabs_lsp.memory.sorted_rows import Places, Words
from lowabs_lsp.memory.suffix_index import Slice, SuffixIndex

SORTED = 8
"""Match lengths from 1 to this are told apart; the index of a large vocabulary sorts fewer."""
DEEP = (12, 16, 24, 32)
"""Match lengths beyond those that are told apart."""
LENGTHS = SORTED + len(DEEP)
REACH = DEEP[-1]
"""Tokens of context that count."""
SAMPLE = 256
"""Occurrences of a context that are looked at one by one; of a more frequent one about as many are drawn evenly."""
CANDIDATES = 32
HALF_LIFE = 150
"""Distance from the cursor, in tokens, at which an occurrence in the file counts half for its recency."""

Integers = NDArray[np.intp]
Counts = NDArray[np.float64]

_DEEP_EDGES = np.array(DEEP)


@frozen(eq=False)
class Source:
    """An index, and how to look at it."""

    index: SuffixIndex
    hidden: Slice = (0, 0)
    """Places that are as if they were not there."""
    cursor: int | None = None
    """The place of the cursor in the source that is the file itself; its occurrences count by recency too."""


@frozen(eq=False)
class Occurrences:
    """Places that share at least the last token with a context."""

    places: Places
    following: Integers
    """The token at each place."""
    classes: Integers
    """Length of the match: class n is n + 1 tokens up to `SORTED`, then at least `DEEP[n - SORTED]`."""
    weights: Counts
    """For how many occurrences each stands."""


_NOWHERE = Occurrences(np.empty(0, np.int32), np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))


@frozen(eq=False)
class Evidence:
    """What followed. A slot is a source and a match length; the file is two sources, counted plainly and by recency."""

    candidates: Integers
    """[K] token ids."""
    counts: Counts
    """[K, slots]: how often each one followed a match of at least the slot's length."""
    totals: Counts
    """[slots]: how often anything did; more than the sum over K where candidates were left out."""


def gather(sources: Sequence[Source], context: Sequence[int]) -> Evidence:
    """Look the end of `context` up in every source; there is at least one, and all are of one vocabulary."""
    tokens: list[Integers] = []
    slots: list[Integers] = []
    weights: list[Counts] = []
    needles = sources[0].index.packing.needles(context)
    for source in sources:
        found = occurrences(source, context, needles)
        views = [found.weights]
        if source.cursor is not None:
            views.append(found.weights * recency(found.places, source.cursor))
        for view in views:
            slots.append(found.classes + len(tokens) * LENGTHS)
            tokens.append(found.following)
            weights.append(view)
    return tally(np.concatenate(tokens), np.concatenate(slots), np.concatenate(weights), LENGTHS * len(tokens))


def recency(places: Places, cursor: int) -> Counts:
    """One at the cursor, one half at `HALF_LIFE` above or below."""
    return np.exp2(np.abs(places - cursor) / -HALF_LIFE)


def occurrences(source: Source, context: Sequence[int], needles: tuple[Words, ...]) -> Occurrences:
    """What `source` has: places one by one where they are few, a sample where they are many."""
    index, slices = source.index, source.index.slices(needles)
    if not slices:
        return _NOWHERE
    rings = _rings(slices)
    sizes = [stop - start for start, stop, _ in rings]
    rows: Integers | slice
    if sum(sizes) <= SAMPLE:
        rows, drawn = slice(*slices[0]), sizes
    else:
        samples = [np.arange(start, stop, -(-(stop - start) // SAMPLE)) for start, stop, _ in rings]
        rows, drawn = np.concatenate(samples), [len(sample) for sample in samples]
    classes = np.repeat(np.array([n for _, _, n in rings], np.intp), drawn)
    weights = np.repeat([size / count for size, count in zip(sizes, drawn, strict=True)], drawn)
    places, following = index.rows.places[rows], index.rows.following[rows].astype(np.intp) - 1
    if len(slices) == index.packing.depth and len(context) >= DEEP[0]:
        deepest = classes == len(slices) - 1
        classes[deepest] = _deep_classes(index, context, places[deepest])
    return _visible(Occurrences(places, following, classes, weights), source.hidden)


def _rings(slices: Sequence[Slice]) -> list[tuple[int, int, int]]:
    """The rows of each slice that are not in the next one, in the order of rows: start, stop and the slice's number."""
    edges = [low for low, _ in slices] + [high for _, high in reversed(slices)]
    numbers = [*range(len(slices)), *reversed(range(len(slices) - 1))]
    return [(start, stop, n) for (start, stop), n in zip(pairwise(edges), numbers, strict=True) if start < stop]


def _deep_classes(index: SuffixIndex, context: Sequence[int], places: Places) -> Integers:
    """The classes of places that agree as far as the index is sorted, and perhaps farther."""
    reached = _DEEP_EDGES.searchsorted(_match_lengths(index, context, places), side="right")
    return np.where(reached > 0, SORTED - 1 + reached, index.packing.depth - 1)


def _match_lengths(index: SuffixIndex, context: Sequence[int], places: Places) -> Integers:
    """How many tokens up to `REACH` agree in front of `places`, of which the sorted ones do."""
    depth = index.packing.depth
    tail = np.array(context[-REACH:-depth][::-1], np.uint32) + 1
    back = places[:, None] - np.arange(depth + 1, depth + 1 + len(tail))  # what is before the text wraps to its end,
    agree = index.text[back] == tail  # but only behind a boundary, which agrees with nothing
    lengths: Integers = depth + np.logical_and.accumulate(agree, axis=1).sum(axis=1)
    return lengths


def _visible(found: Occurrences, hidden: Slice) -> Occurrences:
    low, high = hidden
    if low == high:
        return found
    seen = (found.places < low) | (found.places >= high)
    return Occurrences(found.places[seen], found.following[seen], found.classes[seen], found.weights[seen])


def tally(tokens: Integers, slots: Integers, weights: Counts, size: int) -> Evidence:
    """Count, where an occurrence of a longer match is one of each shorter match too."""
    totals = _count(0, slots, weights, size=size, of=1)[0]
    candidates, which = np.unique(tokens, return_inverse=True)
    if len(candidates) > CANDIDATES:
        support = np.bincount(which, weights * 4.0 ** (slots % LENGTHS))
        best = np.sort(np.argsort(-support, kind="stable")[:CANDIDATES])
        rank = np.full(len(candidates), -1)
        rank[best] = np.arange(len(best))
        kept = rank[which] >= 0
        candidates, which, slots, weights = candidates[best], rank[which][kept], slots[kept], weights[kept]
    return Evidence(candidates, _count(which, slots, weights, size=size, of=len(candidates)), totals)


def _count(rows: Integers | int, slots: Integers, weights: Counts, *, size: int, of: int) -> Counts:
    """[of, size] sums of weights, each length's with those of the longer ones."""
    last = LENGTHS - 1 - 2 * (slots % LENGTHS)  # mirrors the lengths, so that a plain cumulative sum serves
    exactly = np.bincount(rows * size + slots + last, weights, of * size)
    return exactly.reshape(of, size // LENGTHS, LENGTHS).cumsum(axis=2, dtype=np.float64)[:, :, ::-1].reshape(of, size)
