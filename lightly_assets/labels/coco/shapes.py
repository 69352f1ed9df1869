"""Shapes of COCO objects: what counts as one, turned rectangles, and pictures that are shown turned."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import numpy as np

from lightly_assets.format import rle
from lightly_assets.format.coco.masks import from_coco, to_coco
from lightly_assets.format.rules.well_formed import is_number

Point = tuple[float, float]

_NUMBERS = {int, float}
# Sums of such numbers are finite.
_MOST = 1e300

# EXIF orientation → whether x and y of a point change places on the way from the picture as shown to its
# stored pixels, and whether x, and y, then count from the other side.
_TO_STORED: dict[int, tuple[bool, bool, bool]] = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
# The same for a (H, W) mask as shown.
_MASK_TO_STORED: dict[int, Callable[[Any], Any]] = {
    2: lambda mask: mask[:, ::-1],
    3: lambda mask: mask[::-1, ::-1],
    4: lambda mask: mask[::-1],
    5: lambda mask: mask.T,
    6: lambda mask: np.rot90(mask, 1),
    7: lambda mask: mask[::-1, ::-1].T,
    8: lambda mask: np.rot90(mask, -1),
}


def has_mask(row: dict[str, Any]) -> bool:
    """Whether there is anything in ``segmentation``: not null, ``[]``, ``[[]]`` or ``{}``."""
    value = row.get("segmentation")
    if not value:
        return False
    return not isinstance(value, list) or any(value)


def is_ignored(row: dict[str, Any]) -> bool:
    """Whether an object is marked as none: ``ignore``, or ``outside`` of the picture at this moment."""
    attributes = row.get("attributes")
    if not attributes and "ignore" not in row and "outside" not in row:
        return False
    if isinstance(attributes, dict) and attributes:
        return any(_is_true(attributes.get(key)) for key in ("ignore", "outside")) or _is_true(
            row.get("ignore")
        )
    return _is_true(row.get("ignore")) or _is_true(row.get("outside"))


def _is_true(value: Any) -> bool:
    return value is not None and value in (True, 1, "1", "true", "True")


def rotation(row: dict[str, Any]) -> float:
    """CVAT's clockwise degrees of a rectangle, 0 where there are none; beside it or among its attributes."""
    value, attributes = row.get("rotation"), row.get("attributes")
    if value is None and isinstance(attributes, dict):
        value = attributes.get("rotation")
    try:
        degrees = float(value) % 360 if isinstance(value, int | float | str) else 0.0
    except ValueError:
        return 0.0
    return degrees if math.isfinite(degrees) else 0.0


def bbox_numbers(value: Any) -> list[float] | None:
    """A box of four finite numbers, None for anything else."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    kinds = set(map(type, value))
    if not kinds <= _NUMBERS or max(value) > _MOST or min(value) < -_MOST:
        return None
    return value


def is_oversized(box: Sequence[float] | None, width: int, height: int) -> bool:
    """Whether ``[x, y, w, h]`` is more than twice as wide or high as its image: cut objects are hardly so."""
    return box is not None and (box[2] > 2 * width or box[3] > 2 * height)


def _are_numbers(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and all(type(one) in (int, float) for one in value)


def turned_corners(box: Sequence[float], degrees: float) -> list[Point]:
    """The corners of ``[x, y, w, h]`` turned about its middle, clockwise as the picture is seen."""
    x, y, w, h = box
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    middle = x + w / 2, y + h / 2
    corners = ((-w / 2, -h / 2), (w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2))
    return [(middle[0] + a * cosine - b * sine, middle[1] + a * sine + b * cosine) for a, b in corners]


def oriented_corners(row: dict[str, Any]) -> list[Point] | None:
    """The corners of ``poly`` (x1, y1, … x4, y4) or ``rbox`` (middle, size, radians); None for neither."""
    for key in ("poly", "obb", "rotated_box"):
        value = row.get(key)
        if isinstance(value, list) and len(value) == 8 and all(type(one) in (int, float) for one in value):
            return list(zip(value[0::2], value[1::2], strict=True))
    value = row.get("rbox")
    if isinstance(value, list) and len(value) == 5 and all(type(one) in (int, float) for one in value):
        x, y, w, h, radians = value
        return turned_corners([x - w / 2, y - h / 2, w, h], math.degrees(radians))
    return None


def enclosing(points: list[Point]) -> list[float]:
    """The upright box ``[x, y, w, h]`` around points, to a thousandth of a pixel."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    box = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    return [round(value, 3) for value in box]


def stored_view(row: dict[str, Any], orientation: int, width: int, height: int) -> dict[str, Any]:
    """An object that was drawn on the turned view of a picture, in its stored pixels.

    Args:
        row: an annotation; what is wrong with it stays.
        orientation: EXIF, 1 to 8.
        width, height: of the stored pixels.

    Raises:
        BadValue: a mask is none.
    """
    if orientation not in _TO_STORED:
        return row
    move = _Move(orientation, width, height)
    turned = dict(row)
    if (box := bbox_numbers(row.get("bbox"))) is not None:
        x, y, w, h = box
        x1, y1 = move(x, y)
        x2, y2 = move(x + w, y + h)
        sides = (h, w) if orientation >= 5 else (w, h)
        turned["bbox"] = [min(x1, x2), min(y1, y2), *sides]
    if _are_numbers(points := row.get("keypoints")) and len(points) % 3 == 0:
        turned["keypoints"] = _moved_keypoints(points, move)
    if has_mask(row):
        turned["segmentation"] = _moved_mask(row["segmentation"], orientation, width, height)
    return turned


class _Move:
    """A point of the picture as shown to the one of its stored pixels."""

    def __init__(self, orientation: int, width: int, height: int) -> None:
        self._swapped, self._from_right, self._from_bottom = _TO_STORED[orientation]
        self._width, self._height = width, height

    def __call__(self, x: float, y: float) -> Point:
        x, y = (y, x) if self._swapped else (x, y)
        return self._width - x if self._from_right else x, self._height - y if self._from_bottom else y


def _moved_keypoints(points: list[Any], move: _Move) -> list[Any]:
    moved = list(points)
    for place in range(0, len(points) - 2, 3):
        # 0, 0 of an unlabelled point is no place.
        if points[place + 2] or points[place] or points[place + 1]:
            moved[place : place + 2] = move(points[place], points[place + 1])
    return moved


def _moved_mask(segmentation: Any, orientation: int, width: int, height: int) -> Any:
    move = _Move(orientation, width, height)
    if isinstance(segmentation, list):
        return [
            [value for x, y in zip(part[0::2], part[1::2], strict=True) for value in move(x, y)]
            if _are_numbers(part) and len(part) % 2 == 0
            else part  # whoever reads it says what is wrong with it
            for part in segmentation
        ]
    shown = (width, height) if orientation >= 5 else (height, width)
    mask = rle.decode(from_coco(segmentation, *shown), *shown)
    return to_coco(rle.encode(np.ascontiguousarray(_MASK_TO_STORED[orientation](mask))), height, width)


SCORE_KEYS = ("confidence", "conf", "probability", "prob", "scores")
"""Where some write a score; Open Images calls it so, too."""


def score_elsewhere(row: dict[str, Any]) -> tuple[str, Any] | None:
    """The key and the value of a score that is not called ``score``; None where there is none."""
    attributes = row.get("attributes")
    for key in SCORE_KEYS:
        if is_number(row.get(key)):
            return key, row[key]
    if isinstance(attributes, dict):
        for key in ("score", *SCORE_KEYS):
            if is_number(attributes.get(key)) and 0 <= float(attributes[key]) <= 1:
                return f"attributes.{key}", float(attributes[key])
    return None
