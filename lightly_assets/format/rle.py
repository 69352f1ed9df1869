"""Run lengths of binary masks: row-major, zeros first. Source: the specification's ``encode``."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import BadValue
from lightly_assets.format.arrays import as_numpy

Counts = Sequence[int] | NDArray[Any]

_BLOCK = 1 << 20
_WORD = 8


def encode(mask: Any) -> list[int]:
    """Encodes an (H, W) binary mask with run lengths, row by row.

    The counts alternate between zeros and ones and start with zeros: an all-one 3×4 mask is ``[0, 12]``, an
    all-zero one ``[12]``.

    Args:
        mask: NumPy array, torch tensor or nested lists; any bool, integer or float type whose values are 0
            and 1, any memory order, device and gradient.

    Raises:
        BadValue: the shape is not (H, W), or a value is neither 0 nor 1. It says what it got.

    >>> import numpy as np
    >>> encode(np.array([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]]))
    [2, 2, 1, 3, 3, 1]
    """
    array = as_numpy(mask)
    if array.ndim != 2:
        raise BadValue(f"A mask must have the shape (H, W), but got {array.shape}.")
    if array.dtype.kind not in "biuf":
        raise BadValue(f"A mask must hold booleans, integers or floats, but got {array.dtype}.")
    return encode_flat(array.ravel())


def encode_flat(flat: NDArray[Any]) -> list[int]:
    """:func:`encode` of a mask that is already flat, in row-major order."""
    if flat.size == 0:
        return []
    counts: list[int] = []
    firsts = [flat[:1]]
    last = 0
    for changes in _changes(flat):
        # All pixels of a run are equal, so checking the first of each run checks every pixel. NaN differs
        # from itself, so each NaN is a run of its own and is found as well.
        firsts.append(flat[changes])
        lengths = np.empty_like(changes)
        lengths[0] = changes[0] - last
        np.subtract(changes[1:], changes[:-1], out=lengths[1:])
        counts += _small_ints(lengths)
        last = int(changes[-1])
    counts.append(flat.size - last)
    if flat.dtype != np.bool_:
        _check_binary(np.concatenate(firsts))
    return [0, *counts] if flat[0] else counts


def run_starts(flat: NDArray[Any]) -> NDArray[np.intp]:
    """Where in a flat, non-empty array a run of equal values begins."""
    return np.concatenate([np.zeros(1, dtype=np.intp), *_changes(flat)])


def _changes(flat: NDArray[Any]) -> Iterator[NDArray[np.intp]]:
    """The positions that differ from the one before, ascending, in pieces that are not empty.

    Block by block, so that what is written is still in the cache when it is read.
    """
    different = np.empty(-(-min(_BLOCK, flat.size) // _WORD) * _WORD, dtype=np.bool_)
    for start in range(0, flat.size - 1, _BLOCK):
        after = flat[start + 1 : start + 1 + _BLOCK]
        np.not_equal(after, flat[start : start + after.size], out=different[: after.size])
        different[after.size :] = False
        found = _true_places(different)
        if found.size:
            found += start + 1
            yield found


def _true_places(flags: NDArray[np.bool_]) -> NDArray[np.intp]:
    """``np.flatnonzero`` of whole words of flags, in half the time where most words have none."""
    occupied = flags.view(np.uint64) != 0
    if np.count_nonzero(occupied) > occupied.size // 4:
        return np.flatnonzero(flags)
    words = np.flatnonzero(occupied)
    places = np.flatnonzero(flags.reshape(-1, _WORD)[words])
    found: NDArray[np.intp] = words[places >> 3] * _WORD + (places & 7)
    return found


def _small_ints(values: NDArray[np.intp]) -> list[int] | bytes:
    """The values as something that iterates as ints; bytes do so several times faster than a list is made."""
    if values.size > 512 and values.max() < 256:
        return values.astype(np.uint8).tobytes()
    numbers: list[int] = values.tolist()
    return numbers


def _check_binary(values: NDArray[Any]) -> None:
    good = (values == 0) | (values == 1)
    if not good.all():
        raise BadValue(
            f"A mask must hold only 0 and 1, but got {values[~good][0]}; "
            "threshold it first, for example with mask > 0.5."
        )


def decode(counts: Any, height: int, width: int) -> NDArray[np.uint8]:
    """Decodes run lengths to an (H, W) uint8 mask of 0 and 1. The inverse of :func:`encode`.

    Raises:
        BadValue: the counts are no non-negative integers, or do not add up to height × width.

    >>> decode([2, 2, 1, 3, 3, 1], 3, 4)
    array([[0, 0, 1, 1],
           [0, 1, 1, 1],
           [0, 0, 0, 1]], dtype=uint8)
    """
    runs = check_counts(counts, height, width)
    values = np.zeros(runs.size, dtype=np.uint8)
    values[1::2] = 1
    return np.repeat(values, runs).reshape(height, width)


def check_counts(counts: Any, height: int, width: int) -> NDArray[np.int64]:
    """Run lengths as an int64 array.

    Raises:
        BadValue: as :func:`decode`.
    """
    array = as_numpy(counts)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise BadValue(f"Run lengths must be a flat list of integers, but got {_shown(array)}.")
    if min(height, width) < 0:
        raise BadValue(f"Height and width must not be negative, but are {height} and {width}.")
    if array.size and array.min() < 0:
        raise BadValue(f"Run lengths must not be negative, but got {array.min()}.")
    # A sum in 64 bits could overflow and look right, and masks would be filled beyond their end.
    overflows = array.size and int(array.max()) > np.iinfo(np.int64).max // array.size
    total = sum(array.tolist()) if overflows else int(array.sum(dtype=np.int64))
    if total != height * width:
        raise BadValue(
            f"The run lengths add up to {total}, but a {height}×{width} mask has {height * width} pixels."
        )
    return array.astype(np.int64)


def _shown(array: NDArray[Any]) -> str:
    return f"an array of {array.dtype} with shape {array.shape}"


def one_runs(counts: Counts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The start and the (exclusive) end of every run of ones, in the flat mask; empty runs left out."""
    runs = np.asarray(counts, dtype=np.int64)
    ends = np.cumsum(runs)
    lengths = runs[1::2]
    stops = ends[1::2]
    filled = lengths > 0
    return (stops - lengths)[filled], stops[filled]


def area(counts: Counts) -> int:
    """How many pixels are 1."""
    return int(np.asarray(counts, dtype=np.int64)[1::2].sum())


def bounding_box(counts: Counts, width: int) -> list[int] | None:
    """The tight box ``[x, y, w, h]`` around the ones of a mask of this width; None where there are none."""
    starts, stops = one_runs(counts)
    if starts.size == 0:
        return None
    top, bottom = int(starts[0] // width), int((stops[-1] - 1) // width)
    first_columns, last_columns = starts % width, (stops - 1) % width
    # A run that goes on in the next row touches both edges.
    if ((stops - 1) // width > starts // width).any():
        left, right = 0, width - 1
    else:
        left, right = int(first_columns.min()), int(last_columns.max())
    return [left, top, right - left + 1, bottom - top + 1]
