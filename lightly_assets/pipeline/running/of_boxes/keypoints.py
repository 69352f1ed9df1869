"""Keypoints in the boxes of another task: the thread that has the boxes asks the model."""

from __future__ import annotations

import time
from itertools import groupby
from typing import TYPE_CHECKING

from lightly_assets.models.crops.objects import Objects, Shown, keypoints_in_boxes
from lightly_assets.models.protocol import Image, ModelError, Source
from lightly_assets.models.results import Result

if TYPE_CHECKING:
    from lightly_assets.pipeline.running.of_boxes.found import BoxesOf
    from lightly_assets.pipeline.running.unit_state import TaskState


def look_into_boxes(
    task: TaskState, base: BoxesOf, rows: list[tuple[Source, Image]]
) -> list[tuple[Source, Result]]:
    """What a task's model says of the objects on some frames; where it fails, its input fails alone."""
    shown: list[Shown] = []
    for source, image in rows:
        if not task.is_open(source.input):
            continue
        found = base.take(task, source)
        if found is None:
            reason = (
                f"'{source.input}': task '{task.setup.name}' has no boxes to look into, because task "
                f"'{base.task}' has no predictions."
            )
            task.outcome.failed.setdefault(source.input, reason)
            continue
        shown.append((image, source, _wanted(task, found)))
    shown = [one for one in shown if task.is_open(one[1].input)]
    started = time.perf_counter()
    results = _asked(task, shown)
    task.outcome.predict_seconds += time.perf_counter() - started
    task.outcome.predicted += len(results)
    return results


def _wanted(task: TaskState, found: Objects) -> Objects:
    return found.wanted(task.setup.box_classes, task.setup.config.model.options.box_threshold)


def _asked(task: TaskState, shown: list[Shown]) -> list[tuple[Source, Result]]:
    setup = task.setup
    try:
        results = keypoints_in_boxes(setup.model, shown, setup.box_classes)
    except ModelError as error:
        by_input = [list(some) for _, some in groupby(shown, key=lambda one: one[1].input)]
        if len(by_input) > 1:
            # Each is asked alone, so that only the bad one fails.
            return [row for some in by_input for row in _asked(task, some)]
        task.outcome.failed[shown[0][1].input] = f"task '{setup.name}', {error}"
        return []
    return [(source, result) for (_, source, _), result in zip(shown, results, strict=True)]
