"""Muon, AdamW and the schedule do what their papers say."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lowabs_model.optim import Muon, make_optimizers, orthogonalize, rate_factor, set_rates
from lowabs_model.recipe import OptimRecipe, load_recipe
from lowabs_model.transformer import Decoder
from torch import nn


@given(rows=st.integers(2, 40), columns=st.integers(2, 40), scale=st.sampled_from((1e-6, 1.0, 1e4)), seed=st.integers(0, 99))
def test_orthogonalized_matrices_keep_their_directions_and_lose_their_sizes(
    rows: int, columns: int, scale: float, seed: int
) -> None:
    torch.manual_seed(seed)
    matrix = torch.randn(1, rows, columns)
    left, sizes, right = torch.linalg.svd(matrix[0], full_matrices=False)
    result = orthogonalize(matrix * scale).float()[0]
    projected = (left.mT @ result @ right.mT).diagonal()
    large = sizes > 0.3 * sizes.max()  # five steps do not lift the smallest
    assert ((projected[large] > 0.5) & (projected[large] < 1.4)).all()


def test_matrices_of_one_shape_are_updated_as_if_alone() -> None:
    torch.manual_seed(0)
    starts, gradients = torch.randn(2, 3, 6, 4)
    together = [nn.Parameter(start.clone()) for start in starts]
    alone = [nn.Parameter(start.clone()) for start in starts]
    optimizers = [Muon(together, lr=0.1, weight_decay=0.1, momentum=0.9)]
    optimizers += [Muon([parameter], lr=0.1, weight_decay=0.1, momentum=0.9) for parameter in alone]
    for parameter, gradient in zip(together + alone, [*gradients, *gradients], strict=True):
        parameter.grad = gradient
    for optimizer in optimizers:
        optimizer.step()
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=2e-2)


def test_weight_decay_only_helps_an_update_that_shrinks() -> None:
    parameter = nn.Parameter(torch.tensor([[2.0, 0.0], [0.0, -2.0]]))
    parameter.grad = torch.eye(2)  # the step lowers the first entry towards zero and drives the second away from it
    plain = nn.Parameter(parameter.detach().clone())
    plain.grad = parameter.grad.clone()
    Muon([parameter], lr=0.1, weight_decay=0.5, momentum=0.0).step()
    Muon([plain], lr=0.1, weight_decay=0.0, momentum=0.0).step()
    torch.testing.assert_close(plain[0, 0] - parameter[0, 0], torch.tensor(2.0 * 0.1 * 0.5))
    assert plain[1, 1] == parameter[1, 1]


def test_every_parameter_has_exactly_one_optimizer() -> None:
    config = load_recipe("tiny").model
    assert config is not None
    model = Decoder(config)
    muon, adam = make_optimizers(model, OptimRecipe())
    owned = [id(p) for optimizer in (muon, adam) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(owned) == sorted(id(p) for p in model.parameters())
    assert {p.dim() for group in muon.param_groups for p in group["params"]} == {2}


def test_rates_are_set_as_shares_of_their_peaks() -> None:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=0.5)
    optimizer.param_groups[0]["peak"] = 0.5
    for factor in (0.1, 1.0, 0.02):
        set_rates([optimizer], factor)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.25), (3, 1.0), (4, 1.0), (9, 1.0), (10, 0.82), (14, 0.1), (99, 0.1)])
def test_the_schedule_warms_up_holds_and_decays(step: int, expected: float) -> None:
    assert rate_factor(step, warmup=4, decay_start=10, end=15, floor=0.1) == pytest.approx(expected)


def test_without_a_decay_the_rate_stays() -> None:
    assert rate_factor(14, warmup=0, decay_start=15, end=15, floor=0.1) == 1.0
