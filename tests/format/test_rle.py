"""Run lengths against the page's function, labelformat's row-wise decoder and NumPy."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from labelformat.model.binary_mask_segmentation import RLEDecoderEncoder
from numpy.typing import NDArray

from lightly_assets.format.rle import area, bounding_box, decode, encode
from tests.format import page

MASKS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=50), elements=st.integers(0, 1))
EXAMPLE = np.array([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]])
DTYPES = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    ">f4",
    ">i2",
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_example_of_the_page(dtype: str) -> None:
    assert encode(EXAMPLE.astype(dtype)) == [2, 2, 1, 3, 3, 1]
    assert encode(np.zeros((3, 4), dtype)) == [12]
    assert encode(np.ones((3, 4), dtype)) == [0, 12]


@pytest.mark.parametrize(
    "mask",
    [
        np.asfortranarray(EXAMPLE),
        EXAMPLE[::-1][::-1],
        np.repeat(EXAMPLE, 2, axis=1)[:, ::2],
        EXAMPLE.tolist(),
        np.array([[0, 0, 1, 1], [0, 1, 1, 1], [-0.0, 0, 0, 1]]),
    ],
    ids=["fortran", "negative strides", "strides", "lists", "negative zero"],
)
def test_any_memory_order(mask: Any) -> None:
    result = encode(mask)
    assert result == [2, 2, 1, 3, 3, 1]
    assert all(type(run) is int for run in result)


@given(MASKS)
def test_same_as_the_page_and_back(mask: NDArray[np.uint8]) -> None:
    height, width = mask.shape
    counts = encode(mask)
    assert counts == page.encode(mask)
    assert encode(mask.astype(bool)) == counts
    assert sum(counts) == mask.size
    assert 0 not in counts[1:]
    assert (decode(counts, height, width) == mask).all()
    assert (RLEDecoderEncoder.decode_row_wise_rle(counts, height, width) == mask).all()
    assert RLEDecoderEncoder.encode_row_wise_rle(mask) == counts


@given(MASKS)
def test_area_and_box(mask: NDArray[np.uint8]) -> None:
    counts = encode(mask)
    assert area(counts) == mask.sum()
    rows, columns = np.nonzero(mask)
    box = bounding_box(counts, mask.shape[1])
    if rows.size == 0:
        assert box is None
        return
    left, top = int(columns.min()), int(rows.min())
    assert box == [left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1]


@pytest.mark.parametrize("density", [0.0, 0.001, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32"])
def test_masks_larger_than_a_block(density: float, dtype: str) -> None:
    mask = (np.random.default_rng(0).random((700, 900)) < density).astype(dtype)
    assert encode(mask) == page.encode(mask)
    assert (decode(encode(mask), 700, 900) == mask).all()


def test_a_run_over_many_blocks() -> None:
    mask = np.zeros((2000, 1000), dtype=np.uint8)
    mask[1500, 3] = 1
    assert encode(mask) == [1_500_003, 1, 499_996]


@pytest.mark.parametrize(
    ("mask", "problem"),
    [
        (np.zeros((1, 3, 4)), r"\(1, 3, 4\)"),
        (np.zeros(4), r"\(4,\)"),
        (np.zeros(()), r"\(\)"),
        (np.full((3, 4), 2), "got 2"),
        (np.full((3, 4), -1), "got -1"),
        (np.full((3, 4), 255, np.uint8), "got 255"),
        (np.full((3, 4), 0.5), r"got 0\.5"),
        (np.array([[0, 1], [np.nan, 0]]), "got nan"),
        (np.array([[0, 1], [np.inf, 0]]), "got inf"),
        (np.array([["a"]]), "<U1"),
        (np.zeros((2, 2), complex), "complex128"),
        (np.array([[None]]), "object"),
    ],
)
def test_what_is_no_mask(mask: NDArray[Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        encode(mask)


def test_a_single_bad_pixel_in_a_large_mask() -> None:
    mask = np.ones((1000, 1000), dtype=np.uint8)
    mask[999, 999] = 7
    with pytest.raises(ValueError, match="got 7"):
        encode(mask)


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ([11], "add up to 11, but a 3×4 mask has 12"),
        ([13], "add up to 13"),
        ([], "add up to 0"),
        ([14, -2], "negative"),
        ([2**63 - 1, 2**63 - 1, 14], f"add up to {2**64 + 12}"),
        (np.array([2**63, 2**63, 12], dtype=np.uint64), f"add up to {2**64 + 12}"),
        ([2**64, 12], "object"),
        ([12.0], "float64"),
        ([[12]], r"\(1, 1\)"),
        (["12"], "<U2"),
    ],
)
def test_counts_that_do_not_fit(counts: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        decode(counts, 3, 4)


@pytest.mark.parametrize("density", [0, 1e-5, 0.01, 0.5, 1])
@pytest.mark.parametrize("width", [1, 7, 8, 9, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (1 << 20) + 9, 3 << 20])
def test_large_masks_of_any_density(width: int, density: float) -> None:
    mask = np.random.default_rng(width).random((1, width)) < density
    counts = encode(mask)
    assert np.repeat(np.arange(len(counts)) % 2 == 1, counts).tolist() == mask[0].tolist()
    assert all(counts[1:])


def test_sizes_are_not_negative() -> None:
    with pytest.raises(ValueError, match="must not be negative, but are -3 and -4"):
        decode([12], -3, -4)


def test_decode_takes_arrays_and_empty_runs() -> None:
    assert decode(np.array([0, 3, 0, 9], dtype=np.uint8), 3, 4).tolist() == np.ones((3, 4)).tolist()
    assert decode([], 0, 4).shape == (0, 4)
    assert decode([12], 3, 4).dtype == np.uint8
