"""Attention written out is the oracle: the fused path, PyTorch's own module and the cache must agree with it."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lowabs_model.attention import (
    Attention,
    GroupedQueryAttention,
    KeyValueCache,
    attend,
    attend_fused,
    causal_mask,
    rotary,
    rotate,
)
from lowabs_model.recipe import ModelConfig
from torch import Tensor, nn

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 3e-2}


@st.composite
def attention_inputs(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """query, key, value of any small shape and dtype; no mask, or one of any pattern, fully masked rows included."""
    batch, heads, queries, keys = (draw(st.integers(1, high)) for high in (3, 4, 9, 9))
    head_dim = draw(st.sampled_from((1, 8, 32)))
    dtype = draw(st.sampled_from(list(TOLERANCE)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))

    def normal(length: int) -> Tensor:
        return torch.randn(batch, heads, length, head_dim, generator=generator).to(dtype)

    shape = draw(st.sampled_from(((batch, heads, queries, keys), (batch, 1, 1, keys), (queries, keys), None)))
    share = draw(st.sampled_from((0.0, 0.3, 0.8, 1.0)))
    mask = None if shape is None else torch.rand(shape, generator=generator) < share
    return normal(queries), normal(keys), normal(keys), mask


@given(attention_inputs())
def test_fused_equals_written_out(inputs: tuple[Tensor, Tensor, Tensor, Tensor | None]) -> None:
    query, key, value, mask = inputs
    output, _ = attend(query, key, value, mask)
    tolerance = TOLERANCE[query.dtype]
    torch.testing.assert_close(attend_fused(query, key, value, mask), output, atol=tolerance, rtol=tolerance)


@given(attention_inputs())
def test_weights_are_a_distribution_over_the_visible_keys(inputs: tuple[Tensor, Tensor, Tensor, Tensor | None]) -> None:
    query, key, value, mask = inputs
    _, weights = attend(query, key, value, mask)
    visible = torch.ones_like(weights, dtype=torch.bool) if mask is None else mask.expand_as(weights)
    assert (weights[~visible] == 0).all()
    sums = weights.float().sum(dim=-1)
    torch.testing.assert_close(sums, visible.any(dim=-1).float(), atol=2e-2, rtol=0)


def test_a_query_that_sees_nothing_gives_zero_and_finite_gradients() -> None:
    query, key, value = (torch.randn(1, 2, 3, 8, requires_grad=True) for _ in range(3))
    mask = torch.tensor([[True, False, True], [False, False, False], [True, True, True]])
    output, _ = attend(query, key, value, mask)
    fused = attend_fused(query, key, value, mask)
    assert (output[:, :, 1] == 0).all()
    assert (fused[:, :, 1] == 0).all()
    torch.autograd.backward(output.sum() + fused.sum())
    assert all(x.grad is not None and x.grad.isfinite().all() for x in (query, key, value))


def test_weights_are_softmax_of_scaled_products() -> None:
    query, key, value = torch.eye(4)[None, None, :1], torch.eye(4)[None, None, :2], torch.eye(4)[None, None, :2]
    _, weights = attend(query, key, value)
    first = math.exp(1 / math.sqrt(4))
    torch.testing.assert_close(weights[0, 0, 0], torch.tensor([first, 1.0]) / (first + 1))


@given(
    batch=st.integers(1, 3),
    queries=st.integers(1, 6),
    keys=st.integers(1, 6),
    heads=st.sampled_from((1, 2, 4)),
    seed=st.integers(0, 99),
)
def test_module_equals_torch_multihead_attention(batch: int, queries: int, keys: int, heads: int, seed: int) -> None:
    torch.manual_seed(seed)
    width = 16
    ours = Attention(width, heads)
    theirs = nn.MultiheadAttention(width, heads, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.q_proj.weight, ours.k_proj.weight, ours.v_proj.weight]))
        theirs.out_proj.weight.copy_(ours.o_proj.weight)
    query, memory = torch.randn(batch, queries, width), torch.randn(batch, keys, width)
    output, weights = ours(query, memory, memory)
    expected, expected_weights = theirs(query, memory, memory, average_attn_weights=False)
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(weights, expected_weights, atol=1e-5, rtol=1e-5)


def test_module_has_cross_attention_shapes() -> None:
    output, weights = Attention(d_model=24, num_heads=3)(torch.randn(2, 5, 24), torch.randn(2, 7, 24), torch.randn(2, 7, 24))
    assert output.shape == (2, 5, 24)
    assert weights.shape == (2, 3, 5, 7)


def test_module_masks_causally() -> None:
    x = torch.randn(1, 6, 8)
    _, weights = Attention(8, 2)(x, x, x, causal_mask(6, 6))
    assert (weights.triu(diagonal=1) == 0).all()


def test_width_must_divide_into_heads() -> None:
    with pytest.raises(ValueError, match=r"d_model \(10\) must be a multiple of num_heads \(3\)"):
        Attention(10, 3)


def test_causal_mask_stands_at_the_last_key() -> None:
    assert causal_mask(2, 4).int().tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_rotary_products_depend_on_distance_only(first: int, second: int, shift: int) -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 16, generator=generator)

    def product(at_query: int, at_key: int) -> Tensor:
        turned = [
            rotate(x, rotary(torch.tensor([position]), 16, 100_000.0)) for x, position in ((query, at_query), (key, at_key))
        ]
        return (turned[0] * turned[1]).sum()

    torch.testing.assert_close(product(first, second), product(first + shift, second + shift), atol=2e-3, rtol=1e-3)


CONFIG = ModelConfig(
    vocab_size=32,
    hidden_size=24,
    intermediate_size=32,
    num_hidden_layers=1,
    num_attention_heads=6,
    num_key_value_heads=2,
    head_dim=8,
)


@given(length=st.integers(1, 12), cut=st.integers(0, 12), seed=st.integers(0, 99))
def test_cached_attention_equals_uncached(length: int, cut: int, seed: int) -> None:
    torch.manual_seed(seed)
    attention, cut = GroupedQueryAttention(CONFIG, layer=0), min(cut, length)
    x = torch.randn(2, length, CONFIG.hidden_size)
    angles = rotary(torch.arange(length), CONFIG.head_dim, CONFIG.rope_theta)
    whole = attention(x, angles, None)
    cache = KeyValueCache()
    parts = [
        attention(x[:, a:b], (angles[0][a:b], angles[1][a:b]), causal_mask(b - a, b), cache)
        for a, b in ((0, cut), (cut, length))
        if a < b
    ]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-5)


@given(length=st.integers(1, 12), seed=st.integers(0, 99))
def test_grouped_attention_written_out_equals_fused(length: int, seed: int) -> None:
    torch.manual_seed(seed)
    attention = GroupedQueryAttention(CONFIG, layer=0)
    x = torch.randn(2, length, CONFIG.hidden_size)
    angles = rotary(torch.arange(length), CONFIG.head_dim, CONFIG.rope_theta)
    output, weights = attention.forward_with_weights(x, angles, causal_mask(length, length))
    torch.testing.assert_close(output, attention(x, angles, None), atol=1e-5, rtol=1e-5)
    assert weights.shape == (2, 6, length, length)
