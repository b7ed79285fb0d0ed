"""The request `lowabs/explain` and the command `explain`, with a real model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from raw_client import RawClient, place

TINY = Path(__file__).parents[1] / "data" / "tiny"
URI = "file:///w/mean.py"
TEXT = "import os\n\nimport "


def test_an_editor_is_told_why() -> None:
    client = RawClient([sys.executable, "-m", "lowabs_lsp", "--model", str(TINY)])
    try:
        client.initialize()
        client.wait(lambda: "event=loaded" in client.stderr, "model")
        client.open(URI, TEXT)
        told = client.ask("lowabs/explain", {**place(URI, 2, 7), "html": True})
        assert [part["lines"] for part in told["parts"]] == [["import os"], [""]]
        assert [token["text"] for token in told["tokens"] if token["is_shown"]]
        assert told["attention"]["layers"] == 2
        assert all(0 <= part["attention"] <= 1 for part in told["parts"])
        assert told["html"].startswith("<!doctype html>")
        assert "html" not in client.ask("lowabs/explain", place(URI, 2, 7))
        for wrong in (place("file:///w/other.py", 0, 0), {"textDocument": {}}, None):
            answer = client.answer(client.request("lowabs/explain", wrong))
            assert "lowabs/explain" in answer["error"]["message"]
        assert client.leave() == 0
    finally:
        client.dispose()
    assert "Traceback" not in client.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "mean.py"
    file.write_text(TEXT)
    return file


def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lowabs_lsp", "explain", *map(str, words), "--model", str(TINY)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_and_writes(file: Path, tmp_path: Path) -> None:
    page, data = tmp_path / "page.html", tmp_path / "why.json"
    done = run(file, "--html", page, "--json", data)
    assert done.returncode == 0, done.stderr
    told = json.loads(data.read_text())
    assert done.stdout.startswith(told["text"])
    assert (told["line"], told["column"], told["before"]) == (3, 8, "import ")
    assert "attention" in done.stdout
    assert told["attention"]["first_token"] > 0
    assert page.read_text().startswith("<!doctype html>")


def test_a_folder_that_is_not_there_is_said_at_once(file: Path, tmp_path: Path) -> None:
    done = run(file, "--html", tmp_path / "none" / "page.html")
    assert (done.returncode, "no such folder" in done.stderr) == (2, True)
