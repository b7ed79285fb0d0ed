"""Checkpoints: what is saved comes back, whole or not at all, and a broken one is named."""

import json
from pathlib import Path

import pytest
import torch
from lowabs_model.checkpoint import (
    CheckpointError,
    TrainerState,
    load_checkpoint,
    load_checkpoint_tokenizer,
    load_training,
    save_checkpoint,
    save_training,
)
from lowabs_model.optim import make_optimizers
from lowabs_model.recipe import ModelConfig, OptimRecipe
from lowabs_model.tokenizer import train_tokenizer
from lowabs_model.transformer import Decoder

CONFIG = ModelConfig(
    vocab_size=270,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=8,
    rope_theta=1234.0,
)
STATE = TrainerState(step=3, tokens=99, block=1, row=7, stages=[{"steps": 3, "length": 8}])


def fresh() -> Decoder:
    model = Decoder(CONFIG)
    model.initialize(seed=0)
    return model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tokenizer = train_tokenizer(["def add(a, b):\n    return a + b\n" * 9], CONFIG.vocab_size)
    save_checkpoint(tmp_path / "checkpoint", fresh(), tokenizer.to_str())
    return tmp_path / "checkpoint"


def test_weights_shape_and_tokenizer_come_back(folder: Path) -> None:
    model = load_checkpoint(folder)
    assert model.config == CONFIG
    assert all(torch.equal(value, fresh().state_dict()[name]) for name, value in model.state_dict().items())
    assert load_checkpoint_tokenizer(folder).get_vocab_size() == CONFIG.vocab_size


def test_a_checkpoint_replaces_another_and_leaves_nothing_else(folder: Path) -> None:
    save_checkpoint(folder, fresh(), "{}")
    assert (folder / "tokenizer.json").read_text() == "{}"
    assert [entry.name for entry in folder.parent.iterdir()] == ["checkpoint"]


def test_optimizers_and_place_come_back(tmp_path: Path) -> None:
    models = [fresh(), fresh()]
    optimizers = [make_optimizers(model, OptimRecipe()) for model in models]
    ids = torch.arange(20)[None]
    models[0](ids).square().sum().backward()
    for optimizer in optimizers[0]:
        optimizer.step()
    save_training(tmp_path / "step-1", models[0], "{}", optimizers[0], STATE)
    assert load_training(tmp_path / "step-1", optimizers[1]) == STATE
    for saved, loaded in zip(*optimizers, strict=True):
        torch.testing.assert_close(saved.state_dict()["state"], loaded.state_dict()["state"])


def test_a_missing_or_cut_file_is_named(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be read"):
        load_checkpoint(folder)
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"model_type": "llama"}, "model_type is 'llama', not 'qwen3'"),
        ({"head_dim": None}, "lacks head_dim"),
        ({"num_hidden_layers": 2}, "does not fit its config.json"),
    ],
)
def test_a_config_that_cannot_be_ours_says_why(folder: Path, change: dict[str, object], complaint: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(CheckpointError, match=complaint):
        load_checkpoint(folder)
