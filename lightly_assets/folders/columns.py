"""The predictions of many files as arrays, one row per prediction: what figures over a folder are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import chain, pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.boxes import keypoint_boxes
from lightly_assets.format.rules.fast_path import ParsedFile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ALL_FIELDS = frozenset({"boxes", "points", "runs", "probabilities"})


@dataclass(slots=True)
class Columns:
    """Predictions of F files, N in all, in the order of the files.

    ``boxes`` (N, 4), ``scores`` (N,) and ``probabilities`` (N, C) are NaN where a prediction has none; boxes
    and probabilities have no row at all where none has. The keypoints of all predictions lie one after the
    other in ``points`` (P, 3), ``point_counts`` (N,) of them each; likewise run lengths in ``runs`` and
    ``run_counts``. A field that was not asked for is empty.
    """

    stems: list[str]
    file_names: list[str]
    counts: Ints
    categories: Ints
    scores: Floats
    boxes: Floats
    points: Floats
    point_counts: Ints
    runs: Ints
    run_counts: Ints
    probabilities: Floats

    @property
    def files(self) -> Ints:
        """(N,) the file of each prediction, from 0."""
        return np.repeat(np.arange(len(self.stems)), self.counts)

    def boxes_or_hulls(self) -> Floats:
        """(N, 4) boxes, those around all keypoints where a prediction with keypoints has none."""
        missing = np.isnan(self.boxes[:, 0]) if self.boxes.size else np.ones(self.scores.size, dtype=np.bool_)
        if not missing.any() or not self.points.size:
            return self.boxes
        boxes = self.boxes.copy() if self.boxes.size else np.full((self.scores.size, 4), np.nan)
        ends = np.cumsum(self.point_counts)
        for count in np.unique(self.point_counts[missing & (self.point_counts > 0)]):
            rows = np.flatnonzero(missing & (self.point_counts == count))
            places = (ends[rows] - count)[:, None] + np.arange(count)
            boxes[rows] = keypoint_boxes(self.points[places])
        return boxes

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Many parts as one, in their order. The parts are used up, so that nothing is held twice."""
        values: list[Any] = []
        sizes = [part.scores.size for part in parts]
        for one in fields(cls):
            column = [getattr(part, one.name) for part in parts]
            for part in parts:
                setattr(part, one.name, None)
            if one.name in ("stems", "file_names"):
                values.append(list(chain.from_iterable(column)))
            elif one.name in ("boxes", "probabilities"):
                values.append(_filled(column, sizes))
            else:
                values.append(np.concatenate(column))
        return cls(*values)

    def by_name(self) -> Columns:
        """The files sorted by their paths."""
        if all(one <= other for one, other in pairwise(self.stems)):
            return self
        order = sorted(range(len(self.stems)), key=self.stems.__getitem__)
        files = np.array(order, dtype=np.int64)
        rows = _stretches(self.counts, files)

        def taken(values: Any) -> Any:
            return values[rows] if len(values) else values

        return Columns(
            [self.stems[place] for place in order],
            [self.file_names[place] for place in order],
            self.counts[files],
            self.categories[rows],
            self.scores[rows],
            taken(self.boxes),
            self.points[_stretches(self.point_counts, rows)] if self.point_counts.size else self.points,
            taken(self.point_counts),
            self.runs[_stretches(self.run_counts, rows)] if self.run_counts.size else self.runs,
            taken(self.run_counts),
            taken(self.probabilities),
        )


def _filled(parts: list[Floats], sizes: list[int]) -> Floats:
    """Parts one after the other; those without a row are NaN, unless all are."""
    if not any(len(part) for part in parts):
        return parts[0]
    width = parts[0].shape[1]
    return np.concatenate(
        [
            part if len(part) else np.full((size, width), np.nan)
            for part, size in zip(parts, sizes, strict=True)
        ]
    )


def _stretches(counts: Ints, rows: Ints) -> Ints:
    """Where the values of these rows lie, one row after the other, when row i has ``counts[i]`` of them."""
    starts = (np.cumsum(counts) - counts)[rows]
    lengths = counts[rows]
    before = np.cumsum(lengths) - lengths
    places: Ints = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
    return places


@dataclass(frozen=True, slots=True)
class Collector:
    """Makes columns of parsed files that have no error; only the fields that are wanted.

    Args:
        num_categories: of the schema: the length of probabilities.
        wanted: names of :data:`ALL_FIELDS`.
    """

    num_categories: int
    wanted: frozenset[str] = ALL_FIELDS

    def __call__(self, files: Sequence[ParsedFile]) -> Columns:
        lists = [file.parsed["predictions"] for file in files]
        rows: list[dict[str, Any]] = list(chain.from_iterable(lists))
        points, point_counts = self._lists(rows, "keypoints", "points", np.float64)
        runs, run_counts = self._lists(rows, "segmentation", "runs", np.int64)
        return Columns(
            [file.stem for file in files],
            [file.parsed.get("file_name", "") for file in files],
            np.fromiter(map(len, lists), np.int64, len(lists)),
            np.fromiter((row["category_id"] for row in rows), np.int64, len(rows)),
            _numbers(rows, "score"),
            self._boxes(rows),
            points.reshape(-1, 3),
            point_counts,
            runs,
            run_counts,
            self._probabilities(rows),
        )

    def _boxes(self, rows: list[dict[str, Any]]) -> Floats:
        if "boxes" not in self.wanted or not any("bbox" in row for row in rows):
            return np.empty((0, 4))
        return _fixed(rows, "bbox", 4)

    def _probabilities(self, rows: list[dict[str, Any]]) -> Floats:
        if "probabilities" not in self.wanted or not any("probabilities" in row for row in rows):
            return np.empty((0, self.num_categories))
        return _fixed(rows, "probabilities", self.num_categories)

    def _lists(
        self, rows: list[dict[str, Any]], key: str, field: str, kind: Any
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        if field not in self.wanted or not any(key in row for row in rows):
            counts = np.zeros(len(rows) if field in self.wanted else 0, dtype=np.int64)
            return np.empty(0, dtype=kind), counts
        values: list[list[Any]] = [row.get(key) or [] for row in rows]
        counts = np.fromiter(map(len, values), np.int64, len(values))
        flat = np.fromiter(chain.from_iterable(values), kind, int(counts.sum()))
        return flat, counts // 3 if key == "keypoints" else counts


def _numbers(rows: list[dict[str, Any]], key: str) -> Floats:
    values: Iterable[Any]
    try:
        values = [row[key] for row in rows]
    except KeyError:
        values = [np.nan if row.get(key) is None else row[key] for row in rows]
    return np.fromiter(values, np.float64, len(rows))


def _fixed(rows: list[dict[str, Any]], key: str, length: int) -> Floats:
    """(N, length), NaN where there is none."""
    values: list[Any]
    try:
        values = [row[key] for row in rows]
    except KeyError:
        nothing = [np.nan] * length
        values = [row.get(key) or nothing for row in rows]
    return np.fromiter(chain.from_iterable(values), np.float64, length * len(rows)).reshape(-1, length)


Collect = Callable[[Sequence[ParsedFile]], Columns]
