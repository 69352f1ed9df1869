"""Boxes and keypoints that cannot be meant: of another image, or shares instead of pixels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.boxes import in_first_pixel
from lightly_assets.models.results import ResultError

# In a smaller image keypoints may well lie in the first pixel.
MEANT = 8


def check_far(boxes: NDArray[Any], width: int, height: int) -> None:
    """Boxes a little outside are cut. One that is a whole image away was made for another image."""
    if not len(boxes):
        return
    far = (
        (boxes[:, 0] >= 2 * width)
        | (boxes[:, 1] >= 2 * height)
        | (boxes[:, 2] <= -width)
        | (boxes[:, 3] <= -height)
    )
    if far.any():
        index = int(np.flatnonzero(far)[0])
        box = [round(float(one), 2) for one in boxes[index]]
        raise ResultError(
            f"prediction {index}: the box {box} (x1, y1, x2, y2) is far outside of the {width}×{height} "
            "image; coordinates must be pixels of the image that the model got."
        )


def check_shares(boxes: NDArray[Any], images: NDArray[Any], width: int, height: int) -> None:
    """Where all boxes of an image lie in its first pixel they are shares of it.

    ``boxes`` are (N, 4) corners, ``images`` (N,) says of which image each is.
    """
    # A box at the edges 0 may have been cut there, and one without an area is often only padding.
    shares = (boxes[:, :2] > 0).all(axis=1) & (boxes[:, 2:] <= 1).all(axis=1)
    shares &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if shares.any():
        larger = images[(boxes[:, 2:] > 1).any(axis=1)]
        for index in np.flatnonzero(shares & ~np.isin(images, larger))[:1].tolist():
            box = [round(float(one), 4) for one in boxes[index]]
            raise ResultError(
                f"prediction {index}: the box {box} (x1, y1, x2, y2) lies in the first pixel, like all "
                f"boxes of its {width}×{height} image; coordinates must be pixels, not shares of the image."
            )


def check_point_shares(
    points: NDArray[Any] | Sequence[NDArray[Any]], images: NDArray[Any], width: int, height: int
) -> None:
    """Where all keypoints of an image lie in its first pixel they are shares of it.

    ``points`` are arrays (K, 3) of x, y, score, one for each object, ``images`` (N,) says of which image each
    is. Keypoints at the corner alone say nothing: that is where many put those that they do not see.
    """
    if min(width, height) < MEANT or not len(points):
        return
    if isinstance(points, np.ndarray):
        larger = np.asarray((points[..., :2] > 1).any(axis=(1, 2)))
    else:
        larger = np.array([bool((one[:, :2] > 1).any()) for one in points])
    if larger.all():
        return
    # A single point may well lie there.
    inside = np.array([len(one) > 1 and in_first_pixel(one[:, :2].ravel().tolist()) for one in points])
    others = images[larger]
    for index in np.flatnonzero(inside & ~np.isin(images, others))[:1].tolist():
        raise ResultError(
            f"prediction {index}: all keypoints lie in the first pixel, like those of all objects of its "
            f"{width}×{height} image; coordinates must be pixels, not shares of the image."
        )
