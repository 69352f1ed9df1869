"""Instance masks as run lengths, made only where their boxes are."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format import rle
from lightly_assets.models.layouts.shared.crossings import Axis, Crops, run_lengths
from lightly_assets.models.preprocess import View
from lightly_assets.models.resize import Line, between, where_above
from lightly_assets.models.results import RunLengths

# Objects whose masks are made together: what is read of them stays in the cache.
_AT_ONCE = 32


def run_lengths_of_crop(
    framed: NDArray[np.bool_], left: int, top: int, width: int, height: int
) -> NDArray[np.int64]:
    """Row-major run lengths of a (height, width) mask that is 1 only inside of a crop of it.

    ``framed`` is the crop with a column of 0 on both sides.
    """
    # Every row begins and ends with 0, so changes come in pairs: a run's start and its end.
    changes = rle.run_starts(framed.ravel())[1:]
    if not changes.size:
        return np.array([width * height], dtype=np.int64)
    # From places in the crop to places in the image.
    places = changes // framed.shape[1]
    places *= width - framed.shape[1]
    places += changes
    places += top * width + left - 1
    if framed.shape[1] - 2 == width:
        places = _joined(places)
    counts = np.empty(places.size + 1, dtype=np.int64)
    counts[0], counts[-1] = places[0], width * height - places[-1]
    np.subtract(places[1:], places[:-1], out=counts[1:-1])
    return counts[:-1] if counts[-1] == 0 else counts


def _joined(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Runs that end where the next one starts, as one."""
    starts, stops = places[0::2], places[1::2]
    apart = starts[1:] != stops[:-1]
    return np.stack(
        [starts[np.append(True, apart)], stops[np.append(apart, True)]],
        axis=1,
    ).ravel()


def prototype_masks(
    coefficients: NDArray[Any], prototypes: NDArray[Any], boxes: NDArray[Any], view: View
) -> RunLengths:
    """Masks of the whole image from (N, M) coefficients and (M, h, w) prototypes over the model's input.

    A pixel belongs to an object where the prototypes, weighted and read between their pixels' centres, are
    above 0, and inside of the object's box (corners in the image's pixels).
    """
    _, rows, columns = prototypes.shape
    y, x = Axis(between(rows, view.rows(rows))), Axis(between(columns, view.columns(columns)))
    corners = np.array(boxes, dtype=np.float64).reshape(-1, 2, 2)
    # The pixels whose index lies in [low, high).
    corners = np.clip(np.ceil(corners), 0, (view.width, view.height)).astype(np.int64)
    (left, top), (right, bottom) = corners[:, 0].T, corners[:, 1].T
    given = coefficients.astype(np.float32)
    masks = [np.array([view.width * view.height], dtype=np.int64)] * len(given)
    some = np.flatnonzero((right > left) & (bottom > top))
    for start in range(0, len(some), _AT_ONCE):
        these = some[start : start + _AT_ONCE]
        crops = Crops(y, x, top[these], bottom[these], left[these], right[these])
        found = _prototype_masks(given[these], prototypes, crops, view)
        for place, one in zip(these.tolist(), found, strict=True):
            masks[place] = one
    return RunLengths(masks, view.height, view.width)


def _prototype_masks(
    coefficients: NDArray[np.float32], prototypes: NDArray[Any], crops: Crops, view: View
) -> list[NDArray[np.int64]]:
    planes = []
    for one, (rows, columns) in zip(coefficients, crops.parts(), strict=True):
        part = prototypes[:, rows, columns]
        planes.append(np.dot(one[None], part.reshape(len(part), -1)).reshape(part.shape[1:]))
    if crops.y.is_dense and crops.x.is_dense:
        return run_lengths(planes, crops, view.height, view.width)
    # The image is coarser than the prototypes, so its masks are small.
    found = []
    for place, plane in enumerate(planes):
        top, left = int(crops.top[place]), int(crops.left[place])
        y, _ = Line((crops.y.low, crops.y.share)).part(top, int(crops.bottom[place]))
        x, _ = Line((crops.x.low, crops.x.share)).part(left, int(crops.right[place]))
        framed = where_above(plane, y, x, 0, frame=1)
        found.append(run_lengths_of_crop(framed, left, top, view.width, view.height))
    return found


def masks_above_zero(logits: NDArray[Any], view: View) -> RunLengths:
    """Masks of the whole image from (N, h, w) logits over the input; one at a time, as they are large."""
    _, rows, columns = logits.shape
    y, x = Line(between(rows, view.rows(rows))), Line(between(columns, view.columns(columns)))
    return RunLengths([rle.encode(where_above(one, y, x, 0)) for one in logits], view.height, view.width)


def pasted_masks(masks: NDArray[Any], boxes: NDArray[Any], view: View) -> RunLengths:
    """Masks of the whole image from (N, h, w) scores over each object's box."""
    # Outside of the box is nothing, and the edge lies between it and the first pixel.
    framed = np.pad(masks.astype(np.float32), ((0, 0), (1, 1), (1, 1)))
    return RunLengths(
        [_pasted(mask, box, view) for mask, box in zip(framed, boxes, strict=True)], view.height, view.width
    )


def _pasted(framed: NDArray[np.float32], box: NDArray[Any], view: View) -> NDArray[np.int64]:
    # All pixels that the box touches: beyond its edge numbers fall below one half by themselves.
    left, top = max(0, math.floor(box[0])), max(0, math.floor(box[1]))
    right, bottom = min(view.width, math.ceil(box[2])), min(view.height, math.ceil(box[3]))
    if right <= left or bottom <= top:
        return np.array([view.width * view.height], dtype=np.int64)
    rows, columns = framed.shape
    y = (np.arange(top, bottom) + 0.5 - box[1]) / (box[3] - box[1]) * (rows - 2) + 1
    x = (np.arange(left, right) + 0.5 - box[0]) / (box[2] - box[0]) * (columns - 2) + 1
    crop = where_above(framed, Line(between(rows, y)), Line(between(columns, x)), 0.5, equal=True, frame=1)
    return run_lengths_of_crop(crop, left, top, view.width, view.height)


def resized_masks(masks: NDArray[Any], view: View, threshold: float) -> RunLengths:
    """Masks of the whole image from (N, h, w) scores over the model's input."""
    rows, columns = masks.shape[1:]
    if (rows, columns) == (view.height, view.width) and view.scale_x == 1 and view.scale_y == 1:
        return RunLengths.of(masks >= threshold)
    y, x = Line(between(rows, view.rows(rows))), Line(between(columns, view.columns(columns)))
    found = [rle.encode(where_above(one, y, x, threshold, equal=True)) for one in masks]
    return RunLengths(found, view.height, view.width)
