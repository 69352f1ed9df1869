"""Which frames of a unit say most about its predictions: uncertain ones, a crowded one, an empty one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format import rle
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.format.scores import active_learning_scores, keypoint_mean_uncertainty

Floats = NDArray[np.float64]
Predictions = Sequence[Mapping[str, Any]]

# Of three frames one is an uncertain one.
_UNCERTAIN = 3
# Neighbours look alike: the second one is so far from the first, as a share of all.
_APART = 6


def telling(frames: Sequence[Predictions], schema: Schema, most: int) -> list[tuple[int, str]]:
    """At most so many of the frames, the most telling ones first, each with a word that says why.

    Args:
        frames: the predictions of each frame, in the order of the frames.
    """
    chosen: dict[int, str] = {}
    uncertain = frame_uncertainty(frames, schema)
    counts = np.array([len(one) for one in frames])
    for place in np.argsort(-uncertain, kind="stable").tolist():
        far = all(abs(place - other) * _APART >= len(frames) for other in chosen)
        if len(chosen) < max(1, most // _UNCERTAIN) and uncertain[place] > 0 and far:
            chosen[place] = f"uncertain {uncertain[place]:.2f}"
    has_objects = schema.task_type not in (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION)
    if has_objects and counts.any():
        crowded, empty = int(counts.argmax()), np.flatnonzero(counts == 0)
        if counts[crowded] > 1 and crowded not in chosen and len(chosen) < most:
            chosen[crowded] = f"{counts[crowded]} predictions"
        if empty.size and len(chosen) < most:
            chosen[int(empty[empty.size // 2])] = "none"
    rest = [place for place in range(len(frames)) if place not in chosen]
    left = min(most - len(chosen), len(rest))
    for place in np.linspace(0, len(rest) - 1, left).round().astype(int).tolist() if left else []:
        chosen[rest[place]] = ""
    return list(chosen.items())


def frame_uncertainty(frames: Sequence[Predictions], schema: Schema) -> Floats:
    """(F,) how uncertain the predictions of each frame are, as a report has it: the entropy of probabilities,
    one minus the mean score of key points, or of objects where there is one category only."""
    rows = [(place, one) for place, frame in enumerate(frames) for one in frame]
    if not rows:
        return np.zeros(len(frames))
    owners = np.array([place for place, _ in rows], dtype=np.int64)
    if schema.task_type is TaskType.KEYPOINT_DETECTION:
        means = np.array([np.mean(one["keypoints"][2::3]) for _, one in rows])
        return keypoint_mean_uncertainty(means, owners, len(frames))
    places = np.searchsorted(np.array(schema.ids), [one["category_id"] for _, one in rows])
    size = len(schema.ids)
    given = [one.get("probabilities") or [np.nan] * size for _, one in rows]
    scores = [one.get("score", 1.0) for _, one in rows]
    is_class = schema.task_type is TaskType.CLASSIFICATION
    found = active_learning_scores(
        scores, places, size, probabilities=given, images=owners, num_images=len(frames)
    )
    if schema.task_type is TaskType.SEMANTIC_SEGMENTATION:
        each = active_learning_scores(scores, places, size, probabilities=given)["uncertainty_entropy"]
        areas = np.array([rle.area(one["segmentation"]) for _, one in rows], dtype=np.float64)
        total = np.bincount(owners, weights=areas, minlength=len(frames))
        mean: Floats = np.bincount(owners, weights=areas * each, minlength=len(frames)) / np.maximum(total, 1)
        return mean
    return found["objectness_least_confidence" if size == 1 and not is_class else "uncertainty_entropy"]
