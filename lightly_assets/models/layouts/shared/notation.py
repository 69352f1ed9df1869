"""Whether the four numbers of boxes are what the layout takes them for.

Corners, centre and size, or corner and size: shapes do not tell. Where boxes lie does: corners that are read
as centre and size leave the model's input, and centre and size that are read as corners are crossed.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.layouts.base import LayoutError
from lightly_assets.models.layouts.shared.values import SURE
from lightly_assets.models.preprocess import View

Written = Literal["xyxy", "cxcywh", "xywh"]
NAMES: dict[Written, str] = {
    "xyxy": "corners",
    "cxcywh": "centre and size",
    "xywh": "corner and size",
}
# Shares of the input's sides: models reach a little over its edge, and seldom far.
_FITS, _LEAVES, _FAR = 0.01, 0.05, 0.1
# Candidates for one object count once: numbers in the same twentieth of the input.
_SAME = 0.05
# Of so many sure boxes that are as they should be, the next ones will be, too.
_ENOUGH = 200
# So many of an image are looked at.
_MOST = 50


class Notation:
    """Counts the sure boxes that a layout has read, and how they fit the input as read, and read otherwise.

    Args:
        written: what the layout takes the numbers for.
        instead: by what else they could be, what to do about it.
    """

    def __init__(self, written: Written, instead: Mapping[Written, str]) -> None:
        self._written = written
        self._instead = instead
        self._boxes = self._odd = 0
        self._otherwise: dict[Written, int] = dict.fromkeys(instead, 0)

    def look(self, numbers: NDArray[Any], scores: NDArray[Any], view: View) -> None:
        """Looks at (N, 4) numbers of boxes, in pixels of the model's input, and their (N,) scores.

        Raises:
            LayoutError: boxes do not fit the input as they are read, and all do if they are read otherwise.
        """
        if self._boxes >= _ENOUGH:
            return
        sure = numbers[scores >= SURE][:_MOST]
        if not len(sure):
            return
        shares = sure / np.array([view.input_width, view.input_height] * 2, dtype=np.float64)
        _, first = np.unique(np.round(shares / _SAME), axis=0, return_index=True)
        shares = shares[np.sort(first)]
        self._boxes += len(shares)
        self._odd += self._odd_ones(shares, view)
        for other in self._otherwise:
            self._otherwise[other] += int(_fits(_corners(shares, other)).sum())
        self._refuse()

    def _odd_ones(self, shares: NDArray[Any], view: View) -> int:
        """Boxes that are crossed, or leave the input; those that do so by far count twice."""
        boxes = _corners(shares, self._written)
        if self._written == "xyxy":
            pixel = 1 / min(view.input_width, view.input_height)
            # One that is crossed is enough.
            return 2 * int((boxes[:, 2:] < boxes[:, :2] - pixel).any(axis=1).sum())
        over = np.maximum(-boxes[:, :2], boxes[:, 2:] - 1).max(axis=1)
        return int((over > _LEAVES).sum() + (over > _FAR).sum())

    def _refuse(self) -> None:
        fitting = [one for one, count in self._otherwise.items() if count >= 0.99 * self._boxes]
        if self._odd < max(2, self._boxes / 10) or not fitting:
            return
        how = "crossed" if self._written == "xyxy" else "partly outside of the input"
        todo = " or ".join(f"{self._instead[one]} ({NAMES[one]})" for one in fitting)
        raise LayoutError(
            f"boxes are read as {NAMES[self._written]} and are {how}, but all would fit if they were read "
            f"otherwise: {todo}"
        )


def _corners(numbers: NDArray[Any], written: Written) -> NDArray[Any]:
    """(N, 4) numbers as corners."""
    if written == "xyxy":
        return numbers
    first, sizes = numbers[:, :2], numbers[:, 2:]
    if written == "cxcywh":
        first = first - sizes / 2
    return np.concatenate([first, first + sizes], axis=1)


def _fits(corners: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,) whether boxes have an area, and lie in the input."""
    inside = (corners >= -_FITS).all(axis=1) & (corners <= 1 + _FITS).all(axis=1)
    return np.asarray(inside & (corners[:, 2:] > corners[:, :2]).all(axis=1))
