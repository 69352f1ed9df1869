"""Masks of many objects at once, read only where numbers between centres of a coarse plane cross 0.

Between four neighbouring centres lies a *cell*. Where all four are above 0, or none is, so is everything
between them; of the other cells each column is read at both ends, and where these differ, the row where it
crosses 0 is searched. No mask is ever made: what becomes of these rows are run lengths.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
# A corner that is so small beside another one may be lost when numbers between them are rounded.
_ROUNDING = 1e-6


class Axis:
    """The places of an axis of the image, and between which two centres of the plane each lies."""

    def __init__(self, line: tuple[NDArray[np.intp], NDArray[np.float32]]) -> None:
        """``line`` is from :func:`~lightly_assets.models.resize.between`."""
        self.low, self.share = line
        # Places from starts[i] to starts[i + 1] lie behind centre i.
        self.starts = np.searchsorted(self.low, np.arange(self.low[-1] + 2))

    @property
    def is_dense(self) -> bool:
        """Whether there is a place between any two centres."""
        return bool((self.low[1:] - self.low[:-1] <= 1).all())


@dataclass(frozen=True)
class Crops:
    """The parts of the image that objects lie in, at least one pixel each: N of everything."""

    y: Axis
    x: Axis
    top: Ints
    bottom: Ints
    left: Ints
    right: Ints

    @cached_property
    def first_row(self) -> Ints:
        """The first centre that is read, of the plane's rows."""
        return self.y.low[self.top]

    @cached_property
    def rows(self) -> Ints:
        """How many rows of cells a crop touches; one less than it reads of centres."""
        return self.y.low[self.bottom - 1] - self.first_row + 1

    @cached_property
    def first_column(self) -> Ints:
        return self.x.low[self.left]

    @cached_property
    def columns(self) -> Ints:
        return self.x.low[self.right - 1] - self.first_column + 1

    def parts(self) -> Iterator[tuple[slice, slice]]:
        """The centres that each crop reads."""
        corners = (self.first_row, self.rows, self.first_column, self.columns)
        for row, rows, column, columns in zip(*(one.tolist() for one in corners), strict=True):
            yield slice(row, row + rows + 1), slice(column, column + columns + 1)


@dataclass(frozen=True)
class _Bands:
    """Rows of cells of all crops, one below the other: R of everything."""

    owner: Ints
    """The crop of each."""
    y: Ints
    """The first place of each."""
    count: Ints
    """Places; 0 for the row of centres at the end of a crop, behind which there are no cells."""

    @classmethod
    def of(cls, crops: Crops) -> "_Bands":
        centres = crops.rows + 1
        owner = np.repeat(np.arange(len(centres)), centres)
        ends = np.cumsum(centres)
        row = np.arange(ends[-1]) + np.repeat(crops.first_row - ends + centres, centres)
        row[ends - 1] -= 1
        y = np.maximum(crops.y.starts[row], crops.top[owner])
        count = np.minimum(crops.y.starts[row + 1], crops.bottom[owner]) - y
        count[ends - 1] = 0
        return cls(owner, y, count)


@dataclass(frozen=True)
class _Changes:
    """Where pixels differ from those on their left: at x, in some rows."""

    owner: Ints
    x: Ints
    y: Ints
    count: Ints
    """Rows."""


def run_lengths(planes: list[NDArray[Any]], crops: Crops, height: int, width: int) -> list[Ints]:
    """Row-major run lengths of (height, width) masks that are 1 where a crop is above 0.

    Args:
        planes: the centres that each crop reads, see :meth:`Crops.parts`.
    """
    bands = _Bands.of(crops)
    canvas = np.zeros((len(bands.owner), int(crops.columns.max()) + 1), dtype=np.float32)
    below = 0
    for plane, columns in zip(planes, crops.columns.tolist(), strict=True):
        # A plane of a single row or column goes on as it is.
        rows = max(2, len(plane))
        canvas[below : below + rows, : columns + 1] = plane
        below += rows
    lowest, highest = np.minimum(canvas[:-1], canvas[1:]), np.maximum(canvas[:-1], canvas[1:])
    lowest = np.minimum(lowest[:, :-1], lowest[:, 1:])
    highest = np.maximum(highest[:, :-1], highest[:, 1:])
    # With a column of empty cells on both sides.
    full = np.zeros((len(canvas), canvas.shape[1] + 1), dtype=np.bool_)
    inner = full[:-1, 1:-1]
    np.greater(lowest, highest * np.float32(_ROUNDING), out=inner)
    mixed = highest > 0
    mixed &= ~inner
    cells = np.arange(canvas.shape[1] - 1) < (crops.columns[bands.owner] * (bands.count > 0))[:-1, None]
    inner &= cells
    mixed &= cells
    changes = [*_at_sides(full, bands, crops), *_in_cells(canvas, np.flatnonzero(mixed), full, bands, crops)]
    return _counts(changes, len(planes), height, width)


def _at_sides(full: NDArray[np.bool_], bands: _Bands, crops: Crops) -> Iterator[_Changes]:
    """Where a crop begins or ends with a full cell."""
    for side, column in (
        (crops.left, np.ones(len(full), dtype=np.int64)),
        (crops.right, crops.columns[bands.owner]),
    ):
        found = np.flatnonzero(full[np.arange(len(full)), column])
        owner = bands.owner[found]
        yield _Changes(owner, side[owner], bands.y[found], bands.count[found])


def _in_cells(
    canvas: NDArray[np.float32], mixed: Ints, full: NDArray[np.bool_], bands: _Bands, crops: Crops
) -> Iterator[_Changes]:
    """Where pixels of cells that are neither full nor empty differ, and at the sides of these cells."""
    if not mixed.size:
        return
    row, column = np.divmod(mixed, canvas.shape[1] - 1)
    owner = bands.owner[row]
    behind = crops.first_column[owner] + column
    x = np.maximum(crops.x.starts[behind], crops.left[owner])
    stop = np.minimum(crops.x.starts[behind + 1], crops.right[owner])
    count = bands.count[row]
    states = _states(canvas, (row, column), (x, stop), (bands.y[row], count), crops)
    # With what is on both sides. Where that is such a cell, too, it is told from its own left side only.
    lines = np.empty((len(states), states.shape[1] + 2), dtype=states.dtype)
    lines[:, 1:-1] = states
    lines[:, 0], lines[:, -1] = (2 * count + full[row, column + beside] for beside in (0, 2))
    follows = np.flatnonzero(mixed[1:] - mixed[:-1] + (row[1:] - row[:-1]) == 1)
    lines[follows + 1, 0] = lines[follows, -1] = lines[follows, -2]
    cell, place = np.divmod(np.flatnonzero(lines[:, 1:] != lines[:, :-1]), lines.shape[1] - 1)
    one, other = lines[cell, place], lines[cell, place + 1]
    low, high = np.minimum(one >> 1, other >> 1), np.maximum(one >> 1, other >> 1)
    # From one column to the next, rows between both crossings differ; or all the others.
    inside = (one ^ other) & 1 == 0
    found = owner[cell], np.minimum(x[cell] + place, stop[cell])
    y, count = bands.y[row][cell], count[cell]
    yield _Changes(*found, y + np.where(inside, low, 0), np.where(inside, high - low, low))
    yield _Changes(*found, y + high, np.where(inside, 0, count - high))


def _states(
    canvas: NDArray[np.float32],
    cells: tuple[Ints, Ints],
    columns: tuple[Ints, Ints],
    rows: tuple[Ints, Ints],
    crops: Crops,
) -> NDArray[np.int32]:
    """What is in the columns of M cells, as (M, W) numbers: 2 · its rows until it changes, + 1 if it begins
    above 0. Where a cell has less columns than others, its last one is repeated.

    Args:
        cells: row and column of each in ``canvas``.
        columns: the first place of each in the image and the one behind its last.
        rows: the first place of each and their number.
    """
    at = cells[0] * canvas.shape[1] + cells[1]
    corners = canvas.reshape(-1)
    x, stop = columns
    places = np.minimum(x[:, None] + np.arange(int((stop - x).max())), stop[:, None] - 1)
    share = crops.x.share[places]
    above, steps = (
        (corners[left + 1] - corners[left])[:, None] * share for left in (at, at + canvas.shape[1])
    )
    above += corners[at][:, None]
    steps += corners[at + canvas.shape[1]][:, None]
    steps -= above
    y, count = rows
    values = steps * crops.y.share[y][:, None]
    values += above
    begins = values > 0
    np.multiply(steps, crops.y.share[y + count - 1][:, None], out=values)
    values += above
    states: NDArray[np.int32] = begins + 2 * count[:, None].astype(np.int32)
    changing = np.flatnonzero(begins != (values > 0))
    if changing.size:
        cell = changing // begins.shape[1]
        began = begins.reshape(-1)[changing]
        step, start = steps.reshape(-1)[changing], above.reshape(-1)[changing]
        ends = (y + count - 1)[cell]
        same = y[cell]
        # Down a column numbers only rise or only fall, rounding included: the last row that is like the first
        # one is found bit by bit.
        for bit in reversed(range(int(count.max() - 1).bit_length())):
            values = crops.y.share[np.minimum(same + (1 << bit), ends)]
            values *= step
            values += start
            same += ((values > 0) == began).astype(np.int64) << bit
        states.reshape(-1)[changing] = 2 * (same + 1 - y[cell]) + began
    return states


def _counts(changes: list[_Changes], objects: int, height: int, width: int) -> list[Ints]:
    """Run lengths of each object, from where its pixels differ from those on their left."""
    size = width * height
    firsts = np.concatenate([one.owner * (size + 1) + one.y * width + one.x for one in changes])
    lengths = np.concatenate([one.count for one in changes])
    ends = np.cumsum(lengths)
    keys = np.repeat(firsts - (ends - lengths) * width, lengths)
    keys += np.arange(len(keys)) * width
    last = np.arange(objects) * (size + 1) + size
    keys = np.sort(np.concatenate([keys, last]))
    if (again := np.flatnonzero(keys[1:] == keys[:-1])).size:
        # A run that ends where the next row's begins goes on; one that ends with the image needs no end.
        goes_on = again[keys[again] % (size + 1) != size]
        keys = np.delete(keys, np.concatenate([again, goes_on + 1]))
    counts = np.diff(keys, prepend=-1)
    stops = np.searchsorted(keys, last) + 1
    starts = np.concatenate([[0], stops[:-1]])
    counts[starts] -= 1
    return [counts[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
