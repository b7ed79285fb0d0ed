import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from lowabs_model.quantization import block_size, quantize_blocks, quantize_columns

from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import FloatArray

WEIGHTS = st.one_of(st.floats(-1, 1, width=32), st.sampled_from([0.0, 1.0, -1.0, 100.0, -100.0]))
MATRICES = st.tuples(st.integers(1, 4), st.integers(1, 4).map(lambda n: 16 * n)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=WEIGHTS)
)


@given(matrix=MATRICES)
def test_8_bit_blocks_are_off_by_half_a_step_at_most(matrix: FloatArray) -> None:
    blocks = quantize_blocks(matrix, 8)
    restored = (blocks.values.astype(np.float32) - 128) * blocks.scales[..., None]
    error = np.abs(restored.reshape(matrix.shape) - matrix).reshape(blocks.values.shape)
    assert (error <= blocks.scales[..., None] * 0.501).all()
    assert blocks.scales.max() == pytest.approx(np.abs(matrix).max() / 127, rel=1e-5, abs=1e-11)


@given(matrix=MATRICES)
def test_4_bit_blocks_keep_a_pair_in_a_byte_the_first_low(matrix: FloatArray) -> None:
    blocks = quantize_blocks(matrix, 4)
    assert blocks.values.shape == (
        len(matrix),
        matrix.shape[1] // block_size(matrix.shape[1]),
        block_size(matrix.shape[1]) // 2,
    )
    nibbles = np.stack([blocks.values & 15, blocks.values >> 4], -1).reshape(*blocks.values.shape[:2], -1)
    restored = (nibbles.astype(np.float32) - 8) * blocks.scales[..., None]
    error, largest = np.abs(restored - matrix.reshape(restored.shape)), np.abs(matrix).reshape(restored.shape)
    assert (error <= largest.max(-1, keepdims=True) * 0.39 + 1e-6).all()  # the largest may shrink to 0.7, and lose 1/8


@given(matrix=MATRICES)
def test_columns_are_off_by_half_a_step_at_most(matrix: FloatArray) -> None:
    columns = quantize_columns(matrix)
    error = np.abs(columns.values.T * columns.scales[:, None] - matrix)
    assert (error <= columns.scales[:, None] * 0.501).all()


@given(matrix=MATRICES)
def test_neighbours_never_saturate_16_bits_with_an_unsigned_byte(matrix: FloatArray) -> None:
    values = quantize_columns(matrix).values.astype(np.int64)
    assert np.abs(255 * (values[::2] + values[1::2])).max() <= 2**15 - 1


def test_zeros_stay_zeros() -> None:
    zeros = np.zeros((2, 32), np.float32)
    assert (quantize_blocks(zeros, 8).values == 128).all()
    assert (quantize_blocks(zeros, 4).values == 0x88).all()
    assert (quantize_columns(zeros).values == 0).all()


@pytest.mark.parametrize(("width", "size"), [(640, 128), (1792, 128), (64, 64), (96, 32), (48, 16)])
def test_blocks_are_as_large_as_fits(width: int, size: int) -> None:
    assert block_size(width) == size


def test_a_width_without_blocks_is_refused() -> None:
    with pytest.raises(BundleError, match="multiple of 16"):
        block_size(40)
