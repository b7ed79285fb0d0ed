"""Tensors: those of the config and no others, and never a pickle."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import transformers
from lowabs_model.huggingface.config import read_foreign_config
from lowabs_model.huggingface.weights import read_weights
from lowabs_model.tensors import Tensors
from safetensors.numpy import load_file, save_file

from lowabs_lsp.errors import BundleError

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(make: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of a checkpoint, to be spoiled."""
    return Path(shutil.copytree(make("StarCoder2"), tmp_path / "checkpoint"))


def read(folder: Path) -> Tensors:
    return read_weights(folder, *read_foreign_config(folder))


def test_shards_are_read_as_one(folder: Path, tmp_path: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model.save_pretrained(tmp_path / "shards", max_shard_size="100KB")
    assert len(list((tmp_path / "shards").glob("model-*.safetensors"))) > 3
    whole, sharded = read(folder), read(tmp_path / "shards")
    assert whole.places.keys() == sharded.places.keys()
    assert all((whole[name] == sharded[name]).all() for name in whole.places)


def test_a_pickle_is_refused(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
    with pytest.raises(BundleError, match=r"pytorch_model\.bin: a pickle may run any program"):
        read(folder)


def test_a_folder_without_weights_is_told(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(BundleError, match="there is neither"):
        read(folder)


def test_a_missing_tensor_is_named(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    del tensors["model.layers.1.mlp.c_fc.bias"]
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(BundleError, match=r"has no tensor layers\.1\.mlp\.up_proj\.bias \(1 are missing\)"):
        read(folder)


def test_an_unknown_tensor_is_named(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    save_file(tensors | {"model.layers.0.self_attn.sinks": tensors["model.norm.weight"]}, folder / WEIGHTS)
    with pytest.raises(BundleError, match=r"layers\.0\.self_attn\.sinks"):
        read(folder)


def test_another_shape_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 256}))
    with pytest.raises(BundleError, match=r"shape \(128, 64\) where config\.json says \(256, 64\)"):
        read(folder)


def test_what_follows_from_the_config_may_be_stored_too(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    spare = {"model.layers.0.self_attn.rotary_emb.inv_freq": tensors["model.norm.weight"]}
    save_file(tensors | spare | {"lm_head.weight": tensors["model.embed_tokens.weight"]}, folder / WEIGHTS)
    assert "lm_head.weight" not in read(folder)


def test_an_index_cannot_lead_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / WEIGHTS, tmp_path / "other.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "../other.safetensors"}}))
    with pytest.raises(BundleError, match="cannot be read"):
        read(folder)
