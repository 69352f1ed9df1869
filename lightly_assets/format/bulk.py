"""The rules for many files at once: which of them need a closer look.

Good files are the common case, and naming problems one by one is slow. Here the fields of many parsed files
are put together into arrays and checked by a few operations. A file that passes has no finding at all; one
that does not is a suspect, and ``rules.check_prediction_file`` says what is wrong with it.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.box_statistics import BoxStatistics
from lightly_assets.format.boxes import EDGE_TOLERANCE, outside_image
from lightly_assets.format.names import IMAGE_SUFFIXES, parse_frame_name
from lightly_assets.format.schema import Schema
from lightly_assets.format.singleton_rules import KEYS, LARGEST_RUN, SUM_TOLERANCE, Expected, is_enclosing_box

_SUFFIXES = frozenset(f".{suffix}" for suffix in IMAGE_SUFFIXES)
_NUMBERS = {int, float}
# Room for sums that are added in another order.
_STRICT_SUM_TOLERANCE = SUM_TOLERANCE - 1e-9

Mask = NDArray[np.bool_]


class ParsedFile(NamedTuple):
    """A file to check: its bytes, what a JSON parser made of them, its path in the task without ``.json``."""

    data: bytes
    parsed: Any
    stem: str
    expected: Expected


class _Suspicious(Exception):  # noqa: N818 - control flow, never leaves this module
    """Something that the arrays cannot express: everything in the group gets a closer look."""


class _Group:
    """Predictions with the same keys: columns of values, and the file of each."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        # Of one key, itemgetter would give the value instead of a tuple.
        self.get: Callable[[Any], Any] = itemgetter(*keys) if len(keys) > 1 else _only(keys[0])
        self.columns: dict[str, list[Any]] = {key: [] for key in keys}
        self.files: list[int] = []
        self.counts: list[int] = []
        self.boxes: NDArray[np.float64] | None = None

    def add(self, file: int, predictions: list[Any]) -> None:
        columns = zip(*map(self.get, predictions), strict=True)
        for column, values in zip(self.columns.values(), columns, strict=True):
            column += values
        self.files.append(file)
        self.counts.append(len(predictions))


def _only(key: str) -> Callable[[Any], Any]:
    return lambda row: (row[key],)


class _Column(NamedTuple):
    """The values of one key in a group; ``sizes`` (N, 2) are each image's width and height, or NaN."""

    values: list[Any]
    group: _Group
    schema: Schema
    sizes: NDArray[np.float64]


def find_suspects(
    files: Sequence[ParsedFile], schema: Schema, statistics: BoxStatistics | None = None
) -> list[int]:
    """The indices of the files that may have findings; every other file certainly has none.

    ``statistics`` collects the boxes of the files that are no suspects.
    """
    suspects: set[int] = set()
    groups: dict[tuple[str, ...], _Group | None] = {}
    for index, file in enumerate(files):
        try:
            fine = _add(index, file, schema, groups)
        except (TypeError, KeyError, ValueError, AttributeError):
            fine = False
        if not fine:
            suspects.add(index)
    sizes = _sizes(files)
    for group in groups.values():
        if group is not None and group.files:
            suspects |= _suspects_of(group, schema, sizes)
    if statistics is not None:
        for group in groups.values():
            if group is not None and group.boxes is not None:
                _count_boxes(group.boxes, np.repeat(group.files, group.counts), suspects, sizes, statistics)
    return sorted(suspects)


def _add(index: int, file: ParsedFile, schema: Schema, groups: dict[tuple[str, ...], _Group | None]) -> bool:
    """Sorts the file's predictions into their group; False if its shape is suspicious."""
    parsed = file.parsed
    name, predictions = parsed["file_name"], parsed["predictions"]
    if (
        type(parsed) is not dict
        or len(parsed) != 2
        or type(predictions) is not list
        or not _is_name(name, file)
    ):
        return False
    if not predictions:
        return file.data.count(b'"') == 6
    keys = tuple(predictions[0])
    # Key by key every string has two quotation marks, so more of them mean a key that the parser has dropped.
    if file.data.count(b'"') != 6 + 2 * len(keys) * len(predictions):
        return False
    # What is no object has no value under a key, and raises.
    if set(map(len, predictions)) != {len(keys)}:
        return False
    if keys not in groups:
        groups[keys] = _Group(keys) if _are_keys(keys, schema) else None
    group = groups[keys]
    if group is None:
        return False
    # A missing key must not leave half of a file in the columns, so the rows are fetched first.
    group.add(index, predictions)
    return True


def _is_name(name: Any, file: ParsedFile) -> bool:
    if file.expected.file_name is not None:
        return bool(name == file.expected.file_name)
    stem = file.stem
    suffix = name[len(stem) :]
    if not name.startswith(stem) or suffix.lower() not in _SUFFIXES:
        return False
    return suffix == ".png" or parse_frame_name(f"{stem}.png") is None


def _are_keys(keys: tuple[str, ...], schema: Schema) -> bool:
    known = KEYS[schema.task_type]
    return set(keys) <= known.keys() and all(key in keys for key, required in known.items() if required)


def _sizes(files: Sequence[ParsedFile]) -> NDArray[np.float64]:
    """(F, 2) width and height of each file's image, NaN where unknown."""
    sizes = np.full((len(files), 2), np.nan)
    for index, file in enumerate(files):
        if file.expected.width and file.expected.height:
            sizes[index] = file.expected.width, file.expected.height
    return sizes


def _suspects_of(group: _Group, schema: Schema, sizes: NDArray[np.float64]) -> set[int]:
    owners = np.repeat(group.files, group.counts)
    of_owner = sizes[owners]
    try:
        bad = np.zeros(owners.size, dtype=np.bool_)
        for key, values in group.columns.items():
            bad |= _CHECKS[key](_Column(values, group, schema, of_owner))
    except (_Suspicious, TypeError, ValueError, OverflowError):
        return set(group.files)
    return set(owners[bad].tolist())


def _category_ids(column: _Column) -> Mask:
    if set(map(type, column.values)) != {int}:
        raise _Suspicious
    if set(column.values) <= column.schema.index_of.keys():
        return np.zeros(len(column.values), dtype=np.bool_)
    return np.array([value not in column.schema.index_of for value in column.values])


def _scores(column: _Column) -> Mask:
    scores = _numbers(column.values)
    return ~((scores >= 0) & (scores <= 1))


def _probabilities(column: _Column) -> Mask:
    rows = _rows(column.values, len(column.schema.ids))
    ids = column.group.columns["category_id"]
    # Ids that are not in the schema are found on their own; here they only must have a place.
    places = np.searchsorted(column.schema.ids, np.fromiter(ids, dtype=np.int64, count=len(ids)))
    chosen = rows[np.arange(len(rows)), np.minimum(places, rows.shape[1] - 1)]
    bad = np.abs(rows.dot(np.ones(rows.shape[1])) - 1) > _STRICT_SUM_TOLERANCE
    # Looking at all numbers at once is several times faster than at each row.
    if not (rows.min() >= 0 and (rows <= np.minimum(chosen, 1)[:, None]).all()):
        bad |= ~((rows >= 0) & (rows <= 1)).all(axis=1) | (chosen < rows.max(axis=1))
    return np.asarray(bad)


def _bboxes(column: _Column) -> Mask:
    boxes = column.group.boxes = _rows(column.values, 4)
    bad = outside_image(boxes, column.sizes[:, 0], column.sizes[:, 1])
    x, y, w, h = boxes.T
    if not (min(x.min(), y.min()) >= 0 and min(w.min(), h.min()) >= 1 and boxes.max() < np.inf):
        bad |= ~(np.isfinite(boxes) & (boxes >= (0, 0, 1, 1))).all(axis=1)
    return bad


def _keypoints(column: _Column) -> Mask:
    lengths = _lengths(column.values)
    if (lengths % 3).any():
        raise _Suspicious
    points = _numbers(list(chain.from_iterable(column.values))).reshape(-1, 3)
    counts = lengths // 3
    width, height = np.repeat(column.sizes, counts, axis=0).T + EDGE_TOLERANCE
    x, y, score = points.T
    good = (x >= 0) & (y >= 0) & np.isfinite(x + y) & (score >= 0) & (score <= 1)
    return _any_of(~good | (x > width) | (y > height), counts)


def _segmentations(column: _Column) -> Mask:
    lengths = _lengths(column.values)
    flat = list(chain.from_iterable(column.values))
    if set(map(type, flat)) != {int}:
        raise _Suspicious
    runs = np.array(flat, dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    inner = np.ones(runs.size, dtype=np.bool_)
    inner[starts] = False
    odd = (np.arange(runs.size) - np.repeat(starts, lengths)) % 2 == 1
    bad = _any_of((runs < 0) | (runs > LARGEST_RUN) | (inner & (runs == 0)), lengths)
    bad |= np.add.reduceat(runs * odd, starts) == 0
    # Compared to the first mask of the file; and to the image, where its size is known.
    totals, counts = np.add.reduceat(runs, starts), column.group.counts
    known = ~np.isnan(column.sizes[:, 0])
    bad |= totals != np.repeat(totals[np.cumsum(counts) - counts], counts)
    bad |= known & (totals != column.sizes.prod(axis=1))
    for index, bbox in enumerate(column.group.columns.get("bbox", ())):
        if known[index] and not bad[index]:
            bad[index] = not is_enclosing_box(bbox, column.values[index], int(column.sizes[index, 0]))
    return bad


_CHECKS: dict[str, Callable[[_Column], Mask]] = {
    "category_id": _category_ids,
    "score": _scores,
    "probabilities": _probabilities,
    "bbox": _bboxes,
    "keypoints": _keypoints,
    "segmentation": _segmentations,
}


def _numbers(values: list[Any]) -> NDArray[np.float64]:
    if not set(map(type, values)) <= _NUMBERS:
        raise _Suspicious
    return np.fromiter(values, dtype=np.float64, count=len(values))


def _rows(values: list[Any], length: int) -> NDArray[np.float64]:
    # What is no list of numbers has elements of other types, or no length.
    if set(map(len, values)) != {length}:
        raise _Suspicious
    return _numbers(list(chain.from_iterable(values))).reshape(-1, length)


def _lengths(values: list[Any]) -> NDArray[np.int64]:
    """The lengths of lists that are all lists and none empty."""
    if set(map(type, values)) != {list}:
        raise _Suspicious
    lengths = np.array(list(map(len, values)), dtype=np.int64)
    if lengths.min() == 0:
        raise _Suspicious
    return lengths


def _any_of(bad: Mask, lengths: NDArray[np.int64]) -> Mask:
    """Whether any of each stretch of the given lengths is bad."""
    result: Mask = np.logical_or.reduceat(bad, np.cumsum(lengths) - lengths)
    return result


def _count_boxes(
    boxes: NDArray[np.float64],
    owners: NDArray[np.int64],
    suspects: set[int],
    sizes: NDArray[np.float64],
    statistics: BoxStatistics,
) -> None:
    if suspects:
        kept = ~np.isin(owners, list(suspects))
        boxes, owners = boxes[kept], owners[kept]
    if owners.size == 0:
        return
    known = sizes[owners]
    if np.isnan(known).all():
        statistics.add(boxes)
    else:
        statistics.add(boxes, known[:, 0], known[:, 1])
