"""The terms that texts are searched by: words, the parts of words, and declared names, as 32-bit checksums.

Two terms that share a checksum are taken for one, which ranking bears and which spares the memory of their spelling.
"""

import re
import zlib

_WORD = re.compile(r"[^\W\d]\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\dA-Za-z_]+|\d+")


def words(text: str) -> list[str]:
    """The identifiers and other words of `text`, in order."""
    return _WORD.findall(text)


def word_terms(word: str) -> list[int]:
    """A word as itself and, where it is made of several, each of them: `parseHTTPHeader` -> parse, http, header."""
    parts = [part.lower() for part in _PART.findall(word) if len(part) > 1]
    return [zlib.crc32(term.encode()) for term in ([f"={word}", *parts] if len(parts) > 1 else parts or [word.lower()])]


def declaration_term(name: str) -> int:
    """The term under which the declaration of `name` is found."""
    return zlib.crc32(f"def {name}".encode())
