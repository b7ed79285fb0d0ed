"""The whole pipeline on a laptop: from two folders of source code to a completion, by the commands that a person types."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lowabs_model.cli import main as lowabs_model

import lowabs_lsp
from lowabs_lsp.cli import main as lowabs_lsp_command

FINETUNE = """
[holes]
rate = 1.0
[train]
micro_tokens = 1024
bf16 = false
evaluate_bytes = 2000
[[train.stages]]
steps = 5
length = 512
batch_tokens = 1024
decay = true
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads that wait for each other are slower than one, for so small a model on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Our own source as two repositories with their licence, the second of them to be held out."""
    own = Path(lowabs_lsp.__file__).parent
    licence = (own.parent / "LICENSE").read_text("utf-8")
    for name, packages in {"trained": ("context", "server", "memory", "bench"), "kept": ("engine", "prompt")}.items():
        folder = tmp_path / "sources" / name
        for package in packages:
            shutil.copytree(own / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
        (folder / "LICENSE").write_text(licence, "utf-8")
    return [f"owner/{name}={tmp_path / 'sources' / name}" for name in ("trained", "kept")]


def test_from_corpus_to_completion(sources: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str | Path) -> str:
        assert lowabs_model([str(word) for word in words]) == 0
        return capsys.readouterr().out.strip()

    corpus, scores, bundle = tmp_path / "corpus", tmp_path / "scores.json", tmp_path / "bundle"
    run("corpus", *sources, "--held-out", "owner/kept", "--output", corpus, "--workers", "1")
    run("tokenizer", "--recipe", "tiny", "--corpus", corpus, "--output", tmp_path / "tokenizer.json")
    trained = run(
        *("pretrain", "--recipe", "tiny", "--corpus", corpus, "--output", tmp_path / "run"),
        *("--tokenizer", tmp_path / "tokenizer.json"),
    ).split()[-1]
    run("tasks", corpus, "--output", tmp_path / "tasks")
    (tmp_path / "finetune.toml").write_text(FINETUNE)
    tuned = run(
        *("finetune", "--recipe", tmp_path / "finetune.toml", "--init", trained),
        *("--corpus", tmp_path / "tasks", "--output", tmp_path / "tuned"),
    ).split()[-1]
    run("evaluate", tuned, "--corpus", corpus, "--bytes", "20000", "--json", scores)
    (row,) = [row for row in json.loads(scores.read_text())["loss"] if row["language"] == "python"]
    assert row["bits_per_byte"] < 4.5  # a fresh model has 9 bits for a token of 2 bytes
    run("evaluate", "tasks", trained, tuned, "--corpus", corpus, "--json", scores)
    assert json.loads(scores.read_text())[tuned]["comment to code"]["items"] > 5
    run("export", tuned, bundle, "--corpus", corpus, "--gguf", tmp_path / "model.gguf")
    run("evaluate", "lines", tmp_path / "sources/kept", "--limit", "5", "--model", bundle, "--json", scores)
    assert json.loads(scores.read_text())["lines"]["python"]["as shipped"]["places"] == 5

    (tmp_path / "new.py").write_text("import os\nimport sys\n\n\ndef read(path):\n    with open(")
    assert lowabs_lsp_command(["complete", str(tmp_path / "new.py"), "--model", str(bundle), "--json"]) == 0
    completion = json.loads(capsys.readouterr().out)
    assert completion["tokens"]
    assert (tmp_path / "model.gguf").stat().st_size > 100_000
