"""CenterFace against what its authors publish of the decoding, one cell at a time."""

from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import ModelError, Source
from tests.models.onnx_files import constants_model

ROWS, COLUMNS = 24, 16
FOUND = [(3, 2), (0, 0), (23, 15), (11, 15), (9, 4)]
Outputs = dict[str, NDArray[Any]]
NAMES = ("537", "538", "539", "540")


def outputs(names: tuple[str, ...] = NAMES) -> Outputs:
    """Faces in the middle and over every edge of an input of 64×96 pixels."""
    rng = np.random.default_rng(5)
    heat = np.zeros((1, 1, ROWS, COLUMNS))
    for number, (row, column) in enumerate(FOUND):
        heat[0, 0, row, column] = 0.9 - 0.1 * number
    scale = rng.uniform(1, 2.5, (1, 2, ROWS, COLUMNS))
    offset = rng.uniform(-0.5, 0.5, (1, 2, ROWS, COLUMNS))
    landmarks = rng.uniform(0, 1, (1, 10, ROWS, COLUMNS))
    arrays = (heat, scale, offset, landmarks)
    return {name: one.astype(np.float32) for name, one in zip(names, arrays, strict=True)}


def face(given: Outputs, row: int, column: int) -> tuple[list[float], list[list[float]]]:
    """Corners and points in the input's pixels."""
    _, scale, offset, landmarks = (one[0, :, row, column].tolist() for one in given.values())
    height, width = 4 * exp(scale[0]), 4 * exp(scale[1])
    left = min(max((column + offset[1] + 0.5) * 4 - width / 2, 0), COLUMNS * 4)
    top = min(max((row + offset[0] + 0.5) * 4 - height / 2, 0), ROWS * 4)
    box = [left, top, min(left + width, COLUMNS * 4), min(top + height, ROWS * 4)]
    points = [
        [left + landmarks[2 * one + 1] * width, top + landmarks[2 * one] * height, 1] for one in range(5)
    ]
    return box, points


def predict(path: Path, task_type: str, scale: int = 1, **settings: Any) -> Any:
    config = parse_model({"kind": "onnx", "path": path.name, "layout": "centerface"} | settings)
    model = load_model(
        config, task_type=task_type, categories=[Category(id=0, name="face")], base_dir=path.parent
    )
    height, width = ROWS * 4 * scale, COLUMNS * 4 * scale
    image = np.zeros((1, height, width, 3), dtype=np.uint8)
    return model.predict(image, [Source("a.png", None, width, height)])[0]


@pytest.mark.parametrize("scale", [1, 2])
def test_faces_and_points(scale: int, tmp_path: Path) -> None:
    given = outputs()
    path = constants_model(tmp_path / "m.onnx", given, [ROWS * 4, COLUMNS * 4])
    found = predict(path, "keypoint-detection", scale)
    assert len(found) == len(FOUND)
    np.testing.assert_allclose(found.scores, [0.9, 0.8, 0.7, 0.6, 0.5], rtol=1e-6)
    for number, place in enumerate(FOUND):
        box, points = face(given, *place)
        np.testing.assert_allclose(found.boxes[number], np.array(box) * scale, atol=1e-3)
        np.testing.assert_allclose(found.keypoints[number], np.array(points) * [scale, scale, 1], atol=1e-3)
    boxes = predict(path, "object-detection", scale)
    np.testing.assert_array_equal(boxes.boxes, found.boxes)


def test_names_tell_scale_and_offset(tmp_path: Path) -> None:
    given = outputs(("heatmap", "scale", "offset", "landmarks"))
    turned = {name: given[name] for name in ("offset", "landmarks", "scale", "heatmap")}
    path = constants_model(tmp_path / "m.onnx", turned, [ROWS * 4, COLUMNS * 4])
    found = predict(path, "keypoint-detection")
    np.testing.assert_allclose(found.boxes[0], face(given, *FOUND[0])[0], atol=1e-3)


def test_what_is_no_centerface(tmp_path: Path) -> None:
    given = outputs()
    boxes_alone = {name: given[name] for name in NAMES[:3]}
    path = constants_model(tmp_path / "boxes.onnx", boxes_alone, [ROWS * 4, COLUMNS * 4])
    assert len(predict(path, "object-detection")) == len(FOUND)
    with pytest.raises(ModelError, match=r"centerface needs heatmap .*there is 537"):
        predict(path, "keypoint-detection")
    logits = given | {"537": given["537"] + 3}
    path = constants_model(tmp_path / "logits.onnx", logits, [ROWS * 4, COLUMNS * 4])
    with pytest.raises(ModelError, match=r"scores must lie in 0..1.*after a sigmoid"):
        predict(path, "object-detection")
    path = constants_model(tmp_path / "grid.onnx", given, [ROWS * 8, COLUMNS * 8])
    with pytest.raises(ModelError, match=r"heatmap of 16×24 is no grid of 4 pixels over 128×192"):
        predict(path, "object-detection")


def test_the_authors_file_is_refused_as_it_is(tmp_path: Path) -> None:
    """It says 32×32 pixels, which they overrule."""
    given = {name: one[..., :8, :8] for name, one in outputs().items()}
    path = constants_model(tmp_path / "m.onnx", given, [32, 32])
    with pytest.raises(ModelError, match=r"32×32 pixels.*make its sizes free with onnx.tools"):
        predict(path, "object-detection")
