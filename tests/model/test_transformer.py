"""The decoder is a plain Qwen3: equal to transformers' own, whole, padded, cached or grown."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lowabs_model.attention import KeyValueCache
from lowabs_model.checkpoint import save_checkpoint
from lowabs_model.recipe import ModelConfig
from lowabs_model.tokenizer import train_tokenizer
from lowabs_model.transformer import Decoder, grow, next_token_loss
from transformers import AutoTokenizer, Qwen3ForCausalLM


def config(layers: int = 2, kv_heads: int = 2) -> ModelConfig:
    return ModelConfig(
        vocab_size=300,
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        head_dim=16,
    )


def random_decoder(layers: int = 2, kv_heads: int = 2, seed: int = 0) -> Decoder:
    """A decoder without the zeroed projections of `initialize`, which would hide faults."""
    torch.manual_seed(seed)
    model = Decoder(config(layers, kv_heads))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.dim() == 1), std=0.1)
    return model.eval()


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_a_checkpoint_loads_in_transformers_with_equal_logits(tmp_path: Path, kv_heads: int) -> None:
    model = random_decoder(kv_heads=kv_heads)
    tokenizer = train_tokenizer(["def add(a, b):\n    return a + b\n" * 9], 270)
    save_checkpoint(tmp_path / "checkpoint", model, tokenizer.to_str())
    theirs = Qwen3ForCausalLM.from_pretrained(tmp_path / "checkpoint", attn_implementation="sdpa").eval()
    ids = torch.randint(0, 300, (2, 40))
    with torch.no_grad():
        torch.testing.assert_close(model(ids), theirs(ids).logits, atol=1e-5, rtol=1e-5)
    text = "def add(a, b):\n    return a"
    assert AutoTokenizer.from_pretrained(tmp_path / "checkpoint").encode(text) == tokenizer.encode(text).ids


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_cached_logits_equal_uncached(cuts: list[int]) -> None:
    model, cache = random_decoder(), KeyValueCache()
    ids = torch.randint(0, 300, (2, sum(cuts)))
    with torch.no_grad():
        parts = [model(part, cache=cache) for part in torch.split(ids, cuts, dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(ids), atol=1e-5, rtol=1e-4)
    assert len(cache) == sum(cuts)


def test_a_rewound_cache_has_forgotten() -> None:
    model, cache = random_decoder(), KeyValueCache()
    kept, wrong, right = torch.randint(0, 300, (3, 1, 4))
    with torch.no_grad():
        model(torch.cat((kept, wrong), dim=1), cache=cache)
        cache.rewind(4)
        torch.testing.assert_close(
            model(right, cache=cache), model(torch.cat((kept, right), dim=1))[:, 4:], atol=1e-5, rtol=1e-4
        )


def test_no_token_sees_padding() -> None:
    model = random_decoder()
    ids = torch.randint(0, 300, (1, 9))
    padding = torch.tensor([[False] * 6 + [True] * 3])
    with torch.no_grad():
        torch.testing.assert_close(model(ids, padding)[:, :6], model(ids[:, :6]), atol=1e-5, rtol=1e-4)


def test_weights_on_request_change_nothing() -> None:
    model = random_decoder()
    ids = torch.randint(0, 300, (2, 7))
    with torch.no_grad():
        logits, weights = model.forward_with_weights(ids)
        torch.testing.assert_close(logits, model(ids), atol=1e-5, rtol=1e-4)
    assert [tuple(layer.shape) for layer in weights] == [(2, 4, 7, 7)] * 2


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_a_grown_model_computes_what_it_did(layers: int) -> None:
    model = random_decoder()
    deep = grow(model, config(layers))
    ids = torch.randint(0, 300, (1, 11))
    with torch.no_grad():
        torch.testing.assert_close(deep(ids), model(ids), atol=1e-6, rtol=1e-6)
    assert len(deep.model.layers) == layers


def test_a_model_does_not_grow_in_width_or_shrink() -> None:
    with pytest.raises(ValueError, match="only grow in depth"):
        grow(random_decoder(layers=2), config(layers=1))
    with pytest.raises(ValueError, match="only grow in depth"):
        grow(random_decoder(kv_heads=2), config(layers=3, kv_heads=4))


def test_a_fresh_model_is_near_chance_and_repeats_its_draw() -> None:
    models = [Decoder(config()) for _ in range(2)]
    for model in models:
        model.initialize(seed=3)
    ids = torch.randint(0, 300, (4, 30))
    with torch.no_grad():
        loss = next_token_loss(models[0](ids), torch.randint(0, 300, (4, 30))) / ids.numel()
        assert torch.equal(models[0](ids), models[1](ids))
    assert abs(loss.item() - 5.70) < 0.3  # ln 300


def test_targets_below_zero_do_not_count() -> None:
    logits, targets = torch.randn(1, 4, 10), torch.tensor([[3, -1, 5, -1]])
    expected = -sum(torch.log_softmax(logits[0, i], -1)[targets[0, i]] for i in (0, 2))
    torch.testing.assert_close(next_token_loss(logits, targets), expected)
