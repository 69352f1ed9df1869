"""From results to singletons: thresholds, suppression, the category map, clipping; checked by hand."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lightly_assets.encoding.encode import Encoded, TaskSettings, encode
from lightly_assets.format import rle
from lightly_assets.format.rules.file_rules import check_prediction_file
from lightly_assets.format.rules.prediction_rules import Expected
from lightly_assets.format.schema import Schema
from lightly_assets.models.config import EncodeSettings
from lightly_assets.models.results import (
    Classification,
    Detections,
    Keypoints,
    Ready,
    ResultError,
    RunLengths,
    SemanticScores,
)

WIDTH, HEIGHT = 60, 40


def settings(
    task_type: str = "object-detection", ids: tuple[int, ...] = (0, 1), **given: Any
) -> TaskSettings:
    categories = [{"id": one, "name": f"c{one}"} for one in ids]
    boxes = given.pop("boxes", "clip")
    schema = Schema.parse({"task_type": task_type, "categories": categories})
    return TaskSettings(schema, EncodeSettings(**given), boxes)


def written(result: Any, task: TaskSettings) -> Encoded:
    """What is encoded; the format's own rules must find nothing wrong with it."""
    found = encode(result, task, WIDTH, HEIGHT)
    data = {"file_name": "a.png", "predictions": json.loads(json.dumps(found.singletons, allow_nan=False))}
    findings = check_prediction_file(
        data, f"{task.schema.task_type}/a.json", task.schema, Expected("a.png", WIDTH, HEIGHT)
    )
    assert [one for one in findings if one.severity == "error"] == []
    return found


def f32(*values: Any) -> Any:
    return np.array(values, dtype=np.float32)


BOXES = f32([10, 10, 30, 30], [11, 10, 31, 30], [-5, 0, 20, 20.5], [59.5, 0, 70, 10])
TWO = Detections(
    BOXES, f32(0.8, 0.6, 0.3, 0.9), [0, 0, 1, 1], f32([0.8, 0.2], [0.6, 0.4], [0.7, 0.3], [0.1, 0.9])
)


def test_boxes_are_clipped_dropped_and_counted() -> None:
    found = written(TWO, settings())
    assert (found.clipped, found.dropped) == (1, 1)
    assert found.singletons[0] == {
        "category_id": 0,
        "bbox": [10.0, 10.0, 20.0, 20.0],
        "score": 0.8,
        "probabilities": [0.8, 0.2],
    }
    assert found.singletons[2]["bbox"] == [0.0, 0.0, 20.0, 20.5]
    assert list(found.singletons[0]) == ["category_id", "bbox", "score", "probabilities"]


def test_strict_boxes_are_errors() -> None:
    with pytest.raises(ValueError, match=r"prediction 2: bbox is .* 60×40"):
        encode(TWO, settings(boxes="strict"), WIDTH, HEIGHT)


def test_threshold_suppression_and_the_best_so_many() -> None:
    def scores(**given: Any) -> list[float]:
        return [one["score"] for one in written(TWO, settings(**given)).singletons]

    assert scores() == [0.8, 0.6, 0.3]
    assert scores(score_threshold=0.6) == [0.8, 0.6]
    assert scores(nms_iou=0.5) == [0.8, 0.3]
    assert scores(nms_iou=0.95) == [0.8, 0.6, 0.3]
    assert scores(nms_iou=0.5, score_threshold=0.5) == [0.8]
    # The box with 0.9 lies outside and is dropped.
    assert scores(max_detections=2) == [0.8]


def test_suppression_within_and_across_categories() -> None:
    same = Detections([[0, 0, 10, 10], [0, 0, 10, 9]], [0.9, 0.8], [0, 1])
    assert len(written(same, settings(nms_iou=0.5)).singletons) == 2
    assert len(written(same, settings(nms_iou=0.5, nms="all-categories")).singletons) == 1


def test_category_maps_rename_merge_and_leave_out() -> None:
    result = Detections(BOXES[:2], f32(0.8, 0.6), [2, 1], f32([0.1, 0.1, 0.6, 0.2], [0.2, 0.5, 0.2, 0.1]))
    found = written(result, settings(ids=(3, 7), category_map={2: 7, 3: 7, 0: 3}))
    assert [one["category_id"] for one in found.singletons] == [7]
    # Of the classes 0, 2 and 3: 0.1 to category 3, 0.6 + 0.2 to category 7, scaled up to 1.
    np.testing.assert_allclose(found.singletons[0]["probabilities"], [0.1 / 0.9, 0.8 / 0.9], rtol=1e-6)


def test_classes_by_position_with_gaps_between_ids() -> None:
    result = Detections(BOXES[:2], f32(0.8, 0.6), [0, 1])
    found = written(result, settings(ids=(3, 7), by_position=True))
    assert [one["category_id"] for one in found.singletons] == [3, 7]
    shifted = Detections(BOXES[:2], f32(0.8, 0.6), [1, 2])
    found = written(shifted, settings(ids=(3, 7), by_position=True, first_class=1))
    assert [one["category_id"] for one in found.singletons] == [3, 7]
    with pytest.raises(
        ValueError, match=r"said class 2, but the task has 2 categories; say with category_map"
    ):
        encode(shifted, settings(ids=(3, 7), by_position=True), WIDTH, HEIGHT)


def test_a_category_that_the_schema_does_not_have() -> None:
    result = Detections(BOXES[:1], f32(0.8), [5])
    with pytest.raises(ValueError, match="category_id is 5; the schema has 0, 1"):
        encode(result, settings(), WIDTH, HEIGHT)
    with pytest.raises(ValueError, match="category_map leads to 9; the schema has 0, 1"):
        encode(result, settings(category_map={5: 9}), WIDTH, HEIGHT)


def test_a_box_of_another_image_is_an_error() -> None:
    far = Detections([[1500.0, 800, 1700, 1000]], [0.9], [0])
    with pytest.raises(ValueError, match="far outside of the 60×40 image"):
        encode(far, settings(), WIDTH, HEIGHT)
    with pytest.raises(ValueError, match="far outside of the 60×40 image"):
        encode([{"category_id": 0, "bbox": [1500, 800, 10, 10], "score": 1}], settings(), WIDTH, HEIGHT)


def test_probabilities_can_be_left_out() -> None:
    assert "probabilities" not in written(TWO, settings(probabilities=False)).singletons[0]


def test_classification() -> None:
    task = settings("classification", (2, 5, 9))
    found = written(Classification(probabilities=f32(0.1, 0.7, 0.2)), task)
    assert found.singletons == [{"category_id": 5, "score": 0.7, "probabilities": [0.1, 0.7, 0.2]}]
    assert written(Classification(9, np.float32(0.8)), task).singletons == [{"category_id": 9, "score": 0.8}]
    strict = settings("classification", (2, 5, 9), score_threshold=0.75)
    assert written(Classification(probabilities=f32(0.1, 0.7, 0.2)), strict).singletons == []
    mapped = settings("classification", (2, 5), category_map={0: 5, 2: 2})
    found = written(Classification(probabilities=[0.375, 0.25, 0.375]), mapped)
    assert found.singletons[0]["probabilities"] == [0.5, 0.5]
    # What is left out is no category: the image would become the least unlikely one.
    assert written(Classification(probabilities=[0.25, 0.5, 0.25]), mapped).singletons == []
    merged = settings("classification", (2, 5), category_map={0: 5, 2: 5, 3: 2})
    found = written(Classification(probabilities=[0.25, 0.375, 0.25, 0.125]), merged)
    assert (found.singletons[0]["category_id"], found.singletons[0]["score"]) == (5, 0.8)


def test_keypoints() -> None:
    points = np.array([[[1, 2, 0.5], [70, -3, 1]], [[5, 5, 0], [6, 6, 0.25]]])
    result = Keypoints(points, [0.9, 0.4], [0, 1], [[0, 0, 30, 30], [2, 2, 9, 9]])
    found = written(result, settings("keypoint-detection"))
    assert found.moved_keypoints == 1
    assert found.singletons[0] == {
        "category_id": 0,
        "keypoints": [1.0, 2.0, 0.5, 60.0, 0.0, 1.0],
        "score": 0.9,
        "bbox": [0.0, 0.0, 30.0, 30.0],
    }
    bare = Keypoints([points[0], points[1][:1]], [0.9, 0.4], [0, 1])
    found = written(bare, settings("keypoint-detection", score_threshold=0.4))
    assert [len(one["keypoints"]) for one in found.singletons] == [6, 3]
    assert "bbox" not in found.singletons[0]


@pytest.mark.parametrize(
    ("given", "written_as"),
    [
        ([10, 5, 10, 20], [10, 5, 1, 15]),  # keypoints on a vertical line
        ([10, 5, 10, 5], [10, 5, 1, 1]),  # a single keypoint
        ([10, 5, 10.5, 5.25], [10, 5, 1, 1]),
        ([WIDTH, 5, WIDTH, 20], [WIDTH - 1, 5, 1, 15]),  # at the right edge
        ([WIDTH, HEIGHT, WIDTH, HEIGHT], [WIDTH - 1, HEIGHT - 1, 1, 1]),
        ([WIDTH - 0.5, 5, WIDTH + 9, 20], [WIDTH - 1, 5, 1, 15]),  # nearly all of it outside
        ([-9, -9, -1, -1], [0, 0, 1, 1]),
        ([0, 0, 9, 9], [0, 0, 9, 9]),
    ],
)
def test_objects_with_keypoints_stay_however_flat_their_box(
    given: list[float], written_as: list[float]
) -> None:
    x1, y1, x2, y2 = given
    point = [10, 5, 1]
    (one,) = written(Keypoints([[point]], [0.9], [0], [given]), settings("keypoint-detection")).singletons
    assert one["bbox"] == written_as
    ready = {"category_id": 0, "keypoints": point, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": 0.9}
    (one,) = written(Ready([ready]), settings("keypoint-detection")).singletons
    assert one["bbox"] == written_as
    # As a detection the same box is none.
    flat = min(x2 - x1, y2 - y1) < 1 or written_as[2] == 1
    found = written(Detections([given], [0.9], [0]), settings())
    assert (len(found.singletons), found.dropped) == ((0, 1) if flat else (1, 0))
    if not flat or min(given) < 0 or x2 > WIDTH:
        return
    strict = replace(settings("keypoint-detection"), boxes="strict")
    (one,) = written(Keypoints([[point]], [0.9], [0], [given]), strict).singletons
    assert one["bbox"] == written_as


@pytest.mark.parametrize("ready", [False, True])
def test_keypoints_as_shares_of_the_image(ready: bool) -> None:
    """Of an image whose objects all have them in its first pixel; not where that is but the corner."""

    def given(*objects: list[list[float]]) -> Ready | Keypoints:
        if not ready:
            return Keypoints(objects, [0.9] * len(objects), [0] * len(objects))
        flat = [[value for point in one for value in point] for one in objects]
        return Ready([{"category_id": 0, "keypoints": one, "score": 0.9} for one in flat])

    shares, corner = [[0.4, 0.5, 0.9], [0.1, 0.7, 0.8]], [[0, 0, 0.0], [0, 0, 0.0]]
    with pytest.raises(ResultError, match="prediction 0: all keypoints lie in the first pixel"):
        written(given(shares, corner), settings("keypoint-detection"))
    for objects in ([shares, [[20, 5, 0.9], [8, 8, 0.5]]], [corner], [[[0.5, 0.5, 0.9]]]):
        encoded = written(given(*objects), settings("keypoint-detection"))
        assert len(encoded.singletons) == len(objects)


def test_instance_masks() -> None:
    masks = np.zeros((3, HEIGHT, WIDTH), dtype=bool)
    masks[0, 10:30, 10:30] = True
    masks[1, 12:20, 12:31] = True
    result = Detections(BOXES[:3], f32(0.8, 0.6, 0.5), [0, 1, 1], masks=masks)
    dense = written(result, settings("instance-segmentation"))
    runs = Detections(BOXES[:3], f32(0.8, 0.6, 0.5), [0, 1, 1], masks=RunLengths.of(masks))
    assert written(runs, settings("instance-segmentation")) == dense
    assert dense.dropped == 1, "the third mask has no pixel"
    for mask, one in zip(masks, dense.singletons, strict=False):
        np.testing.assert_array_equal(rle.decode(one["segmentation"], HEIGHT, WIDTH), mask)
    assert list(dense.singletons[0]) == ["category_id", "segmentation", "score", "bbox"]


def test_semantic_scores() -> None:
    scores = np.random.default_rng(0).dirichlet([1, 1, 1], (HEIGHT, WIDTH)).transpose(2, 0, 1)
    found = written(SemanticScores(scores), settings("semantic-segmentation", (1, 4, 6)))
    labels = scores.argmax(axis=0)
    assert [one["category_id"] for one in found.singletons] == [1, 4, 6]
    for channel, one in enumerate(found.singletons):
        inside = labels == channel
        np.testing.assert_array_equal(rle.decode(one["segmentation"], HEIGHT, WIDTH), inside)
        assert one["score"] == np.median(scores[channel][inside])
    means = written(SemanticScores(scores), settings("semantic-segmentation", (1, 4, 6), reduce="mean"))
    assert means.singletons[0]["score"] == pytest.approx(scores[0][labels == 0].mean())


def test_semantic_classes_are_united_and_left_out() -> None:
    labels = np.repeat([0, 1, 2, 3], WIDTH * HEIGHT // 4).reshape(HEIGHT, WIDTH)
    given = SemanticScores(label_map=labels, category_scores={1: 0.5, 2: 1.0})
    task = settings("semantic-segmentation", (5, 6), category_map={1: 6, 2: 6, 3: 5})
    found = written(given, task).singletons
    assert [one["category_id"] for one in found] == [5, 6]
    np.testing.assert_array_equal(
        rle.decode(found[1]["segmentation"], HEIGHT, WIDTH), (labels == 1) | (labels == 2)
    )
    assert found[1]["score"] == pytest.approx(0.75)
    ids = written(SemanticScores(label_map=labels + 1), settings("semantic-segmentation", (1, 2, 3, 4)))
    assert [one["category_id"] for one in ids.singletons] == [1, 2, 3, 4]


PAGE = [{"category_id": 0, "bbox": [0, 10, 50, 30], "score": 0.8}]


def test_ready_singletons_pass_unchanged() -> None:
    found = written(PAGE, settings())
    assert found.singletons == PAGE
    assert json.dumps(found.singletons) == '[{"category_id": 0, "bbox": [0, 10, 50, 30], "score": 0.8}]'
    assert written([], settings()).singletons == []


def test_corners_taken_for_sizes_are_counted_as_they_were_given() -> None:
    corners = [[10, 5, 40, 30], [30, 10, 55, 38], [30, 20, 10, 15]]
    ready: list[dict[str, Any]] = [{"category_id": 0, "bbox": one, "score": 0.5} for one in corners]
    labels = np.array([[x, y, x + w, y + h] for x, y, w, h in corners], dtype=np.float32)
    result = Detections(labels, np.full(3, 0.5, dtype=np.float32), np.zeros(3, dtype=np.int64))
    for given in (ready, result):
        found = encode(given, settings(), WIDTH, HEIGHT)
        assert (found.as_corners, found.clipped, found.dropped) == (2, 1, 0)


def test_ready_boxes_are_clipped_and_settings_hold() -> None:
    given = [
        {"category_id": 0, "bbox": [0, 10, 100, 30], "score": 0.8},
        {"category_id": 1, "bbox": [61, 10, 4, 4], "score": 0.7},
        {"category_id": 0, "bbox": [1, 10, 59, 30], "score": 0.2},
    ]
    found = written(given, settings())
    assert (found.clipped, found.dropped) == (1, 1)
    assert found.singletons[0]["bbox"] == [0, 10, 60, 30]
    assert len(written(given, settings(nms_iou=0.5)).singletons) == 1
    assert len(written(given, settings(max_detections=1)).singletons) == 1
    assert len(written(given, settings(score_threshold=0.5)).singletons) == 1
    assert written(given, settings(ids=(4,), category_map={0: 4})).singletons[0]["category_id"] == 4
    with pytest.raises(ValueError, match=r"prediction 0: bbox .* 60×40"):
        encode(given, settings(boxes="strict"), WIDTH, HEIGHT)


READY_WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"category_id": 7, "bbox": [0, 0, 5, 5], "score": 0.5},
        "prediction 0/category_id: .* the schema has 0, 1",
    ),
    ({"category_id": 0, "bbox": [0, 0, 5, 5]}, "prediction 0: The prediction has no score"),
    ({"category_id": 0, "bbox": [0, 0, 5], "score": 0.5}, "prediction 0/bbox: .* must have four"),
    (
        {"category_id": 0, "bbox": [0, 0, -5, 5], "score": 0.5},
        "prediction 0/bbox: .* w and h must be at least 1",
    ),
    ({"category_id": 0, "bbox": [0, 0, 5, 5], "score": 1.5}, "prediction 0/score: score is 1.5"),
    ({"category_id": 0, "bbox": [0, 0, 5, 5], "score": 0.5, "area": 3}, "area"),
    ({"category_id": 0, "bbox": [0, 0, 5, 5], "score": 0.5, "probabilities": [0.5, 0.1]}, "sum up to 0.6"),
]


@pytest.mark.parametrize(("singleton", "message"), READY_WRONG, ids=range(len(READY_WRONG)))
def test_ready_singletons_that_break_the_format_are_errors(singleton: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode([singleton], settings(), WIDTH, HEIGHT)


def test_the_hash_follows_what_changes_the_bytes() -> None:
    same = settings().hash()
    assert settings().hash() == same
    others = [
        settings(score_threshold=0.1),
        settings(nms_iou=0.5),
        settings(ids=(0, 2)),
        settings(boxes="strict"),
    ]
    assert len({one.hash() for one in others} | {same}) == 5
