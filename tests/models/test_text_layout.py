"""Lines of text in a map, against arithmetic; ``recorded/trained_db.npz`` is what rapidocr found in one."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import ModelError, Source
from tests.models.onnx_files import constant_model

SIDE = (96, 160)


def text_map() -> NDArray[np.float32]:
    """A line of 60×10 pixels, a thin one, and a pale one that is turned by 30 degrees."""
    found = np.zeros(SIDE, dtype=np.float32)
    found[10:21, 20:81] = 0.9
    found[40:42, 20:81] = 0.9
    turned = cv2.boxPoints(((100, 70), (60, 12), 30)).astype(np.int32)
    cv2.fillPoly(found, [turned], 0.6)
    return found


def predict(folder: Path, size: tuple[int, int] = SIDE, **settings: Any) -> Any:
    path = constant_model(folder / "m.onnx", text_map()[None, None], ["h", "w"])
    config = parse_model({"kind": "onnx", "path": path.name, "layout": "db"} | settings)
    categories = [Category(id=0, name="text")]
    model = load_model(config, task_type="object-detection", categories=categories, base_dir=folder)
    image = np.zeros((1, *size, 3), dtype=np.uint8)
    return model.predict(image, [Source("a.png", None, size[1], size[0])])[0]


@pytest.mark.parametrize("scale", [1, 2])
def test_lines_grow_by_area_over_perimeter(scale: int, tmp_path: Path) -> None:
    # From the first pixel's place to the last one's: 60 by 10, and 600 * 1.5 / 140 is 6.4.
    pixels = {"resize": "stretch", "size": list(SIDE)}
    found = predict(tmp_path, (SIDE[0] * scale, SIDE[1] * scale), unclip=1.5, preprocess=pixels)
    np.testing.assert_allclose(found.scores, [0.9, 0.6], atol=0.03)
    np.testing.assert_allclose(found.boxes[0], np.array([14, 4, 86, 26]) * scale, atol=1e-4)
    # Of a line at an angle the upright box around it.
    grow = 60 * 12 * 1.5 / 144
    width, height = 60 + 2 * grow, 12 + 2 * grow
    half = np.array([width * np.cos(np.pi / 6) + height / 2, width / 2 + height * np.cos(np.pi / 6)]) / 2
    middle = np.array([100, 70])
    wanted = np.concatenate([middle - half, middle + half]) * scale
    np.testing.assert_allclose(found.boxes[1], wanted, atol=3 * scale)


def test_what_lines_are_made_of(tmp_path: Path) -> None:
    assert len(predict(tmp_path)) == 2
    assert len(predict(tmp_path, text_from=0.7)) == 1
    assert len(predict(tmp_path, floor=0.7)) == 1
    dilated = predict(tmp_path, dilate=True).boxes[0]
    assert (np.abs(dilated - predict(tmp_path).boxes[0]) <= 3).all() and dilated[2] > 86 and dilated[3] > 26
    grown, same = predict(tmp_path, unclip=3).boxes[0], predict(tmp_path, unclip=0).boxes[0]
    assert grown[0] < same[0] == 20 and same[2] == 80 < grown[2]


def test_other_maps_are_refused(tmp_path: Path) -> None:
    def load(shape: tuple[int, ...], value: float = 0.5, **settings: Any) -> Any:
        path = constant_model(tmp_path / "m.onnx", np.full(shape, value, np.float32), ["h", "w"])
        config = parse_model({"kind": "onnx", "path": path.name, "layout": "db"} | settings)
        categories = [Category(id=0, name="text")]
        return load_model(config, task_type="object-detection", categories=categories, base_dir=tmp_path)

    with pytest.raises(ModelError, match=r"output \(\?, 3, 96, 160\) has 3 channels, which are the layouts"):
        load((1, 3, *SIDE))
    with pytest.raises(ModelError, match=r"needs a map \(B, 1, h, w\) of how likely"):
        load((1, 5, 8))
    with pytest.raises(ModelError, match=r"numbers must lie in 0..1, and one is 4; it must be what comes"):
        load((1, 1, *SIDE), 4.0).predict(np.zeros((1, *SIDE, 3), np.uint8), [Source("a.png", None, 160, 96)])
