"""The tests' bundle as an engine, a repository on disk, and benchmark files."""

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.settings import EngineSettings

TINY = Path(__file__).parents[2] / "data" / "tiny"


@pytest.fixture(scope="session")
def engine() -> LocalEngine:
    return LocalEngine.open(TINY, EngineSettings(threads=1))


def item(**changes: Any) -> dict[str, Any]:
    """A function without its last line, with a unit test."""
    whole = {
        "task_id": "add",
        "prompt": "def add(a, b):\n",
        "suffix": "\n",
        "canonical_solution": "    return a + b",
        "test": "def check(candidate):\n    assert candidate(2, 3) == 5\n",
        "entry_point": "add",
    }
    return {**whole, **changes}


def write_lines(file: Path, lines: list[Any]) -> Path:
    """JSON lines; a text among them is written as it is."""
    data = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines).encode()
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    return file


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A work tree of six modules and three scripts, no line of which says anything about another."""
    root = tmp_path / "trees" / "project"
    root.mkdir(parents=True)
    random = Random(0)
    for n in range(6):
        lines = [f"v{random.getrandbits(60):x} = g{random.getrandbits(60):x}(w{random.getrandbits(60):x})" for _ in range(12)]
        (root / f"m{n}.py").write_text("\n".join(lines) + "\n")
    for n in range(3):
        lines = [f"c{random.getrandbits(60):x} --o{random.getrandbits(60):x} {random.getrandbits(60)}" for _ in range(12)]
        (root / f"s{n}.sh").write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    return root
