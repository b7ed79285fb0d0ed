"""Multi-head attention from scratch: softmax(Q K^T / sqrt(d_k)) V, and the fused path that must equal it."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lowabs_model.recipe import ModelConfig

Rotary = tuple[Tensor, Tensor]
"""Cosines and sines of the rotary positions, each [T, D] (or [B, T, D])."""


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention, written out (Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1).

    query [B,H,T,D], key and value [B,H,S,D]; `mask` is boolean, broadcasts to [B,H,T,S], and is true where a query may
    look at a key. A query that may look nowhere gets weights and an output of zero. Returns the output [B,H,T,D] and the
    weights [B,H,T,S].
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # [B,H,T,S]
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    if mask is None:
        weights = torch.softmax(scores, dim=-1)
    else:
        # The lowest finite number, not -inf: a row of -inf alone would be NaN, in the gradient too.
        lowest = torch.finfo(scores.dtype).min
        weights = torch.softmax(scores.masked_fill(~mask, lowest), dim=-1).masked_fill(~mask, 0.0)
    weights = weights.to(value.dtype)
    return weights @ value, weights


def attend_fused(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
    """The output of `attend`, by PyTorch's fused kernels, which never hold the weights. `causal` spares the mask."""
    output = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
    if mask is None:
        return output
    return output.masked_fill(~mask.any(dim=-1, keepdim=True), 0.0)  # kernels disagree about queries that see nothing


def causal_mask(queries: int, keys: int, *, device: torch.device | None = None) -> Tensor:
    """[T,S], true where key `s` is not after query `t`; the last query stands at the last key."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(diagonal=keys - queries)


def split_heads(projected: Tensor, heads: int) -> Tensor:
    """[B,T,H*D] -> [B,H,T,D]."""
    batch, length, width = projected.shape
    return projected.view(batch, length, heads, width // heads).transpose(1, 2)


def join_heads(per_head: Tensor) -> Tensor:
    """[B,H,T,D] -> [B,T,H*D]."""
    return per_head.transpose(1, 2).flatten(-2)


class Attention(nn.Module):
    """Multi-head attention as the textbook has it, for self-attention and cross-attention alike."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        if d_model % num_heads:
            raise ValueError(f"d_model ({d_model}) must be a multiple of num_heads ({num_heads})")
        self.num_heads = num_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From query [B,T,C], key and value [B,S,C] to output [B,T,C] and weights [B,H,T,S]; the mask is `attend`'s."""
        heads = self.num_heads
        output, weights = attend(
            split_heads(self.q_proj(query), heads),  # [B,H,T,D]
            split_heads(self.k_proj(key), heads),  # [B,H,S,D]
            split_heads(self.v_proj(value), heads),  # [B,H,S,D]
            mask,
        )
        return self.o_proj(join_heads(output)), weights


class RMSNorm(nn.Module):
    """Root mean square normalisation, in float32 (Zhang and Sennrich 2019, arXiv 1910.07467)."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> the same shape and dtype."""
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + self.epsilon)
        return self.weight * (wide * scale).to(x.dtype)


def rotary(positions: Tensor, head_dim: int, theta: float) -> Rotary:
    """Rotary position embedding (Su et al. 2021, arXiv 2104.09864) in the half-split order of Hugging Face.

    positions [..., T] -> cosines and sines [..., T, D] in float32.
    """
    frequencies = theta ** (-torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim)
    angles = positions[..., None].float() * frequencies  # [..., T, D/2]
    angles = torch.cat((angles, angles), dim=-1)  # [..., T, D]
    return angles.cos(), angles.sin()


def rotate(x: Tensor, angles: Rotary) -> Tensor:
    """Turn each pair (x[i], x[i + D/2]) of x [B,H,T,D] by its position's angle."""
    cosines, sines = (table.to(x.dtype) for table in angles)
    first, second = x.chunk(2, dim=-1)
    return x * cosines + torch.cat((-second, first), dim=-1) * sines


class KeyValueCache:
    """The keys and values of every layer for the tokens so far. Owned by one caller, who passes it to each forward."""

    def __init__(self) -> None:
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return self.layers[0][0].shape[2] if self.layers else 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append [B,Hkv,T,D] and return all that is known, [B,Hkv,S,D]."""
        if layer in self.layers:
            old_key, old_value = self.layers[layer]
            key, value = torch.cat((old_key, key), dim=2), torch.cat((old_value, value), dim=2)
        self.layers[layer] = (key, value)
        return key, value

    def rewind(self, length: int) -> None:
        """Forget all tokens after the first `length`."""
        self.layers = {i: (key[:, :, :length], value[:, :, :length]) for i, (key, value) in self.layers.items()}


class GroupedQueryAttention(nn.Module):
    """The decoder's self-attention: grouped key/value heads (arXiv 2305.13245), normed queries and keys, rotary positions."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        width, head_dim = config.hidden_size, config.head_dim
        self.q_proj = nn.Linear(width, self.heads * head_dim, bias=False)
        self.k_proj = nn.Linear(width, self.kv_heads * head_dim, bias=False)
        self.v_proj = nn.Linear(width, self.kv_heads * head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * head_dim, width, bias=False)
        self.q_norm = RMSNorm(head_dim, config.rms_norm_eps)
        self.k_norm = RMSNorm(head_dim, config.rms_norm_eps)

    def project(self, x: Tensor, angles: Rotary, cache: KeyValueCache | None) -> tuple[Tensor, Tensor, Tensor]:
        """From x [B,T,C] to query [B,H,T,D], key and value [B,H,S,D], S counting what the cache holds."""
        query = rotate(self.q_norm(split_heads(self.q_proj(x), self.heads)), angles)  # [B,H,T,D]
        key = rotate(self.k_norm(split_heads(self.k_proj(x), self.kv_heads)), angles)  # [B,Hkv,T,D]
        value = split_heads(self.v_proj(x), self.kv_heads)  # [B,Hkv,T,D]
        if cache is not None:
            key, value = cache.extend(self.layer, key, value)  # [B,Hkv,S,D]
        group = self.heads // self.kv_heads
        return query, key.repeat_interleave(group, dim=1), value.repeat_interleave(group, dim=1)

    def forward(self, x: Tensor, angles: Rotary, mask: Tensor | None, cache: KeyValueCache | None = None) -> Tensor:
        """From x [B,T,C] to [B,T,C]. No mask means causal, and is allowed only where no cache is."""
        query, key, value = self.project(x, angles, cache)
        output = attend_fused(query, key, value, mask, causal=mask is None)
        return self.o_proj(join_heads(output))  # type: ignore[no-any-return]  # nn.Module.__call__ is Any

    def forward_with_weights(self, x: Tensor, angles: Rotary, mask: Tensor) -> tuple[Tensor, Tensor]:
        """`forward` written out: also returns the weights [B,H,T,S]."""
        query, key, value = self.project(x, angles, None)
        output, weights = attend(query, key, value, mask)
        return self.o_proj(join_heads(output)), weights
