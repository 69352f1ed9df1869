"""Resizing planes of numbers, such as scores and masks.

Nothing here uses matrix products: their threads would fight with decoding for the cores.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

# So many numbers stay in the cache.
_CACHED = 1 << 17


def between(size: int, places: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Where to read a line of ``size`` pixels at P places: the pixel before, and the share of the next one.

    Places are in pixels from the line's start; beyond the first and last centre the edge's value goes on.
    """
    at = np.clip(places - 0.5, 0, size - 1)
    low = np.minimum(np.floor(at), max(size - 2, 0)).astype(np.intp)
    return low, (at - low).astype(np.float32)


def resample(
    values: NDArray[Any],
    rows: tuple[NDArray[np.intp], NDArray[np.float32]],
    columns: tuple[NDArray[np.intp], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """(C, h, w) numbers read between their pixels' centres at rows and columns from :func:`between`."""
    given = values.astype(np.float32, copy=False)
    low, share = columns
    narrow = given[..., low]
    narrow += (given[..., np.minimum(low + 1, given.shape[2] - 1)] - narrow) * share
    low, share = rows
    steps = narrow[:, np.minimum(np.arange(1, given.shape[1] + 1), given.shape[1] - 1)] - narrow
    weights = share[:, None]
    if len(given) * len(low) * narrow.shape[2] <= _CACHED:
        return np.asarray(narrow[:, low] + steps[:, low] * weights)
    result = np.empty((len(given), len(low), narrow.shape[2]), dtype=np.float32)
    # All rows between the same two lines at once, so that both lines stay in the cache.
    starts = np.concatenate([[0], np.flatnonzero(np.diff(low)) + 1, [len(low)]]).tolist()
    for start, stop in pairwise(starts):
        line = low[start]
        for channel in range(len(given)):
            target = result[channel, start:stop]
            np.multiply(weights[start:stop], steps[channel, line], out=target)
            target += narrow[channel, line]
    return result


def resize_plane(plane: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """An (h, w) plane of numbers in a larger size: bilinear between the centres of pixels."""
    rows, columns = plane.shape
    y = (np.arange(height) + 0.5) * (rows / height)
    x = (np.arange(width) + 0.5) * (columns / width)
    return np.asarray(resample(plane[None], between(rows, y), between(columns, x))[0])
