"""The command line, run as a user runs it: a process, its output, its exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lowabs_lsp.cli import main

TINY = Path(__file__).parents[1] / "data" / "tiny"


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lowabs_lsp", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False, encoding="utf-8")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "sum.py"
    path.write_text("def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return \n")
    return path


def test_a_place_is_completed_as_json(source: Path) -> None:
    done = run("complete", f"{source}:6:12", "--model", str(TINY), "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert answer.keys() == {"text", "tokens", "logprobs", "timings_ms", "reason"}
    assert answer["timings_ms"].keys() == {"encode", "prefill", "decode", "total"}
    assert len(answer["tokens"]) == len(answer["logprobs"]) > 0


def test_alternatives_are_told_where_they_are_asked_for() -> None:
    done = run("complete", "-", "--path", "a.py", "--model", str(TINY), "--json", "--alternatives", "3", stdin="import ")
    answer = json.loads(done.stdout)
    assert len({answer["text"], *answer["alternatives"]}) == 1 + len(answer["alternatives"])
    assert 1 <= len(answer["alternatives"]) <= 2
    assert answer["confidence"] is None


def test_standard_input_is_completed_as_the_file_is(source: Path) -> None:
    by_name = run("complete", f"{source}:6:12", "--model", str(TINY), "--json")
    by_stdin = run("complete", "-:6:12", "--path", "sum.py", "--model", str(TINY), "--json", stdin=source.read_text())
    assert json.loads(by_name.stdout)["tokens"] == json.loads(by_stdin.stdout)["tokens"]


def test_a_raw_prompt_is_continued_by_just_so_many_tokens() -> None:
    done = run("complete", "-", "--raw", "--max-tokens", "5", "--model", str(TINY), "--json", stdin="def add(a, b):\n")
    assert len(json.loads(done.stdout)["tokens"]) <= 5
    assert done.returncode == 0


def test_silence_is_told_on_stderr_and_by_the_exit_code(source: Path) -> None:
    done = run("complete", f"{source}:1:6", "--model", str(TINY))
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing to show: mid-word" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["complete", "absent.py:1:1"], "absent.py: No such file or directory; give FILE:LINE:COLUMN"),
        (["complete", "{source}:99"], "the file has 7 lines; give a line from 1 to 7"),
        (["complete", "{source}:1:99"], "the line has 14 characters; give a column from 1 to 15"),
        (["complete", "{source}:1:0"], "give a column from 1 to 15"),
        (["complete", "{binary}"], "not UTF-8 at byte 0; convert it to UTF-8 first"),
        (["complete", "{source}", "--model", "/nowhere"], "/nowhere"),
        (["complete", "{source}", "--threads", "-1"], "engine.threads: must be at least 0"),
        (["complete", "{source}", "--max-tokens", "0"], "--max-tokens 0: must be at least 1"),
        (["serve", "--tcp", "x:y"], "x:y: not a port; give PORT or HOST:PORT"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(
    arguments: list[str], told: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    code = main([word.format(source=source, binary=binary) for word in arguments])
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert told in printed.err
    assert printed.err.count("\n") == 1


def test_doctor_finds_everything_well_with_a_model() -> None:
    done = run("doctor", "--model", str(TINY), "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert findings.keys() == {"python", "onnxruntime", "cuda", "model", "completion", "other models"}
    assert all(finding["ok"] for finding in findings.values())
    assert done.returncode == 0


def test_doctor_says_what_to_do_without_a_model() -> None:
    done = run("doctor", "--model", "/nowhere")
    assert done.returncode == 1
    assert "FAIL model" in done.stdout
    assert "->" in done.stdout


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert run("--version").stdout == f"lowabs-lsp {version('lowabs-lsp')}\n"


def test_help_names_every_command() -> None:
    text = run("--help").stdout
    assert all(command in text for command in ("serve", "complete", "doctor", "bench"))


def test_the_program_starts_without_torch_or_onnx() -> None:
    code = "import sys, lowabs_lsp.cli, lowabs_lsp.completer; sys.exit(bool({'torch', 'onnx', 'transformers'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
