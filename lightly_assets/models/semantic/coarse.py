"""What the corners of a patch tell of all pixels in it, without reading any of those.

Between four neighbouring pixels of a model's output every class has a score that is bilinear. Where one class
leads at all four corners of a patch, by more than rounding, it leads in all of it, and its score has bounds.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.semantic.stretches import Stretches
from lightly_assets.models.semantic.summary import TOLERANCE

# Reading between four numbers, twice, is off by at most this share of the largest one.
_ROUNDING = 2.0**-17
# Scores from a softmax may be equal although the logits are not, if those are nearer than this.
_EQUAL = 1e-5
_SLACK = 1e-6

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Coarse:
    """Of each patch (a stretch of rows times one of columns) of an image: (Gy, Gx) arrays."""

    labels: NDArray[Any]
    """The class that leads in it; of use where ``certain``."""
    certain: NDArray[np.bool_]
    """Whether that class is the one of every pixel of it."""
    low: Plane
    high: Plane
    """Bounds of the class's score in its pixels."""
    mean: Plane
    """About the mean of the class's score over its pixels."""
    off: Plane
    """By how much the mean may be off."""


def look(planes: NDArray[np.float32], softmax: bool, rows: Stretches, columns: Stretches) -> Coarse:
    """What (C, h, w) finite scores (logits before a softmax, or shares in 0..1) tell of each patch."""
    knots = _at_knots(planes, rows, columns)
    labels, best, second = _two_best(knots)
    largest = max(float(planes.max()), -float(planes.min()))
    margin = _ROUNDING * largest + (_EQUAL if softmax else 0)
    same = (labels[1:, 1:] == labels[:-1, :-1]) & (labels[1:, :-1] == labels[:-1, 1:])
    same &= labels[:-1, :-1] == labels[:-1, 1:]
    certain = same & (_of_four(best - second, np.minimum) > margin)
    labels = labels[:-1, :-1]
    slack = np.float32(_SLACK + margin)
    middles = rows.middles[:, None], columns.middles
    if not softmax:
        low, high = _of_four(best, np.minimum), _of_four(best, np.maximum)
        # Above 1 numbers are cut, and may be equal then.
        certain &= (high <= 1) & (_of_four(second, np.maximum) < 1 - margin)
        mean = _bilinear(_corners(best), *middles)
        return Coarse(labels, certain, low - slack, high + slack, mean, np.full_like(mean, slack))
    np.subtract(knots, best, out=knots)
    low, high, mean, off = _softmax_bounds(knots, certain, *middles)
    return Coarse(labels, certain, low - slack, high + slack, mean, off + slack)


def _softmax_bounds(
    behind: NDArray[np.float32], certain: NDArray[np.bool_], y: Plane, x: Plane
) -> tuple[Plane, Plane, Plane, Plane]:
    """Of (C, h, w) logits less the leading one: bounds of its score, about the mean, and how far that is off.

    The score is 1 / S, where S adds up ``exp`` of the others' distance. Along rows and along columns S is
    convex: its mean lies between its value at the mean place and what lies between its corners.
    """
    of_class = np.exp(behind)
    total = of_class.sum(axis=0)
    one = np.float32(1)
    low: Plane = one / _of_four(total, np.maximum)
    high = np.ones_like(low)
    mean: Plane = (one + low) / np.float32(2)
    off: Plane = one - mean
    # Most of an image is sure: nothing more need be known of what is between 0.9991 and 1.
    open_ = np.flatnonzero(certain & (off > TOLERANCE / 2))
    row, column = np.divmod(open_, low.shape[1])
    y, x = y[row, 0], x[column]
    of_corners = _corners(of_class, row, column)
    least = np.minimum.reduce(of_corners).sum(axis=0)
    below = np.exp(_bilinear(_corners(behind, row, column), y, x)).sum(axis=0)
    above = _bilinear([one.sum(axis=0) for one in of_corners], y, x)
    lowest, highest = low.ravel()[open_], 1 / least
    # 1 / S is convex, too: above 1 / mean, and below the chord.
    mean_low = np.maximum(1 / above, lowest)
    mean_high = np.minimum(lowest + highest - np.maximum(below, least) * lowest * highest, highest)
    mean_high = np.maximum(mean_low, mean_high)
    high.ravel()[open_] = highest
    mean.ravel()[open_] = (mean_low + mean_high) / 2
    off.ravel()[open_] = (mean_high - mean_low) / 2
    return low, high, mean, off


def _at_knots(planes: NDArray[np.float32], rows: Stretches, columns: Stretches) -> NDArray[np.float32]:
    """(C, Gy + 1, Gx + 1) numbers at the knots; not to the bit those of the pixels there."""
    (top, down), (left, right) = rows.knots, columns.knots
    if len(rows) < planes.shape[1] and len(columns) < planes.shape[2]:
        # Every pixel of the output is a knot.
        return planes[:, : len(rows) + 1, : len(columns) + 1].copy()
    narrow = planes.take(left, axis=2)
    narrow += (planes.take(left + 1, axis=2) - narrow) * right
    found = narrow.take(top, axis=1)
    found += (narrow.take(top + 1, axis=1) - found) * down[:, None]
    return np.asarray(found)


def _two_best(planes: NDArray[np.float32]) -> tuple[NDArray[Any], Plane, Plane]:
    """The leading class of each pixel (the first of equal ones), its score, and the next one's."""
    best = planes[0].copy()
    second = np.full_like(best, -np.inf)
    labels = np.zeros(best.shape, dtype=np.min_scalar_type(len(planes)))
    for number in range(1, len(planes)):
        plane = planes[number]
        greater = plane > best
        # Labels only grow, so the maximum is the class where it leads and the old one elsewhere.
        np.maximum(labels, greater * labels.dtype.type(number), out=labels)
        np.maximum(second, np.minimum(best, plane), out=second)
        np.maximum(best, plane, out=best)
    return labels, best, second


def _of_four(values: Plane, choose: np.ufunc) -> Plane:
    """The least or the largest of each four neighbours: (h - 1, w - 1)."""
    beside = choose(values[:, 1:], values[:, :-1])
    return np.asarray(choose(beside[1:], beside[:-1]))


def _corners(values: NDArray[np.float32], row: Any = None, column: Any = None) -> list[NDArray[np.float32]]:
    """Of (…, h, w) numbers those at the four corners of patches: of these, or of all."""
    if row is None:
        return [values[:-1, :-1], values[:-1, 1:], values[1:, :-1], values[1:, 1:]]
    flat = values.reshape(*values.shape[:-2], -1)
    at = row * values.shape[-1] + column
    return [flat.take(at + step, axis=-1) for step in (0, 1, values.shape[-1], values.shape[-1] + 1)]


def _bilinear(of_corners: list[NDArray[np.float32]], y: Plane, x: Plane) -> NDArray[np.float32]:
    first, right, below, last = of_corners
    above = first + (right - first) * x
    return np.asarray(above + (below + (last - below) * x - above) * y)
