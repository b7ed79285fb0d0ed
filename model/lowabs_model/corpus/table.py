"""A table of sources, as the model card has it, back to the sources themselves: fetched at their commits and versions."""

import csv
import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import frozen

from lowabs_model.corpus.build import progress
from lowabs_model.corpus.shards import HELD_OUT, CorpusError
from lowabs_model.corpus.sources import is_git_directory
from lowabs_model.corpus.statistics import COLUMNS

_HASH = re.compile(r"[0-9a-f]{40}")
logger = logging.getLogger(__name__)


@frozen
class Row:
    """One repository or distribution of a corpus."""

    name: str
    commit: str
    """A hash, or the version of a distribution or a release."""
    split: str

    @property
    def package(self) -> str:
        """What the package index calls it, or ""."""
        return self.name.removeprefix("pypi/") if self.name.startswith("pypi/") else ""

    @property
    def is_hash(self) -> bool:
        """Whether the commit is one, and no release."""
        return bool(_HASH.fullmatch(self.commit))

    @property
    def revision(self) -> str:
        """What git is asked for."""
        return self.commit if self.is_hash else f"v{self.commit}"


@frozen
class Fetched:
    """What a table gives to `build_corpus`."""

    sources: tuple[str, ...]
    held_out: tuple[str, ...]


def is_table(source: str) -> bool:
    return source.endswith(".tsv")


def read_table(file: Path, corpus: str | None) -> list[Row]:
    """The rows of one corpus, or each name once, the last row of it. Raises `CorpusError`."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise CorpusError(f"{file} cannot be read: {exc}") from exc
    if not rows or not set(COLUMNS) <= rows[0].keys():
        raise CorpusError(f"{file} is no table of sources: its first line must name {', '.join(COLUMNS)}")
    found = {row["repository"]: row for row in rows if corpus in (None, row["corpus"])}
    if not found:
        known = ", ".join(sorted({row["corpus"] for row in rows}))
        raise CorpusError(f"{file} has no rows of {corpus!r}; it has those of {known}")
    return [Row(name, row["commit"], row["split"]) for name, row in found.items()]


def fetch_table(rows: Sequence[Row], folder: Path, *, origin: str, history: bool = False, workers: int = 4) -> Fetched:
    """Bring every row into `folder`, where what is there already is used; `origin` may be a folder of git directories.

    A row that cannot be had is reported and left out. With `history` git repositories come with all their commits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with progress("fetch", len(rows)) as advance, ThreadPoolExecutor(workers) as pool:
        places: list[str] = []
        for row, place in zip(rows, pool.map(lambda row: fetch(row, folder, origin, history=history), rows), strict=True):
            advance(row.name)
            if place is not None:
                places.append(f"{place}" if row.package else f"{row.name}@{row.commit}={place}")
    if not places:
        raise CorpusError(f"nothing of the table could be had from {origin}: see the messages above")
    return Fetched(tuple(places), tuple(row.name for row in rows if row.split == HELD_OUT))


def fetch(row: Row, folder: Path, origin: str, *, history: bool) -> Path | None:
    """Where the row's source is now; None with a message when it cannot be had."""
    try:
        return fetch_package(row, folder) if row.package else fetch_repository(row, folder, origin, history=history)
    except (subprocess.CalledProcessError, OSError) as exc:
        why = exc.stderr.strip().partition("\n")[0] if isinstance(exc, subprocess.CalledProcessError) else str(exc)
        logger.warning("left out source=%s commit=%s: %s", row.name, row.commit, why)
        return None


def fetch_package(row: Row, folder: Path) -> Path:
    """A folder that holds just this distribution, built by its makers."""
    target = folder / f"{row.name.replace('/', '+')}@{row.commit}"
    if not any(target.glob("*.dist-info")):
        options = ["--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:", "--target", str(target)]
        _run(sys.executable, "-m", "pip", "install", *options, f"{row.package}=={row.commit}")
    return target


def fetch_repository(row: Row, folder: Path, origin: str, *, history: bool) -> Path:
    """A git directory whose HEAD is the row's commit."""
    for place in mirrors(row, Path(origin)):
        if _head(place) == row.commit:
            return place
        origin = str(place)
    target = folder / row.name.replace("/", "+")
    depth = () if history else ("--depth", "1")
    there, shallow = _head(target), (target / "shallow").is_file()
    if (there != row.commit if row.is_hash else not there) or (history and shallow):
        url = origin if is_git_directory(Path(origin)) else f"{origin}/{row.name}"
        target.mkdir(exist_ok=True)
        _run("git", "init", "--quiet", "--bare", str(target))
        how = ("--unshallow",) if history and shallow else depth
        _run("git", f"--git-dir={target}", "fetch", "--quiet", "--no-tags", *how, url, row.revision)
        _run("git", f"--git-dir={target}", "update-ref", "--no-deref", "HEAD", "FETCH_HEAD^{commit}")
    return target


def mirrors(row: Row, folder: Path) -> Iterator[Path]:
    """The git directories of this repository in a folder of such, by the usual ways to lay one out."""
    flat = folder / row.name.replace("/", "+")
    for place in (flat / "repo", flat, folder / row.name, folder / row.name / ".git", folder / f"{row.name}.git"):
        if is_git_directory(place):
            yield place


def _head(directory: Path) -> str:
    asked = ["git", "-c", f"safe.directory={directory}", f"--git-dir={directory}", "rev-parse", "--verify", "--quiet", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def _run(*words: str) -> None:
    subprocess.run(words, capture_output=True, text=True, check=True)
