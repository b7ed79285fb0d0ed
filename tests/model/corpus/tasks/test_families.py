from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lowabs_model.checkpoint import save_checkpoint
from lowabs_model.cli import main
from lowabs_model.corpus.fim import SENTINEL_IDS, DocumentWriter, units_of
from lowabs_model.corpus.shards import HELD_OUT, TRAIN, CorpusError, SourceFile, read_shards, write_shards
from lowabs_model.corpus.tasks.build import build_tasks, choose_tasks
from lowabs_model.corpus.tasks.families import FAMILIES, tasks_of
from lowabs_model.corpus.tasks.functions import functions_of
from lowabs_model.evaluate.tasks import evaluate_tasks, held_out_tasks
from lowabs_model.recipe import HoleRecipe, load_recipe
from lowabs_model.transformer import Decoder

from lowabs_lsp.values import Sentinel

TINY = Path(__file__).parents[3] / "data" / "tiny"

STACK = '''class Stack:
    def push(self, item):
        """Put an item on top."""
        self.items.append(item)
        return item

    def name(self):
        return self.title()
'''
SORT = """def bubble(items):
    for i in items:
        swap(items, i)
    return items
"""
GO = """type Queue struct {
	head int
}

// Push adds at the end.
func (q *Queue) Push(x int) error {
	q.items = append(q.items, x)
	return nil
}
"""
SCRIPT = """#!/bin/sh
set -e

# remove what was built before
rm -rf build
mkdir build

docker build .
docker push image
"""


def file(path: str, language: str, text: str) -> SourceFile:
    return SourceFile("owner/name", path, language, "MIT", "0", text)


def found(path: str, language: str, text: str) -> dict[str, list[str]]:
    tasks = list(tasks_of(file(path, language, text)))
    return {family: middles for family in FAMILIES if (middles := [task.middle for task in tasks if task.family == family])}


def test_a_body_is_written_from_its_docstring_and_belongs_to_a_structure() -> None:
    body = "self.items.append(item)\n        return item"
    assert found("a.py", "python", STACK) == {"comment to code": [body], "data structures": [body]}


def test_a_loop_in_a_file_of_algorithms() -> None:
    body = "for i in items:\n        swap(items, i)\n    return items"
    assert found("sorts/bubble.py", "python", SORT) == {"algorithms": [body]}
    assert found("views/bubble.py", "python", SORT) == {}


def test_braces_are_closed_by_indentation() -> None:
    body = "q.items = append(q.items, x)\n\treturn nil"
    assert found("q.go", "go", GO) == {"comment to code": [body], "data structures": [body]}


def test_system_files_are_cut_at_paragraphs_and_comments() -> None:
    assert found("build.sh", "shellscript", SCRIPT) == {
        "comment to code": ["rm -rf build\nmkdir build"],
        "system files": ["rm -rf build\nmkdir build", "docker push image"],
    }


@given(
    text=st.lists(st.sampled_from([*STACK.splitlines(), *GO.splitlines(), *SCRIPT.splitlines(), "é = 'ü'", ""])).map("\n".join)
)
@pytest.mark.parametrize("language", ["python", "go", "shellscript"])
def test_every_task_is_a_window_of_its_file(language: str, text: str) -> None:
    for task in tasks_of(file("queue.txt", language, text)):
        assert task.file.text in text
        assert task.middle
        assert not task.middle[0].isspace()


def test_windows_of_long_files_are_cut_at_lines() -> None:
    lines = "".join(f"name_{n} = {n}\n" for n in range(400))
    (task, *_) = tasks_of(file("a.py", "python", lines + STACK + lines))
    assert len(task.file.text) < 2300
    assert task.file.text.startswith("name_")
    assert task.file.text.endswith("\n")
    assert task.middle.startswith("self.items")


def test_functions_on_one_line_or_without_statements_are_no_tasks() -> None:
    assert functions_of(file("a.py", "python", 'def f(): return 1\n\ndef g():\n    """Only said."""\n')) == ()


# the corpus of tasks


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    files = [file("stack.py", "python", STACK), file("sort/b.py", "python", SORT), file("q.go", "go", GO)]
    write_shards(tmp_path / "corpus", TRAIN, [*files, file("build.sh", "shellscript", SCRIPT)])
    write_shards(tmp_path / "corpus", HELD_OUT, [file("stack.py", "python", STACK), file("build.sh", "shellscript", SCRIPT)])
    return tmp_path / "corpus"


def test_a_corpus_becomes_one_of_tasks(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", str(corpus), "--output", str(tmp_path / "tasks"), "--ordinary", "0"]) == 0
    assert capsys.readouterr().out == "comment to code: 3\ndata structures: 2\nalgorithms: 1\nsystem files: 2\n"
    files = list(read_shards(tmp_path / "tasks", TRAIN))
    assert len(files) == 8
    assert all(each.hole is not None and each.text[slice(*each.hole)] for each in files)
    assert list(read_shards(tmp_path / "tasks", HELD_OUT)) == list(read_shards(corpus, HELD_OUT))


def test_ordinary_files_stand_beside_them(corpus: Path, tmp_path: Path) -> None:
    build_tasks(corpus, tmp_path / "tasks", per_family=1, ordinary=0.5)
    holes = [each.hole is not None for each in read_shards(tmp_path / "tasks", TRAIN)]
    assert sum(holes) == 4
    assert not all(holes)


def test_no_middle_comes_twice_and_the_draw_is_the_same_each_time() -> None:
    tasks = list(tasks_of(file("a.py", "python", STACK))) * 2
    assert len(choose_tasks(tasks, 10)) == 2
    assert choose_tasks(tasks, 1) == choose_tasks(reversed(tasks), 1)


def test_a_corpus_without_tasks(tmp_path: Path) -> None:
    write_shards(tmp_path / "corpus", TRAIN, [file("a.md", "markdown", "Nothing to do.\n")])
    with pytest.raises(CorpusError, match="has a task in it"):
        build_tasks(tmp_path / "corpus", tmp_path / "tasks", per_family=1)


def test_training_writes_the_hole_of_a_task(corpus: Path, tmp_path: Path) -> None:
    build_tasks(corpus, tmp_path / "tasks", per_family=9, ordinary=0)
    files = list(read_shards(tmp_path / "tasks", TRAIN))
    encode = lambda texts: [[8 + byte for byte in text.encode()] for text in texts]  # noqa: E731
    writer = DocumentWriter(files, encode, HoleRecipe(rate=1, spm=0, truncated_suffix=0, no_path=0), length=4000)
    for unit in units_of(files, {}, Random(0)):
        (tokens,) = writer.write(unit, Random(1))
        middle = bytes(token - 8 for token in tokens[tokens.index(SENTINEL_IDS[Sentinel.MIDDLE]) + 1 : -1]).decode()
        assert middle == files[unit.file].text[slice(*(files[unit.file].hole or (0, 0)))]


# before and after


def test_checkpoints_are_compared_on_the_same_tasks(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = load_recipe("tiny").model
    assert config is not None
    for seed in (0, 1):
        model = Decoder(config)
        model.initialize(seed)
        save_checkpoint(tmp_path / f"seed-{seed}", model, (TINY / "tokenizer.json").read_text("utf-8"))
    tasks = held_out_tasks(corpus, 10)
    score = evaluate_tasks(tmp_path / "seed-0", tasks)["comment to code"]
    assert score.items == 2
    assert 2 < score.bits_per_byte < 9  # chance is log2(512) bits for each token
    assert 0 <= score.right < 0.2
    names = [str(tmp_path / f"seed-{seed}") for seed in (0, 1)]
    assert main(["evaluate", "tasks", *names, "--corpus", str(corpus), "--json", str(tmp_path / "t.json")]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("seed-0", "seed-1", "system files"))
