"""Labels as the model, as the specification says: its own examples, and what its own script writes."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.encoding.encode import TaskSettings, encode
from lightly_assets.encoding.json_bytes import prediction_bytes
from lightly_assets.format.schema import Schema
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.models.protocol import Source
from lightly_assets.pipeline.publishing.coco_import import import_coco

WIDTH, HEIGHT = 240, 200
# A mask of 80 × 90 pixels at 140, 100; the page leaves its run lengths out.
MASK = [100 * WIDTH + 140, *([80, WIDTH - 80] * 89), 80, 10 * WIDTH + 20]
NAMES: dict[str, tuple[str, ...]] = {
    "classification": ("sunny", "clouded", "rainy"),
    "object-detection": ("person", "car"),
    "keypoint-detection": ("person", "car"),
    "instance-segmentation": ("person", "car"),
    "semantic-segmentation": ("background", "car", "tree"),
}
PAGE: dict[str, list[dict[str, Any]]] = {
    "classification": [{"category_id": 0, "probabilities": [0.8, 0.1, 0.1]}],
    "object-detection": [
        {"category_id": 0, "bbox": [140, 100, 80, 90], "score": 0.8, "probabilities": [0.2, 0.8]},
        {"category_id": 1, "bbox": [140, 100, 80, 90], "score": 0.9, "probabilities": [0.9, 0.1]},
        {"category_id": 0, "bbox": [140, 100, 80, 90], "score": 0.5, "probabilities": [0.6, 0.4]},
    ],
    "keypoint-detection": [
        {
            "category_id": 0,
            "keypoints": [100, 100, 0.95, 13, 29, 0.8, 30, 35, 0.5],
            "score": 0.8,
            "bbox": [140, 100, 80, 90],
            "probabilities": [0.2, 0.8],
        },
        {"category_id": 1, "keypoints": [10, 20, 1, 30, 40, 1], "score": 0.9, "probabilities": [0.9, 0.1]},
    ],
    "instance-segmentation": [
        {
            "category_id": 0,
            "segmentation": MASK,
            "score": 0.8,
            "bbox": [140, 100, 80, 90],
            "probabilities": [0.8, 0.2],
        },
    ],
    "semantic-segmentation": [
        {"category_id": 0, "segmentation": MASK, "score": 0.8, "probabilities": [0.15, 0.8, 0.05]},
        {"category_id": 1, "segmentation": MASK, "score": 0.9, "probabilities": [0.02, 0.08, 0.9]},
    ],
}


def written(folder: Path, task_type: str, model: dict[str, Any], key: str, index: int | None) -> bytes:
    """The bytes of a prediction file."""
    categories = [{"id": number, "name": name} for number, name in enumerate(NAMES[task_type])]
    schema = Schema.parse({"task_type": task_type, "categories": categories})
    config = parse_model(model)
    loaded = load_model(config, task_type=task_type, categories=schema.categories, base_dir=folder)
    image = np.zeros((1, HEIGHT, WIDTH, 3), dtype=np.uint8)
    result = loaded.predict(image, [Source(key, index, WIDTH, HEIGHT)])[0]
    settings = TaskSettings(schema, encode_settings(config, schema.task_type))
    name = key if index is None else f"{os.path.splitext(key)[0]}-{index:03}-mp4.png"  # noqa: PTH122
    return prediction_bytes(name, encode(result, settings, WIDTH, HEIGHT).singletons)


@pytest.mark.parametrize("task_type", PAGE)
@pytest.mark.parametrize(("key", "index"), [("subdir/image_1.png", None), ("subdir/video_1.mp4", 99)])
def test_the_pages_examples_are_written_as_they_are(
    task_type: str, key: str, index: int | None, tmp_path: Path
) -> None:
    name = "subdir/image_1" if index is None else "subdir/video_1-099-mp4"
    given = json.dumps({"file_name": f"{name}.png", "predictions": PAGE[task_type]}).encode()
    path = tmp_path / "task" / f"{name}.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(given)
    assert written(tmp_path, task_type, {"kind": "lightly", "path": "task"}, key, index) == given


COCO: dict[str, Any] = {
    "images": [{"id": 3, "file_name": "a.png"}, {"id": 9, "file_name": "sub/b.png"}],
    "categories": [{"id": 0, "name": "person"}, {"id": 1, "name": "car"}],
    "annotations": [
        {"image_id": 9, "category_id": 1, "bbox": [0, 10, 100, 30], "score": 0.8},
        {"image_id": 9, "category_id": 0, "bbox": [1.5, 10, 100.25, 30]},
    ],
}


LABELS = COCO | {
    "images": [{"id": 3, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
    "annotations": [
        {
            "image_id": 3,
            "category_id": 1,
            "bbox": [20.5, 30, 60.25, 50],
            "segmentation": [[20.5, 30, 80.75, 30, 80.75, 80, 50, 80.5]],
            "keypoints": [21, 31, 2, 80, 79, 1, 0, 0, 0],
            "iscrowd": 0,
        },
        {
            "image_id": 3,
            "category_id": 0,
            "bbox": [0, 0, 2, 100],
            "segmentation": {"counts": [0, 100, 100, 100, WIDTH * HEIGHT - 300], "size": [HEIGHT, WIDTH]},
            "keypoints": [0, 0, 0.5, 2, 100, 0.25, 1, 50, 1],
            "score": 0.75,
            "iscrowd": 1,
        },
    ],
}


@pytest.mark.parametrize("task_type", PAGE)
def test_coco_as_the_model_and_importing_it_give_the_same(task_type: str, tmp_path: Path) -> None:
    categories = [{"id": number, "name": name} for number, name in enumerate(NAMES[task_type])]
    (tmp_path / "labels.json").write_text(json.dumps(LABELS | {"categories": categories}))
    import_coco(tmp_path / "labels.json", tmp_path, "labels", task_type=task_type)
    imported = json.loads((tmp_path / ".lightly/predictions/labels/a.json").read_bytes())
    found = json.loads(written(tmp_path, task_type, {"kind": "coco", "path": "labels.json"}, "a.png", None))
    assert found == imported
    assert len(found["predictions"]) == (1 if task_type == "classification" else 2)


def pages_script(coco_dict: dict[str, Any]) -> dict[str, bytes]:
    """Create Object Detection Prediction Files from COCO, without its files."""
    image_id_to_prediction = {}
    for image in coco_dict["images"]:
        image_id_to_prediction[image["id"]] = {"file_name": image["file_name"], "predictions": []}
    for ann in coco_dict["annotations"]:
        pred = {"category_id": ann["category_id"], "bbox": ann["bbox"], "score": ann.get("score", 0)}
        image_id_to_prediction[ann["image_id"]]["predictions"].append(pred)
    return {one["file_name"]: json.dumps(one).encode() for one in image_id_to_prediction.values()}


def test_coco_boxes_are_written_as_the_pages_script_writes_them(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(COCO))
    scored = COCO | {"annotations": [one | {"score": one.get("score", 1.0)} for one in COCO["annotations"]]}
    for name, wanted in pages_script(scored).items():
        model = {"kind": "coco", "path": "labels.json"}
        assert written(tmp_path, "object-detection", model, name, None) == wanted
    # The page's script gives labels without a score 0, which its own text turns into "surely not this class".
    zeros = written(
        tmp_path,
        "object-detection",
        {"kind": "coco", "path": "labels.json", "default_score": 0},
        "sub/b.png",
        None,
    )
    assert json.loads(zeros) == json.loads(pages_script(COCO)["sub/b.png"])
