"""Muon for the matrices of the blocks, AdamW for embedding and norms, and the warm-up, stable, decay schedule."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lowabs_model.recipe import OptimRecipe

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Keller Jordan's quintic, which takes singular values near 1 in five steps (kellerjordan.github.io/posts/muon)."""


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly, of [N, rows, columns], by Newton-Schulz iteration in bfloat16."""
    a, b, c = COEFFICIENTS
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = (matrices if wide else matrices.mT).bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x if wide else x.mT
    return result


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal; weight decay only where it agrees with the update (cautious)."""

    def __init__(self, parameters: Iterable[nn.Parameter], *, lr: float, weight_decay: float, momentum: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every matrix; matrices of one shape are orthogonalized together."""
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape].append(parameter)
            for parameters in by_shape.values():
                self._step_together(parameters, group)

    def _step_together(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        rows, columns = parameters[0].shape
        scale = group["lr"] * max(1.0, rows / columns) ** 0.5
        directions = torch.stack([self._nesterov(parameter, group["momentum"]) for parameter in parameters])
        for parameter, update in zip(parameters, orthogonalize(directions).float(), strict=True):
            agrees = (update * parameter) > 0
            parameter.mul_(1 - group["lr"] * group["weight_decay"] * agrees)
            parameter.add_(update, alpha=-scale)

    def _nesterov(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        assert parameter.grad is not None
        state["momentum"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(state["momentum"], momentum)


def make_optimizers(model: nn.Module, recipe: OptimRecipe) -> list[torch.optim.Optimizer]:
    """Muon and AdamW over all of the model's parameters, each group remembering its `peak` rate."""
    named = dict(model.named_parameters())
    embedding = [p for name, p in named.items() if "embed_tokens" in name]
    gains = [p for p in named.values() if p.dim() == 1]
    matrices = [p for name, p in named.items() if p.dim() == 2 and "embed_tokens" not in name]
    muon = Muon(matrices, lr=recipe.muon_rate, weight_decay=recipe.muon_weight_decay, momentum=recipe.muon_momentum)
    adam = torch.optim.AdamW(
        [{"params": embedding, "lr": recipe.embedding_rate}, {"params": gains, "lr": recipe.gain_rate}],
        betas=(0.9, 0.95),
        eps=1e-10,
        weight_decay=0.0,
    )
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]


def set_rates(optimizers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Every rate becomes `factor` of its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor


def rate_factor(step: int, *, warmup: int, decay_start: int, end: int, floor: float) -> float:
    """Warm-up, stable, decay (Hu et al. 2024, arXiv 2404.06395): linear up, flat, linear down to `floor`.

    `step` counts from 0 to `end` - 1; the last step has the rate `floor`.
    """
    rising = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if step < decay_start:
        return rising
    progress = (step + 1 - decay_start) / max(1, end - decay_start)
    return rising * (1.0 - (1.0 - floor) * min(1.0, progress))
