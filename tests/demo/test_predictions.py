"""The demo as its users run it: its own ``lightly.yaml``, models and files, compared with what was drawn."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.demo.accuracy import Detection
from benchmarks.demo.pictures import frame_of, load_tasks
from lightly_assets.demo import write_demo
from lightly_assets.demo.footage import WEATHERS, Scene, Truth
from lightly_assets.demo.input import CLIPS
from lightly_assets.format.rle import decode
from lightly_assets.format.schema import TaskType
from lightly_assets.format.singletons import SINGLETONS

Found = dict[TaskType, list[tuple[list[dict[str, Any]], Truth]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, written: tuple[Path, list[str]]) -> Found:
    """Of each task: what it says about the middle of each input, and the truth."""
    folder = shutil.copytree(written[0].parent, tmp_path_factory.mktemp("demo") / "project")
    tasks = load_tasks(write_demo(folder))
    frames = [
        (clip.key, frame_of(folder / "input" / clip.key, clip.frames // 2 if clip.frames > 1 else None))
        for clip in CLIPS
    ]
    truths = [
        Scene(clip.seed, weather=clip.weather).frame(clip.start + clip.frames // 2 / clip.rate).truth
        for clip in CLIPS
    ]
    return {
        task.settings.schema.task_type: [
            (task.predict(image[None], key)[0].singletons, truth)
            for (key, image), truth in zip(frames, truths, strict=True)
        ]
        for task in tasks
    }


def _pairs(found: Found, task_type: TaskType) -> Iterator[tuple[list[dict[str, Any]], Truth]]:
    for singletons, truth in found[task_type]:
        for one in singletons:
            SINGLETONS[task_type].model_validate(one)
        yield singletons, truth


def test_all_five_task_types_are_there(found: Found) -> None:
    assert set(found) == set(TaskType)


def test_the_weather_of_every_input_is_right(found: Found) -> None:
    for (one,), truth in _pairs(found, TaskType.CLASSIFICATION):
        assert WEATHERS[one["category_id"]] == truth.weather
        assert one["score"] == max(one["probabilities"]) > 0.7


@pytest.mark.parametrize(
    "task_type", [TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION, TaskType.KEYPOINT_DETECTION]
)
def test_persons_and_cars_are_found_where_they_are(found: Found, task_type: TaskType) -> None:
    counted, mask_ious = Detection(), []
    for singletons, truth in _pairs(found, task_type):
        boxes = np.array([one["bbox"] for one in singletons], dtype=np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        scores = np.array([one["score"] for one in singletons])
        kinds = np.array([one["category_id"] for one in singletons], dtype=np.int64)
        objects = truth.objects
        if task_type is TaskType.KEYPOINT_DETECTION:
            objects = tuple(one for one in objects if one.category == "person")
        seen = Truth(truth.weather, objects, truth.instances, truth.semantic)
        for index, other in counted.add(boxes, scores, kinds, seen):
            if task_type is TaskType.INSTANCE_SEGMENTATION:
                mask = decode(singletons[index]["segmentation"], *truth.instances.shape).astype(bool)
                true = truth.mask(other)
                mask_ious.append((mask & true).sum() / (mask | true).sum())
    assert counted.hits >= 20
    assert counted.precision > 0.85
    assert counted.recall > 0.85
    assert not mask_ious or np.mean(mask_ious) > 0.7


def test_every_pixel_has_one_class_and_mostly_the_right_one(found: Found) -> None:
    for singletons, truth in _pairs(found, TaskType.SEMANTIC_SEGMENTATION):
        size = truth.semantic.shape
        masks = [(one["category_id"], decode(one["segmentation"], *size)) for one in singletons]
        assert (sum(mask for _, mask in masks) == 1).all()
        labels = sum(category * mask for category, mask in masks)
        assert (labels == truth.semantic).mean() > 0.93
