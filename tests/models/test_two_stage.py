"""The example of keypoints in two stages: boxes of another task's files, and a model that looks into each."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import ModelError, Source
from tests.models.onnx_files import constants_model, node, write

EXAMPLE = Path(__file__).parents[2] / "examples" / "two_stage_keypoints" / "models.py"
WIDTH, HEIGHT = 48, 64  # of the pose model's input
BOX = [20.0, 30.0, 60.0, 40.0]
FRAMES = {"boxes/sub/clip-07-mp4.json": [(BOX, 0.9), ([0, 0, 9, 9], 0.2)], "boxes/sub/clip-08-mp4.json": []}


def load(folder: Path) -> Any:
    shutil.copy(EXAMPLE, folder / "two_stage_models.py")
    for name, objects in FRAMES.items():
        path = folder / "predictions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        found = [{"category_id": 0, "bbox": box, "score": score} for box, score in objects]
        path.write_text(json.dumps({"file_name": "sub/clip.png", "predictions": found}))
    args = {"pose": "pose.onnx", "predictions": "predictions", "task": "boxes"}
    config = parse_model({"kind": "python", "call": "two_stage_models:TopDown", "args": args})
    categories = [Category(id=0, name="person")]
    return load_model(config, task_type="keypoint-detection", categories=categories, base_dir=folder)


def predict(model: Any, image: Any, index: int = 7) -> Any:
    height, width = image.shape[:2]
    return model.predict(image[None], [Source("sub/clip.mp4", index, width, height)])[0]


def area() -> tuple[float, float, float]:
    """Left and top of the part that the model sees, and its pixels for one of the input's."""
    left, top, width, height = BOX
    wide = max(width, height * WIDTH / HEIGHT) * 1.25
    tall = wide * HEIGHT / WIDTH
    return left + width / 2 - wide / 2, top + height / 2 - tall / 2, wide / WIDTH


def test_points_of_simcc(tmp_path: Path) -> None:
    across, down = np.zeros((1, 2, 2 * WIDTH)), np.zeros((1, 2, 2 * HEIGHT))
    across[0, [0, 1], [31, 90]], down[0, [0, 1], [64, 5]] = [0.9, 0.4], [0.7, 1.2]
    outputs = {"simcc_x": across.astype(np.float32), "simcc_y": down.astype(np.float32)}
    constants_model(tmp_path / "pose.onnx", outputs, [HEIGHT, WIDTH])
    model = load(tmp_path)
    found = predict(model, np.zeros((120, 160, 3), dtype=np.uint8))
    left, top, step = area()
    wanted = [[left + 15.5 * step, top + 32 * step, 0.7], [left + 45 * step, top + 2.5 * step, 0.4]]
    np.testing.assert_allclose(found.keypoints, [wanted], atol=1e-4)
    np.testing.assert_allclose(found.boxes, [[20, 30, 80, 70]])
    np.testing.assert_allclose(found.scores, [0.9])
    assert len(predict(model, np.zeros((120, 160, 3), dtype=np.uint8), 8)) == 0
    with pytest.raises(ModelError, match=r"sub/clip.mp4, frame 9.*run the task boxes first"):
        predict(model, np.zeros((120, 160, 3), dtype=np.uint8), 9)


def test_points_of_heatmaps_lie_where_the_picture_shows_them(tmp_path: Path) -> None:
    """The model averages four by four pixels, so that each colour's map peaks at its spot."""
    write(
        tmp_path / "pose.onnx",
        [node("AveragePool", ["images"], ["heatmaps"], kernel_shape=[4, 4], strides=[4, 4])],
        {"images": (np.float32, [1, 3, HEIGHT, WIDTH])},
        {"heatmaps": (np.float32, [1, 3, HEIGHT // 4, WIDTH // 4])},
    )
    image = np.zeros((120, 160, 3), dtype=np.uint8)
    spots = [(40, 35), (70, 60), (25, 65)]
    for channel, (x, y) in enumerate(spots):
        image[y - 3 : y + 4, x - 3 : x + 4, channel] = 255
    found = predict(load(tmp_path), image)
    # A cell is six pixels of the image wide.
    np.testing.assert_allclose(found.keypoints[0, :, :2], spots, atol=5)
    assert found.keypoints.shape == (1, 3, 3)
