"""How much tasks agree with each other, and how far predictions have moved since an earlier report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from lightly_assets.evaluation.document import document
from lightly_assets.evaluation.evaluate import judge
from lightly_assets.evaluation.objects import EvaluationError
from lightly_assets.evaluation.pairing import labels_of_task
from lightly_assets.folders.columns import Columns
from lightly_assets.folders.read import Task
from lightly_assets.format.schema import TaskType

_SURE = 0.5
# Shares so small are taken for this much: nothing can be divided by nothing.
_LEAST_SHARE = 1e-4
# What is commonly read from a population stability index.
MOVED, MOVED_MUCH = 0.1, 0.25


def agreement(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """For each two tasks of one type: how well one would do if the other were its labels.

    Objects count from a score of .5 on: twice the common ones over all (F1, at an overlap of .5). Semantic
    segmentation: mIoU; classification: the share of images with the same class.
    """
    rows: list[dict[str, Any]] = []
    for one, other in combinations(tasks, 2):
        if one.schema.task_type != other.schema.task_type:
            continue
        row: dict[str, Any] = {"tasks": [one.name, other.name], "value": None}
        try:
            row["measure"], row["value"] = _agreement(one, other)
        except EvaluationError as error:
            row["problem"] = str(error)
        rows.append(row)
    return rows


def _agreement(one: Task, other: Task) -> tuple[str, float | None]:
    kind = one.schema.task_type
    if kind in (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION):
        result = document(judge(one, labels_of_task(other)))
        return (
            ("mIoU", result["miou"])
            if kind is TaskType.SEMANTIC_SEGMENTATION
            else ("same", result["accuracy"])
        )
    found = judge(one, labels_of_task(_sure(other)), threshold=_SURE).frames
    common = 2 * int(found.found.sum())
    total = common + int(found.missed.sum()) + int(found.wrong.sum())
    return "F1", common / total if total else None


def _sure(task: Task) -> Task:
    return Task(task.name, task.schema, only(task.columns, task.columns.scores >= _SURE))


def only(columns: Columns, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> Columns:
    """Some of the predictions of all files."""
    counts = np.bincount(columns.files[kept], minlength=len(columns.stems))

    def rows(values: Any) -> Any:
        return values[kept] if len(values) == kept.size else values

    points = np.repeat(kept, columns.point_counts) if columns.point_counts.size else slice(None)
    runs = np.repeat(kept, columns.run_counts) if columns.run_counts.size else slice(None)
    return Columns(
        columns.stems,
        columns.file_names,
        counts,
        columns.categories[kept],
        columns.scores[kept],
        rows(columns.boxes),
        columns.points[points],
        rows(columns.point_counts),
        columns.runs[runs],
        rows(columns.run_counts),
        rows(columns.probabilities),
    )


def drift(before: dict[str, Any], now: dict[str, Any]) -> list[dict[str, Any]]:
    """What has moved between two reports' figures, task by task, the most moved first.

    Each row has the population stability index of a distribution: below 0.1 it is the same, above 0.25 it is
    another one.
    """
    earlier = {one["name"]: one for one in before.get("tasks", [])}
    rows: list[dict[str, Any]] = []
    for task in now["tasks"]:
        old = earlier.get(task["name"])
        if old is None or old.get("type") != task["type"]:
            rows.append({"task": task["name"], "what": "is new, or of another type", "index": None})
            continue
        rows += _task_drift(old, task)
    missing = earlier.keys() - {one["name"] for one in now["tasks"]}
    rows += [{"task": name, "what": "is gone", "index": None} for name in sorted(missing)]
    return sorted(rows, key=lambda row: -(row["index"] if row["index"] is not None else 9))


def _task_drift(old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:

    def uncertain(task: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = task["uncertainty"][new["uncertain_by"]]
        return found

    names = sorted({one["name"] for task in (old, new) for one in task["categories"]})

    def classes(task: dict[str, Any]) -> list[int]:
        counts = {one["name"]: one["predictions"] for one in task["categories"]}
        return [counts.get(name, 0) for name in names]

    pairs = {
        "classes": (classes(old), classes(new)),
        "scores": (_coarse(old["score"]["all"]), _coarse(new["score"]["all"])),
        "predictions per frame": (old["per_file"], new["per_file"]),
        "uncertainty": (uncertain(old)["counts"], uncertain(new)["counts"]),
    }
    if old["sizes"] and new["sizes"]:
        pairs["sizes"] = (_coarse(old["sizes"]), _coarse(new["sizes"]))
    means = {
        "classes": None,
        "scores": (old["score"]["mean"], new["score"]["mean"]),
        "predictions per frame": tuple(one["predictions"] / max(one["files"], 1) for one in (old, new)),
        "uncertainty": (uncertain(old)["mean"], uncertain(new)["mean"]),
    }
    return [
        {"task": new["name"], "what": what, "index": stability(*pair), "means": means.get(what)}
        for what, pair in pairs.items()
    ]


def _coarse(counts: Sequence[int]) -> list[int]:
    """Four neighbouring bins as one, so that few predictions do not look like a change."""
    return [sum(counts[start : start + 4]) for start in range(0, len(counts), 4)]


def stability(before: Sequence[int], now: Sequence[int]) -> float | None:
    """The population stability index of two histograms: Σ (p - q) ln(p / q); None where one is empty."""
    old, new = np.array(before, dtype=np.float64), np.array(now, dtype=np.float64)
    if not old.sum() or not new.sum() or old.shape != new.shape:
        return None
    p, q = (np.maximum(one / one.sum(), _LEAST_SHARE) for one in (old, new))
    return float(((q - p) * np.log(q / p)).sum())
