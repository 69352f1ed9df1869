"""Non-maximum suppression: of boxes that overlap, the one with the highest score stays."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

# So many pairs of boxes are compared at once: they fit into the cache.
_PAIRS_AT_ONCE = 1 << 15


def suppress(
    boxes: NDArray[Any], scores: NDArray[Any], groups: NDArray[Any] | None, iou: float
) -> NDArray[np.intp]:
    """The indices of (N, 4) corner boxes that stay, by falling score; of equal scores the first one first.

    Args:
        groups: (N,) integers; only boxes of the same group (a class, or a class of an image) suppress each
            other. None: all do.
        iou: a box that overlaps a better one by more than this goes.
    """
    order = np.argsort(-scores, kind="stable")
    return order[survivors(boxes, scores, groups, iou)[order]]


def survivors(
    boxes: NDArray[Any], scores: NDArray[Any], groups: NDArray[Any] | None, iou: float
) -> NDArray[np.bool_]:
    """(N,): which boxes stay; see :func:`suppress`."""
    count = len(scores)
    groups = np.zeros(count, dtype=np.int64) if groups is None else groups
    order = np.lexsort((-scores, groups))
    sides = _Sides(boxes[order])
    ordered = groups[order]
    stops = np.searchsorted(ordered, ordered, side="right")
    # Every box is compared to the worse ones of its group, which follow it.
    followers = stops - np.arange(count) - 1
    pairs_before = np.concatenate([[0], np.cumsum(followers)])
    alive = np.ones(count, dtype=np.bool_)
    start = 0
    while start < count:
        most = pairs_before[start] + _PAIRS_AT_ONCE
        stop = max(start + 1, int(np.searchsorted(pairs_before, most, side="right")) - 1)
        places = np.flatnonzero(alive[start:stop]) + start
        for better, worse in sides.overlaps(places, followers[places], iou):
            if alive[better]:
                alive[worse] = False
        start = stop
    kept = np.empty(count, dtype=np.bool_)
    kept[order] = alive
    return kept


class _Sides:
    """Boxes as columns, from the best to the worst of each group."""

    def __init__(self, boxes: NDArray[Any]) -> None:
        self.x1, self.y1, self.x2, self.y2 = np.ascontiguousarray(boxes.T, dtype=np.float64)
        self.areas = (self.x2 - self.x1) * (self.y2 - self.y1)

    def overlaps(
        self, places: NDArray[np.intp], followers: NDArray[np.intp], iou: float
    ) -> Iterable[tuple[int, int]]:
        """The pairs of a box in these places and one of its followers that overlap by more than ``iou``."""
        starts = np.cumsum(followers) - followers
        others = np.arange(followers.sum()) + np.repeat(places + 1 - starts, followers)

        def both(side: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            return np.repeat(side[places], followers), side[others]

        shared = np.minimum(*both(self.x2)) - np.maximum(*both(self.x1))
        np.maximum(shared, 0, out=shared)
        high = np.minimum(*both(self.y2)) - np.maximum(*both(self.y1))
        shared *= np.maximum(high, 0, out=high)
        # Without a division: two boxes without area do not suppress each other.
        found = np.flatnonzero(shared > iou * (np.add(*both(self.areas)) - shared))
        betters = places[np.searchsorted(starts, found, side="right") - 1]
        return zip(betters.tolist(), others[found].tolist(), strict=True)
