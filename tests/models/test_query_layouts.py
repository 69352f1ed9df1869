"""Layouts of queries with masks, on outputs whose meaning is known exactly."""

from pathlib import Path
from typing import Any

import numpy as np

from lightly_assets.format import rle
from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import Source
from tests.models.onnx_files import constants_model

INSTANCES, PIXELS = "instance-segmentation", "semantic-segmentation"


def predict(path: Path, task_type: str, count: int, size: tuple[int, int], **settings: Any) -> Any:
    config = parse_model({"kind": "onnx", "path": path.name, **settings})
    categories = [Category(id=number, name=f"c{number}") for number in range(count)]
    model = load_model(config, task_type=task_type, categories=categories, base_dir=path.parent)
    height, width = size
    image = np.zeros((1, height, width, 3), dtype=np.uint8)
    return model.predict(image, [Source("a.png", None, width, height)])[0]


def dense(masks: Any) -> Any:
    return np.stack([rle.decode(counts, masks.height, masks.width) for counts in masks.counts])


def rectangle(size: int, left: int, top: int, right: int, bottom: int) -> Any:
    mask = np.full((size, size), -8, dtype=np.float32)
    mask[top:bottom, left:right] = 8
    return mask


def test_masks_of_rfdetr(tmp_path: Path) -> None:
    """Boxes are shares, masks logits over the whole input; the image is as large as the masks."""
    outputs = {
        "dets": np.array([[[0.25, 0.25, 0.5, 0.5], [0.75, 0.5, 0.25, 0.5]]], dtype=np.float32),
        "labels": np.array([[[3, -9], [-9, 1]]], dtype=np.float32),
        "masks": np.stack([rectangle(16, 0, 0, 8, 8), rectangle(16, 10, 4, 14, 12)])[None],
    }
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64])
    found = predict(path, INSTANCES, 2, (16, 16), layout="rtdetr")
    np.testing.assert_allclose(found.boxes, [[0, 0, 8, 8], [10, 4, 14, 12]])
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp([-3, -1])), rtol=1e-6)
    np.testing.assert_array_equal(dense(found.masks), outputs["masks"][0] > 0)


QUERIES = {
    "class_queries_logits": np.array([[[4, -4, -4], [-4, 3, -4], [-4, -4, 5]]], dtype=np.float32),
    "masks_queries_logits": np.stack(
        [rectangle(16, 0, 0, 8, 16), rectangle(16, 8, 4, 16, 12), rectangle(16, 0, 0, 16, 16)]
    )[None],
}


def test_objects_from_queries(tmp_path: Path) -> None:
    path = constants_model(tmp_path / "m.onnx", QUERIES, [64, 64])
    found = predict(path, INSTANCES, 2, (16, 16), layout="mask_queries")
    assert found.category_ids.tolist() == [0, 1]
    np.testing.assert_allclose(found.boxes, [[0, 0, 8, 16], [8, 4, 16, 12]])
    np.testing.assert_array_equal(dense(found.masks), QUERIES["masks_queries_logits"][0, :2] > 0)
    classes = [np.exp(4) / (np.exp(4) + 2 * np.exp(-4)), np.exp(3) / (np.exp(3) + 2 * np.exp(-4))]
    np.testing.assert_allclose(found.scores, np.array(classes) / (1 + np.exp(-8)), rtol=1e-5)


def test_classes_of_pixels_from_queries(tmp_path: Path) -> None:
    path = constants_model(tmp_path / "m.onnx", QUERIES, [64, 64])
    scores = predict(path, PIXELS, 2, (16, 16), layout="mask_queries").scores
    assert (scores[0, :, :8] > 0.9).all() and (scores[0, :, 8:] < 0.01).all()
    assert (scores[1, 4:12, 8:] > 0.9).all() and (scores[1, :4] < 0.01).all()


def test_a_box_around_runs_that_go_over_the_edge(tmp_path: Path) -> None:
    """A mask over whole rows is one run, which says nothing of columns by itself."""
    outputs = dict(QUERIES) | {
        "masks_queries_logits": np.stack(
            [rectangle(16, 0, 3, 16, 9), rectangle(16, 8, 4, 16, 12), rectangle(16, 0, 0, 16, 16)]
        )[None]
    }
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64])
    found = predict(path, INSTANCES, 2, (16, 16), layout="mask_queries")
    np.testing.assert_allclose(found.boxes, [[0, 3, 16, 9], [8, 4, 16, 12]])
