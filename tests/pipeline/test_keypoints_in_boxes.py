"""Keypoints in the boxes of another task: in one pass, or of boxes that are stored, the same bytes."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import onnxruntime
import pytest

from lightly_assets.config import ConfigError, load_project
from lightly_assets.pipeline.planning.plan import TASK_STAGES, Selection
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.status import project_status
from tests.models.pose_models import HEIGHT, WIDTH, heatmap_model
from tests.pipeline.kills import run as run_and_kill
from tests.pipeline.test_run import decoded as decoded
from tests.pipeline.test_run import run
from tests.projects import SmallProject, positions, task, write_image, write_video

ONLY_POSE = Selection({"pose": TASK_STAGES})


def pose(name: str = "pose", boxes: str = "squares", **model: Any) -> dict[str, Any]:
    settings = {"kind": "onnx", "path": "pose.onnx", "layout": "heatmaps", "boxes": boxes} | model
    return {
        "name": name,
        "task_type": "keypoint-detection",
        "categories": [{"id": 0, "name": "square"}],
        "model": settings | {"preprocess": {"mean": 0, "std": 1}},
    }


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallProject]:
    yield project(tmp_path / "project")


def project(folder: Path) -> SmallProject:
    small = SmallProject(folder)
    heatmap_model(folder / "pose.onnx")
    # Behind the task that it needs, whatever the order in the file.
    small.write(tasks=[pose(), task("squares")])
    return small


def inputs(small: SmallProject) -> None:
    write_video(small.input / "front/a.v2.mp4", positions(11))
    write_video(small.input / "b.mp4", positions(4))
    write_image(small.input / "stills/one.png", 20)
    write_image(small.input / "stills/none.png", None)


def frames(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def expected(small: SmallProject, image: Any, box: list[float]) -> Any:
    """What mmpose would say: its steps with OpenCV, and ONNX Runtime itself."""
    x, y, w, h = box
    wide = max(w, h * WIDTH / HEIGHT) * 1.25
    scale = WIDTH / wide
    left, top = x + w / 2 - wide / 2, y + h / 2 - wide * HEIGHT / WIDTH / 2
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    part = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    session = onnxruntime.InferenceSession(small.folder / "pose.onnx", providers=["CPUExecutionProvider"])
    pixels = (part / np.float32(255)).transpose(2, 0, 1)[None].repeat(2, axis=0).astype(np.float32)
    maps = session.run(None, {"images": pixels})[0][0]
    found = []
    for one in maps:
        row, column = np.unravel_index(one.argmax(), one.shape)
        place = np.array([column, row], dtype=float)
        if 1 < column < one.shape[1] - 1 and row > 0:
            place[0] += 0.25 * np.sign(one[row, column + 1] - one[row, column - 1])
        if 1 < row < one.shape[0] - 1 and column > 0:
            place[1] += 0.25 * np.sign(one[row + 1, column] - one[row - 1, column])
        found.append([*(place * 4 / scale + [left, top]), one.max()])
    return np.array(found)


def test_every_box_is_looked_into_in_one_pass(small: SmallProject, decoded: list[str]) -> None:
    inputs(small)
    assert run(small).ok
    assert sorted(decoded) == ["a.v2.mp4", "b.mp4"] and small.images_seen() == 17
    objects = 0
    for key in ("front/a.v2.mp4", "b.mp4"):
        stem = key.removesuffix(".mp4")
        images = frames(small.input / key)
        for index, image in enumerate(images):
            name = f"{stem}-{index:0{len(str(len(images)))}d}-mp4.json"
            boxes = small.read(f"squares/{name}")["predictions"]
            found = small.read(f"pose/{name}")["predictions"]
            assert len(found) == len(boxes) == int(positions(11)[index] is not None)
            for box, one in zip(boxes, found, strict=True):
                wanted = expected(small, image, box["bbox"])
                wanted[:, :2] = np.clip(wanted[:, :2], 0, [96, 64])
                given = np.array(one["keypoints"]).reshape(-1, 3)
                np.testing.assert_allclose(given[:, 2], wanted[:, 2], atol=2e-3)
                assert np.abs(given[:, :2] - wanted[:, :2]).max() < 1e-3
                assert one["bbox"] == box["bbox"] and one["score"] == pytest.approx(box["score"])
                assert one["category_id"] == 0
                objects += 1
    assert objects == 13
    assert small.read("pose/stills/none.json")["predictions"] == []
    assert len(small.read("pose/stills/one.json")["predictions"]) == 1
    assert run(small).updated == [] and small.images_seen() == 0


def test_of_stored_boxes_it_is_the_same_bytes(small: SmallProject, tmp_path: Path) -> None:
    inputs(small)
    run(small)
    together = small.files()
    later = project(tmp_path / "later")
    shutil.copytree(small.input, later.input, dirs_exist_ok=True)
    later.write(tasks=[task("squares")])
    run(later)
    assert later.images_seen() == 17
    later.write(tasks=[pose(), task("squares")])
    assert run(later, ONLY_POSE).ok and later.images_seen() == 0
    assert later.files() == together
    # Another part is cut out: the boxes stay, and nobody looks for them again.
    later.write(tasks=[pose(padding=2), task("squares")])
    assert run(later).ok and later.images_seen() == 0
    small.write(tasks=[pose(padding=2), task("squares")])
    with Session(load_project(small.config), ("pose",)) as session:
        for _ in session.run(session.plan(), sheets=False):
            pass
        session.finish()
    assert small.files() == later.files() != together


def test_other_boxes_are_looked_into_again(small: SmallProject) -> None:
    inputs(small)
    run(small)
    small.images_seen()
    # Fewer boxes: what the detector said is stored.
    small.write(tasks=[pose(), task("squares", score_threshold=0.33)])
    with Session(load_project(small.config)) as session:
        stale = project_status(session).stale
    assert len(stale) == 4
    assert all(one == {"squares": "singletons", "pose": "predictions"} for one in stale.values())
    assert run(small).ok and small.images_seen() == 0
    for name, data in small.files().items():
        if name.startswith("squares/") and name != "squares/schema.json":
            other = small.read(name.replace("squares", "pose", 1))
            assert len(other["predictions"]) == len(json.loads(data)["predictions"])
    # Another detector.
    small.write(tasks=[pose(), task("squares", "square_model:find_other")])
    assert run(small).ok and small.images_seen("find_other") == 17
    assert len(small.read("pose/stills/one.json")["predictions"]) == 1
    # Its own settings of encoding change nothing of that.
    small.write(tasks=[pose(score_threshold=0.35), task("squares", "square_model:find_other")])
    assert run(small).ok and small.images_seen("find_other") == 0


def test_boxes_are_chosen(small: SmallProject) -> None:
    inputs(small)
    small.write(tasks=[pose(box_threshold=0.34), task("squares")])
    assert run(small).ok
    for name in small.files():
        if name.startswith("pose/") and name != "pose/schema.json":
            boxes = small.read(name.replace("pose", "squares", 1))["predictions"]
            scores = [one["score"] for one in small.read(name)["predictions"]]
            assert scores == pytest.approx([one["score"] for one in boxes if one["score"] >= 0.34])


def test_without_boxes_there_is_a_sentence(small: SmallProject) -> None:
    inputs(small)
    summary = run(small, ONLY_POSE)
    assert len(summary.failed) == 4 and all(
        "has no present predictions of task 'squares', in whose boxes task 'pose' looks; run that task, too"
        in one["error"]
        for one in summary.failed
    )
    # Where the detector fails, so do they, and nothing else.
    (small.folder / "square_model.py").write_text(
        "def find(images):\n    return [boxes(one) for one in images]\n\n\n"
        "def boxes(image):\n    if image[30, 25, 0] > 200:\n        raise ValueError('bright')\n"
        "    return []\n"
    )
    assert not run(small).ok
    with Session(load_project(small.config)) as session:
        failures = session.failures()["stills/one.png"]
    assert set(failures) == {"squares", "pose"} and "task 'squares' has no predictions" in failures["pose"]
    assert small.read("pose/stills/none.json")["predictions"] == []


def test_others_follow_it_in_turn(small: SmallProject, decoded: list[str]) -> None:
    """Keypoints in the boxes of keypoints, and embeddings of their objects."""
    inputs(small)
    second = pose("again", "pose", box_threshold=0.31)
    small.write(tasks=[second, pose(), task("squares")], embeddings={"objects": ["again", "pose", "squares"]})
    assert run(small).ok and sorted(decoded) == ["a.v2.mp4", "b.mp4"]
    assert small.calls() == ["find 4"] * 4 + ["find 1"], "whoever follows does not break batches up"
    first, then = small.read("pose/b-1-mp4.json"), small.read("again/b-1-mp4.json")
    assert first["predictions"] and [one["bbox"] for one in first["predictions"]] == [
        one["bbox"] for one in then["predictions"]
    ]
    files = small.files()
    shutil.rmtree(small.state)
    shutil.rmtree(small.lightly)
    run(small)
    assert small.files() == files and run(small).updated == []


def test_stored_boxes_that_are_lost_are_made_again(small: SmallProject) -> None:
    inputs(small)
    run(small)
    small.images_seen()
    before = small.files()
    for path in (small.state / "singletons" / "squares").rglob("*.parquet"):
        path.unlink()
    small.write(tasks=[pose(padding=2), task("squares")])
    summary = run(small)
    assert summary.ok, summary.failed
    assert small.images_seen() == 0, "what the detector said is still there"
    after = small.files()
    assert after.keys() == before.keys() and after != before
    small.write(tasks=[pose(), task("squares")])
    assert run(small).ok and small.files() == before


def test_boxes_may_be_labels(small: SmallProject) -> None:
    inputs(small)
    labels = {
        "images": [
            {"id": 1, "file_name": "stills/one.png", "width": 96, "height": 64},
            {"id": 2, "file_name": "stills/none.png", "width": 96, "height": 64},
        ],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [20, 24, 16, 16], "area": 256}],
        "categories": [{"id": 7, "name": "square"}],
    }
    (small.folder / "labels.json").write_text(json.dumps(labels))
    boxes = task("squares") | {"model": {"kind": "coco", "path": "labels.json"}}
    small.write(tasks=[pose(), boxes], include=["stills/*"])
    summary = run(small)
    assert summary.ok, summary.failed
    (one,) = small.read("pose/stills/one.json")["predictions"]
    assert one["bbox"] == [20, 24, 16, 16] and one["score"] == 1
    assert small.read("pose/stills/none.json")["predictions"] == []


def test_worker_processes_write_the_same(small: SmallProject, tmp_path: Path) -> None:
    inputs(small)
    run(small)
    together = small.files()
    later = project(tmp_path / "later")
    shutil.copytree(small.input, later.input, dirs_exist_ok=True)
    later.write(tasks=[task("squares")], engine={"kind": "local", "workers": 2})
    assert run(later).ok
    later.write(tasks=[pose(), task("squares")])
    assert run(later, ONLY_POSE).ok
    assert later.files() == together


@pytest.mark.parametrize("deadly", [9, 16])
def test_killed_and_healed_it_is_the_same_bytes(small: SmallProject, tmp_path: Path, deadly: int) -> None:
    inputs(small)
    other = project(tmp_path / "other")
    shutil.copytree(small.input, other.input, dirs_exist_ok=True)
    run(other)
    assert run_and_kill(small.config, deadly) is None
    assert run(small).ok
    assert small.files() == other.files()


@pytest.mark.parametrize(
    ("tasks", "sentence"),
    [
        ([pose(boxes="people"), task("squares")], "names 'people', which is no task; there are squares"),
        ([pose(boxes="pose"), task("squares")], "whose boxes come from itself (pose → pose)"),
        ([pose(boxes="again"), pose("again", "pose")], "whose boxes come from itself (pose → again → pose)"),
        (
            [pose(), task("squares") | {"task_type": "classification"}],
            "a task of classification, which has no boxes to look into",
        ),
        (
            [pose(), task("squares") | {"categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]}],
            "no category of 'squares', in whose boxes it looks, has the name of one of its own (square)",
        ),
        (
            [pose(box_categories=["circle"]), task("squares")],
            "names 'circle'; the categories of 'squares' are square",
        ),
    ],
)
def test_boxes_that_cannot_be_meant_are_refused(small: SmallProject, tasks: Any, sentence: str) -> None:
    small.write(tasks=tasks)
    with pytest.raises(ConfigError) as caught:
        load_project(small.config)
    assert sentence in str(caught.value)
