"""The text files of a workspace: listed as git would list them, in small batches, and read with care."""

import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from lowabs_lsp.context.exclusion import is_unreadable

_GIT = ("git", "-c", "core.fsmonitor=false")
"""A repository's own configuration may name a program as file system monitor: opening a folder is no leave to run it."""
_LIST = (*_GIT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
_PRUNED = re.compile(r"\.(git|hg|svn|tox|nox|cache|idea|venv|[a-z]+_cache)|node_modules|__pycache__|venv|site-packages")
BATCH = 256
Rule = tuple[str, GitIgnoreSpec]
"""A folder, and what its .gitignore says of the paths below it."""
PATIENCE = 0.02
"""Seconds to wait for git between two batches."""


def find_files(root: Path) -> Iterator[list[str]]:
    """Batches of paths relative to `root`: tracked or not ignored. An empty batch says that the search still goes on."""
    yield from _listed_by_git(root) if _git_knows(root) else _walk(root)


def listed(root: Path, paths: Sequence[str]) -> set[str]:
    """Those of `paths`, relative to `root`, that `find_files` would find, whether they exist or not."""
    if not paths:
        return set()
    if _git_knows(root):
        which = ("--", *(f":(literal){path}" for path in paths))
        return {path for batch in _listed_by_git(root, *which) for path in batch}
    return {path for path in paths if _is_reached(root, path)}


def _git_knows(root: Path) -> bool:
    """Whether `root` is in a repository that does not ignore it."""
    try:
        asked = subprocess.run(
            (*_GIT, "check-ignore", "-q", "."), cwd=root, env=_environment(), capture_output=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 1


def _is_reached(root: Path, path: str) -> bool:
    """Whether the walk would come to `path`: none of its folders is passed over, and no .gitignore on its way names it."""
    parts = path.split("/")
    rules: list[Rule] = []
    for depth in range(len(parts)):
        folder = "".join(f"{part}/" for part in parts[:depth])
        rules += _rules_of(root, folder)
        below = folder + parts[depth] + ("/" if depth < len(parts) - 1 else "")
        if _is_ignored(below, rules) or (below.endswith("/") and _PRUNED.fullmatch(parts[depth])):
            return False
    return True


def _listed_by_git(root: Path, *which: str) -> Iterator[list[str]]:
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                (*_LIST, *which),
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        except OSError:
            return
        try:
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE)
                yield []
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        paths = [os.fsdecode(path) for path in output.read().split(b"\0") if path]
    for start in range(0, len(paths), BATCH):
        yield paths[start : start + BATCH]


def _environment() -> dict[str, str]:
    """Ours, less what would point git to another repository than the folder's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {"GIT_OPTIONAL_LOCKS": "0"}


def _walk(root: Path) -> Iterator[list[str]]:
    """The files below `root` in alphabetical order, less what its .gitignore files say; links are not followed."""
    pending: list[tuple[str, list[Rule]]] = [("", [])]
    while pending:
        folder, rules = pending.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError:
            continue
        rules = rules + _rules_of(root, folder)
        folders = [e for e in entries if e.is_dir(follow_symlinks=False) and not _PRUNED.fullmatch(e.name)]
        inside = [f"{folder}{entry.name}/" for entry in folders]
        pending += [(path, rules) for path in reversed(inside) if not _is_ignored(path, rules)]
        files = [f"{folder}{entry.name}" for entry in entries if entry.is_file(follow_symlinks=False)]
        yield [path for path in files if not _is_ignored(path, rules)]


def _rules_of(root: Path, folder: str) -> list[Rule]:
    """The rules that a folder's own .gitignore adds."""
    path = root / folder / ".gitignore"
    try:
        return [(folder, GitIgnoreSpec.from_lines(path.read_text("utf-8", errors="replace").splitlines()))]
    except OSError:
        return []


def _is_ignored(path: str, rules: Sequence[Rule]) -> bool:
    """As in git, the deepest .gitignore with an opinion decides."""
    for folder, spec in reversed(rules):
        opinion = spec.check_file(path[len(folder) :]).include
        if opinion is not None:
            return opinion
    return False


def read_text(root: Path, path: str, most: int) -> str:
    """The text of a file of at most `most` bytes with plain line feeds; nothing where it is no such file.

    Nothing, too, for links, for what lies outside of `root` once links are followed, for binary and for minified files.
    """
    full = root / PurePosixPath(path)
    try:
        status = full.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > most or not full.resolve().is_relative_to(root.resolve()):
            return ""
        text = full.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError):  # vanished, not ours to read, or not text
        return ""
    return "" if is_unreadable(text) else text.replace("\r\n", "\n")


def changed_at(root: Path, path: str) -> float:
    """When a file was last written, in seconds; 0 where there is none."""
    try:
        return (root / path).lstat().st_mtime
    except OSError:
        return 0.0
