"""The platform's active learning scores of every file of a task, a part of the predictions at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lightly_assets.folders.columns import Columns
from lightly_assets.folders.read import Task
from lightly_assets.format.schema import TaskType
from lightly_assets.format.scores import (
    approximate_probabilities,
    entropy,
    keypoint_mean_uncertainty,
    least_confidence,
    margin,
    object_frequency,
    objectness_least_confidence,
)

Floats = NDArray[np.float64]

# Numbers of a matrix of probabilities that is worked on at once.
_CELLS = 1 << 21

UNCERTAINTIES = {
    "uncertainty_least_confidence": least_confidence,
    "uncertainty_margin": margin,
    "uncertainty_entropy": entropy,
}


def file_scores(task: Task, only: str | None = None) -> dict[str, Floats]:
    """(F,) each score of each file, under the platform's names; 0 for files without predictions.

    For objects the uncertainty of an image is the largest of its objects'. For semantic segmentation it is
    the mean over the pixels, as the open scorers have it, with one vector per segment. ``mean_uncertainty``
    is there for keypoints, ``object_frequency`` and ``objectness_least_confidence`` for objects. With
    ``only``, this one at least.
    """
    columns, kind = task.columns, task.schema.task_type
    count = len(columns.stems)
    if kind is TaskType.SEMANTIC_SEGMENTATION:
        return {name: _by_area(values, columns) for name, values in object_uncertainties(task).items()}
    files = columns.files
    scores: dict[str, Floats] = {}
    if only is None or only in UNCERTAINTIES:
        scores = {name: np.zeros(count) for name in UNCERTAINTIES}
        for part, uncertain in _uncertainties(task):
            for name, values in uncertain.items():
                np.maximum.at(scores[name], files[part], values)
    if kind is TaskType.CLASSIFICATION or only in UNCERTAINTIES:
        return scores
    places = np.searchsorted(np.array(task.schema.ids), columns.categories)
    scores["objectness_least_confidence"] = objectness_least_confidence(columns.scores, files, count)
    scores["object_frequency"] = object_frequency(places, files, count, len(task.schema.ids))
    if kind is TaskType.KEYPOINT_DETECTION and columns.point_counts.size:
        owners = np.repeat(np.arange(columns.point_counts.size), columns.point_counts)
        sums = np.bincount(owners, weights=columns.points[:, 2], minlength=columns.point_counts.size)
        means = sums / np.maximum(columns.point_counts, 1)
        scores["mean_uncertainty"] = keypoint_mean_uncertainty(means, files, count)
    return scores


def object_uncertainties(task: Task) -> dict[str, Floats]:
    """(N,) the three uncertainties of each prediction; from its score where it has no probabilities."""
    result = {name: np.empty(task.columns.scores.size) for name in UNCERTAINTIES}
    for part, uncertain in _uncertainties(task):
        for name, values in uncertain.items():
            result[name][part] = values
    return result


def _uncertainties(task: Task) -> Iterator[tuple[slice, dict[str, Floats]]]:
    """The uncertainties of some predictions at a time."""
    columns, categories = task.columns, len(task.schema.ids)
    ids = np.array(task.schema.ids)
    step = max(1, _CELLS // max(categories, 2))
    for start in range(0, columns.scores.size, step):
        part = slice(start, start + step)
        places = np.searchsorted(ids, columns.categories[part])
        scores = np.where(np.isnan(columns.scores[part]), 1.0, columns.scores[part])
        vectors = approximate_probabilities(scores, places, categories)
        if columns.probabilities.size:
            given = columns.probabilities[part]
            known = ~np.isnan(given[:, 0])
            if given.shape[1] == 1:
                given = np.concatenate([given, 1 - given], axis=1)
            vectors[known] = given[known]
        yield part, {name: formula(vectors) for name, formula in UNCERTAINTIES.items()}


def _by_area(values: Floats, columns: Columns) -> Floats:
    """(F,) the mean of each file's segments, by their pixels; by their number where masks were not read."""
    areas = np.ones(values.size)
    if columns.runs.size:
        owners = np.repeat(np.arange(columns.run_counts.size), columns.run_counts)
        starts = np.cumsum(columns.run_counts) - columns.run_counts
        within = np.arange(columns.runs.size) - starts[owners]
        areas = np.bincount(owners, columns.runs * (within % 2), values.size).astype(np.float64)
    count = len(columns.stems)
    total = np.bincount(columns.files, weights=areas, minlength=count)
    weighted = np.bincount(columns.files, weights=areas * values, minlength=count)
    return np.divide(weighted, total, out=np.zeros(count), where=total > 0)
