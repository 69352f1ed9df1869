"""Models that misbehave on one frame: the error names task, video and frame; only that video is missing."""

import logging
import pickle
from pathlib import Path
from typing import Any

import pytest

from lightly_assets.models.protocol import ModelError
from tests.pipeline.test_run import run
from tests.projects import SmallProject, task, write_video

# The square stands at 60 in frame 2 of b.mp4 only.
VIDEOS = {"a": [0, 4, 8, 12, 16], "b": [20, 24, 60, 28, 32, 36], "c": [40, 44, 48, 52, 56]}
HEAD = """
import numpy as np
from lightly_assets import Detections
from square_model import boxes

def is_marked(image):
    return [box["bbox"][0] for box in boxes(image)] == [60]

def found(box, score=0.5, category=0):
    ids = np.array([category])
    return Detections(boxes=np.array([box], float), scores=np.array([score]), category_ids=ids)

def single(**changes):
    return [{"category_id": 0, "bbox": [1, 1, 4, 4], "score": 0.5} | changes]

def find(images):
    results = [boxes(image) for image in images]
    for place, image in enumerate(images):
        if is_marked(image):
            {BAD}
    return results
"""
FRAME, BATCH = "b.mp4, frame 2: ", "b.mp4, frames 0 to 2: "
RANGE = "it must be a number in [0, 1]."
FAR = (
    "prediction 0: the box [1000.0, 500.0, 1200.0, 700.0] (x1, y1, x2, y2) is far outside of the 96×64 "
    "image; coordinates must be pixels of the image that the model got."
)
FIRST_PIXEL = (
    "prediction 0: the box [0.25, 0.25, 0.5, 0.75] (x1, y1, x2, y2) lies in the first pixel, like all boxes "
    "of its 96×64 image; coordinates must be pixels, not shares of the image."
)
# What a model does on that frame, and the error after the task's name. What the model does with a batch as a
# whole is told with the frames of the batch.
BAD: list[tuple[str, str]] = [
    ('raise KeyError("anchors")', f"{BATCH}the model raised KeyError: 'anchors' (bad_model.py, line 20)."),
    ("raise SystemExit(3)", f"{BATCH}the model raised SystemExit: 3 (bad_model.py, line 20)."),
    (
        "return results[:-1]",
        f"{BATCH}the model returned 2 results for 3 images; it must return one for each.",
    ),
    (
        "return [*results, []]",
        f"{BATCH}the model returned 4 results for 3 images; it must return one for each.",
    ),
    (
        "return None",
        f"{BATCH}bad_model:find returned None; it must return a list with one result per image.",
    ),
    (
        "results[place] = None",
        f"{FRAME}The model returned None; for an image without predictions return an empty list.",
    ),
    (
        'results[place] = single(bbox=[1, 1, float("nan"), 4])',
        f"{FRAME}prediction 0: bbox is [1, 1, nan, 4]; it must be a finite number.",
    ),
    ("results[place] = found([1, 1, 5, 5], np.nan)", f"{BATCH}scores[0] is nan; {RANGE}"),
    ("results[place] = found([1000, 500, 1200, 700])", FRAME + FAR),
    ("results[place] = single(bbox=[1000, 500, 200, 200])", FRAME + FAR),
    ("results[place] = found([0.25, 0.25, 0.5, 0.75])", FRAME + FIRST_PIXEL),
    ("results[place] = single(bbox=[0.25, 0.25, 0.25, 0.5])", FRAME + FIRST_PIXEL),
    (
        "results[place] = found([1, 1, 5, 5], category=7)",
        f"{FRAME}prediction 0: category_id is 7; the schema has 0.",
    ),
    (
        "results[place] = single(category_id=7)",
        f"{FRAME}prediction 0/category_id: category_id is 7; the schema has 0.",
    ),
    (
        'raise MemoryError("no room")',
        f"{FRAME}a single image does not fit into memory (MemoryError: no room (bad_model.py, line 20)); "
        "free memory, or take a smaller model.",
    ),
]


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    for name, where in VIDEOS.items():
        write_video(small.input / f"{name}.mp4", where)
    return small


def published(small: SmallProject, name: str) -> dict[str, Any]:
    """The predictions of a task's files, by their names in it."""
    files = (path for path in small.files() if path.startswith(f"{name}/") and "schema" not in path)
    return {path.partition("/")[2]: small.read(path)["predictions"] for path in files}


@pytest.mark.parametrize(("bad", "error"), BAD, ids=[bad for bad, _ in BAD])
def test_one_video_is_missing_and_told(bad: str, error: str, small: SmallProject) -> None:
    (small.folder / "bad_model.py").write_text(HEAD.replace("{BAD}", bad))
    small.write(tasks=[task("bad", "bad_model:find"), task("good")])
    summary = run(small)
    assert summary.failed == [{"input": "b.mp4", "task": "bad", "error": f"task 'bad', {error}"}]
    good = published(small, "good")
    assert len(good) == 16
    # The neighbours, frames of the same batch among them, are as another task has them.
    assert published(small, "bad") == {name: one for name, one in good.items() if not name.startswith("b-")}
    assert small.read("tasks.json") == ["bad", "good"]


def test_a_batch_that_is_too_large_is_halved_once(
    small: SmallProject, caplog: pytest.LogCaptureFixture
) -> None:
    limit = 'if len(images) > 2:\n        raise MemoryError("no room")\n    '
    (small.folder / "bad_model.py").write_text(HEAD.replace("    results = ", f"    {limit}results = "))
    text = (small.folder / "bad_model.py").read_text()
    (small.folder / "bad_model.py").write_text(text.replace("{BAD}", "pass"))
    small.write(tasks=[task("bad", "bad_model:find"), task("good")])
    with caplog.at_level(logging.WARNING, "lightly_assets"):
        assert run(small).ok
    assert [one.getMessage() for one in caplog.records if "memory" in one.getMessage()] == [
        "a.mp4, frames 0 to 3: a batch of 4 images does not fit into memory; going on with 2."
    ]
    assert published(small, "bad") == published(small, "good")


def test_a_pickle_stops_the_project_before_a_video_is_opened(small: SmallProject) -> None:
    (small.folder / "weights.pt").write_bytes(pickle.dumps({"weights": [1.0]}))
    model = {"kind": "torch", "path": "weights.pt", "layout": "yolo"}
    small.write(tasks=[task("bad") | {"model": model}, task("good")])
    with pytest.raises(ModelError, match=r"^Task 'bad': The model file weights\.pt is a pickle .* refused"):
        run(small)
    assert small.files() == {} and small.calls() == []
