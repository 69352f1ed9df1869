"""Resizing images and planes of numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def resize_image(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """An (H, W, 3) image in another size: bilinear, antialiased where it shrinks."""
    from PIL import Image

    if image.shape[:2] == (height, width):
        return image
    # A large reduction starts with whole-pixel averages, which is three times faster and looks the same.
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(resized)


def resize_plane(plane: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """An (h, w) plane of numbers in another size: bilinear between the centres of pixels."""
    from PIL import Image

    values = np.ascontiguousarray(plane, dtype=np.float32)
    if values.shape == (height, width):
        return values
    resized = Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def interpolation(size: int, places: NDArray[Any]) -> NDArray[np.float32]:
    """(P, size) weights that read a line of ``size`` pixels at P places, linearly between pixel centres.

    Places are in pixels from the line's start; beyond the first and last centre the edge's value goes on.
    """
    at = np.clip(places - 0.5, 0, size - 1)
    low = np.floor(at).astype(np.intp)
    share = (at - low).astype(np.float32)
    weights = np.zeros((len(places), size), dtype=np.float32)
    rows = np.arange(len(places))
    weights[rows, low] = 1 - share
    weights[rows, np.minimum(low + 1, size - 1)] += share
    return weights
