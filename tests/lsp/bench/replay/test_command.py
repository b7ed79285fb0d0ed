"""`lowabs-lsp bench replay` from the command line, with the tiny model."""

import json
from pathlib import Path

import pytest

from lowabs_lsp.cli import main

TINY = Path(__file__).parents[3] / "data" / "tiny"


def test_one_command_replays_a_repository(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, table = tmp_path / "figures.json", tmp_path / "table.md"
    where = ("--json", str(figures), "--markdown", str(table), "--model", str(TINY))
    assert main(["bench", "replay", str(shop), "--commits", "1", "--policy", "ours,completer,silent", *where]) == 0
    assert capsys.readouterr().out == table.read_text()
    written = json.loads(figures.read_text())
    assert list(written["figures"]) == ["ours", "completer", "silent"]
    assert {**written["figures"]["ours"], "policy": ""} == {**written["figures"]["completer"], "policy": ""}
    assert written["figures"]["ours"]["total"]["model_calls_per_key"] > 0
    assert written["machine"]["ours"]["cpu_seconds_per_key"] > 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--policy", "nobody"), "unknown policy"),
        (("--settings", "{"), "no JSON"),
        (("--settings", "[]"), "expected a JSON object"),
        (("--settings", '{"contxt": {}}'), "contxt: unknown setting"),
        (("--json", "/no/such/folder/a.json"), "no such folder"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(
    shop: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    assert main(["bench", "replay", str(shop), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line
