"""Where source files come from: git repositories without a work tree, plain folders, installed distributions."""

import csv
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import Protocol

from attrs import frozen

from lowabs_model.corpus.licences import Verdict, classify_all, classify_metadata, is_licence_file
from lowabs_model.corpus.shards import CorpusError

SKIPPED_FOLDERS = frozenset({".git", "__pycache__", "node_modules", "site-packages", ".venv", "venv", ".tox"})


@frozen
class Source:
    """A place to harvest, by the name that statistics and the model card give it."""

    name: str
    path: Path
    version: str = ""
    """Of a plain folder, as the user states it; git repositories and distributions know theirs."""
    history: bool = False
    """Whether older versions of system-level files are meant, instead of the newest of all."""


class Tree(Protocol):
    """One version of a repository's files."""

    commit: str

    def sizes(self) -> dict[str, int]:
        """Path to bytes, of regular files alone."""
        ...

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """A file that cannot be read is left out."""
        ...

    def licence(self) -> Verdict: ...


def licence_of_folder(tree: Tree, folder: str = "") -> Verdict:
    """The verdict on the licence files that lie directly in a folder of the tree."""
    paths = [path for path in tree.sizes() if is_licence_file(PurePosixPath(path).name) and parent(path) == folder]
    return classify_all([data.decode("utf-8", "replace") for _, data in tree.read(paths)])


def parent(path: str) -> str:
    """The folder of a path, "" for the root."""
    return path.rpartition("/")[0]


class GitTree:
    """A commit of a git directory, read through one `git cat-file --batch`."""

    def __init__(self, directory: Path, revision: str = "HEAD") -> None:
        self._git = ["git", "-c", f"safe.directory={directory}", f"--git-dir={directory}"]
        self.commit = self._run("rev-parse", f"{revision}^{{commit}}").decode().strip()
        self._blobs: dict[str, tuple[str, int]] = {}
        for entry in self._run("ls-tree", "-r", "-l", "-z", "--full-tree", self.commit).split(b"\0"):
            attributes, _, path = entry.partition(b"\t")
            if attributes.startswith(b"100"):
                _, _, blob, size = attributes.split()
                if size.isdigit():
                    self._blobs[path.decode("utf-8", "surrogateescape")] = blob.decode(), int(size)

    def _run(self, *arguments: str) -> bytes:
        result = subprocess.run([*self._git, *arguments], capture_output=True, check=False)
        if result.returncode:
            raise CorpusError(f"git {arguments[0]} failed in {self._git[-1]}: {result.stderr.decode(errors='replace').strip()}")
        return result.stdout

    def sizes(self) -> dict[str, int]:
        return {path: size for path, (_, size) in self._blobs.items()}

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Files that a partial snapshot lacks are empty."""
        wanted = list(paths)
        return zip(wanted, self.read_blobs(self._blobs[path][0] for path in wanted), strict=True)

    def read_blobs(self, blobs: Iterable[str]) -> Iterator[bytes]:
        """The content of each blob in turn, empty for one that a partial snapshot lacks."""
        with subprocess.Popen([*self._git, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as batch:
            assert batch.stdin is not None
            assert batch.stdout is not None
            for blob in blobs:
                batch.stdin.write(blob.encode() + b"\n")
                batch.stdin.flush()
                header = batch.stdout.readline().split()
                found = len(header) == 3 and header[1] == b"blob"
                yield batch.stdout.read(int(header[2]) + 1)[:-1] if found else b""

    def log(self) -> list[str]:
        """The lines of the raw log of what was added and modified, newest commit first."""
        arguments = "log", "--no-merges", "--no-renames", "--diff-filter=AM", "--raw", "--no-abbrev", "--format=%H", self.commit
        return self._run("-c", "core.quotePath=false", *arguments).decode("utf-8", "replace").splitlines()

    def licence(self) -> Verdict:
        return licence_of_folder(self)


def read_files(folder: Path, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        with suppress(OSError):
            yield path, (folder / path).read_bytes()


class FolderTree:
    """A plain folder; hidden checkouts, caches and installed packages below it are not part of it."""

    def __init__(self, folder: Path, version: str) -> None:
        self._folder, self.commit = folder, version
        self._sizes = dict(self._walk())

    def _walk(self) -> Iterator[tuple[str, int]]:
        for root, folders, names in os.walk(self._folder):
            folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
            for path in (Path(root, name) for name in sorted(names)):
                if path.is_file() and not path.is_symlink():
                    yield path.relative_to(self._folder).as_posix(), path.stat().st_size

    def sizes(self) -> dict[str, int]:
        return self._sizes

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        return read_files(self._folder, paths)

    def licence(self) -> Verdict:
        return licence_of_folder(self)


class DistributionTree:
    """The files that a `*.dist-info/RECORD` lists."""

    def __init__(self, info: Path) -> None:
        self._info, self._site = info, info.parent
        self._metadata = (info / "METADATA").read_text(encoding="utf-8", errors="replace")
        self.commit = str(Parser().parsestr(self._metadata, headersonly=True)["Version"])
        with (info / "RECORD").open(encoding="utf-8", newline="") as rows:
            listed = [row[0] for row in csv.reader(rows) if row and not row[0].startswith(("..", "/", info.name))]
        self._sizes = {path: (self._site / path).stat().st_size for path in listed if (self._site / path).is_file()}

    def sizes(self) -> dict[str, int]:
        return self._sizes

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        return read_files(self._site, paths)

    def licence(self) -> Verdict:
        files = [path for path in sorted(self._info.rglob("*")) if path.is_file() and is_licence_file(path.name)]
        return classify_metadata(self._metadata, [path.read_text(encoding="utf-8", errors="replace") for path in files])


def is_harvest(path: Path) -> bool:
    """Whether this is the kept harvest of an earlier build, which stands in for its source."""
    return path.name.endswith(".jsonl.zst")


def is_git_directory(path: Path) -> bool:
    return (path / "HEAD").is_file() and (path / "objects").is_dir()


def is_repository(path: Path) -> bool:
    return is_git_directory(path) or is_git_directory(path / ".git")


def open_tree(source: Source) -> Tree:
    """Raises `CorpusError` for a place that holds no source, OSError for one that cannot be read."""
    if is_git_directory(source.path):
        return GitTree(source.path)
    if is_git_directory(source.path / ".git"):
        return GitTree(source.path / ".git")
    if source.path.name.endswith(".dist-info"):
        return DistributionTree(source.path)
    if source.path.is_dir():
        return FolderTree(source.path, source.version)
    raise CorpusError(f"{source.path} is neither a folder nor a git directory")


def expand(argument: str) -> list[Source]:
    """The sources that one argument means: `[NAME[@VERSION]=]PATH`, a folder of installed distributions, or a list of such.

    Raises `CorpusError` when there is nothing at the path.
    """
    label, equals, place = argument.strip().rpartition("=")
    path = Path(place).expanduser()
    name, _, version = label.partition("@")
    if path.is_file() and not is_harvest(path):
        lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
        return [source for line in lines if line for source in expand(line)]
    if not path.exists():
        raise CorpusError(f"no source at {path}: give a folder, a git directory or a text file that lists such, one a line")
    if infos := sorted(path.glob("*.dist-info")):
        return [Source(f"pypi/{info.name.split('-')[0].lower()}", info) for info in infos if (info / "RECORD").is_file()]
    return [Source(name if equals else default_name(path), path, version, is_harvest(path) and "@history" in path.name)]


def default_name(path: Path) -> str:
    """A mirror kept as `owner+name/repo` is called owner/name, a harvest by its file, anything else by its folder."""
    for part in (path.name.removesuffix(".jsonl.zst").removesuffix("@history"), path.parent.name):
        if "+" in part:
            return part.replace("+", "/", 1)
    return path.resolve().name
