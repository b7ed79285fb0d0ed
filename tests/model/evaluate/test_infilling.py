import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lowabs_model.cli import main
from lowabs_model.evaluate.infilling import evaluate_infilling, evenly, parse_item

from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.scripted import ScriptedEngine

from .conftest import TINY, item, write_lines


def test_a_right_line_is_an_exact_match_and_passes(tmp_path: Path) -> None:
    report = evaluate_infilling(ScriptedEngine("    return a + b\n"), write_lines(tmp_path / "f.jsonl", [item()]))
    assert (report.form, report.exact_match, report.edit_similarity, report.pass_at_1, report.answered) == ("line", 1, 1, 1, 1)


def test_another_right_line_passes_without_being_exact(tmp_path: Path) -> None:
    report = evaluate_infilling(ScriptedEngine("    return b + a\n"), write_lines(tmp_path / "f.jsonl", [item()]))
    assert (report.exact_match, report.pass_at_1) == (0, 1)


def test_a_wrong_line_fails(tmp_path: Path) -> None:
    report = evaluate_infilling(ScriptedEngine("    return a - b\n"), write_lines(tmp_path / "f.jsonl", [item()]))
    assert (report.exact_match, report.pass_at_1, report.answered) == (0, 0, 1)


def test_silence_is_no_answer(tmp_path: Path) -> None:
    report = evaluate_infilling(ScriptedEngine(""), write_lines(tmp_path / "f.jsonl", [item()]))
    assert (report.exact_match, report.pass_at_1, report.answered) == (0, 0, 0)


def test_without_a_test_there_is_exact_match_alone_in_any_language(tmp_path: Path) -> None:
    raw = {"language": "go", "prompt": "func add(a, b int) int {\n\treturn ", "suffix": "\n}\n", "canonical_solution": "a + b"}
    report = evaluate_infilling(ScriptedEngine("a + b\n"), write_lines(tmp_path / "f.jsonl.gz", [raw]))
    assert (report.benchmark, report.exact_match, report.pass_at_1) == ("f", 1, None)
    assert report.exact_match_by_language == {"go": 1}


def test_a_line_that_was_cut_out_with_its_end_is_given_one() -> None:
    raw = item(prompt="def add(a, b):\n    c = a + b\n", suffix="    return d\n", canonical_solution="    d = c\n")
    parsed = parse_item(raw)
    assert parsed.hole.document.text == "def add(a, b):\n    c = a + b\n\n    return d\n"
    assert parsed.program("    d = c").startswith("def add(a, b):\n    c = a + b\n    d = c\n    return d\n\n")


def test_solutions_of_several_lines_are_asked_for_whole(tmp_path: Path) -> None:
    solution = "    c = a\n    return c + b\n"
    file = write_lines(tmp_path / "f.jsonl", [item(), item(canonical_solution=solution)])
    assert evaluate_infilling(ScriptedEngine(solution), file).form == "whole"
    assert [r.exact for r in evaluate_infilling(ScriptedEngine(solution), file).results] == [False, True]
    assert evaluate_infilling(ScriptedEngine(solution), file, form="line").results[1].completion == "    c = a"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prompt": None}, "'prompt' is not a text"),
        ({"suffix": 1}, "'suffix' is not a text"),
        ({"canonical_solution": []}, "'canonical_solution' is not a text"),
        ({"entry_point": ""}, "has a 'test' and no 'entry_point'"),
    ],
)
def test_an_item_that_cannot_be_asked(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_item(item(**changes))


@given(count=st.integers(0, 40), limit=st.integers(1, 50))
def test_a_limit_draws_evenly(count: int, limit: int) -> None:
    drawn = evenly(range(count), limit)
    assert len(drawn) == min(count, limit)
    assert drawn == sorted(set(drawn))
    assert not drawn or drawn[0] == 0


def test_earlier_holes_of_the_same_program_teach_nothing(tmp_path: Path, engine: LocalEngine) -> None:
    lines = [f"name_{n} = call_{n * 7919}(value_{n * 104729})\n" for n in range(10)]
    items = [
        {"prompt": "".join(lines[:n]), "suffix": "".join(lines[n + 1 :]), "canonical_solution": lines[n], "language": "python"}
        for n in range(10)
    ]
    together = evaluate_infilling(engine, write_lines(tmp_path / "f.jsonl", items))
    alone = [evaluate_infilling(engine, write_lines(tmp_path / "one.jsonl", [raw])).results[0] for raw in items]
    assert list(together.results) == alone


def test_the_command_tells_broken_lines_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, scores = write_lines(tmp_path / "f.jsonl", [item(), "{", item(), item()]), tmp_path / "scores.json"
    common = ["--model", str(TINY), "--json", str(scores)]
    assert main(["evaluate", "infilling", str(file), "--limit", "2", *common]) == 0
    assert f"{file}, line 2: skipped: is not JSON" in capsys.readouterr().err
    report = json.loads(scores.read_text())
    assert (report["items"], report["form"], report["skipped"][0]["line"]) == (2, "line", 2)
    assert 0 <= report["exact_match"] <= report["answered"] <= 1
    assert report["pass_at_1"] == sum(result["passed"] for result in report["results"]) / 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["infilling", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        ([], "give --all, or what to measure"),
        (["mbpp", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (["nl2bash", "nowhere"], "give the folder with all.nl and all.cm"),
        (["lines", "nowhere"], "nowhere is no folder"),
    ],
)
def test_a_fault_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *words, *(["--model", str(TINY)] if words else [])]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("lowabs-model: error: ")
    assert error.count("\n") == 1
