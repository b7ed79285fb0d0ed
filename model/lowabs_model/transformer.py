"""The one decoder: a plain Qwen3 whose parameters carry Hugging Face's names."""

import torch
from attrs import evolve
from torch import Tensor, nn
from torch.nn import functional as F

from lowabs_model.attention import GroupedQueryAttention, KeyValueCache, RMSNorm, Rotary, causal_mask, rotary
from lowabs_model.recipe import ModelConfig

__all__ = ["Decoder", "KeyValueCache", "ModelConfig", "grow", "next_token_loss"]


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B,T,C] -> [B,T,C]."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Attention, then feed-forward, each behind a norm and added to the residual stream."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = GroupedQueryAttention(config, layer)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = FeedForward(config)

    def forward(self, x: Tensor, angles: Rotary, mask: Tensor | None, cache: KeyValueCache | None = None) -> Tensor:
        """[B,T,C] -> [B,T,C]."""
        x = x + self.self_attn(self.input_layernorm(x), angles, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]

    def forward_with_weights(self, x: Tensor, angles: Rotary, mask: Tensor) -> tuple[Tensor, Tensor]:
        """`forward`, and this layer's attention weights [B,H,T,T]."""
        attended, weights = self.self_attn.forward_with_weights(self.input_layernorm(x), angles, mask)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x)), weights


class Stack(nn.Module):
    """Embedding, layers and last norm: what Hugging Face calls `model`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config, layer) for layer in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Decoder(nn.Module):
    """Token ids to logits. The output matrix is the embedding's."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Stack(config)

    def initialize(self, seed: int) -> None:
        """Draw the starting weights. Each block starts as the identity: its output projections are zero."""
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                deviation = 0.02 if "embed" in name else parameter.shape[1] ** -0.5
                nn.init.normal_(parameter, std=deviation, generator=generator)

    def forward(self, ids: Tensor, padding: Tensor | None = None, cache: KeyValueCache | None = None) -> Tensor:
        """From ids [B,T] to logits [B,T,V].

        `padding` [B,T] is true at tokens that are no text; no token looks at them. With a `cache`, ids continue the
        tokens it holds, and it is extended.
        """
        past = 0 if cache is None else len(cache)
        mask = None if padding is None and cache is None else self.mask(ids, past, padding)
        angles = self.angles(ids, past)
        x = self.model.embed_tokens(ids)  # [B,T,C]
        for layer in self.model.layers:
            x = layer(x, angles, mask, cache)
        return self.head(x)

    def forward_with_weights(self, ids: Tensor) -> tuple[Tensor, list[Tensor]]:
        """From ids [B,T] to logits [B,T,V], and the attention weights [B,H,T,T] of each layer, written out."""
        angles, mask = self.angles(ids, 0), self.mask(ids, 0, None)
        x, every = self.model.embed_tokens(ids), []
        for layer in self.model.layers:
            x, weights = layer.forward_with_weights(x, angles, mask)  # type: ignore[operator]  # ModuleList of Module
            every.append(weights)
        return self.head(x), every

    def angles(self, ids: Tensor, past: int) -> Rotary:
        """The rotary positions of ids that follow `past` tokens."""
        positions = torch.arange(past, past + ids.shape[1], device=ids.device)
        return rotary(positions, self.config.head_dim, self.config.rope_theta)

    def mask(self, ids: Tensor, past: int, padding: Tensor | None) -> Tensor:
        """Who may look at whom: [1,1,T,S], or [B,1,T,S] with padding."""
        causal = causal_mask(ids.shape[1], past + ids.shape[1], device=ids.device)[None, None]
        if padding is None:
            return causal
        assert past == 0, "padding and cache are not used together"
        return causal & ~padding[:, None, None, :]

    def head(self, x: Tensor) -> Tensor:
        """[B,T,C] -> logits [B,T,V]."""
        return F.linear(self.model.norm(x), self.model.embed_tokens.weight)


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The sum of cross entropies in nats of logits [B,T,V] against targets [B,T]; targets below 0 do not count."""
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=-1, reduction="sum")


def grow(shallow: Decoder, config: ModelConfig) -> Decoder:
    """A deeper decoder that computes what `shallow` does, to be trained on.

    New layers are spread between the old ones; each is a copy of the old one before it with its output projections at
    zero, so that it adds nothing yet. Raises ValueError when anything but the depth differs.
    """
    old, new = shallow.config.num_hidden_layers, config.num_hidden_layers
    if new < old or evolve(shallow.config, num_hidden_layers=new) != config:
        raise ValueError("a model can only grow in depth: all else in [model] must stay as it is")
    deep = Decoder(config)
    deep.model.embed_tokens.load_state_dict(shallow.model.embed_tokens.state_dict())
    deep.model.norm.load_state_dict(shallow.model.norm.state_dict())
    sources = [layer * old // new for layer in range(new)]
    for layer, source in enumerate(sources):
        weights = dict(shallow.model.layers[source].state_dict())
        if layer and sources[layer - 1] == source:
            for name in ("self_attn.o_proj.weight", "mlp.down_proj.weight"):
                weights[name] = torch.zeros_like(weights[name])
        deep.model.layers[layer].load_state_dict(weights)
    return deep
