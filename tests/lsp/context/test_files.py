"""Files are found as git lists them, with and without git, and read only where that is safe."""

import os
import subprocess
from pathlib import Path

import pytest

from lowabs_lsp.context.files import find_files, listed, read_text

TREE = {
    ".gitignore": "*.log\n/build/\n!keep.log\n",
    "a.py": "a = 1\n",
    "noise.log": "x",
    "keep.log": "x",
    "build/out.py": "x",
    "src/build/in.py": "x",
    "src/.gitignore": "!deep.log\nlocal.*\n",
    "src/deep.log": "x",
    "src/local.py": "x",
    "src/é b.py": "x",
}
FOUND = [".gitignore", "a.py", "keep.log", "src/.gitignore", "src/build/in.py", "src/deep.log", "src/é b.py"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def git(root: Path, *command: str) -> None:
    subprocess.run(("git", *command), cwd=root, check=True, capture_output=True)


def found(root: Path) -> list[str]:
    return sorted(path for batch in find_files(root) for path in batch)


def test_without_a_repository_the_walk_honours_every_gitignore(tree: Path) -> None:
    assert found(tree) == FOUND


def test_git_and_the_walk_find_the_same(tree: Path) -> None:
    git(tree, "init", "-q")
    assert found(tree) == FOUND


def test_tracked_files_are_found_though_ignored(tree: Path) -> None:
    git(tree, "init", "-q")
    git(tree, "add", "-f", "noise.log")
    assert found(tree) == sorted([*FOUND, "noise.log"])


def test_a_folder_that_its_repository_ignores_is_walked(tree: Path) -> None:
    git(tree, "init", "-q")
    assert found(tree / "build") == ["out.py"]


def test_a_folder_inside_of_a_repository_is_listed_by_itself(tree: Path) -> None:
    git(tree, "init", "-q")
    assert found(tree / "src") == [path.removeprefix("src/") for path in FOUND if path.startswith("src/")]


@pytest.mark.parametrize("repository", [True, False])
def test_what_would_be_found_can_be_asked_for_single_paths(tree: Path, repository: bool) -> None:
    if repository:
        git(tree, "init", "-q")
    assert sorted(listed(tree, sorted(TREE))) == FOUND
    assert listed(tree, []) == set()


def test_the_configuration_of_a_repository_starts_no_program(tree: Path) -> None:
    git(tree, "init", "-q")
    git(tree, "config", "core.fsmonitor", f"touch {tree}/started; false")
    assert found(tree) == FOUND
    assert not (tree / "started").exists()


def test_dependencies_and_caches_are_passed_over_by_the_walk(tmp_path: Path) -> None:
    for folder in ("node_modules/x", "__pycache__", ".venv/lib", ".mypy_cache", "src"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text("x")
    assert found(tmp_path) == ["src/a.py"]
    assert listed(tmp_path, ["node_modules/x/a.py", "src/a.py"]) == {"src/a.py"}


def test_a_missing_folder_has_no_files(tmp_path: Path) -> None:
    assert found(tmp_path / "missing") == []


def test_a_text_is_read_with_plain_line_feeds(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("\ufeffé = 1\r\nb = 2\n".encode())
    assert read_text(tmp_path, "a.py", 100) == "é = 1\nb = 2\n"


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\0\0", b"caf\xe9 in latin-1", b"f();" * 1000, b"x" * 5001],
    ids=["binary", "latin", "minified", "large"],
)
def test_what_is_no_text_to_learn_from_reads_as_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.js").write_bytes(content)
    assert read_text(tmp_path, "a.js", 5000) == ""


def test_links_and_what_lies_behind_them_read_as_nothing(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret.py").write_text("x = 1\n")
    (root / "a.py").write_text("a = 1\n")
    (root / "link.py").symlink_to(outside / "secret.py")
    (root / "inner.py").symlink_to(root / "a.py")
    (root / "folder").symlink_to(outside)
    paths = ["a.py", "link.py", "inner.py", "folder/secret.py", "../outside/secret.py", "missing.py"]
    assert [read_text(root, path, 100) for path in paths] == ["a = 1\n", "", "", "", "", ""]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert read_text(tmp_path, "pipe.py", 100) == ""
