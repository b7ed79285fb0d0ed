"""Where an editor is driven: a home of its own, a project, and a PATH on which `lowabs-lsp` is the server under test."""

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

import pytest
from attrs import field, frozen

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.settings import EngineSettings, Settings
from lowabs_lsp.values import Document

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
CLIENTS = REPOSITORY / "editor-clients"
EDITORS = REPOSITORY / ".editors"
TINY_MODEL = REPOSITORY / "tests" / "data" / "tiny"

Script = Mapping[str, str]
"""What the engine says: the text behind the longest key that ends the prompt; where none does, nothing."""

T = TypeVar("T")


def find_editor(name: str) -> Path:
    """The program that `install.sh NAME` put down. Skips the test with the reason why there is none."""
    reason = EDITORS / f"{name}.reason"
    if reason.exists():
        pytest.skip(reason.read_text())
    if not (EDITORS / f"{name}.ready").exists():
        pytest.skip(f"{name} is not installed: run tests/editors/install.sh {name}")
    return EDITORS / "bin" / name


def find_program(name: str) -> Path:
    """A program of this machine. Skips the test where there is none."""
    if (path := shutil.which(name)) is None:
        pytest.skip(f"{name} is not installed: run tests/editors/install.sh")
    return Path(path)


@frozen
class Workplace:
    """One home folder, of which everything that an editor reads and writes is a part."""

    home: Path
    environment: dict[str, str] = field(factory=dict)

    @property
    def project(self) -> Path:
        """Where the edited files lie."""
        return self.home / "project"

    @property
    def config(self) -> Path:
        """XDG_CONFIG_HOME."""
        return self.home / ".config"

    def write(self, name: str, text: str) -> Path:
        """A file of the project."""
        path = self.project / name
        path.write_bytes(text.encode())
        return path

    def log(self) -> str:
        """What the server has said on stderr."""
        log = self.home / "server.log"
        return log.read_text() if log.exists() else ""

    def is_ready(self) -> bool:
        """Whether the server has its model; before that it answers with nothing."""
        return "event=loaded" in self.log()

    def wait_for_model(self) -> None:
        """Until the server has it; fails with what the server says instead."""
        assert eventually(self.is_ready), self.log()

    def prompts(self) -> list[str]:
        """Every prompt that the scripted engine was given, oldest first."""
        log = self.home / "prompts.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def server_text(self) -> str:
        """The whole text of the document as the server had it when it last asked the scripted engine."""
        suffix, prefix = self.prompts()[-1].split("<|suffix|>")[1].split("<|middle|>")
        return prefix + suffix


def scripted_workplace(home: Path, script: Script) -> Workplace:
    """A workplace whose engine says what `script` tells it."""
    (home / "script.json").write_text(json.dumps(script))
    return _workplace(home, [sys.executable, str(HERE / "scripted_server.py"), str(home)])


def model_workplace(home: Path, model: Path) -> Workplace:
    """A workplace in which `lowabs-lsp` is the real one with the model bundle in `model`."""
    return _workplace(home, [str(Path(sys.executable).with_name("lowabs-lsp")), "--model", str(model), "--device", "cpu"])


def talkative_line(text: str, model: Path) -> tuple[int, str]:
    """The first line (from 0) of a Python text at whose end the model says something, and what it says; no control characters, which an editor would show in other ways."""
    completer = Completer(LocalEngine.open(model, EngineSettings(device="cpu")), Settings())
    document = Document("file:///demo.py", "demo.py", "python", text)
    ends = accumulate(len(line) for line in text.splitlines(keepends=True))
    said = ((number, completer.complete(document, end - 1).text) for number, end in enumerate(ends))
    return next((number, completion) for number, completion in said if completion.isprintable() and completion)


def _workplace(home: Path, server: list[str]) -> Workplace:
    (home / "bin").mkdir()
    (home / "project").mkdir()
    program = home / "bin" / "lowabs-lsp"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(server)} "$@" 2>>{shlex.quote(str(home / "server.log"))}\n')
    program.chmod(0o755)
    folders = {f"XDG_{kind}_HOME": str(home / f".{kind.lower()}") for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    return Workplace(home, {"HOME": str(home), "PATH": path, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", **folders})


def eventually(condition: Callable[[], T], seconds: float = 120) -> T:
    """The first truthy value of `condition`; its last value when the time is over, for an assertion to show."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return value
