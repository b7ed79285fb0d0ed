"""From a bundle back to a checkpoint: the weights that ship, to fine-tune or to convert, rounded as they are."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from attrs import frozen
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from lowabs_lsp.engine.bundle import TOKENIZER, Architecture, OpenBundle, open_bundle
from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import FloatArray
from lowabs_model.checkpoint import save_checkpoint
from lowabs_model.recipe import ModelConfig
from lowabs_model.tensors import as_float32
from lowabs_model.transformer import Decoder


def restore_checkpoint(folder: Path, output: Path) -> None:
    """Write the checkpoint of a Qwen3 bundle of any variant. Raises BundleError for a bundle of another family."""
    bundle = open_bundle(folder)
    shape = bundle.manifest.architecture
    if not shape.tied:
        raise BundleError(f"{folder}: only models with one matrix for embedding and head can be restored")
    model = Decoder(
        ModelConfig(
            vocab_size=shape.vocabulary,
            hidden_size=shape.width,
            intermediate_size=shape.feed_forward,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            head_dim=shape.head_dim,
            max_position_embeddings=bundle.manifest.context_length,
            rope_theta=shape.rope_theta,
            rms_norm_eps=shape.norm_epsilon,
        )
    )
    constants = read_constants(bundle)
    try:
        weights = {f"model.{name}": torch.from_numpy(value) for name, value in restored(constants, shape)}
        model.load_state_dict(weights)
    except (KeyError, RuntimeError) as exc:
        raise BundleError(f"{folder}: is not the bundle of a Qwen3 that lowabs-model exported ({exc})") from exc
    save_checkpoint(output, model, bundle.path(TOKENIZER).read_text(encoding="utf-8"))


@frozen
class Constants:
    """What is stored in a graph, by name."""

    arrays: dict[str, NDArray[Any]]
    nibbles: frozenset[str]
    """The matrices with two weights in a byte."""

    def vector(self, name: str) -> FloatArray:
        """A norm's gains."""
        return np.array(self.arrays[name], np.float32)

    def head_gains(self, prefix: str, norm: str) -> FloatArray:
        """The gains of `q_norm` or `k_norm`; a graph with shared attention has those of all heads in one [H+1,1,D]."""
        joined = self.arrays.get(f"{prefix}qk_norm.weight")
        if joined is None:
            return self.vector(f"{prefix}{norm}.weight")
        return np.array(joined[0 if norm == "q_norm" else -1, 0], np.float32)

    def matrix(self, name: str, rows: int, *, as_stored: bool = False) -> FloatArray:
        """[N, K] with N = `rows`, whatever its form; floats lie transposed unless they are `as_stored`."""
        if name in self.arrays:
            stored = self.arrays[name].astype(np.float32)
            return np.ascontiguousarray(stored if as_stored else stored.T)
        values, scales = self.arrays[f"{name}.values"], self.arrays[f"{name}.scales"].astype(np.float32)
        if values.dtype == np.int8:
            return np.ascontiguousarray((values.astype(np.float32) * scales).T)
        scales = scales.reshape(rows, -1, 1)
        middle = 128.0
        if name in self.nibbles:
            values, middle = np.stack((values & 15, values >> 4), axis=-1), 8.0
        blocks = values.reshape(rows, scales.shape[1], -1).astype(np.float32)
        return ((blocks - middle) * scales).reshape(rows, -1)


def restored(constants: Constants, shape: Architecture) -> Iterator[tuple[str, FloatArray]]:
    """Every tensor of the model by its name without the leading `model.`. Raises KeyError for one that is missing."""
    yield "embed_tokens.weight", constants.matrix("embedding", shape.vocabulary, as_stored=True)
    yield "norm.weight", constants.vector("norm.weight")
    query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    for i in range(shape.layers):
        attention, mlp = f"layers.{i}.self_attn.", f"layers.{i}.mlp."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"layers.{i}.{norm}.weight", constants.vector(f"layers.{i}.{norm}.weight")
        for norm in ("q_norm", "k_norm"):
            yield f"{attention}{norm}.weight", constants.head_gains(attention, norm)
        yield from _split(constants, {f"{attention}q_proj": query, f"{attention}k_proj": key, f"{attention}v_proj": key})
        yield from _split(constants, {f"{attention}o_proj": shape.width})
        yield from _split(constants, {f"{mlp}gate_proj": shape.feed_forward, f"{mlp}up_proj": shape.feed_forward})
        yield from _split(constants, {f"{mlp}down_proj": shape.width})


def _split(constants: Constants, rows: dict[str, int]) -> Iterator[tuple[str, FloatArray]]:
    """The matrices that were stored as one."""
    whole = constants.matrix("+".join(rows), sum(rows.values()))
    ends: Sequence[int] = np.cumsum(list(rows.values()))[:-1].tolist()
    for name, part in zip(rows, np.split(whole, ends), strict=True):
        yield f"{name}.weight", np.ascontiguousarray(part)


def read_constants(bundle: OpenBundle) -> Constants:
    """The constants of the graph for the CPU."""
    graph = onnx.load(bundle.path(bundle.manifest.graphs["cpu"].file)).graph
    nibbles = {
        node.input[1].removesuffix(".values")
        for node in graph.node
        if node.op_type == "MatMulNBits" and any(entry.name == "bits" and entry.i == 4 for entry in node.attribute)
    }
    return Constants({tensor.name: _array(tensor) for tensor in graph.initializer}, frozenset(nibbles))


def _array(tensor: onnx.TensorProto) -> NDArray[Any]:
    if tensor.data_type == TensorProto.BFLOAT16:
        return as_float32(np.frombuffer(tensor.raw_data, np.uint8), "BF16").reshape(tuple(tensor.dims))
    return numpy_helper.to_array(tensor)
