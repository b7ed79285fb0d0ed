"""Work trees of repositories that no training saw: their files, and a copy without those that are asked about."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from attrs import frozen

from lowabs_lsp.context.files import find_files
from lowabs_lsp.prompt.languages import language_of
from lowabs_model.evaluate.items import BenchmarkError
from lowabs_model.evaluate.memory_cases import is_code

SMALLEST_FILE, LARGEST_FILE = 300, 60_000
"""Characters; smaller ones have hardly anything to go by, larger ones are rarely written by hand."""

TWIN_SHARE = 0.5
"""Of a file's different lines."""


@frozen
class TreeFile:
    """A file of a work tree."""

    root: Path
    path: str
    language: str
    text: str


def find_trees(folder: Path) -> list[Path]:
    """The work trees in a folder. Raises BenchmarkError where there is none."""
    found = sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    if not found:
        raise BenchmarkError(f"{folder} holds no work tree")
    return found


def read_trees(roots: Sequence[Path]) -> list[TreeFile]:
    """The files that a person writes in the languages we know. Raises BenchmarkError where there is none."""
    files = [file for root in roots for file in _read_tree(root)]
    if not files:
        raise BenchmarkError(f"no source file in {', '.join(map(str, roots)) or 'no repository'}: give folders of repositories")
    return files


def _read_tree(root: Path) -> Iterator[TreeFile]:
    if not root.is_dir():
        raise BenchmarkError(f"{root} is no folder: give work trees of repositories that the model was not trained on")
    for path in sorted(path for batch in find_files(root) for path in batch):
        try:
            text = (root / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if SMALLEST_FILE <= len(text) <= LARGEST_FILE and is_code(path, text):
            yield TreeFile(root, path, language_of(path, text), text)


def by_language(files: Iterable[TreeFile], *, least: int = 2) -> dict[str, list[TreeFile]]:
    """Files in a random order that is always the same, by language; languages with fewer than `least` are left out."""
    found: dict[str, list[TreeFile]] = {}
    for file in files:
        found.setdefault(file.language, []).append(file)
    return {name: Random(0).sample(group, len(group)) for name, group in sorted(found.items()) if len(group) >= least}


def without_twins(files: Sequence[TreeFile]) -> list[TreeFile]:
    """Files of which no other one in the same tree has most of the lines: a copy is no test of completion."""
    lines = [{line.strip() for line in file.text.splitlines() if len(line.strip()) > 2} for file in files]

    def has_twin(n: int) -> bool:
        others = (lines[k] for k, other in enumerate(files) if k != n and other.root == files[n].root)
        return any(len(lines[n] & other) >= TWIN_SHARE * len(lines[n]) for other in others)

    return [file for n, file in enumerate(files) if not has_twin(n)]


@contextmanager
def tree_without(root: Path, paths: Iterable[str]) -> Iterator[Path]:
    """A copy of a work tree in which these files are missing: what can be known of a repository when one writes them."""
    missing = {root / path for path in paths}
    with TemporaryDirectory(prefix="tree-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder, root.name)

        def left_out(where: str, names: list[str]) -> list[str]:
            return [name for name in names if name == ".git" or Path(where, name) in missing or Path(where, name).is_symlink()]

        shutil.copytree(root, copy, ignore=left_out)
        yield copy
