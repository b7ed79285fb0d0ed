"""lowabs-model from the shell: the tiny recipe from tokenizer to evaluation, and one clear line for each mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lowabs_model.cli import main

RECIPE = """
[model]
vocab_size = 320
hidden_size = 32
intermediate_size = 64
num_hidden_layers = 1
num_attention_heads = 2
num_key_value_heads = 1
head_dim = 16
max_position_embeddings = 64
[train]
evaluate_bytes = 2000
bf16 = false
log_steps = 2
[[train.stages]]
steps = 4
length = 64
batch_tokens = 512
[[train.stages]]
steps = 2
length = 64
batch_tokens = 512
decay = true
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "mine.toml").write_text(RECIPE)
    return str(tmp_path / "mine.toml")


def test_from_tokenizer_to_evaluation(recipe: str, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer, run, scores = tmp_path / "tokenizer.json", tmp_path / "run", tmp_path / "scores.json"
    common = ["--corpus", str(corpus)]
    assert main(["tokenizer", "--recipe", recipe, *common, "--output", str(tokenizer)]) == 0
    assert main(["pretrain", "--recipe", recipe, *common, "--output", str(run), "--tokenizer", str(tokenizer)]) == 0
    last = Path(capsys.readouterr().out.split()[-1])
    assert last == run / "checkpoints" / "final-00000006"
    assert (run / "recipe.toml").read_text() == RECIPE
    assert (last / "tokenizer.json").read_text() == tokenizer.read_text()
    tuned = ["finetune", "--recipe", recipe, *common, "--output", str(tmp_path / "tuned"), "--init", str(last)]
    assert main(tuned) == 0
    assert main(["evaluate", str(last), *common, "--bytes", "3000", "--json", str(scores)]) == 0
    rows = {row["language"]: row for row in json.loads(scores.read_text())["loss"]}
    assert rows["all"]["bits_per_byte"] == pytest.approx(rows["python"]["bits_per_byte"])
    assert 2 < rows["python"]["bits_per_byte"] < 8


def test_two_processes_of_torchrun_have_the_losses_of_one(recipe: str, corpus: Path, tmp_path: Path) -> None:
    pretrain = ["pretrain", "--recipe", recipe, "--corpus", str(corpus), "--output"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python"]
    assert main([*pretrain, str(tmp_path / "one")]) == 0
    two = [*torchrun, "lowabs-model", *pretrain, str(tmp_path / "two")]
    subprocess.run(two, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    curves = []
    for run in ("one", "two"):
        lines = [json.loads(line) for line in (tmp_path / run / "curve.jsonl").read_text().splitlines()]
        curves.append([line["loss"] for line in lines if "loss" in line])
    assert len(curves[0]) == 6
    assert curves[1] == pytest.approx(curves[0], rel=1e-3)


def test_a_run_goes_on_only_when_asked(recipe: str, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["pretrain", "--corpus", str(corpus), "--output", str(tmp_path / "run")]
    assert main([*command, "--resume"]) == 1
    assert "holds no checkpoint to resume" in capsys.readouterr().err
    assert main([*command, "--recipe", recipe, "--max-minutes", "0"]) == 0
    assert main([*command, "--recipe", recipe]) == 1
    assert "holds a run already: give --resume" in capsys.readouterr().err
    assert main([*command, "--resume", "--decay-now", "2"]) == 0
    assert capsys.readouterr().out.strip().endswith("final-00000003")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["attention", ""], "the text is empty"),
        (["attention", "text", "--checkpoint", "nowhere"], "nowhere/config.json cannot be read"),
        (["pretrain", "--corpus", "c", "--output", "r"], "give --recipe NAME or --recipe FILE"),
        (["pretrain", "--recipe", "huge", "--corpus", "c", "--output", "r"], "no recipe 'huge'"),
        (["pretrain", "--recipe", "tiny", "--corpus", "c", "--output", "r"], "build a corpus there"),
        (["evaluate", "nowhere", "--corpus", "c"], "build a corpus there"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("lowabs-model: error: ")
    assert complaint in error


def test_help_needs_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; from lowabs_model.cli import make_parser; make_parser().format_help()"
    subprocess.run([sys.executable, "-c", code], check=True)
