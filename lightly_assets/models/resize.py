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


def where_above(
    plane: NDArray[Any],
    rows: tuple[NDArray[np.intp], NDArray[np.float32]],
    columns: tuple[NDArray[np.intp], NDArray[np.float32]],
    threshold: float,
    *,
    equal: bool = False,
    frame: int = 0,
) -> NDArray[np.bool_]:
    """Where what :func:`resample` makes of an (h, w) plane is above a threshold, or equal.

    Between two lines of the plane numbers only rise or only fall, rounding included: where the first and the
    last of a column lie on one side, all do, and only the other ones are read.

    Args:
        frame: so many columns of False on both sides.
    """
    reached = np.greater_equal if equal else np.greater
    given = plane.astype(np.float32, copy=False)
    low, share = columns
    narrow = given.take(low, axis=1)
    narrow += (given.take(np.minimum(low + 1, given.shape[1] - 1), axis=1) - narrow) * share
    low, share = rows
    ends = np.flatnonzero(low[1:] != low[:-1])
    starts, last_ones = np.concatenate(([0], ends + 1)), np.concatenate((ends, [len(low) - 1]))
    line = low.take(starts)
    above = narrow.take(line, axis=0)
    steps = narrow.take(np.minimum(line + 1, given.shape[0] - 1), axis=0)
    steps -= above
    first = np.zeros((len(line), narrow.shape[1] + 2 * frame), dtype=np.bool_)
    inside = first[:, frame : frame + narrow.shape[1]]
    reached(share.take(starts)[:, None] * steps + above, threshold, out=inside)
    last = reached(share.take(last_ones)[:, None] * steps + above, threshold)
    found = first.repeat(last_ones - starts + 1, axis=0)
    changing = np.flatnonzero(inside != last)
    if changing.size:
        of_line, column = np.divmod(changing, narrow.shape[1])
        inner = np.arange(1, int((last_ones - starts).max()) + 1)[:, None]
        places = np.minimum(starts + inner, last_ones)
        values = share.take(places).take(of_line, axis=1)
        values *= steps.take(changing)
        values += above.take(changing)
        at = (places * found.shape[1] + frame).take(of_line, axis=1)
        at += column
        found.reshape(-1)[at] = reached(values, threshold)
    return found


def resize_plane(plane: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """An (h, w) plane of numbers in a larger size: bilinear between the centres of pixels."""
    rows, columns = plane.shape
    y = (np.arange(height) + 0.5) * (rows / height)
    x = (np.arange(width) + 0.5) * (columns / width)
    return np.asarray(resample(plane[None], between(rows, y), between(columns, x))[0])
