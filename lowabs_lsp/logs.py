"""Logging to stderr, since stdout is the protocol: one `key=value` line a request, times in milliseconds."""

import logging
import sys


def set_up_logging(level: str = "info") -> None:
    """Send the package's records at or above `level` to stderr. Called once, by the command line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def key_values(**values: object) -> str:
    """`a=1 b=two`: floats with one decimal, texts with blanks quoted."""
    return " ".join(f"{key}={_shown(value)}" for key, value in values.items())


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    text = str(value)
    return repr(text) if any(c.isspace() for c in text) or not text else text
