"""The rules for many files at once: which of them need a closer look.

Good files are the common case, and naming problems one by one is slow. Here the fields of many parsed files
are put together into arrays and checked by a few operations. A file that passes has no finding at all; one
that does not is a suspect, and ``file_rules.check_prediction_file`` says what is wrong with it.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.boxes import EDGE_TOLERANCE, outside_image
from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.names.suffixes import IMAGE_SUFFIXES
from lightly_assets.format.rules.box_statistics import BoxStatistics
from lightly_assets.format.rules.prediction_rules import KEYS, LARGEST_RUN, SUM_TOLERANCE, Expected
from lightly_assets.format.rules.predictions.segmentation_bbox import is_enclosing_box
from lightly_assets.format.rules.table import RULES, Check
from lightly_assets.format.rules.well_formed import WellFormed
from lightly_assets.format.schema import Schema

_SUFFIXES = frozenset(f".{suffix}" for suffix in IMAGE_SUFFIXES)
# Those of file_name, its value and predictions.
_QUOTES = 6
# One file with a value of a wrong type puts no more than so many others under suspicion.
_FEW = 16
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
    """Something that the arrays cannot express: a few files with it get a closer look."""


class _Group:
    """Predictions with the same keys: one after the other, how many each file has, and columns of values."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys
        self.rows: list[Any] = []
        self.files: list[int] = []
        self.counts: list[int] = []
        self.columns: dict[str, list[Any]] = {}
        self.boxes: NDArray[np.float64] | None = None

    def add(self, file: int, predictions: list[Any]) -> None:
        self.rows += predictions
        self.files.append(file)
        self.counts.append(len(predictions))

    def parts(self) -> list["_Group"]:
        """Groups of a few of its files each."""
        parts: list[_Group] = []
        start = 0
        for place, (file, count) in enumerate(zip(self.files, self.counts, strict=True)):
            if place % _FEW == 0:
                parts.append(_Group(self.keys))
            parts[-1].add(file, self.rows[start : start + count])
            start += count
        return parts

    def fill_columns(self) -> None:
        """Raises KeyError, or TypeError for what is no object."""
        self.columns = {key: list(map(itemgetter(key), self.rows)) for key in self.keys}

    @cached_property
    def category_ids(self) -> NDArray[np.int64]:
        return _integers(self.columns["category_id"], len(self.rows))


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
    checked: list[_Group] = []
    pending = [group for group in groups.values() if group is not None and group.files]
    while pending:
        group = pending.pop()
        found = _suspects_of(group, files, schema, sizes)
        if found is None and len(group.files) > _FEW:
            pending += group.parts()
            continue
        suspects |= set(group.files) if found is None else found
        checked.append(group)
    suspects |= _suspects_one_by_one(files, suspects, schema)
    if statistics is not None:
        for group in checked:
            if group.boxes is not None:
                _count_boxes(group.boxes, np.repeat(group.files, group.counts), suspects, sizes, statistics)
    return sorted(suspects)


def _suspects_one_by_one(files: Sequence[ParsedFile], suspects: set[int], schema: Schema) -> set[int]:
    """The other files that break a rule which has no form for arrays."""
    checks: list[Check] = [rule.check for rule in RULES.values() if rule.check and not rule.in_fast_path]
    if not checks:
        return set()
    return {
        index
        for index, file in enumerate(files)
        if index not in suspects and _breaks_any(file, checks, schema)
    }


def _breaks_any(file: ParsedFile, checks: list[Check], schema: Schema) -> bool:
    for prediction in file.parsed["predictions"]:
        view = WellFormed(prediction, schema, file.expected.width, file.expected.height)
        if any(next(check(view), None) is not None for check in checks):
            return True
    return False


def _add(index: int, file: ParsedFile, schema: Schema, groups: dict[tuple[str, ...], _Group | None]) -> bool:
    """Sorts the file's predictions into their group; False if its shape is suspicious."""
    data, parsed, stem, expected = file
    name, predictions = parsed["file_name"], parsed["predictions"]
    if type(parsed) is not dict or len(parsed) != 2 or type(predictions) is not list:
        return False
    if not (name == expected.file_name if expected.file_name is not None else _is_name(name, stem)):
        return False
    if not predictions:
        return data.count(b'"') == _QUOTES
    # With booleans left out here, and texts by counting their quotation marks, all that a value can still be
    # is a number, null or a list. No key of the format has a "u", and one an "f", so this is fast.
    if data.rfind(b"u") >= 0 and _has(b"true", data, name):
        return False
    if data.find(b"false", 0, data.rfind(b"f") + 5) >= 0 and _has(b"false", data, name):
        return False
    keys = tuple(predictions[0])
    if keys not in groups:
        groups[keys] = _Group(keys) if _are_keys(keys, schema) else None
    group = groups[keys]
    if group is None:
        return False
    group.add(index, predictions)
    return True


def _has(word: bytes, data: bytes, name: str) -> bool:
    """Whether a word is in a file, apart from the name of its image."""
    return word in data.replace(f'"{name}"'.encode(), b"")


def _is_name(name: Any, stem: str) -> bool:
    suffix = name[len(stem) :]
    if not name.startswith(stem):
        return False
    return suffix == ".png" or (suffix.lower() in _SUFFIXES and parse_frame_name(f"{stem}.png") is None)


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


def _suspects_of(
    group: _Group, files: Sequence[ParsedFile], schema: Schema, sizes: NDArray[np.float64]
) -> set[int] | None:
    """The suspects; None where a value is such that nothing can be said about any of the files."""
    owners = np.repeat(group.files, group.counts)
    of_owner = sizes[owners]
    try:
        group.fill_columns()
        bad = np.zeros(owners.size, dtype=np.bool_)
        for key, values in group.columns.items():
            bad |= _CHECKS[key](_Column(values, group, schema, of_owner))
    except (_Suspicious, KeyError, TypeError, ValueError, OverflowError, struct.error):
        return None
    return _with_more_texts(group, files) | set(owners[bad].tolist())


def _with_more_texts(group: _Group, files: Sequence[ParsedFile]) -> set[int]:
    """The files with a text that is none of the keys that are needed: a further key, one twice, or a value.

    Every text has two quotation marks, and no file has fewer than its keys need. So where all files together
    have as many as they need, each has: to count once is faster.
    """
    needed = [_QUOTES + 2 * len(group.keys) * count for count in group.counts]
    together = np.frombuffer(b"".join([files[index].data for index in group.files]), dtype=np.uint8)
    if np.count_nonzero(together == ord('"')) == sum(needed):
        return set()
    pairs = zip(group.files, needed, strict=True)
    return {index for index, count in pairs if files[index].data.count(b'"') != count}


def _category_ids(column: _Column) -> Mask:
    ids = column.group.category_ids
    known = np.array(column.schema.ids)
    return np.asarray(known[np.minimum(np.searchsorted(known, ids), known.size - 1)] != ids)


def _scores(column: _Column) -> Mask:
    scores = _numbers(column.values, len(column.values))
    return ~((scores >= 0) & (scores <= 1))


def _probabilities(column: _Column) -> Mask:
    rows = _rows(column.values, len(column.schema.ids))
    # Ids that are not in the schema are found on their own; here they only must have a place.
    places = np.searchsorted(column.schema.ids, column.group.category_ids)
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
    points = _numbers(chain.from_iterable(column.values), int(lengths.sum())).reshape(-1, 3)
    counts = lengths // 3
    width, height = np.repeat(column.sizes, counts, axis=0).T + EDGE_TOLERANCE
    x, y, score = points.T
    good = (x >= 0) & (y >= 0) & np.isfinite(x + y) & (score >= 0) & (score <= 1)
    return _any_of(~good | (x > width) | (y > height), counts)


def _segmentations(column: _Column) -> Mask:
    lengths = _lengths(column.values)
    runs = _integers(chain.from_iterable(column.values), int(lengths.sum()))
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


def _numbers(values: Iterable[Any], count: int) -> NDArray[np.float64]:
    # Twice as fast as NumPy, and it takes no None. There are no booleans.
    return np.frombuffer(struct.pack(f"{count}d", *values))


def _integers(values: Iterable[Any], count: int) -> NDArray[np.int64]:
    # It takes no floats, and no integers of more than 64 bits.
    return np.frombuffer(struct.pack(f"{count}q", *values), dtype=np.int64)


def _rows(values: list[Any], length: int) -> NDArray[np.float64]:
    # What is no list of numbers has elements of other types, or no length.
    if set(map(len, values)) != {length}:
        raise _Suspicious
    return _numbers(chain.from_iterable(values), length * len(values)).reshape(-1, length)


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
