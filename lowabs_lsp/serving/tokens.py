"""Bearer tokens: read from a file or the environment, compared in constant time, never logged."""

import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path

from attrs import field, frozen

from lowabs_lsp.errors import ServingError


@frozen
class Tokens:
    """Who may ask. Without any token everybody may."""

    digests: tuple[bytes, ...] = field(default=(), repr=False)

    def allow(self, authorization: str) -> bool:
        """Whether a request with this `Authorization` header may be answered."""
        scheme, _, token = authorization.partition(" ")
        given = _digest(token.strip())
        known = [hmac.compare_digest(given, digest) for digest in self.digests]  # all of them: time tells nothing
        return not self.digests or (scheme.lower() == "bearer" and any(known))


def read_tokens(file: Path | None, variable: str | None) -> Tokens:
    """The tokens of a file, one a line, and of an environment variable, parted by blanks. Raises ServingError."""
    found: list[str] = []
    if file:
        found += _in_file(file)
    if variable:
        if not os.environ.get(variable, "").split():
            raise ServingError(f"--token-env {variable}: the environment has no such variable; set it to a token")
        found += os.environ[variable].split()
    return make_tokens(found)


def make_tokens(tokens: Iterable[str]) -> Tokens:
    """Of the tokens only digests are kept."""
    return Tokens(tuple(map(_digest, tokens)))


def _in_file(file: Path) -> list[str]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise ServingError(f"--token-file {file}: cannot be read ({exc}); give a text file with a token on each line") from exc
    tokens = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not tokens:
        raise ServingError(f"--token-file {file}: has no token; write one on each line")
    return tokens


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
