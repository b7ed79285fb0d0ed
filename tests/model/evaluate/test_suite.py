import json
from pathlib import Path
from typing import Any

import pytest
from lowabs_model.cli import main
from lowabs_model.evaluate.bits import evaluate_bits
from lowabs_model.evaluate.items import BenchmarkError
from lowabs_model.evaluate.mbpp import Problem, evaluate_mbpp, is_python, parse_problem
from lowabs_model.evaluate.nl2bash import evaluate_nl2bash
from lowabs_model.evaluate.suite import evaluate_all, parts
from lowabs_model.evaluate.tables import put_into

from lowabs_lsp.engine.scripted import ScriptedEngine

from .conftest import TINY, item, write_lines

TESTS = ["assert add(1, 2) == 3", "assert add(0, 0) == 0"]


@pytest.fixture
def benchmarks(tmp_path: Path) -> Path:
    """All benchmarks, with an item or two each."""
    folder = tmp_path / "benchmarks"
    for name in ("human-eval-infilling", "mbpp", "nl2bash"):
        (folder / name).mkdir(parents=True)
    for name in ("SingleLine", "MultiLine"):
        write_lines(folder / f"human-eval-infilling/HumanEval-{name}Infilling.jsonl.gz", [item()])
    write_lines(folder / "human-eval-infilling/HumanEval-RandomSpanInfillingLight.jsonl", [item()])
    write_lines(folder / "mbpp/mbpp.jsonl", [{"text": "Add two numbers.", "test_list": TESTS}])
    (folder / "nl2bash/all.nl").write_text("List files.\nSay hello.\n")
    (folder / "nl2bash/all.cm").write_text("ls\necho  hello\n")
    return folder


def everything(benchmarks: Path, repositories: Path) -> dict[str, Any]:
    return evaluate_all(TINY, benchmarks=benchmarks, repositories=repositories, limit=0.02, told=lambda _: None)


def test_every_part_is_measured(benchmarks: Path, repository: Path) -> None:
    report = everything(benchmarks, repository.parent)
    assert report["missing"] == {}
    assert list(report["scores"]) == list(report["seconds"]) == [part.name for part in parts()]


def test_what_is_missing_says_where_to_get_it_and_the_others_go_on(benchmarks: Path, tmp_path: Path) -> None:
    (benchmarks / "mbpp/mbpp.jsonl").unlink()
    (benchmarks / "nl2bash/all.cm").unlink()
    report = everything(benchmarks, tmp_path / "nowhere")
    assert list(report["missing"]) == ["bits per byte", "lines", "MBPP", "NL2Bash"]
    assert "mbpp_test.jsonl is not there; get it from https://github.com/google-research" in report["missing"]["MBPP"]
    assert "git clone" in report["missing"]["lines"]
    assert list(report["scores"]) == ["single line", "single line, model alone", "multi-line", "random span"]


def test_one_command_prints_the_table_with_the_neighbours(
    benchmarks: Path, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = ["--benchmarks", str(benchmarks), "--repositories", str(repository.parent)]
    scores, card = tmp_path / "scores.json", tmp_path / "card.md"
    outputs = ["--json", str(scores), "--markdown", str(card)]
    assert main(["evaluate", "--all", *folders, "--scale", "0.02", "--model", str(TINY), *outputs]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("Held-out repositories", "HumanEval-Infilling, single line", "SantaCoder", "python"))
    assert json.loads(scores.read_text())["scores"]["single line"]["items"] == 1
    assert "| HumanEval-Infilling, single line | 1 |" in card.read_text()
    assert "| Mellum-4b-base | 4B |" in card.read_text()


def test_without_anything_to_measure_the_command_still_tells_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = ["--benchmarks", str(tmp_path), "--repositories", str(tmp_path / "none")]
    assert main(["evaluate", "--all", *folders, "--model", str(TINY)]) == 0
    assert "single line: not measured" in capsys.readouterr().out


def test_tables_go_between_the_marks_of_a_card_and_nowhere_else(tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("# Model\n<!-- scores -->\nold\n<!-- end of scores -->\nLicence\n")
    put_into(card, "new\n")
    assert card.read_text() == "# Model\n<!-- scores -->\nnew\n<!-- end of scores -->\nLicence\n"
    card.write_text("kept")
    with pytest.raises(BenchmarkError, match="put them where the tables belong"):
        put_into(card, "new\n")
    assert card.read_text() == "kept"


# bits per byte


def test_bits_are_those_of_all_languages_together(repository: Path) -> None:
    rows = evaluate_bits(TINY, [repository], bytes_per_language=1000)
    assert [row.language for row in rows] == ["python", "shellscript", "all"]
    assert rows[-1].bytes == rows[0].bytes + rows[1].bytes
    together = sum(row.bits_per_byte * row.bytes for row in rows[:2]) / rows[-1].bytes
    assert rows[-1].bits_per_byte == pytest.approx(together)
    assert 2 < together < 8


# MBPP


def test_a_right_function_passes_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    lines: list[Any] = [{"prompt": "Add.", "test": TESTS, "task_id": 1}, {"prompt": "Add."}]
    file = write_lines(tmp_path / "f.jsonl", lines)
    right = evaluate_mbpp(ScriptedEngine("def add(a, b):\n    return a + b\nassert False\n"), file)
    assert (right.items, right.pass_at_1, right.compiles, [fault.line for fault in right.skipped]) == (1, 1, 1, [2])
    assert evaluate_mbpp(ScriptedEngine("def add(a, b):\n    return a\n"), file).pass_at_1 == 0


def test_the_prompt_is_a_docstring_with_the_tests() -> None:
    problem = parse_problem({"text": "Add.", "test_list": TESTS, "test_setup_code": ""})
    assert problem == Problem("Add.", tuple(TESTS), "")
    assert problem.opening == '"""\nAdd.\nassert add(1, 2) == 3\nassert add(0, 0) == 0\n"""\n'


@pytest.mark.parametrize(("text", "is_it"), [("x = 1", True), ("def f(:", False), ("", False), ("x = '\0'", False)])
def test_what_is_python(text: str, is_it: bool) -> None:
    assert is_python(text) == is_it


# NL2Bash


def test_commands_are_compared_but_for_blanks(benchmarks: Path) -> None:
    report = evaluate_nl2bash(ScriptedEngine("echo hello\n"), benchmarks / "nl2bash")
    assert (report.items, report.exact_match, report.right_program) == (2, 0.5, 0.5)
    assert 0.5 < report.edit_similarity < 1
