"""Average precision and recall as COCO defines them, from vectorised matches.

Equal to pycocotools' COCOeval: thresholds .50 to .95 in steps of .05, 101 points of recall, at most 100
predictions per image and category (20 for keypoints), and its ranges of areas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lightly_assets.evaluation.matching import Matches, match, ranked
from lightly_assets.evaluation.objects import Flags, Floats, Ints, Objects, Pairing
from lightly_assets.evaluation.overlaps import Pairs, box_pairs, keypoint_pairs, mask_pairs
from lightly_assets.format.schema import TaskType

THRESHOLDS: Floats = np.linspace(0.5, 0.95, 10)
RECALLS: Floats = np.linspace(0, 1, 101)
AREAS = {"all": (0, 1e5**2), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e5**2)}
_MOST = {TaskType.KEYPOINT_DETECTION: 20}

Overlap = Callable[[Objects, Objects, tuple[Ints, Ints], float], Pairs]


@dataclass(frozen=True, slots=True)
class Judged:
    """Predictions that were matched: at most so many of each image and category, sorted by both and by rank.

    ``rows`` are their places among the pairing's predictions. ``matches`` are those over all areas.
    """

    rows: Ints
    ranks: Ints
    pairs: Pairs
    matches: Matches
    most: int


@dataclass(frozen=True, slots=True)
class Precision:
    """``precision`` (A, C, T, 101) and ``recall`` (A, C, T), NaN where a category has no label.

    ``recall_at`` has the recall (C, T) with fewer predictions per image and category.
    """

    areas: tuple[str, ...]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    judged: Judged
    recall_at: dict[int, Floats] = field(default_factory=dict)

    def ap(self, area: str = "all", threshold: int | None = None) -> float | None:
        """The mean over categories with labels; over all thresholds, or at one given by its place."""
        return _mean(self.of_category(area, threshold))

    def of_category(self, area: str = "all", threshold: int | None = None) -> Floats:
        """(C,) average precision, NaN where a category has no label."""
        values = self.precision[self.areas.index(area)]
        chosen = values if threshold is None else values[:, threshold : threshold + 1]
        means: Floats = chosen.mean(axis=(1, 2))
        return means

    def ar(self, area: str = "all") -> float | None:
        """Average recall with the most predictions that are allowed."""
        return _mean(self.recall[self.areas.index(area)].mean(axis=1))


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def average_precision(pairing: Pairing, overlap: Overlap | None = None) -> Precision:
    """All of COCO's figures for objects with boxes, masks or keypoints.

    Args:
        overlap: how pairs are compared; that of the task type where not given.
    """
    most = _MOST.get(pairing.task_type, 100)
    measure = overlap or _OVERLAPS[pairing.task_type]
    rows, ranks, pairs = _paired(pairing, most, measure)
    predictions, labels = pairing.predictions.take(rows), pairing.labels
    names = tuple(
        name for name in AREAS if pairing.task_type is not TaskType.KEYPOINT_DETECTION or name != "small"
    )
    count = len(pairing.names)
    precision = np.full((len(names), count, THRESHOLDS.size, RECALLS.size), np.nan)
    recall = np.full((len(names), count, THRESHOLDS.size), np.nan)
    recall_at: dict[int, Floats] = {}
    judged: Judged | None = None
    by_category = np.argsort(predictions.categories, kind="stable")
    edges = np.searchsorted(predictions.categories[by_category], np.arange(count + 1))
    for place, name in enumerate(names):
        low, high = AREAS[name]
        ignored = labels.crowds | (labels.areas < low) | (labels.areas > high) | _unmarked(pairing)
        outside = (predictions.areas < low) | (predictions.areas > high)
        matches = match(pairs, ranks, THRESHOLDS, ignored, labels.crowds, outside)
        wanted = np.bincount(labels.categories[~ignored], minlength=count)
        for category in np.flatnonzero(wanted):
            of_category = by_category[edges[category] : edges[category + 1]]
            # Stable, so that images decide between equal scores.
            order = of_category[np.argsort(-predictions.scores[of_category], kind="stable")]
            precision[place, category], recall[place, category] = curve(
                matches.label[:, order] >= 0, matches.ignored[:, order], int(wanted[category])
            )
        if judged is None:
            judged = Judged(rows, ranks, pairs, matches, most)
            recall_at = _recalls(predictions.categories, ranks, matches, wanted, most)
    assert judged is not None
    return Precision(names, precision, recall, judged, recall_at)


def _paired(pairing: Pairing, most: int, measure: Overlap) -> tuple[Ints, Ints, Pairs]:
    predictions, labels = pairing.predictions, pairing.labels
    count = len(pairing.names)
    rows, ranks = ranked(predictions.images * count + predictions.categories, predictions.scores, most)
    kept = predictions.take(rows)
    groups = kept.images * count + kept.categories
    of_labels = labels.images * count + labels.categories
    return rows, ranks, measure(kept, labels, (groups, of_labels), float(THRESHOLDS[0]))


def _unmarked(pairing: Pairing) -> Flags:
    """Labels without a visible keypoint, which COCO leaves out of its evaluation of keypoints."""
    labels = pairing.labels
    if pairing.task_type is not TaskType.KEYPOINT_DETECTION:
        return np.zeros(labels.size, dtype=np.bool_)
    owners = np.repeat(np.arange(labels.size), labels.points.counts)
    seen = labels.points.values.reshape(-1, 3)[:, 2] > 0
    unmarked: Flags = np.bincount(owners[seen], minlength=labels.size) == 0
    return unmarked


def curve(matched: Flags, ignored: Flags, wanted: int) -> tuple[Floats, Floats]:
    """Precision (T, 101) at COCO's points of recall, and the recall (T,) in the end.

    Args:
        matched, ignored: (T, D) of predictions in descending order of their scores.
        wanted: how many labels there are to find.
    """
    right = np.cumsum(matched & ~ignored, axis=1, dtype=np.float64)
    wrong = np.cumsum(~matched & ~ignored, axis=1, dtype=np.float64)
    recall = right / wanted
    precision = right / (wrong + right + np.spacing(1))
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    result = np.zeros((len(recall), RECALLS.size))
    for place, line in enumerate(recall):
        places = np.searchsorted(line, RECALLS, side="left")
        reached = places < line.size
        result[place, reached] = highest[place, places[reached]]
    return result, recall[:, -1] if recall.shape[1] else np.zeros(len(recall))


def _recalls(categories: Ints, ranks: Ints, matches: Matches, wanted: Ints, most: int) -> dict[int, Floats]:
    found = (matches.label >= 0) & ~matches.ignored
    result = {}
    for limit in (1, 10, most):
        if limit > most:
            continue
        few = ranks < limit
        counts = np.stack(
            [np.bincount(categories[few & line], minlength=wanted.size) for line in found], axis=1
        )
        result[limit] = np.divide(
            counts, wanted[:, None], out=np.full(counts.shape, np.nan), where=wanted[:, None] > 0
        )
    return result


_OVERLAPS: dict[TaskType, Overlap] = {
    TaskType.OBJECT_DETECTION: box_pairs,
    TaskType.INSTANCE_SEGMENTATION: mask_pairs,
    TaskType.KEYPOINT_DETECTION: keypoint_pairs,
}
