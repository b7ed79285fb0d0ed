"""Weights in 8 and 4 bits, in the forms that ONNX Runtime's kernels take."""

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import FloatArray

BLOCKS = (128, 64, 32, 16)
"""How many weights share a scale. Smaller blocks lose less, and made decoding 11 to 18 % slower."""


@frozen
class Quantized:
    """Integer weights and the factors that give the numbers back."""

    values: NDArray[Any]
    scales: FloatArray


def block_size(width: int, largest: int = BLOCKS[0]) -> int:
    """The largest block up to `largest` that divides a row of `width` weights. Raises BundleError when even 16 do not."""
    for size in BLOCKS:
        if size <= largest and width % size == 0:
            return size
    raise BundleError(f"rows of {width} weights cannot be quantised in blocks; their number must be a multiple of 16")


WEIGHTS_AT_ONCE = 1 << 19
"""Rows are quantised in groups of about so many weights: the temporary arrays stay small, and in the cache."""


def quantize_blocks(matrix: FloatArray, bits: int, largest: int = BLOCKS[0]) -> Quantized:
    """[N, K] -> uint8 [N, K/block, block*bits/8] around the implied zero point 2^(bits-1), and scales [N, K/block]."""
    rows, width = max(1, WEIGHTS_AT_ONCE // matrix.shape[1]), block_size(matrix.shape[1], largest)
    groups = matrix.shape[1] // width
    values = np.empty((len(matrix), groups, width * bits // 8), np.uint8)
    scales = np.empty((len(matrix), groups), np.float32)
    for start in range(0, len(matrix), rows):
        part = _quantize_rows(matrix[start : start + rows], bits, width)
        values[start : start + rows], scales[start : start + rows] = part.values, part.scales
    return Quantized(values, scales)


def _quantize_rows(matrix: FloatArray, bits: int, width: int) -> Quantized:
    blocks = matrix.reshape(len(matrix), -1, width)
    scales = _largest_to_end(blocks, 127) if bits == 8 else _best_four_bit_scales(blocks)
    half = 1 << (bits - 1)
    values = (np.clip(np.rint(blocks / scales), -half, half - 1) + half).astype(np.uint8)
    if bits == 4:
        values = values[..., ::2] | values[..., 1::2] << 4  # MatMulNBits reads the low nibble first
    return Quantized(values, scales[..., 0].astype(np.float32))


def quantize_columns(matrix: FloatArray) -> Quantized:
    """[N, K] -> int8 [K, N] with one scale for each of the N outputs; neighbours in K add up to 128 at most.

    x86 processors without VNNI add two products of an unsigned and a signed byte in 16 bits, which holds
    255 * 128 and saturates above. For it scales are a third coarser, which changed the error of logits by nothing that
    could be measured; saturation nearly doubled it, and cost 0.01 nats (on an emulated AVX2).
    """
    even, odd = matrix[:, : matrix.shape[1] // 2 * 2 : 2], matrix[:, 1::2]
    neighbours = _largest_to_end(even + odd, 127.5)  # both may be rounded up
    scales = np.maximum(_largest_to_end(matrix, 127), neighbours)
    return Quantized(np.ascontiguousarray(np.rint(matrix / scales).astype(np.int8).T), scales[:, 0])


_TINY = np.float32(1e-12)  # keeps a block of zeros from dividing by zero


def _largest_to_end(blocks: FloatArray, end: float) -> FloatArray:
    peaks: FloatArray = np.abs(blocks).max(-1, keepdims=True)
    return peaks / np.float32(end) + _TINY


def _best_four_bit_scales(blocks: FloatArray) -> FloatArray:
    """4 bits reach from -8 to 7: the largest magnitude becomes -8, shrunk to where the squared error is least."""
    extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(-1, keepdims=True), -1)
    least_error = np.full(extreme.shape, np.inf, np.float32)
    best = np.empty_like(extreme)
    for shrink in np.linspace(0.7, 1.0, 13, dtype=np.float32):
        scales = extreme * shrink / np.float32(-8)
        scales = np.where(scales == 0, _TINY, scales)
        restored = np.clip(np.rint(blocks / scales), -8, 7) * scales
        error = ((restored - blocks) ** 2).sum(-1, keepdims=True)
        best = np.where(error < least_error, scales, best)
        least_error = np.minimum(error, least_error)
    return best
