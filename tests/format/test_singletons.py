"""Singletons: the builders against the models, and the models against the platform's own."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightly.openapi_generated.swagger_client.models.prediction_singleton_classification import (
    PredictionSingletonClassification,
)
from lightly.openapi_generated.swagger_client.models.prediction_singleton_instance_segmentation import (
    PredictionSingletonInstanceSegmentation,
)
from lightly.openapi_generated.swagger_client.models.prediction_singleton_keypoint_detection import (
    PredictionSingletonKeypointDetection,
)
from lightly.openapi_generated.swagger_client.models.prediction_singleton_object_detection import (
    PredictionSingletonObjectDetection,
)
from lightly.openapi_generated.swagger_client.models.prediction_singleton_semantic_segmentation import (
    PredictionSingletonSemanticSegmentation,
)

from lightly_assets.format.arrays import plain_numbers
from lightly_assets.format.schema import TaskType
from lightly_assets.format.singletons import (
    classification_singletons,
    detection_singletons,
    instance_singletons,
    keypoint_singletons,
    parse_prediction_file,
    semantic_singletons,
)

IDS = (0, 3, 90)
PLATFORM: dict[str, Any] = {
    "classification": PredictionSingletonClassification,
    "object-detection": PredictionSingletonObjectDetection,
    "keypoint-detection": PredictionSingletonKeypointDetection,
    "instance-segmentation": PredictionSingletonInstanceSegmentation,
    "semantic-segmentation": PredictionSingletonSemanticSegmentation,
}


def accepted_by_us(task_type: str, singleton: dict[str, Any]) -> bool:
    try:
        parse_prediction_file(TaskType(task_type), {"file_name": "a.png", "predictions": [singleton]})
    except ValueError:
        return False
    return True


def accepted_by_the_platform(task_type: str, singleton: dict[str, Any]) -> bool:
    """The platform names two keys differently and wants a score and a task for everything."""
    values = {"score": 1.0, **singleton}
    values["categoryId"] = values.pop("category_id", None)
    try:
        PLATFORM[task_type].from_dict(
            {"type": task_type.upper().replace("-", "_"), "taskName": "task", **values}
        )
    except ValueError:
        return False
    return True


def build(seed: int) -> dict[str, list[dict[str, Any]]]:
    """Random output of all five builders."""
    random = np.random.default_rng(seed)
    count = int(random.integers(0, 5))
    scores = random.random(count, dtype=np.float32)
    ids = random.choice(IDS, count)
    boxes = (random.random((count, 4)) * 50 + [0, 0, 1, 1]).astype(np.float32)
    probabilities = random.dirichlet(np.ones(3), count).astype(np.float32) if seed % 2 else None
    masks = random.random((count, 6, 9)) < 0.5
    masks[:, 2, 3] = True
    points = random.random((count, 4, 3))
    size = {"height": 6, "width": 9}
    return {
        "classification": classification_singletons(
            probabilities=random.dirichlet(np.ones(3)), categories=IDS
        ),
        "object-detection": detection_singletons(boxes, scores, ids, probabilities, categories=IDS),
        "keypoint-detection": keypoint_singletons(
            points, scores, ids, boxes if seed % 3 else None, probabilities, categories=IDS
        ),
        "instance-segmentation": instance_singletons(
            masks, scores, ids, None if seed % 3 else boxes, probabilities, categories=IDS, **size
        ),
        "semantic-segmentation": semantic_singletons(
            masks, scores, ids, probabilities, categories=IDS, **size
        ),
    }


@pytest.mark.parametrize("seed", range(30))
def test_what_is_built_is_accepted(seed: int) -> None:
    for task_type, singletons in build(seed).items():
        for singleton in singletons:
            assert json.loads(json.dumps(singleton, allow_nan=False)) == singleton
            assert accepted_by_us(task_type, singleton)
            assert accepted_by_the_platform(task_type, singleton)


def test_the_order_of_keys_is_the_page_s() -> None:
    keys = {task_type: list(singletons[0]) for task_type, singletons in build(5).items()}
    assert keys == {
        "classification": ["category_id", "score", "probabilities"],
        "object-detection": ["category_id", "bbox", "score", "probabilities"],
        "keypoint-detection": ["category_id", "keypoints", "score", "bbox", "probabilities"],
        "instance-segmentation": ["category_id", "segmentation", "score", "bbox", "probabilities"],
        "semantic-segmentation": ["category_id", "segmentation", "score", "probabilities"],
    }


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("object-detection", {"score": 1.2}),
    ("object-detection", {"score": -0.1}),
    ("object-detection", {"score": float("nan")}),
    ("object-detection", {"bbox": [1, 1, 2]}),
    ("object-detection", {"bbox": [-1, 1, 2, 2]}),
    ("object-detection", {"category_id": -1}),
    ("object-detection", {"category_id": True}),
    ("object-detection", {"category_id": 1.0}),
    ("object-detection", {"category_id": None}),
    ("object-detection", {"probabilities": [1.1, 0]}),
    ("object-detection", {"area": 3}),
    ("keypoint-detection", {"keypoints": []}),
    ("keypoint-detection", {"keypoints": [1, -1, 1]}),
    ("semantic-segmentation", {"bbox": [1, 1, 2, 2]}),
    ("semantic-segmentation", {"segmentation": [1, -1]}),
    ("semantic-segmentation", {"segmentation": [1.5]}),
    ("semantic-segmentation", {"segmentation": {"size": [1, 1], "counts": "1"}}),
    ("semantic-segmentation", {"segmentation": [[1, 1, 2, 2, 3, 3]]}),
    ("instance-segmentation", {"bbox": None}),
    ("classification", {"probabilities": [2]}),
]


@pytest.mark.parametrize(("task_type", "change"), BROKEN)
def test_what_the_platform_refuses_we_refuse(task_type: str, change: dict[str, Any]) -> None:
    singleton = {**build(5)[task_type][0], **change}
    assert not accepted_by_the_platform(task_type, singleton)
    assert not accepted_by_us(task_type, singleton)


# Where the page is stricter than the platform's models.
STRICTER: list[tuple[str, dict[str, Any], str]] = [
    (
        "object-detection",
        {"bbox": [1, 1, 0, 2]},
        r"bbox\[2\] is 0; it must be at least 1",
    ),
    ("object-detection", {"bbox": [1, 1, float("inf"), 2]}, r"bbox\[2\] is Infinity"),
    ("keypoint-detection", {"keypoints": [1, 1, 1, 1]}, "keypoints has 4 numbers"),
    ("keypoint-detection", {"keypoints": [1, 1, 2]}, "the score of keypoint 0 is 2"),
    ("semantic-segmentation", {"segmentation": []}, "segmentation is"),
]


@pytest.mark.parametrize(("task_type", "change", "message"), STRICTER)
def test_where_the_page_is_stricter(task_type: str, change: dict[str, Any], message: str) -> None:
    singleton = {**build(5)[task_type][0], **change}
    assert accepted_by_the_platform(task_type, singleton)
    with pytest.raises(ValueError, match=message):
        parse_prediction_file(
            TaskType(task_type), {"file_name": "a.png", "predictions": [singleton]}, "a.json"
        )


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_float32_becomes_the_shortest_decimal(values: list[float]) -> None:
    # Many are converted in another way than few.
    for array in (np.array(values, dtype=np.float32), np.array(values * 50, dtype=np.float32)):
        assert plain_numbers(array) == [float(str(value)) for value in array]
        assert np.array(plain_numbers(array), dtype=np.float32).tobytes() == array.tobytes()


@given(st.lists(st.floats(width=16, allow_nan=False, allow_infinity=False)))
def test_float16_becomes_the_shortest_decimal(values: list[float]) -> None:
    # Many are converted in another way than few.
    for array in (np.array(values, dtype=np.float16), np.array(values * 50, dtype=np.float16)):
        assert plain_numbers(array) == [float(str(value)) for value in array]


def test_all_bit_patterns_of_a_range() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 400_000, dtype=np.uint32)
    array = bits.view(np.float32)
    array = array[np.isfinite(array)]
    assert plain_numbers(array) == [float(str(value)) for value in array]


def test_numbers_stay_short_and_whole() -> None:
    (singleton,) = detection_singletons([[140, 100, 80, 90]], np.float32([0.8]), [3], categories=IDS)
    assert json.dumps(singleton) == '{"category_id": 3, "bbox": [140, 100, 80, 90], "score": 0.8}'


def test_classification() -> None:
    probabilities = np.array([0.1, 0.7, 0.2], dtype=np.float32)
    assert classification_singletons(probabilities=probabilities, categories=IDS) == [
        {"category_id": 3, "score": 0.7, "probabilities": [0.1, 0.7, 0.2]}
    ]
    assert (
        classification_singletons(category_id=90, probabilities=probabilities, categories=IDS)[0]["score"]
        == 0.2
    )
    assert classification_singletons(category_id=90, score=1, categories=IDS) == [
        {"category_id": 90, "score": 1}
    ]


def test_probabilities_are_renormalised_within_the_tolerance() -> None:
    (singleton,) = classification_singletons(probabilities=[0.2, 0.7995, 0], categories=IDS)
    assert sum(singleton["probabilities"]) == pytest.approx(1, abs=1e-12)
    (exact,) = classification_singletons(probabilities=np.float32([0.1, 0.2, 0.7]), categories=IDS)
    assert exact["probabilities"] == [0.1, 0.2, 0.7]
    (cut,) = classification_singletons(probabilities=[1.0000001, 0, 0], categories=IDS)
    assert cut["probabilities"] == [1, 0, 0]


def test_keypoints_of_different_lengths() -> None:
    person, car = np.ones((13, 3)), np.ones((10, 3))
    singletons = keypoint_singletons([person, car], [0.5, 0.5], [0, 3], categories=IDS)
    assert [len(one["keypoints"]) for one in singletons] == [39, 30]


def test_tight_boxes() -> None:
    mask = np.zeros((6, 9), dtype=bool)
    mask[2:4, 3:8] = True
    (singleton,) = instance_singletons([mask], [1], [0], height=6, width=9, categories=IDS)
    assert singleton["bbox"] == [3, 2, 5, 2]


ONE = {"scores": [0.5], "category_ids": [3], "categories": IDS}
SIZE = {"height": 3, "width": 4}
NAN = float("nan")
REFUSED: list[tuple[Any, str]] = [
    (lambda: detection_singletons([[1, 1, 2, 2]], [1.2], [3], categories=IDS), "prediction 0: score is 1.2"),
    (lambda: detection_singletons([[1, 1, 2, 2]], [NAN], [3], categories=IDS), "prediction 0: score is nan"),
    (
        lambda: detection_singletons([[1, 1, 2, 2]] * 2, [1, 1], [3, 4], categories=IDS),
        "prediction 1: category_id is 4",
    ),
    (lambda: detection_singletons([[1, 1, 2, 2]], [1], [3.0], categories=IDS), "must be integers"),
    (lambda: detection_singletons([[1, 1, 2, 2]], [1], [3, 3], categories=IDS), r"shape \(2,\)"),
    (lambda: detection_singletons([[1, 1, 2]], [1], [3], categories=IDS), r"shape \(1, 3\)"),
    (lambda: detection_singletons([[1, 1, 2, 0.5]], **ONE), r"prediction 0: bbox is \[1.0, 1.0, 2.0, 0.5\]"),
    (lambda: detection_singletons([[-1, 1, 2, 2]], **ONE), "x, y ≥ 0"),
    (lambda: detection_singletons([[1, NAN, 2, 2]], **ONE), "bbox is"),
    (lambda: detection_singletons([[1, 1, np.inf, 2]], **ONE), "bbox is"),
    (lambda: detection_singletons([[1, 1, 2, 2]], **ONE, probabilities=[[0.5, 0.5]]), r"must be \(1, 3\)"),
    (lambda: detection_singletons([[1, 1, 2, 2]], **ONE, probabilities=[[0.5, 0.4, 0]]), "sum up to 0.9"),
    (lambda: detection_singletons([[1, 1, 2, 2]], **ONE, probabilities=[[2, -1, 0]]), "a probability is 2"),
    (lambda: classification_singletons(categories=IDS), "needs probabilities, or"),
    (
        lambda: classification_singletons(category_id=4, probabilities=[1, 0, 0], categories=IDS),
        "category_id is 4",
    ),
    (lambda: keypoint_singletons(np.ones((2, 1, 3)), **ONE), "keypoints for 2 predictions"),
    (lambda: keypoint_singletons(np.ones((1, 2, 2)), **ONE), r"shape \(2, 2\)"),
    (lambda: keypoint_singletons([np.ones((0, 3))], **ONE), "keypoints have the shape"),
    (lambda: keypoint_singletons([[[1, 2, 1], [1, -2, 1]]], **ONE), "prediction 0: keypoint 1 is"),
    (lambda: keypoint_singletons([[[1, 2, 2]]], **ONE), "score in"),
    (lambda: instance_singletons([[12]], **ONE, **SIZE), "has no pixel"),
    (lambda: instance_singletons([[1, 12]], **ONE, **SIZE), "prediction 0: The run lengths add up to 13"),
    (lambda: instance_singletons([np.ones((4, 3))], **ONE, **SIZE), r"the frame is \(3, 4\)"),
    (lambda: semantic_singletons([[1, 0, 11]], **ONE, **SIZE), "Only the first"),
    (lambda: semantic_singletons([[12], [12]], **ONE, **SIZE), "2 masks, but 1 scores"),
]


@pytest.mark.parametrize(("call", "problem"), REFUSED)
def test_what_is_refused(call: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        call()


def test_nothing() -> None:
    assert detection_singletons(np.zeros((0, 4)), [], np.zeros(0, int), categories=IDS) == []
    assert detection_singletons([], [], np.zeros(0, int), np.zeros((0, 3)), categories=IDS) == []
