"""Checkpoints of drawn weights in a known shape: how fast a model runs does not depend on what it has learnt."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, frozen

from lowabs_lsp.engine.bundle import TOKENIZER
from lowabs_lsp.errors import LowabsError
from lowabs_lsp.values import FloatArray
from lowabs_model.checkpoint import hugging_face_config
from lowabs_model.recipe import ModelConfig
from lowabs_model.tensors import CONFIG, WEIGHTS, parse_config, tensor_shapes, write_bfloat16
from lowabs_model.tokenizer import load_tokenizer


@frozen
class Shape:
    """The sizes of a decoder, and whether its output matrix is the embedding."""

    config: ModelConfig
    tied: bool = True


SHAPES = {
    "tiny": Shape(ModelConfig(512, 64, 128, 2, 2, 1, 32, 512)),
    "64m": Shape(ModelConfig(16384, 640, 1792, 12, 5, 1, 128)),
    "qwen2.5-coder-1.5b": Shape(ModelConfig(151936, 1536, 8960, 28, 12, 2, 128, 4096, 1e6)),
    "qwen2.5-coder-7b": Shape(ModelConfig(152064, 3584, 18944, 28, 28, 4, 128, 4096, 1e6), tied=False),
}
"""By name. All are Qwen3's architecture, whose norms of queries and keys take the place of Qwen2.5's biases."""


def write_random(name: str, folder: Path, tokenizer: Path, seed: int = 0) -> None:
    """Write a Hugging Face directory with bfloat16 weights, one tensor after the other. Raises LowabsError.

    The vocabulary grows to the tokenizer's where that has more tokens.
    """
    if name not in SHAPES:
        raise LowabsError(f"there is no shape {name!r}; known are {', '.join(SHAPES)}")
    shape = SHAPES[name]
    rows = max(shape.config.vocab_size, load_tokenizer(tokenizer).get_vocab_size())
    shape = evolve(shape, config=evolve(shape.config, vocab_size=rows))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(_raw_config(shape), indent=1), "utf-8")
    (folder / TOKENIZER).write_bytes(tokenizer.read_bytes())
    sizes, draw = named_shapes(shape), np.random.default_rng(seed)
    write_bfloat16(folder / WEIGHTS, sizes, (as_bfloat16(drawn(draw, size)) for size in sizes.values()))


def named_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Every tensor by its Hugging Face name."""
    config = parse_config(_raw_config(shape), Path(CONFIG))
    return {name if name.startswith("lm_head") else f"model.{name}": size for name, size in tensor_shapes(config).items()}


def _raw_config(shape: Shape) -> dict[str, Any]:
    return hugging_face_config(shape.config) | {"tie_word_embeddings": shape.tied, "dtype": "bfloat16"}


def drawn(draw: np.random.Generator, size: tuple[int, ...]) -> FloatArray:
    """Gains of one; matrices that keep the size of what they multiply."""
    if len(size) == 1:
        return np.ones(size, np.float32)
    return draw.standard_normal(size, np.float32) * np.float32(size[1] ** -0.5)


def as_bfloat16(values: FloatArray) -> bytes:
    """The upper half of each number, cut off."""
    return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16).tobytes()
