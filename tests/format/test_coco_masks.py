"""Masks in COCO's forms against pycocotools, which counts down the columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from pycocotools import mask as pycoco

from lightly_assets.format.coco.masks import (
    column_to_row_major,
    compress,
    decompress,
    from_coco,
    row_to_column_major,
    to_coco,
    to_polygons,
)
from lightly_assets.format.rle import decode, encode

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=40)
MASKS = arrays(np.uint8, SHAPES, elements=st.integers(0, 1))


def blobs(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Few, large, overlapping ellipses, some of which leave the image; holes and empty columns included."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    mask = np.zeros((height, width), dtype=bool)
    for _ in range(4):
        centre_y, centre_x = random.random(2) * (height, width)
        radius_y, radius_x = random.random(2) * (height, width) / 3 + 1
        mask ^= ((y - centre_y) / radius_y) ** 2 + ((x - centre_x) / radius_x) ** 2 < 1
    return mask.astype(np.uint8)


def pycoco_counts(mask: NDArray[np.uint8]) -> bytes:
    counts: bytes = pycoco.encode(np.asfortranarray(mask))["counts"]
    return counts


@given(MASKS)
def test_any_mask_goes_both_ways(mask: NDArray[np.uint8]) -> None:
    height, width = mask.shape
    columns = encode(mask.T)
    assert column_to_row_major(columns, height, width) == encode(mask)
    assert row_to_column_major(encode(mask), height, width) == columns


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", [(97, 301), (300, 64)])
def test_sparse_masks_are_never_filled(
    shape: tuple[int, int], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = blobs(*shape, seed)
    columns, rows = encode(mask.T), encode(mask)
    # Whatever the density, the way without filling must be right.
    monkeypatch.setattr("lightly_assets.format.coco.masks._PIXELS_PER_RUN", 0)
    assert column_to_row_major(columns, *shape) == rows
    assert row_to_column_major(rows, *shape) == columns


@given(MASKS)
def test_noise_without_filling(mask: NDArray[np.uint8]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lightly_assets.format.coco.masks._PIXELS_PER_RUN", 0)
        assert column_to_row_major(encode(mask.T), *mask.shape) == encode(mask)


@given(MASKS)
def test_compressed_counts_are_those_of_pycocotools(mask: NDArray[np.uint8]) -> None:
    height, width = mask.shape
    ours = to_coco(encode(mask), height, width, compressed=True)
    assert ours["counts"].encode() == pycoco_counts(mask)
    assert (pycoco.decode(ours) == mask).all()
    assert from_coco({"size": [height, width], "counts": pycoco_counts(mask)}, height, width) == encode(mask)
    assert from_coco(to_coco(encode(mask), height, width), height, width) == encode(mask)


@given(st.lists(st.integers(0, 10**7), max_size=50))
def test_compression_is_lossless(counts: list[int]) -> None:
    assert decompress(compress(counts)) == counts
    assert decompress(compress(counts).encode()) == counts


@pytest.mark.parametrize("seed", range(300))
def test_polygons_are_drawn_as_pycocotools_draws_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(1, 80, 2))
    polygons = [
        (
            random.random((int(random.integers(3, 12)), 2)) * (width * 1.4, height * 1.4)
            - (width * 0.2, height * 0.2)
        ).ravel()
        for _ in range(int(random.integers(1, 4)))
    ]
    if seed % 3 == 0:
        polygons = [np.round(polygon) for polygon in polygons]
    lists = [polygon.tolist() for polygon in polygons]
    expected = pycoco.decode(pycoco.merge(pycoco.frPyObjects(lists, height, width)))
    assert (decode(from_coco(lists, height, width), height, width) == expected).all()


@pytest.mark.parametrize("seed", range(30))
def test_rectangles_cover_the_mask(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = blobs(40, 57, seed) if seed % 2 else random.integers(0, 2, (9, 11)).astype(np.uint8)
    height, width = mask.shape
    polygons = to_polygons(encode(mask), width)
    if polygons:
        drawn = pycoco.decode(pycoco.merge(pycoco.frPyObjects(polygons, height, width)))
        assert (drawn == mask).all()
    assert from_coco(polygons, height, width) == encode(mask)


@pytest.mark.parametrize(
    ("segmentation", "problem"),
    [
        ({"size": [2, 3], "counts": [6]}, "size"),
        ({"size": [3, 4], "counts": [6]}, "add up to 6"),
        ({"size": [3, 4], "counts": [-1, 13]}, "negative"),
        ({"size": [3, 4]}, "needs the keys"),
        ({"size": [3, 4], "counts": "é~"}, "character"),
        ({"size": [3, 4], "counts": "P"}, "within a number"),
        ({"size": [3, 4], "counts": "o" * 20_000_000 + "0"}, "more than 64 bits"),
        ({"size": [3, 4], "counts": [2**63 - 1, 2**63 - 1, 14]}, "add up to"),
        ([[1, 2, 3, 4]], "three or more"),
        ([[1, 2, 3, 4, 5]], "three or more"),
        ([[1, 2, 3, 4, 5, float("nan")]], "finite"),
        ([["a", 2, 3, 4, 5, 6]], "flat list of numbers"),
        ([[1, [2], 3, 4, 5, 6]], "flat list of numbers"),
        ({"size": 3, "counts": [12]}, "size is 3"),
        ([1, 2, 3], "list of polygons"),
        ("text", "list of polygons"),
        (None, "list of polygons"),
    ],
)
def test_what_is_no_mask(segmentation: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        from_coco(segmentation, 3, 4)
