"""Rotary tables are those of transformers, however they are stretched."""

from typing import Any

import numpy as np
import pytest
import torch
from lowabs_model.rotary import rotary_tables
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from lowabs_lsp.errors import BundleError

KINDS = [
    {"rope_type": "default"},
    {"rope_type": "linear", "factor": 4.0},
    {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
    {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 64, "attention_factor": 1.5, "beta_fast": 16.0},
]


@pytest.mark.parametrize("rope", KINDS, ids=lambda rope: f"{rope['rope_type']}-{len(rope)}")
def test_the_tables_are_those_of_transformers(rope: dict[str, Any]) -> None:
    config = LlamaConfig(
        hidden_size=128, num_attention_heads=2, max_position_embeddings=256, rope_parameters={**rope, "rope_theta": 10000.0}
    )
    positions = torch.arange(100)[None]
    cos, sin = LlamaRotaryEmbedding(config)(torch.zeros(1, 100, 128), positions)
    ours = rotary_tables(64, 100, 10000.0, rope)
    np.testing.assert_allclose(ours[0], cos[0, :, :32].numpy(), atol=1e-5)
    np.testing.assert_allclose(ours[1], sin[0, :, :32].numpy(), atol=1e-5)


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(BundleError, match="rope_type 'dynamic' cannot be computed"):
        rotary_tables(64, 10, 10000.0, {"rope_type": "dynamic"})
