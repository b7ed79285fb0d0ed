"""Checkpoints: an ordinary Hugging Face directory, and beside it what an exact resume needs."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from attrs import asdict, fields, frozen
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.prompt.fim import END_OF_TEXT, SPECIAL_TOKENS
from lowabs_model.recipe import ModelConfig
from lowabs_model.tokenizer import load_tokenizer
from lowabs_model.transformer import Decoder


class CheckpointError(LowabsError):
    """A checkpoint directory cannot be read; the message names the file."""


@frozen
class TrainerState:
    """Where a run stands, beside its weights."""

    step: int
    """Optimizer steps done."""
    tokens: int
    block: int
    """The block of training rows that comes next, or is under way."""
    row: int
    """Rows of that block that are used."""
    stages: list[dict[str, Any]]
    """The plan as it is carried out; it differs from the recipe's when the decay was started by hand."""


def hugging_face_config(config: ModelConfig) -> dict[str, Any]:
    """The `config.json` of a Qwen3 in Hugging Face's words."""
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        **asdict(config),
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "initializer_range": 0.02,
        "bos_token_id": None,
        "eos_token_id": SPECIAL_TOKENS.index(END_OF_TEXT),
        "pad_token_id": SPECIAL_TOKENS.index("<|fim_pad|>"),
        "dtype": "float32",
    }


def save_checkpoint(folder: Path, model: Decoder, tokenizer_json: str) -> None:
    """Write config.json, model.safetensors and tokenizer.json; the folder appears whole or not at all."""
    partial = _begin(folder)
    _write_model(partial, model, tokenizer_json)
    _finish(partial, folder)


def save_training(
    folder: Path, model: Decoder, tokenizer_json: str, optimizers: list[torch.optim.Optimizer], state: TrainerState
) -> None:
    """`save_checkpoint`, with what `load_training` needs to go on exactly."""
    partial = _begin(folder)
    _write_model(partial, model, tokenizer_json)
    moments = {
        f"{number}.{parameter}.{name}": value.contiguous()
        for number, optimizer in enumerate(optimizers)
        for parameter, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }
    save_file(moments, partial / "optimizer.safetensors")
    (partial / "trainer.json").write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
    _finish(partial, folder)


def load_config(folder: Path) -> ModelConfig:
    """Read the shape from `config.json`. Raises CheckpointError."""
    raw = _read_json(folder / "config.json")
    if raw.get("model_type") != "qwen3":
        raise CheckpointError(f"{folder / 'config.json'}: model_type is {raw.get('model_type')!r}, not 'qwen3'")
    raw["rope_theta"] = raw.get("rope_theta") or raw.get("rope_parameters", {}).get("rope_theta")
    names = [attribute.name for attribute in fields(ModelConfig)]
    missing = [name for name in names if raw.get(name) is None]
    if missing:
        raise CheckpointError(f"{folder / 'config.json'} lacks {', '.join(missing)}")
    return ModelConfig(**{name: raw[name] for name in names})


def load_checkpoint(folder: Path) -> Decoder:
    """The decoder of a checkpoint directory, in float32 on the CPU. Raises CheckpointError."""
    model = Decoder(load_config(folder))
    weights = {name: value.float() for name, value in _load_tensors(folder / "model.safetensors").items()}
    weights.pop("lm_head.weight", None)  # tied: some writers store it twice
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{folder / 'model.safetensors'} does not fit its config.json: {error}") from error
    return model


def load_checkpoint_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a checkpoint directory. Raises LowabsError."""
    return load_tokenizer(folder / "tokenizer.json")


def load_training(folder: Path, optimizers: list[torch.optim.Optimizer]) -> TrainerState:
    """Put the optimizers where `save_training` found them, and say where the run stood. Raises CheckpointError."""
    state = TrainerState(**_read_json(folder / "trainer.json"))
    moments = _load_tensors(folder / "optimizer.safetensors")
    for number, optimizer in enumerate(optimizers):
        whole = optimizer.state_dict()
        whole["state"] = {}
        for key, value in moments.items():
            owner, parameter, name = key.split(".", 2)
            if int(owner) == number:
                whole["state"].setdefault(int(parameter), {})[name] = value
        optimizer.load_state_dict(whole)
    return state


def _begin(folder: Path) -> Path:
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def _finish(partial: Path, folder: Path) -> None:
    for file in partial.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def _write_model(folder: Path, model: Decoder, tokenizer_json: str) -> None:
    config = json.dumps(hugging_face_config(model.config), indent=2)
    (folder / "config.json").write_text(config, encoding="utf-8")
    (folder / "tokenizer.json").write_text(tokenizer_json, encoding="utf-8")
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END_OF_TEXT, "pad_token": "<|fim_pad|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _read_json(file: Path) -> dict[str, Any]:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise CheckpointError(f"{file} holds no JSON object")
    return raw


def _load_tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from error
