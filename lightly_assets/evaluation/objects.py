"""Labels and predictions as arrays that speak of the same images and categories."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import LightlyAssetsError
from lightly_assets.format.schema import TaskType

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class EvaluationError(LightlyAssetsError):
    """Why predictions cannot be judged, in one sentence."""


@dataclass(frozen=True, slots=True)
class Ragged:
    """Lists of different lengths: row i is ``values[ends[i] - counts[i] : ends[i]]``."""

    values: NDArray[Any]
    counts: Ints
    ends: Ints

    @classmethod
    def of(cls, values: NDArray[Any], counts: Ints) -> Self:
        return cls(values, counts, np.cumsum(counts))

    def take(self, rows: NDArray[Any]) -> Ragged:
        """These rows, in this order."""
        counts = self.counts[rows]
        return Ragged.of(self.values[self.places(rows)], counts)

    def places(self, rows: NDArray[Any]) -> Ints:
        """Where the values of these rows lie, one row after the other."""
        counts = self.counts[rows]
        starts = self.ends[rows] - counts
        before = np.cumsum(counts) - counts
        places: Ints = np.arange(int(counts.sum())) + np.repeat(starts - before, counts)
        return places

    def row(self, index: int) -> NDArray[Any]:
        return self.values[self.ends[index] - self.counts[index] : self.ends[index]]


NO_LISTS = Ragged(np.empty(0), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Objects:
    """N labels or predictions.

    ``images`` and ``categories`` are places in the :class:`Pairing`'s lists. ``boxes`` are (N, 4) x, y, w, h;
    ``areas`` square pixels. ``crowds`` are labels that stand for many objects. ``masks`` are row-major run
    lengths, ``points`` (P, 3) keypoints.
    """

    images: Ints
    categories: Ints
    scores: Floats
    boxes: Floats
    areas: Floats
    crowds: Flags
    masks: Ragged = NO_LISTS
    points: Ragged = NO_LISTS

    @property
    def size(self) -> int:
        return int(self.images.size)

    def take(self, rows: NDArray[Any]) -> Objects:
        """These rows, in this order."""
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        values = {
            one.name: getattr(self, one.name)[rows]
            for one in fields(self)
            if one.name not in ("masks", "points")
        }
        lists = {
            name: column.take(rows) if (column := getattr(self, name)).counts.size else column
            for name in ("masks", "points")
        }
        return replace(self, **values, **lists)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Labels and predictions of the same images.

    Args:
        stems: (I) the images, as the paths of their prediction files without ``.json``; in the order that
            decides between equal scores: COCO's ids, or names.
        names: (C) of the categories of the labels; predictions of others are left out.
        rows: the place of each prediction among all of its task.
        unpredicted: how many of the images have no prediction file.
        unlabelled: how many prediction files are about images without labels; they are left out.
        warnings: what a person should know about the comparison, as sentences.
    """

    task_type: TaskType
    stems: list[str]
    names: list[str]
    labels: Objects
    predictions: Objects
    rows: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    unpredicted: int = 0
    unlabelled: int = 0
    warnings: list[str] = field(default_factory=list)
