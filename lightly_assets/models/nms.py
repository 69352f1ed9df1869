"""Non-maximum suppression: of boxes that overlap, the one with the highest score stays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Up to so many boxes, all overlaps at once are faster than one box's after the other.
_ALL_PAIRS = 512


def suppress(
    boxes: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any] | None, iou: float
) -> NDArray[np.intp]:
    """The indices of (N, 4) corner boxes that stay, by falling score; of equal scores the first one first.

    Args:
        classes: (N,) integers; only boxes of the same class suppress each other. None: all do.
        iou: a box that overlaps a better one by more than this goes.
    """
    order = np.argsort(-scores, kind="stable")
    corners = boxes[order].astype(np.float64)
    if classes is not None and corners.size:
        # Classes are moved so far apart that their boxes cannot meet.
        span = corners.max() - corners.min() + 1
        corners += (classes[order] * span)[:, None]
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    if len(order) <= _ALL_PAIRS:
        return order[_by_pairs(corners, areas, iou)]
    alive = np.ones(len(order), dtype=np.bool_)
    for index in range(len(order) - 1):
        if not alive[index]:
            continue
        rest = slice(index + 1, None)
        x1, y1, x2, y2 = corners[index]
        shared_w = np.minimum(corners[rest, 2], x2) - np.maximum(corners[rest, 0], x1)
        shared_h = np.minimum(corners[rest, 3], y2) - np.maximum(corners[rest, 1], y1)
        shared = np.maximum(shared_w, 0) * np.maximum(shared_h, 0)
        # Without a division: two boxes without area do not suppress each other.
        alive[rest] &= shared <= iou * (areas[index] + areas[rest] - shared)
    return order[alive]


def _by_pairs(corners: NDArray[Any], areas: NDArray[Any], iou: float) -> list[int]:
    """The places of the boxes that stay, given from the best to the worst."""
    x1, y1, x2, y2 = corners.T
    shared_w = np.minimum(x2[:, None], x2) - np.maximum(x1[:, None], x1)
    shared_h = np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1)
    shared = np.maximum(shared_w, 0) * np.maximum(shared_h, 0)
    overlaps = shared > iou * (areas[:, None] + areas - shared)
    kept: list[int] = []
    gone = np.zeros(len(areas), dtype=np.bool_)
    for place in range(len(areas)):
        if not gone[place]:
            kept.append(place)
            gone |= overlaps[place]
    return kept
