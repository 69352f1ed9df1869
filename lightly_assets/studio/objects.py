"""The predictions of a task as LightlyStudio can hold them."""

from __future__ import annotations

from typing import Any

import numpy as np

from lightly_assets.evaluation.objects import Ragged
from lightly_assets.folders.read import Task
from lightly_assets.format.schema import TaskType

KINDS = {
    TaskType.CLASSIFICATION: "class",
    TaskType.OBJECT_DETECTION: "box",
    TaskType.KEYPOINT_DETECTION: "box",
    TaskType.INSTANCE_SEGMENTATION: "mask",
    TaskType.SEMANTIC_SEGMENTATION: "mask",
}

Object = list[Any]


class TaskObjects:
    """Objects file by file, each as its category's name, its score, and its box or its run lengths."""

    def __init__(self, task: Task) -> None:
        self.name = task.name
        self.kind = KINDS[task.schema.task_type]
        columns = task.columns
        self._columns = columns
        self._names = task.schema.names
        self._ids = task.schema.ids
        ends = np.cumsum(columns.counts)
        self._rows = {
            stem: range(int(end - count), int(end))
            for stem, end, count in zip(columns.stems, ends, columns.counts, strict=True)
        }
        self._shapes = self._boxes() if self.kind == "box" else None
        self._masks = Ragged.of(columns.runs, columns.run_counts) if self.kind == "mask" else None

    def _boxes(self) -> list[list[float]]:
        boxes: list[list[float]] = self._columns.boxes_or_hulls().tolist()
        return boxes

    def of(self, stem: str) -> list[Object]:
        """The objects of a file, in its order; none where there is no file."""
        return [
            [self._names[int(self._columns.categories[row])], self._score(row), self._shape(row)]
            for row in self._rows.get(stem, ())
        ]

    def _score(self, row: int) -> float | None:
        score = float(self._columns.scores[row])
        if not np.isnan(score):
            return score
        if not len(self._columns.probabilities):
            return None
        place = self._ids.index(int(self._columns.categories[row]))
        share = float(self._columns.probabilities[row, place])
        return None if np.isnan(share) else share

    def _shape(self, row: int) -> list[float] | list[int] | None:
        if self._shapes is not None:
            return self._shapes[row]
        if self._masks is None:
            return None
        runs: list[int] = self._masks.row(row).tolist()
        return runs

    @property
    def left_out(self) -> str | None:
        """What LightlyStudio cannot hold of this task, in one sentence."""
        counts = self._columns.point_counts
        if counts.size and (objects := int((counts > 0).sum())):
            return (
                f"'{self.name}': the keypoints of {objects:,} objects are left out, because LightlyStudio "
                "has no type for them; their boxes are there."
            )
        return None
