"""The part of an image around a box, in the size of a model's input, as mmpose cuts it out."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.preprocess import View
from lightly_assets.models.protocol import Image, Source

Box = tuple[float, float, float, float]

# Farther from the image than this nothing can lie that matters, and coordinates stay small integers.
_FAR = float(1 << 24)


@dataclass(frozen=True, slots=True)
class ObjectSource(Source):
    """Where an object comes from: an image, and its box there."""

    box: Box = field(default=(0.0, 0.0, 0.0, 0.0), compare=False)
    """x, y, width, height in pixels."""


def crop_view(
    source: ObjectSource, height: int, width: int, padding: float, *, to_centres: bool = False
) -> View:
    """Where an image lies in a model's input that shows one of its boxes.

    The box grows by ``padding`` around its middle, and one of its sides until it has the input's shape.

    Args:
        source: the image's size, and the box.
        height: of the model's input, pixels.
        width: of the model's input, pixels.
        padding: 1.25 for a quarter more on each side together.
        to_centres: the middles of the input's outer pixels lie on the edges of the grown box, as with UDP;
            else the edges of the input do.
    """
    x, y, w, h = source.box
    shape = width / height
    wide, tall = w * padding, h * padding
    wide, tall = (wide, wide / shape) if wide > tall * shape else (tall * shape, tall)
    left, top = x + w / 2 - wide / 2, y + h / 2 - tall / 2
    scale_x, scale_y = (width - to_centres) / wide, (height - to_centres) / tall
    return View(source.width, source.height, width, height, scale_x, scale_y, -left * scale_x, -top * scale_y)


def cut_out(image: Image, view: View) -> Image:
    """What a model's input shows of an (H, W, C) image, as (h, w, C) uint8; black outside of the image.

    As OpenCV's ``warpAffine`` with INTER_LINEAR: of the four nearest pixels, whatever is left out between
    them. OpenCV 5 differs by one level in two of ten thousand pixels, where both round a half.
    """
    columns = _taps(view.scale_x, view.offset_x, view.input_width, image.shape[1])
    rows = _taps(view.scale_y, view.offset_y, view.input_height, image.shape[0])
    count = view.input_width
    # Only what has weight becomes numbers, however large the part is.
    wanted = np.concatenate([columns.before, columns.after])
    above, below = (np.take(image[one], wanted, axis=1) for one in (rows.before, rows.after))
    lines = _mixed(above, below, rows, (slice(None), None, None))
    pixels = _mixed(lines[:, :count], lines[:, count:], columns, (None, slice(None), None))
    return np.asarray(np.rint(pixels, out=pixels).astype(np.uint8))


@dataclass(frozen=True, slots=True)
class _Taps:
    """For each row or column of the input two of the image, clipped to it, and how they are mixed."""

    before: NDArray[np.intp]
    after: NDArray[np.intp]
    has_before: NDArray[np.float32]
    """1, or 0 where the image has ended, and what lies there is black."""
    has_after: NDArray[np.float32]
    share: NDArray[np.float32]
    """Of the one after."""


def _taps(scale: float, offset: float, wanted: int, given: int) -> _Taps:
    step, start = np.float32(1 / scale), np.float32(-offset / scale)
    places = np.clip(np.arange(wanted, dtype=np.float32) * step + start, -_FAR, _FAR)
    floor = np.floor(places)
    before = floor.astype(np.intp)
    inside = [(one >= 0) & (one < given) for one in (before, before + 1)]
    return _Taps(
        np.clip(before, 0, given - 1),
        np.clip(before + 1, 0, given - 1),
        inside[0].astype(np.float32),
        inside[1].astype(np.float32),
        places - floor,
    )


def _mixed(
    first: NDArray[np.uint8] | NDArray[np.float32],
    second: NDArray[np.uint8] | NDArray[np.float32],
    taps: _Taps,
    along: tuple[slice | None, ...],
) -> NDArray[np.float32]:
    """Two pictures mixed along one axis."""
    low, high = first.astype(np.float32), second.astype(np.float32)
    if not taps.has_before.all():
        low *= taps.has_before[along]
    if not taps.has_after.all():
        high *= taps.has_after[along]
    high -= low
    high *= taps.share[along]
    high += low
    return high
