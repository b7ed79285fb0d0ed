"""config.json: what is understood, and that nothing else is let pass."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lowabs_model.huggingface.config import CONTEXT, read_foreign_config

from lowabs_lsp.errors import BundleError

LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_act": "silu",
    "hidden_size": 2048,
    "intermediate_size": 5504,
    "max_position_embeddings": 16384,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "rms_norm_eps": 1e-06,
    "rope_scaling": {"factor": 4.0, "type": "linear"},
    "rope_theta": 100000,
    "vocab_size": 32256,
}
"""As DeepSeek-Coder-1.3B has it, in the words of an older transformers."""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(raw: dict[str, Any] = LLAMA, **changes: object) -> Path:
        (tmp_path / "config.json").write_text(json.dumps(raw | changes))
        return tmp_path

    return write


def test_an_older_config_is_read(write: Write) -> None:
    config, model_type = read_foreign_config(write())
    size = config.architecture
    assert (model_type, size.kv_heads, size.head_dim, size.tied, size.rope_theta) == ("llama", 16, 128, False, 1e5)
    assert config.design.rope == {"rope_type": "linear", "factor": 4.0}
    assert not config.design.biases


@pytest.mark.parametrize("key", ["attention_multiplier", "quantization_config", "auto_map", "num_local_experts"])
def test_an_unknown_key_is_refused_by_its_name(write: Write, key: str) -> None:
    with pytest.raises(BundleError, match=f"'{key}'"):
        read_foreign_config(write(**{key: None}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"rope_interleaved": True}, "rope_interleaved is True"),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "rope_type is 'dynamic'"),
        ({"rope_scaling": {"type": "yarn", "factor": 2.0, "mscale": 1.0}}, "'mscale' of the rotary positions"),
        ({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}, "partial_rotary_factor"),
        ({"sliding_window": 4096}, "'sliding_window'"),
        ({"model_type": "gpt_bigcode"}, "model_type is 'gpt_bigcode'"),
        ({"hidden_size": None}, "a value of another type"),
    ],
)
def test_what_cannot_be_computed_is_refused(write: Write, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(BundleError, match=told):
        read_foreign_config(write(**changes))


def test_a_missing_size_is_named(write: Write) -> None:
    with pytest.raises(BundleError, match="has no 'vocab_size'"):
        read_foreign_config(write({key: value for key, value in LLAMA.items() if key != "vocab_size"}))


def test_no_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(BundleError, match="holds no JSON object"):
        read_foreign_config(tmp_path)


def test_the_context_is_moderate_unless_asked_for(write: Write) -> None:
    folder = write()
    assert read_foreign_config(folder)[0].context_length == CONTEXT
    assert read_foreign_config(folder, 16384)[0].context_length == 16384
    with pytest.raises(BundleError, match="ask for --context 16384 at most"):
        read_foreign_config(folder, 16385)


def qwen(**changes: object) -> dict[str, Any]:
    return {**LLAMA, "model_type": "qwen2", "sliding_window": 512, "rope_scaling": None, **changes}


def test_a_context_ends_where_a_window_would_begin_to_slide(write: Write) -> None:
    assert read_foreign_config(write(qwen(use_sliding_window=True)))[0].context_length == 512
    assert read_foreign_config(write(qwen(use_sliding_window=False)))[0].context_length == CONTEXT
    with pytest.raises(BundleError, match="layer_types"):
        read_foreign_config(write(qwen(use_sliding_window=False, layer_types=["linear_attention"])))
