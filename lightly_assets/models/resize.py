"""Resizing planes of numbers, such as scores and masks.

Nothing here uses matrix products: their threads would fight with decoding for the cores.
"""

from bisect import bisect_left
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


class Bands:
    """Places on a line as :func:`between` gives them, in bands that lie between the same two pixels."""

    __slots__ = ("counts", "first", "last", "low", "starts")

    def __init__(self, low: NDArray[np.intp], share: NDArray[np.float32], ends: NDArray[np.intp]) -> None:
        """``ends`` are the last places of all bands but the last one."""
        self.starts = np.zeros(len(ends) + 1, dtype=np.intp)
        np.add(ends, 1, out=self.starts[1:])
        stops = np.empty_like(self.starts)
        stops[:-1], stops[-1] = self.starts[1:], len(low)
        self.counts = stops - self.starts
        self.low = low.take(self.starts)
        self.first = share.take(self.starts)[:, None]
        self.last = share.take(stops - 1)[:, None]


class Line:
    """Places on a line as :func:`between` gives them, of which parts are looked at."""

    def __init__(self, line: tuple[NDArray[np.intp], NDArray[np.float32]]) -> None:
        self.low, self.share = line
        self._ends = np.flatnonzero(self.low[1:] != self.low[:-1])
        self._sorted: list[int] = self._ends.tolist()

    def part(self, start: int, stop: int) -> tuple["Line", slice]:
        """Some places, on the part of the line that they use, and that part."""
        found = object.__new__(Line)
        lowest = int(self.low[start])
        found.low, found.share = self.low[start:stop] - lowest, self.share[start:stop]
        inside = slice(bisect_left(self._sorted, start), bisect_left(self._sorted, stop - 1))
        found._ends = self._ends[inside] - start
        return found, slice(lowest, int(self.low[stop - 1]) + 2)

    def bands(self) -> Bands:
        """All places."""
        return Bands(self.low, self.share, self._ends)


def where_above(
    plane: NDArray[Any],
    rows: Line,
    columns: Line,
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
    if 1 in given.shape:
        given = np.pad(given, 1, "edge")[1:, 1:]
    narrow = (given[:, 1:] - given[:, :-1]).take(columns.low, axis=1)
    narrow *= columns.share
    narrow += given.take(columns.low, axis=1)
    bands = rows.bands()
    above = narrow.take(bands.low, axis=0)
    steps = (narrow[1:] - narrow[:-1]).take(bands.low, axis=0)
    first = np.zeros((len(above), above.shape[1] + 2 * frame), dtype=np.bool_)
    inside = first[:, frame : frame + above.shape[1]]
    values = steps * bands.first
    values += above
    reached(values, threshold, out=inside)
    np.multiply(steps, bands.last, out=values)
    values += above
    found = first.repeat(bands.counts, axis=0)
    changing = np.flatnonzero(inside != reached(values, threshold))
    if changing.size:
        band, column = np.divmod(changing, above.shape[1])
        inner = np.minimum(np.arange(1, int(bands.counts.max()))[:, None], bands.counts - 1)
        inner += bands.starts
        values = rows.share.take(inner).take(band, axis=1)
        values *= steps.take(changing)
        values += above.take(changing)
        inner *= found.shape[1]
        column += frame
        at = inner.take(band, axis=1)
        at += column
        found.reshape(-1)[at] = reached(values, threshold)
    return found


def resize_plane(plane: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """An (h, w) plane of numbers in a larger size: bilinear between the centres of pixels."""
    rows, columns = plane.shape
    y = (np.arange(height) + 0.5) * (rows / height)
    x = (np.arange(width) + 0.5) * (columns / width)
    return np.asarray(resample(plane[None], between(rows, y), between(columns, x))[0])
