"""Older versions of system-level files, which are scarce: those that say much that no newer one says."""

from collections.abc import Iterable, Iterator

from attrs import frozen

from lowabs_model.corpus.languages import SYSTEM_LANGUAGES, language_of_name
from lowabs_model.corpus.paths import refusal_of_path
from lowabs_model.corpus.sources import GitTree

MIN_NEW_SHARE = 0.35
"""Of the bytes of a version's lines, those in lines that the repository has not shown yet."""
MAX_VERSIONS = 3
"""Kept of one path."""
MAX_CANDIDATES = 12
"""Looked at of one path, spread evenly over its history."""


@frozen
class Version:
    """A file as one commit left it."""

    commit: str
    path: str
    blob: str


def is_scarce(path: str) -> bool:
    return language_of_name(path) in SYSTEM_LANGUAGES and not refusal_of_path(path)


def parse_log(lines: Iterable[str]) -> Iterator[Version]:
    """From `git log --raw --format=%H`, whose file lines are `:MODE MODE OLD NEW STATUS<tab>PATH`."""
    commit = ""
    for line in lines:
        if not line.startswith(":"):
            commit = line.strip() or commit
            continue
        attributes, _, path = line.rstrip("\n").partition("\t")
        mode, blob = attributes.split()[1], attributes.split()[3]
        if mode.startswith("100") and not path.startswith('"') and is_scarce(path):
            yield Version(commit, path, blob)


def spread(versions: list[Version]) -> list[Version]:
    """At most `MAX_CANDIDATES`, evenly from the newest to the oldest."""
    if len(versions) <= MAX_CANDIDATES:
        return versions
    step = (len(versions) - 1) / (MAX_CANDIDATES - 1)
    return [versions[round(number * step)] for number in range(MAX_CANDIDATES)]


def lines_of(data: bytes) -> set[bytes]:
    return {line.strip() for line in data.split(b"\n")}


def new_share(data: bytes, seen: set[bytes]) -> float:
    lines = [line.strip() for line in data.split(b"\n")]
    return sum(len(line) for line in lines if line not in seen) / max(1, sum(map(len, lines)))


def historic_files(tree: GitTree) -> Iterator[tuple[str, str, bytes]]:
    """Commit, path and content of the versions worth keeping, path by path, newest first."""
    by_path: dict[str, list[Version]] = {}
    for version in parse_log(tree.log()):
        by_path.setdefault(version.path, []).append(version)
    seen: set[bytes] = set()
    for _, data in tree.read(path for path in tree.sizes() if is_scarce(path)):
        seen |= lines_of(data)
    candidates = [version for versions in by_path.values() for version in spread(versions)]
    kept: dict[str, int] = {}
    for version, data in zip(candidates, tree.read_blobs(version.blob for version in candidates), strict=True):
        if kept.get(version.path, 0) < MAX_VERSIONS and new_share(data, seen) >= MIN_NEW_SHARE:
            kept[version.path] = kept.get(version.path, 0) + 1
            seen |= lines_of(data)
            yield version.commit, version.path, data
