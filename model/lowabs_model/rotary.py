"""Rotary position tables, and the ways in which families stretch them over longer contexts."""

import math
from typing import Any

import numpy as np

from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import FloatArray


def rotary_tables(head_dim: int, positions: int, theta: float, rope: dict[str, Any]) -> tuple[FloatArray, FloatArray]:
    """Cosines and sines [positions, head_dim/2], in float32 steps as Hugging Face computes them. Raises BundleError."""
    exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    frequencies = (1 / np.float32(theta) ** exponents).astype(np.float32)
    kind = rope.get("rope_type", "default")
    if kind not in _STRETCHES:
        raise BundleError(f"rope_type {kind!r} cannot be computed; known are {', '.join(_STRETCHES)}")
    frequencies, gain = _STRETCHES[kind](frequencies, theta, rope)
    angles = np.arange(positions, dtype=np.float32)[:, None] * frequencies
    return np.cos(angles) * np.float32(gain), np.sin(angles) * np.float32(gain)


def _default(frequencies: FloatArray, theta: float, rope: dict[str, Any]) -> tuple[FloatArray, float]:
    return frequencies, 1.0


def _linear(frequencies: FloatArray, theta: float, rope: dict[str, Any]) -> tuple[FloatArray, float]:
    return frequencies / np.float32(rope["factor"]), 1.0


def _llama3(frequencies: FloatArray, theta: float, rope: dict[str, Any]) -> tuple[FloatArray, float]:
    """Slow waves are stretched, fast ones kept, those between blended (Llama 3.1)."""
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    waves = 2 * math.pi / frequencies
    turns = rope["original_max_position_embeddings"] / waves
    kept = np.clip((turns - low) / (high - low), 0, 1).astype(np.float32)
    return ((1 - kept) / np.float32(rope["factor"]) + kept) * frequencies, 1.0


def _yarn(frequencies: FloatArray, theta: float, rope: dict[str, Any]) -> tuple[FloatArray, float]:
    """Peng et al. 2023, "YaRN" (arXiv 2309.00071): blended by dimension, and attention sharpened."""
    factor, length, half = rope["factor"], rope["original_max_position_embeddings"], len(frequencies)

    def dimension(turns: float) -> float:
        return half * math.log(length / (turns * 2 * math.pi)) / math.log(theta)

    low, high = dimension(rope.get("beta_fast") or 32), dimension(rope.get("beta_slow") or 1)
    if rope.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, 2 * half - 1)
    stretched = np.clip((np.arange(half, dtype=np.float32) - low) / (high - low or 0.001), 0, 1).astype(np.float32)
    gain = rope.get("attention_factor") or (0.1 * math.log(factor) + 1 if factor > 1 else 1.0)
    return stretched * frequencies / np.float32(factor) + (1 - stretched) * frequencies, float(gain)


_STRETCHES = {"default": _default, "linear": _linear, "llama3": _llama3, "yarn": _yarn}

ROPE_TYPES = tuple(_STRETCHES)
