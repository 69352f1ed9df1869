"""What outputs must look like to be what a layout takes them for; where they do not, which layout fits.

A wrong layout gives numbers, too, and boxes that look like some. So every batch is looked at: what is checked
costs little, as it is about the objects that are kept.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.layouts.base import LayoutError
from lightly_assets.models.preprocess import View

# Half precision and graphs' own rounding.
_LOW, _HIGH = -0.01, 1.01
# What is sure enough to be an object: no junk in a corner.
SURE = 0.25
# Shares of the input may leave it a little.
_SHARE = 2.0
# What YOLOX takes, as it is said under ``preprocess:``.
YOLOX_PIXELS = {"scale": 1, "channels": "bgr", "pad_at": "end", "rounding": "floor"}
# In a smaller input keypoints may well lie in the first pixel.
_MEANT = 8


def check_shares(values: NDArray[Any], what: str, instead: str) -> None:
    """Raises LayoutError where numbers that must lie in 0..1 do not."""
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())
    if low < _LOW or high > _HIGH:
        bad = high if high > _HIGH else low
        raise LayoutError(f"{what} must lie in 0..1, and one is {bad:.4g}; {instead}")


def check_whole(values: NDArray[Any], what: str, instead: str) -> None:
    """Raises LayoutError where class numbers are no whole numbers."""
    parts = values != np.floor(values)
    if parts.any():
        raise LayoutError(f"{what} must be whole numbers, and one is {values[parts][0]:.4g}; {instead}")


def are_shares(boxes: NDArray[Any], scores: NDArray[Any]) -> bool:
    """Whether all (N, 4) boxes of an image lie in its first pixels, one of them being sure."""
    return bool(len(boxes)) and scores.max() >= SURE and np.abs(boxes).max() <= 1.5


def check_points(points: Any, scores: NDArray[Any], view: View) -> None:
    """Raises LayoutError where all keypoints of an image lie in the first pixel of the model's input.

    ``points`` are (N, K, 3) or N arrays (K, 3) in the image's pixels, ``scores`` (N,).
    """
    if not len(scores) or scores.max() < SURE or min(view.input_width, view.input_height) < _MEANT:
        return
    scale, offset = np.array([view.scale_x, view.scale_y]), np.array([view.offset_x, view.offset_y])
    if isinstance(points, np.ndarray):
        points = points.reshape(1, -1, points.shape[-1])
    alone = True
    for one in points:
        given = one[:, :2] * scale + offset
        if np.abs(given).max() > 1.5:
            return
        # Those that are not seen often lie at the corner.
        alone = alone and bool(np.abs(given - np.rint(given)).max() < 1e-3 or len(given) < 2)
    if not alone:
        raise LayoutError(
            "keypoints lie in the first pixel, so they are shares of the input; the model must give pixels, "
            "or a function of your own multiplies them (kind: python)"
        )


def check_relative(boxes: NDArray[Any], instead: str) -> None:
    """Raises LayoutError where most of (N, 4) boxes that should be shares of the input are pixels."""
    if not len(boxes):
        return
    if (boxes[:, 2:] < 0).any():
        raise LayoutError(
            f"sizes of boxes must be shares of the input, and one is {boxes[:, 2:].min():.4g}; {instead}"
        )
    far = np.abs(boxes).max(axis=1) > _SHARE
    if far.mean() > 0.5:
        shown = [round(float(one), 2) for one in boxes[int(np.flatnonzero(far)[0])]]
        raise LayoutError(f"boxes must be shares of the input, and one is {shown}; {instead}")


def check_logits(logits: NDArray[Any], instead: str) -> None:
    """Raises LayoutError where no (N, C) logit is below 0: those of a detector are, mostly."""
    if not logits.size or logits.min() < 0:
        return
    if logits.max() > 1:
        raise LayoutError(
            f"no class logit is below 0, and one is {logits.max():.4g}, so they are something else, such as "
            "boxes in pixels (layout: boxes_scores)"
        )
    raise LayoutError(
        f"class logits all lie in 0..1, so that they are probabilities already; write layout: {instead}"
    )


def without_crossed(
    boxes: NDArray[Any], view: View, *, strictly: bool = False, counted: bool = True
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """(N, 4) corners in the image's pixels, and which of them to go on with: those that are not crossed.

    Where all are crossed, they become points instead, which are left out when predictions are written: they
    are counted there, and a layout whose boxes are all crossed is told. Not so objects that are more than
    their box, which are written however flat it is (``counted=False``).
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    good = (sides > 0).all(axis=1) if strictly else (sides >= 0).all(axis=1)
    if counted and len(boxes) and not good.any():
        middle = np.array([view.width / 2, view.height / 2] * 2, dtype=boxes.dtype)
        return np.tile(middle, (len(boxes), 1)), np.ones(len(boxes), dtype=np.bool_)
    return boxes, good


def grid_rows(view: View, strides: Sequence[int] = (8, 16, 32)) -> int:
    """How many cells the grids of these strides have together, over the model's input."""
    return grid_cells(view.input_height, view.input_width, strides)


def grid_cells(height: int, width: int, strides: Sequence[int] = (8, 16, 32)) -> int:
    """As :func:`grid_rows`, over an input of this size."""
    return sum((height // one) * (width // one) for one in strides)


def anchored_rows(view: View) -> int:
    """How many rows heads with three anchors a cell have together, over the model's input."""
    return 3 * grid_rows(view)


def are_labels(numbers: NDArray[Any]) -> bool:
    """Whether (N,) numbers that could be scores are whole, and not all the same: numbers of classes."""
    return len(numbers) > 1 and bool((numbers == np.floor(numbers)).all()) and numbers.min() != numbers.max()
