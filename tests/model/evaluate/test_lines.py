from pathlib import Path

import pytest
from lowabs_model.evaluate.items import BenchmarkError
from lowabs_model.evaluate.lines import evaluate_lines, line_places, ways
from lowabs_model.evaluate.repositories import by_language, find_trees, read_trees, tree_without, without_twins

from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.scripted import ScriptedEngine


def test_every_language_and_family_is_scored_in_every_way(repository: Path, engine: LocalEngine) -> None:
    ticks: list[None] = []
    scores = evaluate_lines(engine, [repository], limit=4, tick=lambda: ticks.append(None))
    assert list(scores) == ["python", "shellscript", "code", "system", "all"]
    assert all(list(cells) == [way.name for way in ways()] for cells in scores.values())
    assert [scores[row]["as shipped"].places for row in scores] == [4, 4, 4, 4, 8]
    assert len(ticks) == 8 * len(ways())


def test_no_answer_can_be_looked_up(repository: Path, engine: LocalEngine) -> None:
    scores = evaluate_lines(engine, [repository], limit=12)
    assert all(cell.exact_match < 0.3 for cells in scores.values() for cell in cells.values())  # closing brackets at most


def test_a_line_that_stands_elsewhere_is_remembered(repository: Path, engine: LocalEngine) -> None:
    for n in range(6):
        shared = "result = compute_the_total(first_value, second_value)\n" * 2
        (repository / f"m{n}.py").write_text((repository / f"m{n}.py").read_text() + shared)
    cells = evaluate_lines(engine, [repository], limit=20)["python"]
    assert cells["memory alone"].edit_similarity > cells["model, and text below"].edit_similarity


def test_an_engine_that_knows_all_is_right_everywhere(repository: Path) -> None:
    (file,) = [file for file in read_trees([repository]) if file.path == "m0.py"]
    for place in line_places([file], 5):
        assert file.text.startswith(place.hole().prefix + place.rest + place.hole().suffix)
        assert place.hole(below=False).suffix == ""
        assert "\n" not in place.rest


def test_a_scripted_engine_needs_no_memory(repository: Path) -> None:
    assert evaluate_lines(ScriptedEngine("x\n"), [repository], limit=1)["all"]["as shipped"].exact_match == 0


def test_files_with_a_twin_are_left_out(repository: Path) -> None:
    (repository / "copy.py").write_text((repository / "m0.py").read_text() + "a_line_more = 1\n")
    files = read_trees([repository])
    assert {file.path for file in files} - {file.path for file in without_twins(files)} == {"m0.py", "copy.py"}


def test_languages_with_one_file_are_left_out(repository: Path) -> None:
    (repository / "only.go").write_text("package main\n" + "var a = 1\n" * 40)
    assert list(by_language(read_trees([repository]))) == ["python", "shellscript"]


def test_a_tree_without_some_files_is_a_copy(repository: Path) -> None:
    (repository / ".git").mkdir()
    with tree_without(repository, ["m0.py"]) as tree:
        assert {entry.name for entry in repository.iterdir()} - {entry.name for entry in tree.iterdir()} == {".git", "m0.py"}
        assert (tree / "m1.py").read_text() == (repository / "m1.py").read_text()
    assert not tree.exists()
    assert (repository / "m0.py").exists()


def test_where_there_is_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no source file in"):
        read_trees([tmp_path])
    with pytest.raises(BenchmarkError, match="nowhere holds no work tree"):
        find_trees(tmp_path / "nowhere")
