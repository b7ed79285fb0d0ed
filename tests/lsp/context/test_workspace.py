"""The files of a workspace are indexed in the background, within limits, without secrets, and followed as they change."""

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lowabs_lsp.context.search import search
from lowabs_lsp.context.terms import word_terms
from lowabs_lsp.context.workspace import Limits, Workspace, folder_of, steps

SECONDS = 20.0
"""To wait for the background at most."""


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        (root / f"{name}.py").write_text(text, encoding="utf-8")


def texts(workspace: Workspace) -> dict[str, str]:
    """Everything that the index holds."""
    return {
        file.path: "\n".join(file.lines())
        for segment in workspace.segments
        for number, file in enumerate(segment.files)
        if number not in segment.gone
    }


def finds(workspace: Workspace, word: str) -> list[str]:
    return [hit.path for hit in search(workspace.segments, {word_terms(word)[0]: 1.0}, 9, lambda *_: True)]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Workspace]:
    write(tmp_path, a="alpha = 1\n", b="beta = 1\n")
    workspace = Workspace([tmp_path])
    workspace.start()
    yield workspace
    workspace.stop()


def test_a_built_index_holds_the_files(tmp_path: Path) -> None:
    write(tmp_path, a="alpha = 1\n", b="beta = 1\n")
    workspace = Workspace([tmp_path])
    workspace.build()
    assert texts(workspace) == {"a.py": "alpha = 1\n", "b.py": "beta = 1\n"}
    assert finds(workspace, "beta") == ["b.py"]


def test_the_background_comes_to_the_same(running: Workspace) -> None:
    with running.updated:
        assert running.updated.wait_for(lambda: running.is_built, SECONDS)
    assert texts(running) == {"a.py": "alpha = 1\n", "b.py": "beta = 1\n"}


def test_changes_on_disk_are_followed(running: Workspace, tmp_path: Path) -> None:
    with running.updated:
        assert running.updated.wait_for(lambda: running.is_built, SECONDS)
        write(tmp_path, a="changed = 1\n", c="created = 1\n")
        (tmp_path / "b.py").unlink()
        for name in "abc":
            running.refresh(tmp_path / f"{name}.py")
        assert running.updated.wait_for(lambda: texts(running) == {"a.py": "changed = 1\n", "c.py": "created = 1\n"}, SECONDS)


def test_what_git_ignores_stays_out_when_it_changes(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("out.py\n")
    write(tmp_path, a="alpha = 1\n", out="x = 1\n")
    workspace = Workspace([tmp_path])
    workspace.build()
    for _ in workspace._next_pass([tmp_path / "out.py", tmp_path / "a.py", tmp_path.parent / "elsewhere.py"]):
        pass
    assert sorted(texts(workspace)) == [".gitignore", "a.py"]


def test_stopping_does_not_wait_for_the_end_of_a_pause(tmp_path: Path) -> None:
    write(tmp_path, **{f"f{number}": "x = 1\n" * 2000 for number in range(200)})
    workspace = Workspace([tmp_path])
    workspace.start()
    workspace.give_way()
    workspace.stop()
    assert not any(thread.name == "lowabs-index" for thread in threading.enumerate())
    assert not workspace.is_built


def test_stopping_what_was_not_started_does_nothing(tmp_path: Path) -> None:
    Workspace([tmp_path]).stop()


@pytest.mark.parametrize(
    ("limits", "files"),
    [(Limits(files=3), 3), (Limits(text=35), 4), (Limits(file=9), 0), (Limits(seconds=0), 0), (Limits(), 10)],
)
def test_no_limit_is_passed(tmp_path: Path, limits: Limits, files: int) -> None:
    write(tmp_path, **{f"f{number}": "x = 12345\n" for number in range(10)})
    workspace = Workspace([tmp_path], limits=limits)
    workspace.build()
    assert len(texts(workspace)) == files


def test_of_too_many_files_code_comes_first_and_what_was_changed_last(tmp_path: Path) -> None:
    for number, name in enumerate(["a.txt", "b.py", "c.py", "d.txt", "e.py"]):
        (tmp_path / name).write_text("x = 1\n")
        os.utime(tmp_path / name, (number, number))
    workspace = Workspace([tmp_path], limits=Limits(files=2))
    workspace.build()
    assert sorted(texts(workspace)) == ["c.py", "e.py"]


def test_several_roots_are_one_workspace(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, **{name: f"{name} = 1\n"})
    workspace = Workspace([tmp_path / "one", tmp_path / "two"])
    workspace.build()
    assert sorted(texts(workspace)) == ["one.py", "two.py"]


def test_no_planted_secret_is_in_the_index_or_the_log(tmp_path: Path, planted: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for number, plant in enumerate(planted.in_place):
        (tmp_path / f"{number}-{plant.path}").write_text(f"# {number}\n{plant.line.replace('{}', plant.secret)}\n")
    (tmp_path / "tokens.py").write_text("\n".join(f"call('{token}')" for token in planted.tokens))
    (tmp_path / "armoured.py").write_text(f'KEY = """{planted.armoured}"""\n')
    for private in (".env", "server.pem", "credentials.json", "user/secret.txt", "bundle.min.js"):
        (tmp_path / private).parent.mkdir(exist_ok=True)
        (tmp_path / private).write_text("needle = private\n")
    workspace = Workspace([tmp_path], exclude=("user/",))
    workspace.build()
    kept = "\n".join(texts(workspace).values())
    assert len(texts(workspace)) == len(planted.in_place) + 2
    assert [secret for secret in planted.secrets if secret in kept or secret in caplog.text] == []
    assert "needle" not in kept
    assert "event=indexed" in caplog.text


def test_the_files_beside_the_open_ones_are_read_first(tmp_path: Path) -> None:
    taught: list[str] = []
    for name in ("a/one.py", "b/c/two.py", "b/three.py", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    workspace = Workspace([tmp_path], learn=lambda texts: taught.extend(texts))
    workspace.build(near=["b/c/open.py"])
    assert taught == ["b/c/two.py", "b/three.py", "a/one.py", "b/notes.txt"]


@pytest.mark.parametrize(
    ("path", "other", "count"), [("a/x", "a/y", 0), ("x", "a/y", 1), ("a/b/x", "a/c/y", 2), ("x", "y", 0), ("a/x", "b/c/y", 3)]
)
def test_folders_are_apart_by_steps(path: str, other: str, count: int) -> None:
    assert steps(folder_of(path), folder_of(other)) == count
