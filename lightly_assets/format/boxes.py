"""Boxes as the format has them: ``[x, y, w, h]`` in pixels from the top left corner, x, y ≥ 0, w, h ≥ 1.

Source: the specification's "Object Detection". Functions take and return (N, 4) arrays.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import BadValue

BoxPolicy = Literal["clip", "strict"]

# Rounding to float32 and to decimals moves an edge by less than this, in pixels.
EDGE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class FittedBoxes:
    """Boxes inside their frame.

    ``xywh`` are the (M, 4) boxes that remain, ``kept`` the (N,) bool mask of the given ones that they were,
    ``clipped`` how many of them were cut, ``dropped`` how many were left smaller than a pixel.
    """

    xywh: NDArray[Any]
    kept: NDArray[np.bool_]
    clipped: int
    dropped: int


def xyxy_to_xywh(xyxy: NDArray[Any]) -> NDArray[Any]:
    """Corners ``[x1, y1, x2, y2]`` (exclusive maximum) to ``[x, y, w, h]``."""
    xywh = _boxes(xyxy).copy()
    xywh[:, 2:] -= xywh[:, :2]
    return xywh


def xywh_to_xyxy(xywh: NDArray[Any]) -> NDArray[Any]:
    """``[x, y, w, h]`` to corners ``[x1, y1, x2, y2]``."""
    xyxy = _boxes(xywh).copy()
    xyxy[:, 2:] += xyxy[:, :2]
    return xyxy


def fit_boxes(xywh: NDArray[Any], width: int, height: int, policy: BoxPolicy = "clip") -> FittedBoxes:
    """Boxes cut to a frame of ``width`` × ``height`` pixels; what is left smaller than a pixel is dropped.

    Raises:
        BadValue: a coordinate is not finite; with ``strict``, also when a box would be cut or dropped.
    """
    xywh = _boxes(xywh)
    if not np.isfinite(xywh).all():
        index = int(np.flatnonzero(~np.isfinite(xywh).all(axis=1))[0])
        raise BadValue(
            f"prediction {index}: bbox is {xywh[index].tolist()}; all four numbers must be finite."
        )
    outside = _outside(xywh, width, height)
    # A box that is not cut keeps its numbers exactly.
    corners = np.clip(xywh_to_xyxy(xywh), 0, np.array([width, height, width, height], dtype=xywh.dtype))
    fitted = np.where(outside[:, None], xyxy_to_xywh(corners), xywh)
    kept = (fitted[:, 2:] >= 1).all(axis=1)
    clipped, dropped = int((outside & kept).sum()), int((~kept).sum())
    if policy == "strict" and (clipped or dropped):
        index = int(np.flatnonzero(outside | ~kept)[0])
        raise BadValue(
            f"prediction {index}: bbox is {xywh[index].tolist()}, but x, y ≥ 0, w, h ≥ 1 and it must lie "
            f"in the frame of {width}×{height} pixels; 'boxes: clip' would cut such boxes."
        )
    return FittedBoxes(fitted[kept], np.asarray(kept), clipped, dropped)


def widen_flat_boxes(xywh: NDArray[Any], width: int, height: int, *, cut: bool = True) -> NDArray[Any]:
    """(N, 4) boxes, those without a pixel of width or height grown to one pixel inside of the image.

    For objects that are more than their box. With ``cut`` this is also done to boxes of which so little lies
    in the image, else only to those that lie in it. Boxes with a negative side stay as they are.
    """
    xywh = _boxes(xywh)
    limits = np.array([width, height], dtype=xywh.dtype)
    start = np.clip(xywh[:, :2], 0, limits)
    sides = np.clip(xywh[:, :2] + xywh[:, 2:], 0, limits) - start
    flat = (sides < 1).any(axis=1) & (xywh[:, 2:] >= 0).all(axis=1)
    if not cut:
        flat &= ~_outside(xywh, width, height)
    sides = np.maximum(sides, 1)
    grown = np.concatenate([np.minimum(start, np.maximum(limits - sides, 0)), sides], axis=1)
    return np.where(flat[:, None], grown, xywh)


def fit_keypoints(keypoints: NDArray[Any], width: int, height: int) -> tuple[NDArray[Any], int]:
    """(..., 3) keypoints with x in [0, width] and y in [0, height], and how many were moved."""
    fitted = keypoints.copy()
    fitted[..., 0] = np.clip(keypoints[..., 0], 0, width)
    fitted[..., 1] = np.clip(keypoints[..., 1], 0, height)
    moved = (fitted[..., :2] != keypoints[..., :2]).any(axis=-1)
    return fitted, int(moved.sum())


def keypoint_boxes(keypoints: NDArray[Any]) -> NDArray[Any]:
    """(N, K, 3) keypoints to their tight (N, 4) boxes, around all keypoints whatever their score.

    Sides are at least 1 pixel. Source: the specification's "Keypoint Detection".
    """
    low, high = keypoints[..., :2].min(axis=1), keypoints[..., :2].max(axis=1)
    return np.concatenate([low, np.maximum(high - low, 1)], axis=1)


def in_first_pixel(coordinates: Iterable[float]) -> bool:
    """Whether x and y of keypoints all lie in 0..1 and not all at its edges, so that they are shares."""
    given = list(coordinates)
    return all(0 <= one <= 1 for one in given) and any(0 < one < 1 for one in given)


def fits_as_xyxy(boxes: NDArray[Any], widths: Any, heights: Any) -> NDArray[np.bool_]:
    """(N,) bool: whether each box lies in its image when its numbers are read as corners."""
    x1, y1, x2, y2 = _boxes(boxes).T
    fits: NDArray[np.bool_] = (
        (x1 >= 0)
        & (y1 >= 0)
        & (x2 > x1)
        & (y2 > y1)
        & (x2 <= widths + EDGE_TOLERANCE)
        & (y2 <= heights + EDGE_TOLERANCE)
    )
    return fits


def outside_image(xywh: NDArray[Any], widths: Any, heights: Any) -> NDArray[np.bool_]:
    """(N,) bool: whether each box leaves its image by more than rounding explains."""
    return _outside(_boxes(xywh), widths + EDGE_TOLERANCE, heights + EDGE_TOLERANCE)


def half_outside(xywh: NDArray[Any], widths: Any, heights: Any) -> NDArray[np.bool_]:
    """(N,) bool: whether more than a half of each box lies outside of its image."""
    x, y, w, h = _boxes(xywh).T
    with np.errstate(over="ignore", invalid="ignore"):
        across = np.clip(np.minimum(x + w, widths) - np.maximum(x, 0), 0, None)
        down = np.clip(np.minimum(y + h, heights) - np.maximum(y, 0), 0, None)
        half: NDArray[np.bool_] = 2 * across * down < w * h
    return half


def _outside(xywh: NDArray[Any], widths: Any, heights: Any) -> NDArray[np.bool_]:
    x, y, w, h = xywh.T
    # An edge beyond the largest double is infinite, and outside.
    with np.errstate(over="ignore"):
        outside: NDArray[np.bool_] = (x < 0) | (y < 0) | (x + w > widths) | (y + h > heights)
    return outside


def _boxes(values: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(values)
    if array.size == 0:
        return array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise BadValue(f"boxes have the shape {array.shape}; it must be (N, 4).")
    return array
