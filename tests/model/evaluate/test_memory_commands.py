"""The commands that fit and measure the workspace memory, on a repository with a history."""

import json
import subprocess
from pathlib import Path

import pytest
from lowabs_model.checkpoint import save_checkpoint
from lowabs_model.cli import main
from lowabs_model.recipe import ModelConfig
from lowabs_model.tokenizer import train_tokenizer
from lowabs_model.transformer import Decoder

from lowabs_lsp.memory.gates import load_gates, read_gates

TINY = Path(__file__).parents[2] / "data" / "tiny"
SHAPES = "def {name}_area(width, height):\n    return width * height\n\n\ndef {name}_edge(width, height):\n    return 2 * (width + height)\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    git = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for names in (["box", "card"], ["box"]):
        for name in names:
            with (root / f"{name}.py").open("a") as file:
                file.write("".join(SHAPES.format(name=f"{name}_{size}") for size in ("small", "middle", "large", "huge")))
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", f"Add {names[0]}"], check=True)
    return root


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "drawn"
    tokenizer = train_tokenizer([SHAPES.format(name="x")], vocab_size=280)
    config = ModelConfig(
        vocab_size=280,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    decoder = Decoder(config).eval()
    decoder.initialize(0)
    save_checkpoint(folder, decoder, tokenizer.to_str())
    return folder


def test_gates_are_fitted_on_repositories(repository: Path, checkpoint: Path, tmp_path: Path) -> None:
    assert main(["gates", str(checkpoint), str(repository), "--output", str(tmp_path / "gates.npz")]) == 0
    with (tmp_path / "gates.npz").open("rb") as file:
        assert read_gates(file, "mix").inner.shape == load_gates("mix").inner.shape
        assert read_gates(file, "alone").inner.shape == load_gates("alone").inner.shape


def test_model_and_memory_are_measured_alone_and_together(
    repository: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "figures.json"
    assert main(["evaluate", "memory", str(checkpoint), str(repository), "--model", str(TINY), "--json", str(figures)]) == 0
    (report,) = json.loads(figures.read_text())
    files = report["files"]
    assert files["mixture"]["per_byte"] < files["model"]["per_byte"]  # a model of drawn weights knows nothing of shapes
    lines = report["lines"]
    assert lines["mixture"]["exact"] > lines["model"]["exact"]
    ways = [f"mixture{drafts}, lines below" for drafts in ("", ", drafts of the prompt", ", drafts of the memory")]
    assert len({(lines[way]["exact"], lines[way]["similarity"]) for way in ways}) == 1  # drafts change no answer
    assert "bits per byte" in capsys.readouterr().out
