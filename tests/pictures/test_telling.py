"""Which frames a contact sheet shows: planted ones are found, whatever the type of task."""

import io
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lightly_assets.encoding.json_bytes import singletons_bytes
from lightly_assets.folders.read import read_folder
from lightly_assets.format import rle
from lightly_assets.format.schema import Category, Schema, TaskType
from lightly_assets.models.protocol import Source
from lightly_assets.pictures.telling import frame_uncertainty, telling
from lightly_assets.pictures.thumbnails import Thumbnails, sheet
from lightly_assets.report.figures import Measured
from tests.evaluation.folders import write_task

WIDTH, HEIGHT = 64, 48
FRAMES = 20
Frame = list[dict[str, Any]]


def schema(kind: TaskType, count: int = 2) -> Schema:
    return Schema(task_type=kind, categories=[Category(id=3 * one, name=f"c{one}") for one in range(count)])


def frame(kind: TaskType, random: np.random.Generator, count: int) -> Frame:
    if kind is TaskType.CLASSIFICATION:
        share = float(random.random())
        return [{"category_id": 0, "probabilities": [share, 1 - share]}]
    found = []
    for _ in range(count):
        one: dict[str, Any] = {"category_id": 3 * int(random.integers(2)), "score": float(random.random())}
        if kind is TaskType.KEYPOINT_DETECTION:
            one["keypoints"] = random.random(9).tolist()
        elif kind is TaskType.OBJECT_DETECTION:
            one["bbox"] = [1, 2, 3, 4]
        else:
            mask = random.random((HEIGHT, WIDTH)) > 0.5
            one["segmentation"] = rle.encode(mask.astype(np.uint8))
            if kind is TaskType.INSTANCE_SEGMENTATION:
                one["bbox"] = [0, 0, WIDTH, HEIGHT]
        found.append(one)
    return found


@pytest.mark.parametrize("kind", list(TaskType))
def test_uncertain_is_what_a_report_means_by_it(kind: TaskType, tmp_path: Path) -> None:
    """The same numbers as those that come of the published files, by another way."""
    random = np.random.default_rng(0)
    frames = [frame(kind, random, int(random.integers(0, 4))) for _ in range(FRAMES)]
    files = {f"v-{place:02}-mp4.png": one for place, one in enumerate(frames)}
    write_task(tmp_path, "task", str(kind), {0: "c0", 3: "c1"}, files)
    folder = read_folder(tmp_path)
    assert folder.report.ok
    assert np.allclose(frame_uncertainty(frames, schema(kind)), Measured(folder.tasks["task"]).uncertainty)


def test_uncertain_crowded_and_empty_come_first() -> None:
    sure = {"category_id": 0, "bbox": [1, 1, 9, 9], "score": 0.99}
    frames: list[Frame] = [[sure, sure] for _ in range(FRAMES)]
    frames[4] = [sure | {"score": 0.5}]
    frames[5] = [sure | {"score": 0.51}]  # alike, and so no second one
    frames[15] = [sure | {"score": 0.6}]
    frames[9] = [sure] * 7
    frames[12] = []
    chosen = telling(frames, schema(TaskType.OBJECT_DETECTION), 6)
    assert [place for place, _ in chosen[:4]] == [4, 15, 9, 12]
    assert [why for _, why in chosen] == ["uncertain 1.00", "uncertain 0.97", "7 predictions", "none", "", ""]
    assert len({place for place, _ in chosen}) == 6
    assert telling(frames[:1], schema(TaskType.OBJECT_DETECTION), 6)[0][0] == 0
    assert [place for place, _ in telling([[], []], schema(TaskType.OBJECT_DETECTION), 6)] == [0, 1]


def test_a_long_video_keeps_few_frames_and_shows_the_telling_ones() -> None:
    """Memory stays flat; what is shown depends neither on when predictions come nor on what files claim."""
    kind = TaskType.OBJECT_DETECTION
    sheets = []
    for late, claimed in product((False, True), (None, 1000, 10)):
        thumbnails, texts = Thumbnails(), {}
        for index in range(1000):
            source = Source("a.mp4", index, WIDTH, HEIGHT)
            thumbnails.offer(source, np.full((HEIGHT, WIDTH, 3), index % 256, np.uint8), claimed)
            found = [{"category_id": 0, "bbox": [1, 1, 9, 9], "score": 0.5 if index == 320 else 0.9}]
            if late or thumbnails.shows(source):
                texts[source] = singletons_bytes(found)
        assert len(list(thumbnails)) <= 48
        made = sheet(thumbnails, texts, schema(kind))
        assert made is not None and len(made) <= 12_000
        sheets.append(made)
    assert len(set(sheets)) == 1
    picture = np.asarray(Image.open(io.BytesIO(sheets[0])).convert("L")).astype(int)
    assert abs(int(np.median(picture[60:160, 120:300])) - 320 % 256) < 12  # the first tile is frame 320
