from pathlib import Path

import numpy as np
import pytest
import torch
from lowabs_model.checkpoint import load_checkpoint, save_checkpoint
from lowabs_model.cli import main
from lowabs_model.export import export_bundle
from lowabs_model.parity import Sample, torch_model
from lowabs_model.recipe import ModelConfig
from lowabs_model.restore import restore_checkpoint
from lowabs_model.transformer import Decoder

from lowabs_lsp.engine.bundle import default_folder, open_bundle

TOKENIZER_JSON = (Path(__file__).parents[1] / "data/tiny/tokenizer.json").read_text("utf-8")
SHAPE = ModelConfig(
    vocab_size=512,
    hidden_size=64,
    intermediate_size=160,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=32,
    max_position_embeddings=128,
    rope_theta=10_000.0,
)
SAMPLE = Sample("a function", ["def add(left, right):\n    return left + right\n" * 20])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "checkpoint"
    decoder = Decoder(SHAPE)
    generator = torch.Generator().manual_seed(1)
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    save_checkpoint(folder, decoder, TOKENIZER_JSON)
    return folder


@pytest.mark.parametrize(
    ("variant", "error"),
    [("fp32", 0), ("fp16", 1e-3), ("bf16", 5e-3), ("int8", 0.02), ("rowq", 0.02), ("int4", 0.15)],
)
def test_weights_come_back_as_they_were_rounded(checkpoint: Path, tmp_path: Path, variant: str, error: float) -> None:
    export_bundle(checkpoint, tmp_path / "bundle", variant=variant, held_out=SAMPLE)
    restore_checkpoint(tmp_path / "bundle", tmp_path / "restored")
    restored, before = load_checkpoint(tmp_path / "restored"), load_checkpoint(checkpoint)
    assert restored.config == before.config
    assert (tmp_path / "restored/tokenizer.json").read_text("utf-8") == TOKENIZER_JSON
    for name, weights in before.state_dict().items():
        difference = (restored.state_dict()[name] - weights).pow(2).mean().sqrt() / weights.pow(2).mean().sqrt()
        assert difference <= error, name


def test_a_smoothed_model_comes_back_as_one_that_says_the_same(checkpoint: Path, tmp_path: Path) -> None:
    export_bundle(checkpoint, tmp_path / "bundle", variant="w8a8", held_out=SAMPLE)
    restore_checkpoint(tmp_path / "bundle", tmp_path / "restored")
    ids = list(range(3, 100))
    expected = torch_model(checkpoint)(ids)
    assert (torch_model(tmp_path / "restored")(ids) - expected).std() < 0.1 * expected.std()


def test_what_ships_can_be_trained_further(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", str(tmp_path / "checkpoint")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "checkpoint")
    model = load_checkpoint(tmp_path / "checkpoint")
    shape = open_bundle(default_folder()).manifest.architecture
    assert (model.config.num_hidden_layers, model.config.hidden_size) == (shape.layers, shape.width)
    assert all(np.isfinite(value.numpy()).all() for value in model.state_dict().values())


def test_a_folder_without_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", str(tmp_path / "checkpoint"), "--model", str(tmp_path)]) == 1
    assert "bundle.json" in capsys.readouterr().err
    assert not (tmp_path / "checkpoint").exists()
