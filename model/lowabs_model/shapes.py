"""Checkpoints of drawn weights in a known shape: how fast a model runs does not depend on what it has learnt."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from attrs import frozen

from lowabs_lsp.engine.bundle import TOKENIZER
from lowabs_lsp.errors import LowabsError
from lowabs_lsp.values import FloatArray
from lowabs_model.checkpoint import hugging_face_config
from lowabs_model.recipe import ModelConfig
from lowabs_model.tensors import CONFIG, WEIGHTS, write_bfloat16


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
    """Write a Hugging Face directory with bfloat16 weights, one tensor after the other. Raises LowabsError."""
    if name not in SHAPES:
        raise LowabsError(f"there is no shape {name!r}; known are {', '.join(SHAPES)}")
    shape = SHAPES[name]
    folder.mkdir(parents=True, exist_ok=True)
    raw = hugging_face_config(shape.config) | {"tie_word_embeddings": shape.tied, "dtype": "bfloat16"}
    (folder / CONFIG).write_text(json.dumps(raw, indent=1), "utf-8")
    (folder / TOKENIZER).write_bytes(tokenizer.read_bytes())
    sizes, draw = dict(tensor_shapes(shape)), np.random.default_rng(seed)
    write_bfloat16(folder / WEIGHTS, sizes, (as_bfloat16(drawn(draw, size)) for size in sizes.values()))


def tensor_shapes(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every tensor by its Hugging Face name."""
    size = shape.config
    queries, keys = (heads * size.head_dim for heads in (size.num_attention_heads, size.num_key_value_heads))
    yield "model.embed_tokens.weight", (size.vocab_size, size.hidden_size)
    for i in range(size.num_hidden_layers):
        layer = f"model.layers.{i}."
        yield f"{layer}input_layernorm.weight", (size.hidden_size,)
        yield f"{layer}self_attn.q_proj.weight", (queries, size.hidden_size)
        yield f"{layer}self_attn.k_proj.weight", (keys, size.hidden_size)
        yield f"{layer}self_attn.v_proj.weight", (keys, size.hidden_size)
        yield f"{layer}self_attn.o_proj.weight", (size.hidden_size, queries)
        yield f"{layer}self_attn.q_norm.weight", (size.head_dim,)
        yield f"{layer}self_attn.k_norm.weight", (size.head_dim,)
        yield f"{layer}post_attention_layernorm.weight", (size.hidden_size,)
        yield f"{layer}mlp.gate_proj.weight", (size.intermediate_size, size.hidden_size)
        yield f"{layer}mlp.up_proj.weight", (size.intermediate_size, size.hidden_size)
        yield f"{layer}mlp.down_proj.weight", (size.hidden_size, size.intermediate_size)
    yield "model.norm.weight", (size.hidden_size,)
    if not shape.tied:
        yield "lm_head.weight", (size.vocab_size, size.hidden_size)


def drawn(draw: np.random.Generator, size: tuple[int, ...]) -> FloatArray:
    """Gains of one; matrices that keep the size of what they multiply."""
    if len(size) == 1:
        return np.ones(size, np.float32)
    return draw.standard_normal(size, np.float32) * np.float32(size[1] ** -0.5)


def as_bfloat16(values: FloatArray) -> bytes:
    """The upper half of each number, cut off."""
    return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16).tobytes()
