"""BM25 over sets of words, as Robertson and Zaragoza write it (2009), with k1 1.2 and b 0.75."""

import math
from collections.abc import Collection, Sequence

K1, B = 1.2, 0.75


def rank(query: Collection[str], documents: Sequence[Collection[str]]) -> list[int]:
    """The numbers of the documents that share a word with `query`, the best match first, equal ones in order."""
    if not documents:
        return []
    average = sum(map(len, documents)) / len(documents)
    holding = {word: sum(word in document for document in documents) for word in query}
    weights = {word: math.log(1 + (len(documents) - n + 0.5) / (n + 0.5)) for word, n in holding.items() if n}

    def score(document: Collection[str]) -> float:
        norm = K1 * (1 - B + B * len(document) / average) if average else K1
        return sum(weight * (K1 + 1) / (1 + norm) for word, weight in sorted(weights.items()) if word in document)

    scores = [score(document) for document in documents]
    return sorted((i for i, value in enumerate(scores) if value > 0), key=lambda i: -scores[i])
