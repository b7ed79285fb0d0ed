"""The corpus on disk: source files as compressed JSON lines, in shards of some 32 MB of text."""

import json
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import zstandard
from attrs import asdict, frozen

from lowabs_lsp.errors import LowabsError

TRAIN = "train"
HELD_OUT = "held-out"
SHARD_BYTES = 32 * 1024 * 1024
COMPRESSION_LEVEL = 9


class CorpusError(LowabsError):
    """A corpus, or what it is to be made of, cannot be read as asked."""


@frozen
class SourceFile:
    """One file of one repository, cleaned, as the model will read it."""

    repository: str
    """`owner/name`, or `pypi/name` for an installed distribution."""
    path: str
    """Relative to the repository's root, with forward slashes."""
    language: str
    """LSP language identifier."""
    license: str
    """SPDX identifiers joined by AND."""
    commit: str
    """Commit hash, or the version of an installed distribution."""
    text: str
    hole: tuple[int, int] | None = None
    """The part of the text that is to be learnt, where the file is a task."""

    @property
    def size(self) -> int:
        """Bytes of UTF-8."""
        return len(self.text.encode())


def shard_path(folder: Path, split: str, number: int) -> Path:
    return folder / f"{split}-{number:05d}.jsonl.zst"


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a compressed file that is either complete or absent."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as raw, zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).stream_writer(raw) as packed:
        for line in lines:
            packed.write(line.encode() + b"\n")
    partial.replace(path)


def read_lines(path: Path) -> Iterator[str]:
    """Raises `CorpusError` when the file is damaged."""
    try:
        with zstandard.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            yield from lines
    except (zstandard.ZstdError, UnicodeDecodeError) as exc:
        raise CorpusError(f"{path} is damaged ({exc}): delete it and build the corpus again") from exc


def by_shard(files: Iterable[SourceFile]) -> Iterator[list[SourceFile]]:
    """Consecutive files, cut where a shard is full; never an empty shard."""
    shard: list[SourceFile] = []
    size = 0
    for file in files:
        shard.append(file)
        size += file.size
        if size >= SHARD_BYTES:
            yield shard
            shard, size = [], 0
    if shard:
        yield shard


def write_shards(folder: Path, split: str, files: Iterable[SourceFile]) -> int:
    """Replace a split by these files and return the number of shards; each shard appears complete or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for shard in by_shard(files):
        write_lines(shard_path(folder, split, written), map(_line, shard))
        written += 1
    for number in count(written):
        if not (stale := shard_path(folder, split, number)).exists():
            return written
        stale.unlink()
    raise AssertionError("count() never ends")


def _line(file: SourceFile) -> str:
    raw = asdict(file)
    if file.hole is None:
        del raw["hole"]
    return json.dumps(raw)


def read_shards(folder: Path, split: str) -> Iterator[SourceFile]:
    """The files of a split in the order they were written. Raises `CorpusError` where there are none."""
    shards = sorted(folder.glob(f"{split}-*.jsonl.zst"))
    if not shards:
        raise CorpusError(f"no {split}-*.jsonl.zst in {folder}: build a corpus there with `lowabs-model corpus`")
    for shard in shards:
        for line in read_lines(shard):
            raw = json.loads(line)
            yield SourceFile(**{**raw, "hole": tuple(raw["hole"]) if raw.get("hole") else None})
