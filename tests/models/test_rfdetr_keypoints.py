"""Keypoints of RF-DETR against what its package documents, object by object and with matrices."""

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

QUERIES, SIZE = 12, (60, 90)
Outputs = dict[str, NDArray[Any]]


def outputs(slots: int, columns: int, seed: int = 7) -> Outputs:
    rng = np.random.default_rng(seed)
    boxes = np.concatenate(
        [rng.uniform(0.3, 0.7, (1, QUERIES, 2)), rng.uniform(0.1, 0.5, (1, QUERIES, 2))], -1
    )
    points = rng.normal(0, 1.5, (1, QUERIES, slots, 8))
    points[..., :2] = rng.uniform(0, 1, (1, QUERIES, slots, 2))
    labels = rng.normal(-1, 3, (1, QUERIES, columns))
    found = {"dets": boxes, "labels": labels, "keypoints": points}
    return {name: one.astype(np.float32) for name, one in found.items()}


def share(logit: Any) -> Any:
    return 1 / (1 + np.exp(-np.float64(logit)))


def expected(given: Outputs, per_class: list[int], height: int, width: int, floor: float = 0.05) -> list[Any]:
    """(score, class, box, keypoints) of every object, by falling score."""
    boxes, labels, points = (given[name][0].astype(np.float64) for name in ("dets", "labels", "keypoints"))
    order = sorted(np.ndindex(labels.shape), key=lambda at: -labels[at])[: len(labels)]
    found = []
    for query, number in order:
        if number >= len(per_class) or per_class[number] == 0:
            continue
        start = number * max(per_class)
        own = points[query, start : start + per_class[number]]
        traces = []
        for log_first, mixed, log_second in own[:, 4:7]:
            factor = np.array([[np.exp(log_first), 0], [mixed, np.exp(log_second)]])
            traces.append(np.trace(np.linalg.inv(factor @ factor.T)))
        mean = np.average(traces, weights=share(own[:, 2]))
        score = share(labels[query, number]) * mean**-0.2
        score /= 1 + score
        x, y, w, h = boxes[query] * [width, height, width, height]
        keypoints = np.stack([own[:, 0] * width, own[:, 1] * height, share(own[:, 2])], axis=1)
        if score >= floor:
            found.append((score, number, [x - w / 2, y - h / 2, x + w / 2, y + h / 2], keypoints))
    return sorted(found, key=lambda one: -one[0])


def load(path: Path, count: int, **settings: Any) -> Any:
    config = parse_model({"kind": "onnx", "path": path.name, "layout": "rfdetr_keypoints"} | settings)
    categories = [Category(id=number, name=f"c{number}") for number in range(count)]
    return load_model(config, task_type="keypoint-detection", categories=categories, base_dir=path.parent)


CASES: dict[str, tuple[int, int, list[int], dict[str, Any]]] = {
    "one class": (17, 2, [17], {}),
    "background first": (10, 2, [0, 5], {"keypoints_per_class": [0, 5]}),
    "two classes": (8, 3, [4, 2], {"keypoints_per_class": [4, 2]}),
    "classes without keypoints": (4, 4, [4], {"keypoints_per_class": [4]}),
}


@pytest.mark.parametrize("name", CASES)
def test_objects_and_keypoints(name: str, tmp_path: Path) -> None:
    slots, columns, per_class, settings = CASES[name]
    given = outputs(slots, columns)
    first = int(per_class[0] == 0)
    model = load(constants_model(tmp_path / "m.onnx", given, [48, 48]), len(per_class) - first, **settings)
    height, width = SIZE
    image = np.zeros((1, height, width, 3), dtype=np.uint8)
    found = model.predict(image, [Source("a.png", None, width, height)])[0]
    wanted = expected(given, per_class, height, width)
    assert len(found) == len(wanted) > 2
    np.testing.assert_allclose(found.scores, [one[0] for one in wanted], atol=1e-5)
    assert found.category_ids.tolist() == [one[1] - first for one in wanted]
    np.testing.assert_allclose(found.boxes, [one[2] for one in wanted], atol=1e-3)
    for points, (_, _, _, keypoints) in zip(found.keypoints, wanted, strict=True):
        np.testing.assert_allclose(points, keypoints, atol=1e-3)


def test_extreme_numbers_stay_scores(tmp_path: Path) -> None:
    given = outputs(5, 2)
    given["keypoints"][0, :6, :, 4:7] = [60, 0, 60]
    given["keypoints"][0, 6:, :, 4:7] = [-60, 9, -60]
    given["keypoints"][0, ::2, :, 2] = -200
    model = load(constants_model(tmp_path / "m.onnx", given, [48, 48]), 1)
    found = model.predict(np.zeros((1, 48, 48, 3), dtype=np.uint8), [Source("a.png", None, 48, 48)])[0]
    assert len(found) and (found.scores > 0).all() and (found.scores < 1).all()


@pytest.mark.parametrize(
    ("slots", "columns", "settings", "message"),
    [
        (34, 2, {}, r"do not tell which of 34 keypoints .*write keypoints_per_class: \[34\]"),
        (17, 91, {}, r"write keypoints_per_class: \[17\] beside layout"),
        (34, 2, {"keypoints_per_class": [17]}, r"1 times 17 keypoints, but the output has 34"),
        (51, 2, {"keypoints_per_class": [0, 17, 17]}, r"3 classes, but the output labels has 2"),
    ],
)
def test_what_the_file_does_not_tell(
    slots: int, columns: int, settings: Any, message: str, tmp_path: Path
) -> None:
    path = constants_model(tmp_path / "m.onnx", outputs(slots, columns), [48, 48])
    with pytest.raises(ModelError, match=message):
        load(path, 1, **settings)


def test_other_layouts_name_it(tmp_path: Path) -> None:
    path = constants_model(tmp_path / "m.onnx", outputs(17, 2), [48, 48])
    with pytest.raises(ModelError, match="they look like layout: rfdetr_keypoints"):
        load(path, 1, layout="rtdetr")
    with pytest.raises(ModelError, match="needs outputs named dets, labels and keypoints"):
        load(constants_model(tmp_path / "b.onnx", {"dets": outputs(17, 2)["dets"]}, [48, 48]), 1)
    with pytest.raises(ValueError, match="must name a class with keypoints"):
        parse_model(
            {"kind": "onnx", "path": "m.onnx", "layout": "rfdetr_keypoints", "keypoints_per_class": [0]}
        )
