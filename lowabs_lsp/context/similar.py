"""Code from elsewhere that resembles what is being written: chunks that share the rarest words with the lines at the cursor."""

from collections.abc import Sequence

from lowabs_lsp.context.edits import trimmed
from lowabs_lsp.context.place import Place
from lowabs_lsp.context.rank import Candidate
from lowabs_lsp.context.search import Hit, Wanted, search
from lowabs_lsp.context.segments import Segment
from lowabs_lsp.context.terms import word_terms, words
from lowabs_lsp.values import Snippet

HALF_LIFE = 6.0
"""Lines from the cursor at which a word counts half."""
LOOKED_AT = 24
"""Chunks that are found before the unfit ones are left out."""
ALIKE = 0.6
"""A chunk that repeats more than this share of what is shown, or of a better chunk, would only make the model repeat it."""
LEAST_LINES = 3
LEAST_SHARE = 0.1
"""Of the best chunk's score."""


def similar(
    place: Place, segments: Sequence[Segment], wanted: Wanted, elsewhere: frozenset[str] = frozenset()
) -> list[Candidate]:
    """Chunks that resemble the lines at the cursor, the best first; `elsewhere` holds lines that other snippets show."""
    hits = search(segments, query_of(place), LOOKED_AT, wanted)
    fit: list[Hit] = []
    for hit in hits:
        long_enough = len([line for line in hit.lines if line.strip()]) >= LEAST_LINES
        if long_enough and place.shows(hit.lines, elsewhere) <= ALIKE and all(_common(hit, better) <= ALIKE for better in fit):
            fit.append(hit)
    return [
        Candidate(hit.score, Snippet(hit.path, _text(hit), f"similar code, line {hit.first + 1}"))
        for hit in fit
        if hit.score >= LEAST_SHARE * hits[0].score
    ]


def query_of(place: Place) -> dict[int, float]:
    """The terms of the lines near the cursor, each with the weight of its nearest use."""
    query: dict[int, float] = {}
    for distance, line in place.near:
        for word in words(line):
            for term in word_terms(word):
                query.setdefault(term, 1 / (1 + distance / HALF_LIFE))
    return query


def _common(hit: Hit, better: Hit) -> float:
    ours = {line.strip() for line in hit.lines if line.strip()}
    return len(ours & {line.strip() for line in better.lines}) / len(ours)


def _text(hit: Hit) -> str:
    return "".join(f"{line}\n" for line in trimmed(hit.lines))
