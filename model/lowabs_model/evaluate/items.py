"""Benchmark items: JSON lines as they are published, read one by one; a broken line is reported and left out."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen

from lowabs_lsp.errors import LowabsError

Item = TypeVar("Item")


class BenchmarkError(LowabsError):
    """A benchmark cannot run on the data it was given; the message says where to get it."""


@frozen
class Skipped:
    """A line that holds no item."""

    line: int
    """Counted from 1."""
    problem: str


def read_items(file: Path, parse: Callable[[dict[str, Any]], Item]) -> tuple[list[Item], list[Skipped]]:
    """The items of a JSON lines file, plain or .gz, and the lines without one; `parse` raises ValueError for those.

    Raises BenchmarkError when the file cannot be read, or has no item at all.
    """
    items: list[Item] = []
    skipped: list[Skipped] = []
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        try:
            items.append(parse(_object(line)))
        except ValueError as exc:
            skipped.append(Skipped(number, str(exc)))
    if not items:
        why = f"; line {skipped[0].line}: {skipped[0].problem}" if skipped else ""
        raise BenchmarkError(f"{file} holds no item{why}")
    return items, skipped


def text_of(raw: dict[str, Any], key: str, default: str | None = None) -> str:
    """A field that must be a text. Raises ValueError."""
    value = raw.get(key, default)
    if value is None and key not in raw:
        raise ValueError(f"has no {key!r}")
    if not isinstance(value, str):
        raise ValueError(f"{key!r} is not a text")
    return value


def _object(line: bytes) -> dict[str, Any]:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError) as exc:  # bytes that are not UTF-8 are a ValueError, too
        raise ValueError(f"is not JSON ({exc})") from exc
    if not isinstance(raw, dict):
        raise ValueError("is not a JSON object")
    return raw


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
            yield from lines
    except (OSError, EOFError, zlib.error) as exc:
        raise BenchmarkError(f"{file} cannot be read: {exc}") from exc
