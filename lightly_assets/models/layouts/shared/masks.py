"""Instance masks as run lengths, made only where their boxes are."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.preprocess import View
from lightly_assets.models.resize import between, resample
from lightly_assets.models.results import RunLengths


def run_lengths_of_crop(
    crop: NDArray[np.bool_], left: int, top: int, width: int, height: int
) -> NDArray[np.int64]:
    """Row-major run lengths of a (height, width) mask that is 1 only inside of a crop of it."""
    if not crop.any():
        return np.array([width * height], dtype=np.int64)
    padded = np.zeros((crop.shape[0], crop.shape[1] + 2), dtype=np.bool_)
    padded[:, 1:-1] = crop
    flat = padded.ravel()
    # Every row begins and ends with 0, so changes come in pairs: a run's start and its end.
    rows, columns = np.divmod(np.flatnonzero(flat[1:] != flat[:-1]) + 1, padded.shape[1])
    places = (rows + top) * width + (columns - 1 + left)
    if crop.shape[1] == width:
        places = _joined(places)
    counts: NDArray[np.int64] = np.diff(places, prepend=0, append=width * height)
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
    masks = [
        _prototype_mask(one, prototypes, box, view) for one, box in zip(coefficients, boxes, strict=True)
    ]
    return RunLengths(masks, view.height, view.width)


def _prototype_mask(
    coefficients: NDArray[Any], prototypes: NDArray[Any], box: NDArray[Any], view: View
) -> NDArray[np.int64]:
    left, right = _pixels(box[0], box[2], view.width)
    top, bottom = _pixels(box[1], box[3], view.height)
    if right <= left or bottom <= top:
        return np.array([view.width * view.height], dtype=np.int64)
    _, rows, columns = prototypes.shape
    y, span_y = _narrow(between(rows, view.rows(rows, top, bottom)))
    x, span_x = _narrow(between(columns, view.columns(columns, left, right)))
    plane = np.tensordot(coefficients.astype(np.float32), prototypes[:, span_y, span_x], axes=1)
    crop = resample(plane[None], y, x)[0] > 0
    return run_lengths_of_crop(crop, left, top, view.width, view.height)


def _pixels(low: float, high: float, size: int) -> tuple[int, int]:
    """The pixels whose index lies in [low, high)."""
    return max(0, math.ceil(low)), min(size, math.ceil(high))


def _narrow(
    places: tuple[NDArray[np.intp], NDArray[np.float32]],
) -> tuple[tuple[NDArray[np.intp], NDArray[np.float32]], slice]:
    """Places on the part of a line that they use, and that part."""
    low, share = places
    first = int(low[0])
    return (low - first, share), slice(first, int(low[-1]) + 2)


def masks_above_zero(logits: NDArray[Any], view: View) -> RunLengths:
    """Masks of the whole image from (N, h, w) logits over the input; one at a time, as they are large."""
    y, x = (
        between(logits.shape[1], view.rows(logits.shape[1])),
        between(logits.shape[2], view.columns(logits.shape[2])),
    )
    counts = [RunLengths.of(resample(one[None], y, x) > 0).counts[0] for one in logits]
    return RunLengths(counts, view.height, view.width)


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
    crop = resample(framed[None], between(rows, y), between(columns, x))[0] >= 0.5
    return run_lengths_of_crop(crop, left, top, view.width, view.height)


def resized_masks(masks: NDArray[Any], view: View, threshold: float) -> RunLengths:
    """Masks of the whole image from (N, h, w) scores over the model's input."""
    rows, columns = masks.shape[1:]
    if (rows, columns) == (view.height, view.width) and view.scale_x == 1 and view.scale_y == 1:
        return RunLengths.of(masks >= threshold)
    y, x = between(rows, view.rows(rows)), between(columns, view.columns(columns))
    return RunLengths.of(resample(masks, y, x) >= threshold)
