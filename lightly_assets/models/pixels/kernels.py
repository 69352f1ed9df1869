"""Ways of computing an image in another size, each exactly as the library that models are trained with.

Made smaller by another kernel, it is another picture to a model: OpenCV's ``linear`` reads the four nearest
pixels and leaves out the rest, Pillow's kernels average over all of them.
"""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.protocol import ModelError

log = logging.getLogger(__name__)

Kernel = Literal["linear", "area", "cubic", "lanczos4", "bilinear", "bicubic", "lanczos", "nearest"]

_OF_OPENCV = ("linear", "area", "cubic", "lanczos4")
# OpenCV's linear kernel counts in steps of 1/2048, and drops bits in two places on its way.
_ONE = 2048
_BITS_BEFORE, _BITS_BETWEEN, _BITS_AFTER = 4, 16, 2
# As many numbers at once as a core's cache holds with what is computed from them.
_AT_ONCE = 24_000


def resize_image(image: NDArray[np.uint8], height: int, width: int, kernel: Kernel) -> NDArray[np.uint8]:
    """An image in another size.

    Args:
        image: (H, W, C) uint8, C being 1, 3 or 4.
        height: of the result, pixels.
        width: of the result, pixels.
        kernel: ``linear``, ``area``, ``cubic`` and ``lanczos4`` are OpenCV's INTER_LINEAR and so on, bit for
            bit; ``bilinear``, ``bicubic``, ``lanczos`` and ``nearest`` are Pillow's, which average where
            an image shrinks (all but nearest).

    Returns:
        (height, width, C) uint8; the image itself where it has this size already.

    Raises:
        ModelError: ``area``, ``cubic`` or ``lanczos4`` without OpenCV, which alone knows them.
    """
    if image.shape[:2] == (height, width):
        return image
    if kernel not in _OF_OPENCV:
        return _with_pillow(image, height, width, kernel)
    cv2 = opencv()
    if cv2 is not None:
        interpolation = getattr(cv2, f"INTER_{kernel.upper()}")
        contiguous = np.ascontiguousarray(image)
        if kernel == "linear":
            contiguous = _rows_that_count(contiguous, height)
        found = np.asarray(cv2.resize(contiguous, (width, height), interpolation=interpolation))
        return found.reshape(height, width, image.shape[2])
    if kernel != "linear":
        raise ModelError(
            f"preprocess.interpolation is {kernel}, which needs OpenCV; install it with: "
            "pip install 'lightly-assets[opencv]'."
        )
    return linear(image, height, width)


def _rows_that_count(image: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """Of rows of which an odd number becomes one, as of 1080 that become 360, the middle ones.

    The kernel gives the others no weight, but would read them.
    """
    together, rest = divmod(image.shape[0], height)
    return image if rest or together % 2 == 0 else image[together // 2 :: together]


def split(image: NDArray[np.uint8]) -> Sequence[NDArray[np.uint8]]:
    """The channels of an (H, W, C) image, each as a plane of its own where OpenCV is there to do it fast."""
    cv2 = opencv()
    if cv2 is None:
        return [image[..., channel] for channel in range(image.shape[2])]
    planes: Sequence[NDArray[np.uint8]] = cv2.split(image)
    return planes


@cache
def opencv() -> Any:
    """OpenCV, if it is installed. It runs in one thread: decoding and the model need the cores."""
    try:
        import cv2
    except ImportError:
        log.info(
            "OpenCV is not installed: 'linear' has the same pixels without it, at 3 ms for a frame "
            "in 720p instead of 0.4; pip install 'lightly-assets[opencv]'."
        )
        return None
    cv2.setNumThreads(1)
    return cv2


def _with_pillow(image: NDArray[np.uint8], height: int, width: int, kernel: str) -> NDArray[np.uint8]:
    from PIL import Image

    resampling = Image.Resampling[kernel.upper()]
    channels = image.shape[2]
    if channels == 4:
        # Pillow would weigh colours with the fourth channel, which is a channel like the others here.
        planes = [_with_pillow(image[..., one : one + 1], height, width, kernel) for one in range(4)]
        return np.concatenate(planes, axis=2)
    picture = Image.fromarray(np.ascontiguousarray(image[..., 0] if channels == 1 else image))
    return np.asarray(picture.resize((width, height), resampling)).reshape(height, width, channels)


def linear(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """OpenCV's INTER_LINEAR without OpenCV: the same bits in ten times the time, 3 ms for a frame in 720p."""
    rows, columns, channels = image.shape
    left, right, near, far = _taps(columns, width)
    # At the left and the right edge one pixel has all the weight; above and below it is shared.
    inside = (left >= 0) & (left < columns - 1)
    near, far = np.where(inside, near, _ONE), np.where(inside, far, 0)
    left, right = np.clip(left, 0, columns - 1), np.clip(right, 0, columns - 1)
    top, bottom, over, under = _taps(rows, height)
    top, bottom = np.clip(top, 0, rows - 1), np.clip(bottom, 0, rows - 1)
    if not far.any() and not under.any():
        picked: NDArray[np.uint8] = image[top[:, None], left]
        return picked
    flat = np.ascontiguousarray(image).reshape(rows, columns * channels)
    before, after = (_places(pixels, channels) for pixels in (left, right))
    near, far = np.repeat(near, channels), np.repeat(far, channels)

    def part(wanted: NDArray[np.intp], weights: NDArray[np.int32]) -> NDArray[np.int32]:
        """What these rows of the image add, each with its weight."""
        lines = flat[wanted]
        mixed: NDArray[np.int32] = np.multiply(lines.take(before, axis=1), near, dtype=np.int32)
        mixed += np.multiply(lines.take(after, axis=1), far, dtype=np.int32)
        mixed >>= _BITS_BEFORE
        mixed *= weights[:, None]
        mixed >>= _BITS_BETWEEN
        return mixed

    result = np.empty((height, width * channels), dtype=np.uint8)
    at_once = 1 + _AT_ONCE // result.shape[1]
    for first in range(0, height, at_once):
        some = slice(first, first + at_once)
        mixed = part(top[some], over[some])
        mixed += part(bottom[some], under[some])
        mixed += 1 << (_BITS_AFTER - 1)
        mixed >>= _BITS_AFTER
        result[some] = mixed  # weights add up to one: it is between 0 and 255
    return result.reshape(height, width, channels)


def _places(pixels: NDArray[np.intp], channels: int) -> NDArray[np.intp]:
    """Where the channels of these pixels lie in a row of all channels."""
    return (pixels[:, None] * channels + np.arange(channels)).ravel()


def _taps(given: int, wanted: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """For each wanted place the pixel before it and after it, and their weights in steps of 1/2048."""
    # Divided twice, as OpenCV does: it may differ in the last bit.
    step = 1 / (wanted / given)
    places = ((np.arange(wanted) + 0.5) * step - 0.5).astype(np.float32)
    before = np.floor(places).astype(np.intp)
    share = (places - before).astype(np.float32)
    weights = [np.rint(part * np.float32(_ONE)).astype(np.int32) for part in (np.float32(1) - share, share)]
    return before, before + 1, weights[0], weights[1]
