"""Guesses for the next tokens, to be verified in one run: what followed the last time the same tokens came."""

from collections.abc import Sequence

import numpy as np

LONGEST_MATCH = 4
MOST_GUESSES = 2**LONGEST_MATCH - 1
"""With the sure token 16 in a run: beyond that a run costs more than guesses bring in."""


class PromptLookup:
    """Prompt lookup decoding (Saxena 2023): copies what followed the latest longest match of the sequence's end.

    A match of n tokens yields 2^n - 1 guesses: the longer it is, the more it is worth to verify.
    """

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        """Up to `count` guesses; none where the last token never came before."""
        if len(tokens) < 2:
            return ()
        history = np.asarray(tokens)
        matches = np.flatnonzero(history[:-1] == history[-1])  # where the last token stood before
        if not len(matches):
            return ()
        length = 1
        while length < LONGEST_MATCH:
            longer = matches[matches >= length]
            if len(longer):
                longer = longer[history[longer - length] == history[-1 - length]]
            if not len(longer):
                break
            matches, length = longer, length + 1
        start = int(matches[-1]) + 1
        return [int(token) for token in history[start : start + min(count, 2**length - 1)]]
