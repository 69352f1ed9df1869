"""Instance masks that are read along their edges only, against reading every pixel."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightly_assets.format.rle import encode
from lightly_assets.models.layouts.shared.masks import (
    _AT_ONCE,
    masks_above_zero,
    pasted_masks,
    prototype_masks,
    resized_masks,
)
from lightly_assets.models.pixels.geometry import view_of
from lightly_assets.models.preprocess import Preprocess, View

PIXELS = [
    Preprocess(resize="letterbox", size=(64, 96)),
    Preprocess(resize="stretch", size=(48, 80)),
    Preprocess(resize="crop", size=(48, 48), resize_to=56),
]
SIZES = [(270, 480), (97, 131), (33, 20), (12, 9)]


def between(
    size: int, places: NDArray[Any]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    at = np.clip(places - 0.5, 0, size - 1)
    low = np.minimum(np.floor(at), max(size - 2, 0)).astype(np.intp)
    return low, np.minimum(low + 1, size - 1), (at - low).astype(np.float32)


def read(plane: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float32]:
    """Every pixel between four numbers."""
    low, high, share = between(plane.shape[1], columns)
    narrow = plane[:, low] + (plane[:, high] - plane[:, low]) * share
    low, high, share = between(plane.shape[0], rows)
    return np.asarray(narrow[low] + (narrow[high] - narrow[low]) * share[:, None])


def planes_of(kind: str, count: int, height: int, width: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(count * height + width)
    noise = rng.normal(size=(count, height, width)).astype(np.float32)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 5 + n) + np.cos(y / 4 - n) for n in range(count)]).astype(np.float32)
    return {
        "noise": noise,
        "waves": waves,
        "zeros and ones": np.sign(np.round(waves)),
        "halves": np.round(noise) / 2,
        "tiny": waves * np.float32(1e-38),
        "nothing": np.zeros_like(noise),
    }[kind]


KINDS = ("noise", "waves", "zeros and ones", "halves", "tiny", "nothing")


@pytest.mark.parametrize("kind", KINDS)
def test_masks_over_the_whole_input(kind: str) -> None:
    for height, width in SIZES:
        for settings in PIXELS:
            view = view_of(settings.complete(), width, height)
            for shape in ((16, 24), (9, 7), (1, 5), (150, 170)):
                planes = planes_of(kind, 3, *shape)
                every = [read(one, view.rows(shape[0]), view.columns(shape[1])) for one in planes]
                found = masks_above_zero(planes, view)
                assert [one.tolist() for one in found.counts] == [encode(one > 0) for one in every]
                found = resized_masks(planes, view, 0.5)
                assert [one.tolist() for one in found.counts] == [encode(one >= 0.5) for one in every]


@pytest.mark.parametrize("kind", KINDS)
def test_masks_inside_of_boxes(kind: str) -> None:
    rng = np.random.default_rng(5)
    for height, width in SIZES:
        for settings in PIXELS:
            view = view_of(settings.complete(), width, height)
            # Coarser than the image, and finer.
            for shape, objects in (((1, 5), 4), ((90, 110), 4), ((16, 24), _AT_ONCE + 5)):
                prototypes = planes_of(kind, 8, *shape)
                coefficients = rng.normal(size=(objects, 8)).astype(np.float32)
                boxes = rng.uniform(-0.2, 1.2, (objects, 4)) * [width, height, width, height]
                boxes = np.concatenate(
                    [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], 1
                )
                boxes[0] = [0, 0, width, height]
                boxes[1] = boxes[2, [2, 3, 0, 1]]  # empty
                found = prototype_masks(coefficients, prototypes, boxes, view)
                wanted = [expected(*one, prototypes, view) for one in zip(coefficients, boxes, strict=True)]
                assert [one.tolist() for one in found.counts] == wanted
            boxes = boxes[:12]
            check_pasted(planes_of(kind, 12, 6, 5), boxes, view)


def expected(
    coefficients: NDArray[Any], box: NDArray[Any], prototypes: NDArray[Any], view: View
) -> list[int]:
    mask = np.zeros((view.height, view.width), dtype=np.bool_)
    left, right = max(0, int(np.ceil(box[0]))), min(view.width, int(np.ceil(box[2])))
    top, bottom = max(0, int(np.ceil(box[1]))), min(view.height, int(np.ceil(box[3])))
    if right > left and bottom > top:
        shape = prototypes.shape[1:]
        rows, columns = view.rows(shape[0], top, bottom), view.columns(shape[1], left, right)
        # The part that is used: sums of another part may differ in the last bit.
        y, x = between(shape[0], rows)[0], between(shape[1], columns)[0]
        part = prototypes[:, y[0] : y[-1] + 2, x[0] : x[-1] + 2]
        plane = np.tensordot(coefficients, part, axes=1)
        mask[top:bottom, left:right] = read_part(plane, rows, columns, shape) > 0
    return encode(mask)


def read_part(
    plane: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any], shape: tuple[int, int]
) -> NDArray[np.float32]:
    whole = np.zeros(shape, dtype=np.float32)
    y, x = between(shape[0], rows)[0][0], between(shape[1], columns)[0][0]
    whole[y : y + plane.shape[0], x : x + plane.shape[1]] = plane
    return read(whole, rows, columns)


def check_pasted(masks: NDArray[np.float32], boxes: NDArray[Any], view: View) -> None:
    found = pasted_masks(masks, boxes, view)
    for counts, mask, box in zip(found.counts, masks, boxes, strict=True):
        wanted = np.zeros((view.height, view.width), dtype=np.bool_)
        left, top = max(0, int(np.floor(box[0]))), max(0, int(np.floor(box[1])))
        right, bottom = min(view.width, int(np.ceil(box[2]))), min(view.height, int(np.ceil(box[3])))
        if right > left and bottom > top:
            y = (np.arange(top, bottom) + 0.5 - box[1]) / (box[3] - box[1]) * mask.shape[0] + 1
            x = (np.arange(left, right) + 0.5 - box[0]) / (box[2] - box[0]) * mask.shape[1] + 1
            wanted[top:bottom, left:right] = read(np.pad(mask, 1), y, x) >= 0.5
        assert counts.tolist() == encode(wanted)
