"""Read a Hugging Face Qwen3 directory with numpy alone: its sizes and its tensors, without torch."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from lowabs_lsp.engine.bundle import Architecture
from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import FloatArray

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"

LARGEST_HEADER = 100_000_000
"""Bytes; that of safetensors itself."""


@frozen
class Design:
    """How a decoder computes where families differ; the defaults are Qwen3, the design of our own models."""

    norms: str = "rms"
    """`rms`, or `layer` with a mean and a bias."""
    norm_shift: float = 0.0
    """Added to the weights of norms; Gemma stores them less 1."""
    head_norms: bool = True
    """Queries and keys are normed by head."""
    activation: str = "silu"
    """`silu`, or `gelu` in its approximation by tanh."""
    gated: bool = True
    """down(activation(gate) * up), or else down(activation(up))."""
    biases: frozenset[str] = frozenset()
    """The projections (`q_proj`, ...) that add a bias."""
    embedding_scale: float = 1.0
    rope: dict[str, Any] = field(factory=dict)
    """`rope_parameters` in Hugging Face's words; `rotary.py` reads them."""


@frozen
class DecoderConfig:
    """What config.json says that the graph needs."""

    architecture: Architecture
    context_length: int
    design: Design = field(factory=Design)


def read_config(folder: Path) -> DecoderConfig:
    """Raises BundleError for a checkpoint that the graph cannot compute."""
    return parse_config(read_json(folder / CONFIG), folder / CONFIG)


def parse_config(raw: Mapping[str, Any], path: Path) -> DecoderConfig:
    """What stands in a config.json, which is `path` in errors. Raises BundleError as `read_config` does."""
    for key, supported in _SUPPORTED.items():
        if raw.get(key, supported) != supported:
            raise BundleError(f"{path}: {key} is {raw[key]!r}, only {supported!r} can be exported")
    rope = raw.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default":
        raise BundleError(f"{path}: rope_type is {rope['rope_type']!r}, only 'default' can be exported")
    try:
        architecture = Architecture(
            layers=raw["num_hidden_layers"],
            width=raw["hidden_size"],
            heads=raw["num_attention_heads"],
            kv_heads=raw["num_key_value_heads"],
            head_dim=raw["head_dim"],
            feed_forward=raw["intermediate_size"],
            vocabulary=raw["vocab_size"],
            tied=raw.get("tie_word_embeddings", False),
            rope_theta=float(raw.get("rope_theta") or rope["rope_theta"]),
            norm_epsilon=raw["rms_norm_eps"],
        )
        return DecoderConfig(architecture, raw["max_position_embeddings"])
    except KeyError as exc:
        raise BundleError(f"{path}: has no {exc}; is this the directory of a Qwen3 checkpoint?") from exc


_SUPPORTED: dict[str, Any] = {
    "model_type": "qwen3",
    "hidden_act": "silu",
    "attention_bias": False,
    "use_sliding_window": False,
    "rope_scaling": None,
}


def tensor_shapes(config: DecoderConfig) -> dict[str, tuple[int, ...]]:
    """Every tensor of a decoder, by its name without the leading `model.`, and its shape."""
    size, design = config.architecture, config.design
    attention, keys = size.heads * size.head_dim, size.kv_heads * size.head_dim
    matrices = {
        "self_attn.q_proj": (attention, size.width),
        "self_attn.k_proj": (keys, size.width),
        "self_attn.v_proj": (keys, size.width),
        "self_attn.o_proj": (size.width, attention),
        "mlp.up_proj": (size.feed_forward, size.width),
        "mlp.down_proj": (size.width, size.feed_forward),
    }
    if design.gated:
        matrices["mlp.gate_proj"] = (size.feed_forward, size.width)
    layer: dict[str, tuple[int, ...]] = {f"{name}.weight": shape for name, shape in matrices.items()}
    layer |= {f"{name}.bias": shape[:1] for name, shape in matrices.items() if name.partition(".")[2] in design.biases}
    if design.head_norms:
        layer |= {"self_attn.q_norm.weight": (size.head_dim,), "self_attn.k_norm.weight": (size.head_dim,)}
    kinds = ("weight", "bias") if design.norms == "layer" else ("weight",)
    norms = ("input_layernorm", "post_attention_layernorm")
    layer |= {f"{norm}.{kind}": (size.width,) for norm in norms for kind in kinds}
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (size.vocabulary, size.width)}
    shapes |= {f"norm.{kind}": (size.width,) for kind in kinds}
    shapes |= {f"layers.{i}.{name}": shape for i in range(size.layers) for name, shape in layer.items()}
    return shapes if size.tied else shapes | {"lm_head.weight": (size.vocabulary, size.width)}


class NamedTensors(Protocol):
    """Tensors by name."""

    def __getitem__(self, name: str) -> FloatArray: ...


@frozen
class Tensors:
    """The tensors of a checkpoint by name, each read as float32 when it is asked for."""

    places: dict[str, "Place"] = field(repr=False)

    def __getitem__(self, name: str) -> FloatArray:
        """Raises BundleError when the checkpoint has no such tensor or the file ends before it."""
        if name not in self.places:
            raise BundleError(f"the checkpoint has no tensor {name!r}; is it a Qwen3 checkpoint, and complete?")
        return self.places[name].read()

    def __contains__(self, name: str) -> bool:
        return name in self.places


@frozen
class Place:
    """Where a tensor lies in a file."""

    file: Path
    kind: str
    shape: tuple[int, ...]
    start: int
    """Offset in the file, in bytes."""
    size: int

    def read(self) -> FloatArray:
        raw = np.fromfile(self.file, np.uint8, self.size, offset=self.start)
        if raw.size != self.size:
            raise BundleError(f"{self.file}: is cut short; copy it again")
        return as_float32(raw, self.kind).reshape(self.shape)


def as_float32(raw: NDArray[np.uint8], kind: str) -> FloatArray:
    """The little-endian bytes of a safetensors tensor of `kind` (F32, F16 or BF16) as float32."""
    if kind == "BF16":  # the upper half of a float32
        shifted: NDArray[np.uint32] = np.left_shift(raw.view(np.uint16), 16, dtype=np.uint32)
        return shifted.view(np.float32)
    if kind not in _KINDS:
        raise BundleError(f"tensors of type {kind} cannot be exported; save the checkpoint as float32 or bfloat16")
    return raw.view(_KINDS[kind]).astype(np.float32)


_KINDS = {"F32": np.float32, "F16": np.float16}


def read_tensors(folder: Path) -> Tensors:
    """Where each tensor lies, in one file or in shards, by its name without the leading `model.`. Raises BundleError."""
    files = [folder / WEIGHTS]
    if (folder / WEIGHTS_INDEX).is_file():
        shards = read_json(folder / WEIGHTS_INDEX)["weight_map"].values()
        files = [folder / Path(name).name for name in sorted(set(shards))]  # never another folder's
    places: dict[str, Place] = {}
    for file in files:
        places |= _places(file)
    return Tensors(places)


def _places(file: Path) -> dict[str, Place]:
    """A safetensors file is the header's length (8 bytes), a JSON header, then raw data."""
    try:
        with file.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            header: dict[str, Any] = json.loads(stream.read(min(size, LARGEST_HEADER)))
    except OSError as exc:
        raise BundleError(f"{file}: cannot be read ({exc.strerror}); is this the directory of a checkpoint?") from exc
    except ValueError as exc:
        raise BundleError(f"{file}: is not a safetensors file, or is cut short; copy it again") from exc
    header.pop("__metadata__", None)
    return {
        name.removeprefix("model."): Place(
            file,
            entry["dtype"],
            tuple(entry["shape"]),
            8 + size + entry["data_offsets"][0],
            entry["data_offsets"][1] - entry["data_offsets"][0],
        )
        for name, entry in header.items()
    }


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a checkpoint. Raises BundleError."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as exc:
        raise BundleError(f"{path}: cannot be read ({exc.strerror}); is this the directory of a checkpoint?") from exc
    except ValueError as exc:
        raise BundleError(f"{path}: is not JSON ({exc}); copy it again") from exc
    if not isinstance(content, dict):
        raise BundleError(f"{path}: holds no JSON object; copy it again")
    return content


def write_bfloat16(file: Path, shapes: Mapping[str, tuple[int, ...]], data: Iterable[bytes]) -> None:
    """Write a safetensors file of bfloat16 tensors, `data` being their bytes one after the other in pieces of any size."""
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with file.open("wb") as stream:
        stream.write(len(encoded).to_bytes(8, "little") + encoded)
        stream.writelines(data)
