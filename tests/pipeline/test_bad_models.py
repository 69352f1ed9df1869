"""A model that misbehaves on one frame of one video: what is said, and what is published all the same."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from lightly_assets.models.protocol import ModelError
from lightly_assets.pipeline.check import check
from tests.pipeline.test_run import run
from tests.projects import SmallProject, task, write_video

FRAMES = 11
WIDE = "[{'category_id': 0, 'bbox': [90, 3, 40, 5], 'score': 0.5}]"
BAD_FRAME = 6

# The second video has a square at column 60 in frame 6 only. What the model does there, and what is said.
MISBEHAVIOUR = {
    "raises": (
        "raise RuntimeError('out of luck')",
        "the model raised RuntimeError: out of luck (square_model.py",
    ),
    "too few results": ("return answers[:-1]", "the model returned 3 results for 4 images"),
    "too many results": ("return answers + [[]]", "the model returned 5 results for 4 images"),
    "nothing": ("return None", "square_model:find returned None; it must return a list"),
    "nothing for an image": ("answers[bad[0]] = None", "frame 6: The model returned None"),
    "not a number": (
        "answers[bad[0]] = [{'category_id': 0, 'bbox': [1, 1, 5, 5], 'score': float('nan')}]",
        "frame 6: prediction 0: score is nan; it must be a finite number",
    ),
    "a box of another image size": (
        f"answers[bad[0]] = {WIDE}",
        "frame 6: prediction 0: bbox is [90, 3, 40, 5], but x, y ≥ 0, w, h ≥ 1 and it must lie in the image",
    ),
    "a category of another task": (
        "answers[bad[0]] = [{'category_id': 7, 'bbox': [1, 1, 5, 5], 'score': 0.5}]",
        "category_id is 7; the schema has 0",
    ),
    "no memory": ("raise MemoryError", "2 images do not fit into memory"),
}

CODE = """
def find(images):
    answers = [[] for _ in images]
    bad = [place for place, image in enumerate(images) if image[32, 68].sum() > 500]
    if bad:
        {misbehaviour}
    return answers
"""


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    small.write(boxes="strict")
    for name in ("a.mp4", "c.mp4"):
        write_video(small.input / name, [0] * FRAMES)
    write_video(small.input / "b.mp4", [60 if index == BAD_FRAME else 0 for index in range(FRAMES)])
    return small


@pytest.mark.parametrize("kind", MISBEHAVIOUR)
def test_one_video_fails_with_one_sentence_and_its_neighbours_are_published(
    small: SmallProject, kind: str
) -> None:
    misbehaviour, message = MISBEHAVIOUR[kind]
    (small.folder / "square_model.py").write_text(CODE.format(misbehaviour=misbehaviour))
    summary = run(small)
    (failed,) = summary.failed
    assert failed["input"] == "b.mp4"
    error = str(failed["error"])
    assert error.startswith("task 'squares', b.mp4, frame") and message in error
    assert "\n" not in error and "Traceback" not in error
    published = {name for name in small.files() if "/" in name}
    assert published == {
        f"squares/{video}-{index:02d}-mp4.json" for video in "ac" for index in range(FRAMES)
    } | {"squares/schema.json"}
    assert check(small.lightly).ok
    # Put right, only that video is done.
    (small.folder / "square_model.py").write_text(CODE.format(misbehaviour="pass"))
    assert run(small).ok
    assert sum(name.startswith("squares/b-") for name in small.files()) == FRAMES


def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_lost(
    small: SmallProject, caplog: pytest.LogCaptureFixture
) -> None:
    (small.folder / "square_model.py").write_text(
        CODE.format(misbehaviour="if len(images) > 2: raise MemoryError")
    )
    assert run(small).ok
    assert "a batch of 4 images does not fit into memory; going on with 2" in caplog.text
    assert sum("mp4" in name for name in small.files()) == 3 * FRAMES


def test_a_pickle_for_weights_stops_the_project_before_a_video_is_opened(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
            return Path.touch, (small.folder / "unpickled",)

    (small.folder / "weights.onnx").write_bytes(pickle.dumps(Bomb()))
    model = {"kind": "onnx", "path": "weights.onnx", "layout": "yolo"}
    small.write(tasks=[task("squares"), task("people") | {"model": model}])
    monkeypatch.setattr("lightly_assets.pipeline.reading.open_video", pytest.fail)
    with pytest.raises(ModelError, match=r"Task 'people': .*weights.onnx is a pickle .* refused"):
        run(small)
    assert not (small.folder / "unpickled").exists()
    assert json.dumps(sorted(small.files())) == "[]"
