"""Fits what tells whether a completion will be kept: a small network, an isotonic map, and thresholds by precision."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import nn

from lowabs_lsp.postprocess.confidence import FARTHEST, Calibration
from lowabs_lsp.postprocess.features import FEATURES
from lowabs_model.evaluate.confidence_places import Places

HIDDEN = 8
EPOCHS = 300
RATE = 0.01
PENALTY = 1e-2
"""Of the squared weights: what few places have must not decide much."""
NARROWEST = 0.3
"""Deviation by which a feature is divided at least, so that a rare one is not blown up."""
KNOTS = 24
"""Points of the isotonic map at most."""
BINS = 15
GRID = np.linspace(0, 0.98, 50)
FEWEST = 10
"""Suggestions below which a repository says nothing about precision."""
PRECISIONS = tuple(round(0.05 * step, 2) for step in range(20))

Row = NDArray[np.float64]


@frozen(eq=False)
class Fitted:
    """A calibration, and what it says of each place when it was fitted without that place's repository."""

    calibration: Calibration
    probabilities: list[Row]
    """By repository."""


def fit(places: Sequence[Places], *, seed: int = 0) -> Fitted:
    """The network on all of `places`, one for each repository; map and thresholds on each as the others foretell it."""
    folds = range(len(places))
    foretold = [_network(_others(places, fold), seed).scores(places[fold].features) for fold in folds]
    weights = _weights(places)
    scores, probabilities = isotonic(
        np.concatenate(foretold), np.concatenate([each.kept for each in places]).astype(float), np.concatenate(weights)
    )
    mapped = [np.interp(each, scores, probabilities) for each in foretold]
    network = _network(places, seed)
    calibration = network.calibration(scores, probabilities, thresholds_of(places, mapped))
    return Fitted(calibration, mapped)


def _others(places: Sequence[Places], fold: int) -> list[Places]:
    return [each for number, each in enumerate(places) if number != fold] or list(places)


def _weights(places: Sequence[Places]) -> list[Row]:
    """Every repository counts the same."""
    return [np.full(len(each.kept), 1 / len(each.kept)) for each in places]


class _Network(nn.Module):
    """A line, and a hidden layer beside it for what a line cannot say."""

    def __init__(self, mean: Row, scale: Row) -> None:
        super().__init__()
        self.mean, self.scale = mean, scale
        self.inner = nn.Linear(len(FEATURES), HIDDEN)
        self.outer = nn.Linear(HIDDEN + len(FEATURES), 1)
        nn.init.zeros_(self.outer.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, F] -> [N] logits."""
        logits: torch.Tensor = self.outer(torch.cat((torch.tanh(self.inner(x)), x), dim=1))[:, 0]
        return logits

    @torch.inference_mode()
    def scores(self, features: NDArray[np.float32]) -> Row:
        """[N] logits of raw features [N, F]."""
        return self(self.normal(features)).double().numpy()  # type: ignore[no-any-return]  # torch

    def normal(self, features: NDArray[np.float32]) -> torch.Tensor:
        """Mean 0, deviation 1 at most, and nothing far out."""
        return torch.tensor(np.clip((features - self.mean) / self.scale, -FARTHEST, FARTHEST), dtype=torch.float32)

    def calibration(self, scores: Row, probabilities: Row, thresholds: Row) -> Calibration:
        """In the terms of serving."""
        inner, bias, outer = (p.detach().double().numpy() for p in (self.inner.weight, self.inner.bias, self.outer.weight))
        precisions = np.array(PRECISIONS)
        offset = float(self.outer.bias.detach())
        return Calibration(self.mean, self.scale, inner, bias, outer[0], offset, scores, probabilities, precisions, thresholds)


def _network(places: Sequence[Places], seed: int) -> _Network:
    """Weighted cross entropy and a penalty on weights by Adam, its rate falling to nothing."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # the network is small: more would wait for each other
    features = np.concatenate([each.features for each in places])
    mean, scale = features.mean(axis=0).astype(float), features.std(axis=0).astype(float)
    network = _Network(mean, np.maximum(scale, NARROWEST))
    x = network.normal(features)
    y = torch.tensor(np.concatenate([each.kept for each in places]), dtype=torch.float32)
    w = torch.tensor(np.concatenate(_weights(places)) / len(places), dtype=torch.float32)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=EPOCHS)
    for _ in range(EPOCHS):
        penalty = PENALTY * (network.inner.weight.square().sum() + network.outer.weight.square().sum())
        loss = nn.functional.binary_cross_entropy_with_logits(network(x), y, weight=w, reduction="sum") + penalty
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        optimizer.step()
        schedule.step()
    return network


def isotonic(scores: Row, kept: Row, weights: Row, *, knots: int = KNOTS) -> tuple[Row, Row]:
    """Pool adjacent violators (Ayer et al. 1955), thinned to at most `knots` points: rising scores and probabilities."""
    order = np.argsort(scores, kind="stable")
    pools: list[list[float]] = []  # weight, weighted score, weighted kept
    for i in order:
        pools.append([weights[i], weights[i] * scores[i], weights[i] * kept[i]])
        while len(pools) > 1 and pools[-2][2] * pools[-1][0] >= pools[-1][2] * pools[-2][0]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    merged = _merged(pools, sum(pool[0] for pool in pools) / knots)
    x, y = (np.array([pool[part] / pool[0] for pool in merged]) for part in (1, 2))
    return x, np.clip(y, 0.005, 0.995)


def _merged(pools: Sequence[Sequence[float]], least: float) -> list[list[float]]:
    """Neighbours put together until each weighs at least so much."""
    merged: list[list[float]] = []
    for pool in pools:
        if merged and merged[-1][0] < least:
            merged[-1] = [a + b for a, b in zip(merged[-1], pool, strict=True)]
        else:
            merged.append(list(pool))
    return merged


@frozen
class Shown:
    """What a person would have seen at one threshold."""

    suggestions: int
    right: int
    characters: int
    """Of the right ones."""
    keys: int

    @property
    def precision(self) -> float:
        """Share of what was shown that was right; 1 of nothing."""
        return self.right / self.suggestions if self.suggestions else 1.0


def shown_rows(places: Places, probabilities: Row, threshold: float) -> Iterator[int]:
    """Behind each key the longest text that is likely enough; one that the person types along with comes once."""
    done, text, covered = -1, -1, -1
    for row in np.flatnonzero(probabilities >= threshold).tolist():
        if places.key[row] == done:
            continue
        done = places.key[row]
        if places.text[row] != text:
            text, covered = places.text[row], -1
        if places.at[row] >= covered:
            covered = places.at[row] + places.agree[row]
            yield row


def shown_at(places: Places, probabilities: Row, threshold: float) -> Shown:
    """What a person would have seen."""
    rows = list(shown_rows(places, probabilities, threshold))
    right = places.kept[rows]
    return Shown(len(rows), int(right.sum()), int(places.size[rows][right].sum()), places.keys)


def thresholds_of(places: Sequence[Places], probabilities: Sequence[Row]) -> Row:
    """For each of `PRECISIONS` the least threshold at which what repositories show reaches it, on average and smoothed."""
    precisions, weights = [], []
    for threshold in GRID:
        seen = [shown_at(each, p, threshold) for each, p in zip(places, probabilities, strict=True)]
        enough = [each for each in seen if each.suggestions >= FEWEST]
        precisions.append(float(np.mean([each.precision for each in enough])) if enough else 0.0)
        weights.append(float(sum(each.suggestions for each in enough)))
    known = np.array(weights) > 0
    x, y = isotonic(GRID[known], np.array(precisions)[known], np.array(weights)[known], knots=len(GRID))
    rising = np.interp(GRID, x, y)
    return np.array([float(GRID[np.argmax(rising >= wanted)]) if (rising >= wanted).any() else 1.0 for wanted in PRECISIONS])


def calibration_error(probabilities: Row, kept: NDArray[np.bool_]) -> float:
    """Expected calibration error over `BINS` bins of equal size: mean distance of what was said and what came."""
    order = np.argsort(probabilities, kind="stable")
    bins = [each for each in np.array_split(order, BINS) if len(each)]
    return float(sum(len(each) * abs(probabilities[each].mean() - kept[each].mean()) for each in bins) / len(order))


def reliability(probabilities: Row, kept: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """For each bin: what was said, what came, how many."""
    order = np.argsort(probabilities, kind="stable")
    bins = [each for each in np.array_split(order, BINS) if len(each)]
    return [(float(probabilities[each].mean()), float(kept[each].mean()), len(each)) for each in bins]
