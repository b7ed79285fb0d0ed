"""From a row of logits to the next token: pure functions of log-probabilities [V], put in a chain."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lowabs_lsp.values import Decoding, FloatArray

Pick = Callable[[FloatArray], int]
"""Chooses a token id from log-probabilities [V]; minus infinity forbids."""


def log_softmax(logits: FloatArray) -> FloatArray:
    """Natural-log probabilities."""
    shifted = logits - logits.max()
    normalized: FloatArray = shifted - np.log(np.exp(shifted).sum())
    return normalized


def certainty(logprobs: FloatArray, token: int) -> tuple[float, float]:
    """The log-probability of `token` among what is not forbidden, and the entropy of that in nats."""
    possible = logprobs[logprobs > -np.inf]
    shares = np.exp(possible)
    whole = float(shares.sum())
    log_whole = math.log(whole) if whole > 0 else 0.0
    return float(logprobs[token]) - log_whole, log_whole - float(shares @ possible) / (whole or 1.0)


def apply_temperature(logprobs: FloatArray, temperature: float) -> FloatArray:
    """Below 1 sharpens, above 1 flattens. Not normalised."""
    return logprobs / np.float32(temperature)


def keep_top_k(logprobs: FloatArray, k: int) -> FloatArray:
    """Forbid all but the `k` most probable tokens; ties with the last of them stay."""
    if k >= len(logprobs):
        return logprobs
    least = np.partition(logprobs, -k)[-k]
    return _forbid(logprobs, logprobs < least)


def keep_top_p(logprobs: FloatArray, p: float) -> FloatArray:
    """Keep the fewest most probable tokens that together have at least probability `p` (Holtzman et al. 2020)."""
    order = np.argsort(-logprobs, kind="stable")
    together = np.cumsum(np.exp(log_softmax(logprobs))[order])
    return _forbid(logprobs, order[1:][together[:-1] >= p])


def keep_min_p(logprobs: FloatArray, p: float) -> FloatArray:
    """Forbid tokens less probable than `p` times the most probable one (Nguyen et al. 2024)."""
    return _forbid(logprobs, logprobs < logprobs.max() + np.float32(math.log(p)))


def _forbid(logprobs: FloatArray, where: NDArray[np.bool_] | NDArray[np.intp]) -> FloatArray:
    kept = logprobs.copy()
    kept[where] = -np.inf
    return kept


def make_pick(decoding: Decoding) -> Pick:
    """Greedy at temperature 0 (the lowest id among equals), else one seeded draw for each token, whatever was drafted."""
    if decoding.temperature == 0:
        return lambda logprobs: int(logprobs.argmax())
    random = np.random.default_rng(decoding.seed)

    def pick(logprobs: FloatArray) -> int:
        probabilities = np.exp(log_softmax(shape(logprobs, decoding)))
        chosen = np.searchsorted(np.cumsum(probabilities), random.random() * probabilities.sum(), side="right")
        return int(min(chosen, np.flatnonzero(probabilities)[-1]))  # rounding may point beyond the last

    return pick


def shape(logprobs: FloatArray, decoding: Decoding) -> FloatArray:
    """The whole chain in its usual order: temperature, top-k, top-p, min-p."""
    logprobs = apply_temperature(logprobs, decoding.temperature)
    if decoding.top_k > 0:
        logprobs = keep_top_k(logprobs, decoding.top_k)
    if decoding.top_p < 1:
        logprobs = keep_top_p(logprobs, decoding.top_p)
    if decoding.min_p > 0:
        logprobs = keep_min_p(logprobs, decoding.min_p)
    return logprobs
