from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from lowabs_lsp.engine.bundle import open_bundle
from lowabs_lsp.engine.local import open_tokenizer
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.memory.evidence import DEEP, REACH, SORTED

settings.register_profile("memory", deadline=None)  # a busy machine is not a failure
settings.load_profile("memory")

TINY = Path(__file__).parents[2] / "data" / "tiny"

Counts = Counter[tuple[int, int]]
CountNaively = Callable[[Sequence[Sequence[int]], Sequence[int]], Counts]


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """A byte-level one with the pre-tokenizer that our models have."""
    return open_tokenizer(open_bundle(TINY))


@pytest.fixture(scope="session")
def count_naively() -> CountNaively:
    """How often each token stood behind a match of at least each class, found by looking everywhere."""

    def match_class(document: Sequence[int], place: int, context: Sequence[int]) -> int:
        length = 0
        while length < min(REACH, place, len(context)) and document[place - 1 - length] == context[-1 - length]:
            length += 1
        return min(length, SORTED) - 1 + sum(length >= deep for deep in DEEP)

    def count(documents: Sequence[Sequence[int]], context: Sequence[int]) -> Counts:
        return Counter(
            (token, n)
            for document in documents
            for place, token in enumerate(document)
            for n in range(match_class(document, place, context) + 1)
        )

    return count
