"""Read the config.json of a Hugging Face directory: every key is understood, known to change nothing, or refused by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from lowabs_lsp.engine.bundle import Architecture
from lowabs_lsp.errors import BundleError
from lowabs_model.rotary import ROPE_TYPES
from lowabs_model.tensors import CONFIG, DecoderConfig, Design, read_json

CONTEXT = 4096
"""Tokens that a prompt and its completion have together where nothing else is asked for: memory grows with them."""

ATTENTION = frozenset({"q_proj", "k_proj", "v_proj", "o_proj"})
MLP = frozenset({"gate_proj", "up_proj", "down_proj"})

IGNORED = frozenset({
    "_name_or_path", "architectures", "attention_dropout", "attention_softmax_in_fp32", "bos_token_id", "dtype",
    "embedding_dropout", "eos_token_id", "initializer_range", "is_llama_config", "layer_norm_epsilon", "model_type",
    "pad_token_id", "pretraining_tp", "residual_dropout", "scale_attention_softmax_in_fp32", "torch_dtype",
    "transformers.js_config", "transformers_version", "use_cache",
})  # fmt: skip
"""Keys that change nothing in what a trained model computes, or are read elsewhere (tokens)."""

SIZES = frozenset({
    "head_dim", "hidden_size", "intermediate_size", "max_position_embeddings", "num_attention_heads", "num_hidden_layers",
    "num_key_value_heads", "tie_word_embeddings", "vocab_size", "rope_parameters", "rope_scaling", "rope_theta",
})  # fmt: skip

_ROPE_KEYS = {
    "default": set(),
    "linear": {"factor"},
    "llama3": {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"},
    "yarn": {"factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow", "truncate"},
}


@frozen
class ModelType:
    """How transformers names and computes one kind of decoder."""

    design: Design
    tied: bool
    """Where config.json does not say."""
    norm_epsilon: str
    """The key of the norms' epsilon."""
    head_dim: int | None = None
    """Where config.json does not say; None is width over heads."""
    biases: Mapping[str, frozenset[str]] = {}
    """The projections that get a bias when this key is true."""
    only: Mapping[str, tuple[Any, ...]] = {}
    """Keys that have one of these values, or are refused."""
    windows: frozenset[str] = frozenset()
    """The keys that say where attention looks back over so many tokens only."""
    rename: Mapping[str, str] = {}
    """Parts of tensor names, and ours for them."""


QWEN_WINDOWS = frozenset({"sliding_window", "use_sliding_window", "max_window_layers", "layer_types"})
SILU = {"hidden_act": ("silu",)}
GELU = ("gelu", "gelu_new", "gelu_pytorch_tanh")

MODEL_TYPES = {
    "llama": ModelType(
        Design(head_norms=False),
        tied=False,
        norm_epsilon="rms_norm_eps",
        biases={"attention_bias": ATTENTION, "mlp_bias": MLP},
        only={**SILU, "rope_interleaved": (False,)},
    ),
    "qwen2": ModelType(
        Design(head_norms=False, biases=ATTENTION - {"o_proj"}),
        tied=False,
        norm_epsilon="rms_norm_eps",
        only={**SILU, "use_mrope": (False,)},
        windows=QWEN_WINDOWS,
    ),
    "qwen3": ModelType(
        Design(),
        tied=False,
        norm_epsilon="rms_norm_eps",
        head_dim=128,
        biases={"attention_bias": ATTENTION},
        only=SILU,
        windows=QWEN_WINDOWS,
    ),
    "starcoder2": ModelType(
        Design(norms="layer", head_norms=False, activation="gelu", gated=False),
        tied=True,
        norm_epsilon="norm_epsilon",
        biases={"use_bias": ATTENTION | MLP - {"gate_proj"}},
        only={
            "hidden_act": ("gelu_pytorch_tanh",),
            "mlp_type": ("default",),
            "norm_type": ("layer_norm",),
            "scale_attn_weights": (True,),
        },
        windows=frozenset({"sliding_window"}),
        rename={"mlp.c_fc.": "mlp.up_proj.", "mlp.c_proj.": "mlp.down_proj."},
    ),
    "gemma": ModelType(
        Design(norm_shift=1.0, head_norms=False, activation="gelu"),
        tied=True,
        norm_epsilon="rms_norm_eps",
        head_dim=256,
        biases={"attention_bias": ATTENTION},
        only={
            "hidden_act": GELU,  # the first releases say `gelu` and mean its approximation
            "hidden_activation": (None, *GELU[1:]),
            "use_bidirectional_attention": (None, False),
        },
    ),
}
"""By `model_type`."""


def read_foreign_config(folder: Path, context: int | None = None) -> tuple[DecoderConfig, str]:
    """What the graph needs, and the `model_type`. Raises BundleError for whatever the graph could not compute."""
    path = folder / CONFIG
    raw = read_json(path)
    model_type = raw.get("model_type")
    if model_type not in MODEL_TYPES:
        raise BundleError(f"{path}: model_type is {model_type!r}; those that can be imported are {', '.join(MODEL_TYPES)}")
    kind = MODEL_TYPES[model_type]
    refuse_unknown(path, raw, kind)
    try:
        return DecoderConfig(_sizes(raw, kind), _context(raw, context, path), _design(raw, kind, path)), model_type
    except KeyError as exc:
        raise BundleError(f"{path}: has no {exc}; is the file whole?") from exc
    except (TypeError, ValueError) as exc:
        raise BundleError(f"{path}: has a value of another type than {model_type} wants ({exc}); is the file whole?") from exc


def refuse_unknown(path: Path, raw: Mapping[str, Any], kind: ModelType) -> None:
    """Raise BundleError naming the keys that are not understood, and values that cannot be computed."""
    known = IGNORED | SIZES | {kind.norm_epsilon} | kind.biases.keys() | kind.only.keys() | kind.windows
    if unknown := sorted(raw.keys() - known):
        raise BundleError(
            f"{path}: what {', '.join(map(repr, unknown))} may change in the model's computation is not known, so it is "
            "not imported; report it with the name of the model"
        )
    for key, values in kind.only.items():
        if key in raw and raw[key] not in values:
            raise BundleError(f"{path}: {key} is {raw[key]!r}; only {' or '.join(map(repr, values))} can be computed")


def _sizes(raw: Mapping[str, Any], kind: ModelType) -> Architecture:
    heads, width = int(raw["num_attention_heads"]), int(raw["hidden_size"])
    return Architecture(
        layers=int(raw["num_hidden_layers"]),
        width=width,
        heads=heads,
        kv_heads=int(raw.get("num_key_value_heads") or heads),
        head_dim=int(raw.get("head_dim") or kind.head_dim or width // heads),
        feed_forward=int(raw["intermediate_size"]),
        vocabulary=int(raw["vocab_size"]),
        tied=bool(raw.get("tie_word_embeddings", kind.tied)),
        rope_theta=float(raw.get("rope_theta") or (raw.get("rope_parameters") or {}).get("rope_theta") or 10000),
        norm_epsilon=float(raw[kind.norm_epsilon]),
    )


def _design(raw: Mapping[str, Any], kind: ModelType, path: Path) -> Design:
    asked = [names for key, names in kind.biases.items() if raw.get(key, key == "use_bias")]
    scale = float(raw["hidden_size"]) ** 0.5 if raw["model_type"] == "gemma" else 1.0
    biases = kind.design.biases.union(*asked)
    return evolve(kind.design, biases=biases, embedding_scale=scale, rope=_rope(raw, path))


def _rope(raw: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """`rope_parameters`, or `rope_scaling` of older files, checked."""
    rope = dict(raw.get("rope_parameters") or raw.get("rope_scaling") or {})
    kind = rope.setdefault("rope_type", rope.pop("type", "default"))
    rope.pop("type", None)
    if kind not in ROPE_TYPES:
        raise BundleError(f"{path}: rope_type is {kind!r}; only {', '.join(ROPE_TYPES)} can be computed")
    if rope.pop("partial_rotary_factor", 1.0) != 1.0:
        raise BundleError(f"{path}: partial_rotary_factor is not 1; rotating a part of each head cannot be computed")
    if unknown := sorted(rope.keys() - _ROPE_KEYS[kind] - {"rope_type", "rope_theta"}):
        raise BundleError(f"{path}: {', '.join(map(repr, unknown))} of the rotary positions ({kind}) is not known")
    if kind in ("llama3", "yarn"):
        rope.setdefault("original_max_position_embeddings", raw["max_position_embeddings"])
    return rope


def _context(raw: Mapping[str, Any], asked: int | None, path: Path) -> int:
    """Within a sliding window attention sees everything, so the context ends where a window would begin to slide."""
    limits = [int(raw["max_position_embeddings"])]
    if raw.get("sliding_window") and raw.get("use_sliding_window", raw["model_type"] == "starcoder2"):
        limits.append(int(raw["sliding_window"]))
    elif set(raw.get("layer_types") or ()) - {"full_attention"}:
        raise BundleError(f"{path}: layer_types asks for another attention than the full one, which cannot be computed")
    if asked is not None and asked > min(limits):
        raise BundleError(f"{path}: the model's context ends at {min(limits)} tokens; ask for --context {min(limits)} at most")
    return min(*limits, asked or CONTEXT)
