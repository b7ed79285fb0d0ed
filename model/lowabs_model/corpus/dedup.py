"""Drop files that the corpus has already, word for word or nearly so."""

import re
from hashlib import blake2b
from zlib import crc32

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

PERMUTATIONS = 128
SCHEME = "affine32"
SHINGLE = 5
JACCARD = 0.75
"""Above this estimated overlap of 5-token shingles two files are near-duplicates."""
GUARDED_JACCARD = 0.4
"""Above this a file is too like one that is guarded: forks that were worked on for years still lie above it."""

_TOKEN = re.compile(r"\w+|[^\w\s]")


def fingerprint(text: str) -> str:
    """Equal for texts that differ in white space alone."""
    return blake2b(" ".join(text.split()).encode(), digest_size=16).hexdigest()


def shingles(text: str) -> set[bytes]:
    tokens = _TOKEN.findall(text)
    return {" ".join(tokens[start : start + SHINGLE]).encode() for start in range(max(1, len(tokens) - SHINGLE + 1))}


def signature(text: str) -> NDArray[np.uint32]:
    """The MinHash of a text's shingles: (128,)."""
    minhash = MinHash(num_perm=PERMUTATIONS, hashfunc=crc32, scheme=SCHEME)
    minhash.update_batch(list(shingles(text)))
    return np.asarray(minhash.hashvalues, dtype=np.uint32)


class Seen:
    """The files that are in already; one owner, the builder, asks in the order of writing."""

    def __init__(self) -> None:
        self._exact: set[str] = set()
        self._lsh = MinHashLSH(threshold=JACCARD, num_perm=PERMUTATIONS)
        self._signatures: list[NDArray[np.uint32]] = []
        self._guarded = np.zeros((0, PERMUTATIONS), dtype=np.uint32)

    def guard(self) -> None:
        """From now on refuse also what only resembles the files that are in now."""
        self._guarded = np.stack(self._signatures) if self._signatures else self._guarded

    def refusal(self, exact: str, near: NDArray[np.uint32]) -> str:
        """Why a file is not new ("exact duplicate", "near-duplicate", "like a held-out file"); "" remembers it as new."""
        if exact in self._exact:
            return "exact duplicate"
        minhash = MinHash(num_perm=PERMUTATIONS, hashvalues=near, scheme=SCHEME)
        if any(np.mean(self._signatures[other] == near) >= JACCARD for other in self._lsh.query(minhash)):
            return "near-duplicate"
        if np.any(np.mean(self._guarded == near, axis=1) >= GUARDED_JACCARD):
            return "like a held-out file"
        self._exact.add(exact)
        self._lsh.insert(len(self._signatures), minhash, check_duplication=False)
        self._signatures.append(near)
        return ""
