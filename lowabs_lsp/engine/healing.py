"""Token healing: take back tokens that the cursor may have torn, and enforce their bytes on what is generated.

People stop typing anywhere, a tokenizer only at its own boundaries: `import nu` ends in a token that never stands before
`mpy`. So the last tokens are taken back, and tokens are generated that agree with the bytes taken back until those are
covered. How many: at least one, and as many as together can begin a longer token: `config` `ur` `at` may all have to
become `configuration`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lowabs_lsp.values import FloatArray

MOST_TAKEN_BACK = 8


class Healing:
    """What a vocabulary allows; `bytes_of` are the bytes of each token id."""

    def __init__(self, bytes_of: Sequence[bytes]) -> None:
        order = sorted((i for i, spelled in enumerate(bytes_of) if spelled), key=bytes_of.__getitem__)
        self._bytes_of = bytes_of
        self._sorted = [bytes_of[i] for i in order]
        self._ids = np.array(order, np.int64)

    def count_torn(self, tokens: Sequence[int]) -> int:
        """How many tokens at the end of a text to take back: the most that together begin a longer token, at least one."""
        torn, ending = min(1, len(tokens)), b""
        for count, token in enumerate(reversed(tokens[-MOST_TAKEN_BACK:]), start=1):
            ending = self._bytes_of[token] + ending
            begin, end = self._begun_by(ending)
            if begin < end and self._sorted[end - 1] != ending:  # some token is longer
                torn = count
        return torn

    def agreeing(self, owed: bytes) -> NDArray[np.int64]:
        """The ids of tokens that begin with all of `owed`, or with which `owed` begins."""
        begin, end = self._begun_by(owed)
        found = [self._ids[begin:end]]
        for length in range(1, len(owed)):
            shorter = owed[:length]
            found.append(self._ids[bisect_left(self._sorted, shorter) : bisect_right(self._sorted, shorter)])
        return np.concatenate(found)

    def constrain(self, logprobs: FloatArray, owed: bytes) -> FloatArray:
        """Forbid every token that contradicts `owed`."""
        allowed = self.agreeing(owed)
        kept = np.full_like(logprobs, -np.inf)
        kept[allowed] = logprobs[allowed]
        return kept

    def _begun_by(self, prefix: bytes) -> tuple[int, int]:
        """The range of sorted tokens that begin with `prefix`."""
        begin = bisect_left(self._sorted, prefix)
        return begin, bisect_right(self._sorted, prefix, begin, key=lambda spelled: spelled[: len(prefix)])
