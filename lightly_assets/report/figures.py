"""What a report counts: classes, scores, objects over time, uncertainty. All of it is plain JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.evaluation.evaluate import video_of
from lightly_assets.folders.columns import Columns
from lightly_assets.folders.read import Task
from lightly_assets.folders.scores import file_scores
from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.schema import TaskType

Floats = NDArray[np.float64]
Figures = dict[str, Any]

SCORE_BINS = 40
UNCERTAINTY_BINS = 20
SIZES: Floats = 2.0 ** np.arange(0, 13, 0.5)
_MOST_COUNTED = 20
# A line of more points than a screen has columns tells nothing more.
_MOST_POINTS = 1500
_MOST_CATEGORY_LINES = 60


class Measured:
    """A task with what is known of each of its files.

    ``scores`` are (F,) arrays under the platform's names; ``counts`` (F,) predictions; ``videos`` the name of
    the video or folder of each file, ``indices`` its frame's number, or its place in the folder.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.scores = file_scores(task)
        columns = task.columns
        self.counts = columns.counts
        names: dict[str, int] = {}
        video = np.empty(len(columns.stems), dtype=np.int64)
        index = np.empty(len(columns.stems), dtype=np.int64)
        lengths: dict[int, int] = {}
        for place, stem in enumerate(columns.stems):
            number = names.setdefault(video_of(stem), len(names))
            video[place] = number
            frame = parse_frame_name(f"{stem}.json") if "-" in stem else None
            index[place] = lengths.get(number, 0) if frame is None else frame.index
            lengths[number] = lengths.get(number, 0) + 1
        self.video_names = list(names)
        self.videos = video
        self.indices = index

    @property
    def uncertain_by(self) -> str:
        """The score that "uncertain" means: of one category, entropy says nothing."""
        if "mean_uncertainty" in self.scores:
            return "mean_uncertainty"
        one = len(self.task.schema.ids) == 1 and "objectness_least_confidence" in self.scores
        return "objectness_least_confidence" if one else "uncertainty_entropy"

    @property
    def uncertainty(self) -> Floats:
        """(F,) that score."""
        return self.scores[self.uncertain_by]


def figures(measured: Measured) -> Figures:
    """All counts of one task."""
    task, columns = measured.task, measured.task.columns
    places = np.searchsorted(np.array(task.schema.ids), columns.categories)
    count = len(task.schema.ids)
    pairs = np.unique(columns.files * count + places)
    objects = np.bincount(places, minlength=count)
    images = np.bincount(pairs % count, minlength=count)
    return {
        "name": task.name,
        "type": str(task.schema.task_type),
        "files": len(columns.stems),
        "predictions": int(columns.categories.size),
        "empty": int((columns.counts == 0).sum()),
        "categories": [
            {"id": one.id, "name": one.name, "predictions": int(objects[place]), "files": int(images[place])}
            for place, one in enumerate(task.schema.categories)
        ],
        "score": _scores(columns, places, count),
        "per_file": np.bincount(
            np.minimum(columns.counts, _MOST_COUNTED), minlength=_MOST_COUNTED + 1
        ).tolist(),
        "sizes": _sizes(task),
        "uncertain_by": measured.uncertain_by,
        "uncertainty": {name: _histogram(values) for name, values in measured.scores.items()},
        "videos": _videos(measured),
    }


def _scores(columns: Columns, places: NDArray[np.int64], count: int) -> Figures:
    known = ~np.isnan(columns.scores)
    bins = np.minimum((columns.scores[known] * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    table = np.bincount(places[known] * SCORE_BINS + bins, minlength=count * SCORE_BINS)
    table = table.reshape(count, SCORE_BINS)
    values = columns.scores[known]
    return {
        "all": table.sum(axis=0).tolist(),
        "by_category": table.tolist() if count <= _MOST_CATEGORY_LINES else [],
        "mean": float(values.mean()) if values.size else None,
        "lowest": float(values.min()) if values.size else None,
    }


def _sizes(task: Task) -> list[int]:
    """Predictions by the side of a square of the same area, in half powers of two; empty without boxes."""
    if task.schema.task_type in (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION):
        return []
    boxes = task.columns.boxes_or_hulls()
    sides = np.sqrt(boxes[:, 2] * boxes[:, 3]) if boxes.size else np.empty(0)
    counts: list[int] = np.histogram(np.clip(sides[~np.isnan(sides)], 1, SIZES[-1]), SIZES)[0].tolist()
    return counts


def _histogram(values: Floats) -> Figures:
    """How values in [0, 1] are spread, with their mean."""
    bins = np.minimum((values * UNCERTAINTY_BINS).astype(np.int64), UNCERTAINTY_BINS - 1)
    counts = np.bincount(np.maximum(bins, 0), minlength=UNCERTAINTY_BINS)
    return {"counts": counts.tolist(), "mean": float(values.mean()) if values.size else None}


def _videos(measured: Measured) -> list[Figures]:
    order = np.lexsort((measured.indices, measured.videos))
    edges = np.searchsorted(measured.videos[order], np.arange(len(measured.video_names) + 1))
    rows = []
    for place, name in enumerate(measured.video_names):
        files = order[edges[place] : edges[place + 1]]
        counts, uncertainty = measured.counts[files], measured.uncertainty[files]
        step = -(-files.size // _MOST_POINTS)
        rows.append(
            {
                "name": name,
                "files": int(files.size),
                "predictions": int(counts.sum()),
                "empty": int((counts == 0).sum()),
                "uncertainty": round(float(uncertainty.mean()), 4),
                "step": step,
                "counts": _means(counts.astype(np.float64), step, 2),
                "uncertain": _means(uncertainty, step, 3),
            }
        )
    return rows


def _means(values: Floats, step: int, digits: int) -> list[float]:
    """The means of each ``step`` values."""
    starts = np.arange(0, values.size, step)
    sums = np.add.reduceat(values, starts)
    lengths = np.diff(np.append(starts, values.size))
    means: list[float] = np.round(sums / lengths, digits).tolist()
    return means
