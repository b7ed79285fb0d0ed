"""What stood behind contexts like the present one: counts by candidate, source and length of the match."""

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from lowabs_lsp.memory.sorted_rows import Places
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
    """Look the end of `context` up in every source. Raises ValueError without sources."""
    tokens: list[Integers] = []
    slots: list[Integers] = []
    weights: list[Counts] = []
    for source in sources:
        found = occurrences(source, context)
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


def occurrences(source: Source, context: Sequence[int]) -> Occurrences:
    """What `source` has: long matches one by one, of short and frequent ones a sample."""
    index, slices = source.index, source.index.slices(context)
    narrow = next((n for n, (low, high) in enumerate(slices) if high - low <= SAMPLE), len(slices))
    rows: list[Integers] = [np.empty(0, np.intp)]
    classes: list[Integers] = [np.empty(0, np.intp)]
    weights: list[Counts] = [np.empty(0)]
    if narrow < len(slices):
        rows.append(np.arange(*slices[narrow]))
        classes.append(_match_classes(index, context, slices, narrow))
        weights.append(np.ones(len(rows[-1])))
    for n, low, high in _shells(slices, narrow):
        rows.append(np.arange(low, high, -(-(high - low) // SAMPLE)))
        classes.append(np.full(len(rows[-1]), n))
        weights.append(np.full(len(rows[-1]), (high - low) / len(rows[-1])))
    row = np.concatenate(rows)
    places, following = index.rows.places[row], index.rows.following[row].astype(np.intp) - 1
    found = Occurrences(places, following, np.concatenate(classes), np.concatenate(weights))
    return _visible(found, source.hidden)


def _shells(slices: Sequence[Slice], narrow: int) -> Iterator[tuple[int, int, int]]:
    """What slice n has that slice n + 1 has not, for each n before `narrow`: n, and a range of rows."""
    for n, (low, high) in enumerate(slices[:narrow]):
        inner_low, inner_high = slices[n + 1] if n + 1 < len(slices) else (high, high)
        if low < inner_low:
            yield n, low, inner_low
        if inner_high < high:
            yield n, inner_high, high


def _match_classes(index: SuffixIndex, context: Sequence[int], slices: Sequence[Slice], narrow: int) -> Integers:
    """The class of each place in the slice number `narrow`."""
    low, high = slices[narrow]
    classes = np.full(high - low, narrow)
    for n, (start, stop) in enumerate(slices[narrow + 1 :], start=narrow + 1):
        classes[start - low : stop - low] = n
    start, stop = slices[-1]
    if len(slices) == index.packing.depth and len(context) >= DEEP[0]:
        lengths = _match_lengths(index, context, index.rows.places[start:stop])
        reached = np.searchsorted(DEEP, lengths, side="right")
        classes[start - low : stop - low] = np.where(reached > 0, SORTED - 1 + reached, len(slices) - 1)
    return classes


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
    totals = _count(slots, weights, 1, size)[0]
    candidates, which = np.unique(tokens, return_inverse=True)
    if len(candidates) > CANDIDATES:
        support = np.bincount(which, weights * 4.0 ** (slots % LENGTHS))
        best = np.sort(np.argsort(-support, kind="stable")[:CANDIDATES])
        rank = np.full(len(candidates), -1)
        rank[best] = np.arange(len(best))
        kept = rank[which] >= 0
        candidates, which, slots, weights = candidates[best], rank[which][kept], slots[kept], weights[kept]
    return Evidence(candidates, _count(which * size + slots, weights, len(candidates), size), totals)


def _count(cells: Integers, weights: Counts, rows: int, size: int) -> Counts:
    """[rows, size] sums of weights, each length's with those of the longer ones."""
    exactly = np.bincount(cells, weights, rows * size).reshape(rows, size // LENGTHS, LENGTHS)
    return exactly[:, :, ::-1].cumsum(axis=2, dtype=np.float64)[:, :, ::-1].reshape(rows, size)
