"""COCO's masks and ours, in both directions.

COCO counts runs down the columns, as a list ("uncompressed"), as text ("compressed"), or draws polygons. The
format counts runs along the rows. Both kinds of counts are turned into each other by looking only at where
neighbouring columns differ, so that no image has to be filled, except where a mask is mostly noise.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import BadValue
from lightly_assets.format import rle

# With more runs than one for so many pixels, filling the image is faster.
_PIXELS_PER_RUN = 32
# COCO's rasteriser draws polygons on a grid this many times finer.
_SCALE = 5
# Numbers that go on for ever would take a time that grows with the square of their length.
_MOST_BITS = 60


def from_coco(segmentation: Any, height: int, width: int) -> list[int]:
    """Row-major run lengths from any mask that COCO knows.

    Args:
        segmentation: ``{"size": [H, W], "counts": list | str | bytes}``, or a list of polygons
            ``[x1, y1, x2, y2, …]`` in pixels, which are united.
        height, width: of the image.

    Raises:
        BadValue: the size is another one, the counts do not add up, or it is no mask.
    """
    if isinstance(segmentation, dict):
        if not {"size", "counts"} <= segmentation.keys():
            raise BadValue('A COCO mask needs the keys "size" and "counts".')
        if segmentation["size"] not in ([height, width], (height, width)):
            raise BadValue(f"The mask's size is {segmentation['size']}, but the image is {height}×{width}.")
        counts = segmentation["counts"]
        columns = decompress(counts) if isinstance(counts, str | bytes) else counts
        return column_to_row_major(columns, height, width)
    if isinstance(segmentation, list | tuple) and all(
        isinstance(part, list | tuple) for part in segmentation
    ):
        return column_to_row_major(polygons_to_column_counts(segmentation, height, width), height, width)
    raise BadValue("A COCO mask is a list of polygons or an object with size and counts.")


def to_coco(counts: rle.Counts, height: int, width: int, *, compressed: bool = False) -> dict[str, Any]:
    """COCO's column-major mask of row-major run lengths: ``{"size": [H, W], "counts": list}``, or text."""
    columns = row_to_column_major(counts, height, width)
    return {"size": [height, width], "counts": compress(columns) if compressed else columns}


def column_to_row_major(counts: rle.Counts, height: int, width: int) -> list[int]:
    """Column-major run lengths of an (H, W) mask as row-major ones.

    Raises:
        BadValue: the counts are negative or do not add up to height × width.
    """
    return _transposed(rle.check_counts(counts, width, height), width, height)


def row_to_column_major(counts: rle.Counts, height: int, width: int) -> list[int]:
    """The inverse of :func:`column_to_row_major`."""
    return _transposed(rle.check_counts(counts, height, width), height, width)


def _transposed(runs: NDArray[np.int64], rows: int, columns: int) -> list[int]:
    """Row-major counts of a (rows, columns) mask to the row-major counts of its transpose.

    The transpose, read along its rows, changes its value where a row of the mask differs from the row above
    it; at the top, where the first row differs from the last one moved by a pixel.
    """
    size = rows * columns
    if size == 0:
        return []
    if runs.size * _PIXELS_PER_RUN > size:
        return rle.encode(rle.decode(runs, rows, columns).T)
    row, begin, end = _row_spans(runs, columns)
    row, column = np.concatenate([row, row]), np.concatenate([begin, end])
    last = row == rows - 1
    lines = np.concatenate([row, row[~last] + 1, np.zeros(int(last.sum()), dtype=np.int64)])
    # Moved by a pixel, a toggle may fall off the end of the line; it closes the interval there.
    places = np.concatenate([column, column[~last], np.minimum(column[last] + 1, columns)])
    differing = _odd(np.sort(lines * (columns + 1) + places))
    line, start = np.divmod(differing[0::2], columns + 1)
    stop = differing[1::2] % (columns + 1)
    lengths = stop - start
    offsets = np.cumsum(lengths) - lengths
    within = np.arange(int(lengths.sum())) - np.repeat(offsets, lengths)
    changes = np.sort((np.repeat(start, lengths) + within) * rows + np.repeat(line, lengths))
    result: list[int] = np.diff(changes, prepend=0, append=size).tolist()
    return result


def _row_spans(runs: NDArray[np.int64], columns: int) -> tuple[NDArray[np.int64], ...]:
    """The ones of each row, as rows, begins and (exclusive) ends in [0, columns]."""
    starts, stops = rle.one_runs(runs)
    first, last = starts // columns, (stops - 1) // columns
    parts = last - first + 1
    run = np.repeat(np.arange(starts.size), parts)
    row = np.arange(run.size) - np.repeat(np.cumsum(parts) - parts, parts) + first[run]
    begin = np.maximum(starts[run] - row * columns, 0)
    end = np.minimum(stops[run] - row * columns, columns)
    return row, begin, end


def _odd(ordered: NDArray[np.int64]) -> NDArray[np.int64]:
    """The values that occur an odd number of times, once each."""
    if ordered.size == 0:
        return ordered
    starts = rle.run_starts(ordered)
    odd: NDArray[np.int64] = ordered[starts[np.diff(starts, append=ordered.size) % 2 == 1]]
    return odd


def decompress(text: str | bytes) -> list[int]:
    """COCO's compressed counts as a list: six bits a character, differences from the count before the last.

    Raises:
        BadValue: a character is none of COCO's, a number is too large, or the text ends within one.
    """
    codes = np.frombuffer(
        text.encode("latin-1", "replace") if isinstance(text, str) else text, dtype=np.uint8
    )
    values = codes.astype(np.int64) - 48
    if values.size and (values.min() < 0 or values.max() > 63):
        raise BadValue("The compressed counts contain a character that COCO does not use.")
    counts: list[int] = []
    value = shift = 0
    for six_bits in values.tolist():
        value |= (six_bits & 0x1F) << shift
        shift += 5
        if six_bits & 0x20:
            if shift > _MOST_BITS:
                raise BadValue("The compressed counts contain a number of more than 64 bits.")
            continue
        if six_bits & 0x10:
            value |= -1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise BadValue("The compressed counts end within a number.")
    return counts


def compress(counts: rle.Counts) -> str:
    """The inverse of :func:`decompress`."""
    numbers: list[int] = np.asarray(counts, dtype=np.int64).tolist()
    characters: list[str] = []
    for index, count in enumerate(numbers):
        value = count - numbers[index - 2] if index > 2 else count
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            characters.append(chr(48 + (bits | 0x20 if more else bits)))
    return "".join(characters)


def polygons_to_column_counts(polygons: Sequence[Sequence[float]], height: int, width: int) -> list[int]:
    """Column-major run lengths of the union of polygons, pixel for pixel as COCO's own tools draw them.

    Raises:
        BadValue: a polygon has fewer than three points, an odd number of coordinates, or one that is not
            finite.
    """
    size = height * width
    starts: list[NDArray[np.int64]] = []
    stops: list[NDArray[np.int64]] = []
    for polygon in polygons:
        changes = _polygon_changes(polygon, height, width)
        edges = np.append(changes, size) if changes.size % 2 else changes
        starts.append(edges[0::2])
        stops.append(edges[1::2])
    if not starts:
        return [size]
    return _union(np.concatenate(starts), np.concatenate(stops), size)


def _union(starts: NDArray[np.int64], stops: NDArray[np.int64], size: int) -> list[int]:
    """Run lengths of the union of intervals."""
    places = np.concatenate([starts, stops])
    steps = np.concatenate([np.ones(starts.size, dtype=np.int64), np.full(stops.size, -1)])
    order = np.argsort(places, kind="stable")
    places, depth = places[order], np.cumsum(steps[order])
    final = np.append(places[1:] != places[:-1], True)[: places.size]
    places, covered = places[final], depth[final] > 0
    changed = covered != np.concatenate([[False], covered[:-1]])
    counts: list[int] = np.diff(places[changed], prepend=0, append=size).tolist()
    return counts if counts[-1] or len(counts) == 1 else counts[:-1]


def _polygon_changes(polygon: Sequence[float], height: int, width: int) -> NDArray[np.int64]:
    """Where the column-major mask of one polygon changes its value, ascending.

    This is ``rleFrPoly`` of the COCO API: walk the outline on a finer grid, take the points where it crosses
    the centre of a column, round them down the column.
    """
    try:
        points = np.asarray(polygon, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadValue("A polygon is a flat list of numbers: x1, y1, x2, y2, ….") from None
    if points.ndim != 1 or points.size < 6 or points.size % 2 or not np.isfinite(points).all():
        raise BadValue(f"A polygon needs three or more pairs of finite numbers, not {points.size}.")
    # C casts towards zero.
    grid = np.trunc(_SCALE * points.reshape(-1, 2) + 0.5).astype(np.int64)
    x, y = _outline(grid, np.roll(grid, -1, axis=0))
    crossing = np.flatnonzero(x[1:] != x[:-1])
    before, after = crossing, crossing + 1
    column = (np.where(x[after] < x[before], x[after], x[after] - 1) + 0.5) / _SCALE - 0.5
    row = np.ceil(np.clip((np.minimum(y[before], y[after]) + 0.5) / _SCALE - 0.5, 0, height))
    inside = (np.floor(column) == column) & (column >= 0) & (column <= width - 1)
    return _odd(np.sort((column[inside] * height + row[inside]).astype(np.int64)))


def _outline(begin: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All grid points along the edges from ``begin`` to ``end``, in order, with both ends of each edge."""
    delta = np.abs(end - begin)
    wide = delta[:, 0] >= delta[:, 1]
    backwards = np.where(wide, begin[:, 0] > end[:, 0], begin[:, 1] > end[:, 1])
    low = np.where(backwards[:, None], end, begin)
    high = np.where(backwards[:, None], begin, end)
    steps = delta.max(axis=1)
    rise = np.where(wide, high[:, 1] - low[:, 1], high[:, 0] - low[:, 0])
    slope = rise / np.maximum(steps, 1)
    edge = np.repeat(np.arange(len(begin)), steps + 1)
    step = np.arange(edge.size) - np.repeat(np.cumsum(steps + 1) - (steps + 1), steps + 1)
    along = np.where(backwards[edge], steps[edge] - step, step)
    across = np.trunc(np.where(wide, low[:, 1], low[:, 0])[edge] + slope[edge] * along + 0.5).astype(np.int64)
    ahead = np.where(wide, low[:, 0], low[:, 1])[edge] + along
    return np.where(wide[edge], ahead, across), np.where(wide[edge], across, ahead)


def to_polygons(counts: rle.Counts, width: int) -> list[list[int]]:
    """Rectangles ``[x1, y1, …, x4, y4]`` that together cover exactly the mask's pixels.

    COCO's tools draw the same mask from them; polygons have no holes there, so outlines alone would not do.
    """
    row, begin, end = _row_spans(np.asarray(counts, dtype=np.int64), width)
    order = np.lexsort((row, end, begin))
    row, begin, end = row[order], begin[order], end[order]
    # A rectangle goes on while the next row has the same span.
    goes_on = (begin[1:] == begin[:-1]) & (end[1:] == end[:-1]) & (row[1:] == row[:-1] + 1)
    first = np.append(True, ~goes_on)[: row.size]
    last = np.append(~goes_on, True)[: row.size]
    sides = zip(
        begin[first].tolist(), row[first].tolist(), end[first].tolist(), row[last].tolist(), strict=True
    )
    return [[x1, y1, x2, y1, x2, y2 + 1, x1, y2 + 1] for x1, y1, x2, y2 in sides]
