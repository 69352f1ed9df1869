"""What other packages return, known by its attributes. ``tests/torch`` tries the packages themselves."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lightly_assets.format.schema import TaskType
from lightly_assets.models.conversions import as_result
from lightly_assets.models.protocol import Source
from lightly_assets.models.results import (
    Classification,
    Detections,
    Keypoints,
    ResultError,
    RunLengths,
    SemanticScores,
)

SOURCE = Source("a.png", None, 60, 40)
BOX = np.array([[1, 2, 30, 20]], dtype=np.float32)


def converted(obj: Any, task_type: str = "object-detection") -> Any:
    return as_result(obj, SOURCE, TaskType(task_type))


def test_a_torchvision_dict() -> None:
    found = converted({"boxes": BOX, "labels": np.array([3]), "scores": np.array([0.5], np.float32)})
    assert isinstance(found, Detections)
    assert found.category_ids.tolist() == [3]
    masks = np.zeros((1, 1, 40, 60), np.float32)
    masks[0, 0, 5, 5:8] = 0.7
    given = {"boxes": BOX, "labels": [3], "scores": [0.5], "masks": masks}
    found = converted(given, "instance-segmentation")
    assert found.masks.sum() == 3
    points = np.ones((1, 2, 3), np.float32)
    given = {
        "boxes": BOX,
        "labels": [1],
        "scores": [0.5],
        "keypoints": points,
        "keypoints_scores": [[0.0, 50]],
    }
    found = converted(given, "keypoint-detection")
    assert isinstance(found, Keypoints)
    np.testing.assert_allclose(found.keypoints[0, :, 2], [0.5, 1])


def test_objects_like_supervisions() -> None:
    detections = SimpleNamespace(xyxy=BOX, mask=None, confidence=None, class_id=np.array([2]))
    found = converted(detections)
    assert found.scores.tolist() == [1.0]
    assert found.category_ids.tolist() == [2]
    points = SimpleNamespace(xy=np.ones((1, 3, 2)), confidence=np.full((1, 3), 0.5), class_id=np.array([0]))
    found = converted(points, "keypoint-detection")
    assert found.keypoints.shape == (1, 3, 3)
    assert found.scores.tolist() == [0.5]
    classes = SimpleNamespace(class_id=np.array([4, 2]), confidence=np.array([0.3, 0.7]))
    found = converted(classes, "classification")
    assert (found.category_id, found.score) == (2, 0.7)


def test_objects_like_ultralytics_undo_their_letterbox() -> None:
    # 60×40 in a 32×32 letterbox: 32×21, five rows of padding above.
    masks = np.zeros((1, 32, 32), np.float32)
    masks[0, 5:26] = 1
    result = SimpleNamespace(
        orig_shape=(40, 60),
        boxes=SimpleNamespace(xyxy=BOX, conf=np.array([0.5]), cls=np.array([1.0])),
        masks=SimpleNamespace(data=masks),
        probs=None,
        keypoints=None,
    )
    found = converted(result, "instance-segmentation")
    assert found.masks.all()
    assert found.masks.shape == (1, 40, 60)
    assert found.category_ids.tolist() == [1]
    other = as_result
    with pytest.raises(ResultError, match="60×40 pixels, but the image is 30×20"):
        other(result, Source("a.png", None, 30, 20), TaskType.OBJECT_DETECTION)


WRONG: list[tuple[Any, str, str]] = [
    (None, "object-detection", "returned None; .* return an empty list"),
    (np.zeros((3, 4)), "object-detection", r"returned numpy.ndarray of shape \(3, 4\); .* needs Detections"),
    ({"boxes": []}, "object-detection", "a dict without labels"),
    (Detections(BOX, [0.5], [0]), "classification", "returned Detections; .* needs Classification"),
    (Detections(BOX, [0.5], [0]), "instance-segmentation", "without masks"),
    (Detections(BOX, [0.5], [0]), "keypoint-detection", "without keypoints"),
    (
        Detections(BOX, [0.5], [0], masks=np.zeros((1, 20, 30))),
        "instance-segmentation",
        "the masks are 30×20 pixels, but the image is 60×40",
    ),
    (
        Detections(BOX, [0.5], [0], masks=RunLengths([[600]], 20, 30)),
        "instance-segmentation",
        "the masks are 30×20 pixels, but the image is 60×40",
    ),
    (
        SemanticScores(np.zeros((2, 20, 30))),
        "semantic-segmentation",
        "are 30×20 pixels, but the image is 60×40",
    ),
    (
        SimpleNamespace(xyxy=BOX, mask=None, confidence=None, class_id=None),
        "object-detection",
        "no class_id; set it to the category ids",
    ),
    (
        SimpleNamespace(orig_shape=(40, 60), boxes=None, masks=None, probs=None, keypoints=None, obb=1),
        "object-detection",
        "oriented boxes",
    ),
]


@pytest.mark.parametrize(("obj", "task_type", "message"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_used_is_said(obj: Any, task_type: str, message: str) -> None:
    with pytest.raises(ResultError, match=message):
        converted(obj, task_type)


FIELDS: list[tuple[Any, dict[str, Any], str]] = [
    (
        Detections,
        {"boxes": np.zeros((2, 4)), "scores": [0.5], "category_ids": [0]},
        r"boxes have the shape \(2, 4\)",
    ),
    (Detections, {"boxes": [[9, 0, 5, 5]], "scores": [0.5], "category_ids": [0]}, "corners x1, y1, x2, y2"),
    (Detections, {"boxes": BOX, "scores": [1.5], "category_ids": [0]}, r"scores\[0\] is 1.5; .* in \[0, 1\]"),
    (Detections, {"boxes": BOX, "scores": [float("nan")], "category_ids": [0]}, r"scores\[0\] is nan"),
    (Detections, {"boxes": BOX, "scores": [[0.5]], "category_ids": [0]}, r"scores have the shape \(1, 1\)"),
    (Detections, {"boxes": BOX, "scores": [0.5], "category_ids": [0.5]}, "category_ids hold float64"),
    (
        Detections,
        {"boxes": BOX, "scores": [0.5], "category_ids": [0, 1]},
        r"category_ids have the shape \(2,\)",
    ),
    (
        Detections,
        {"boxes": BOX, "scores": [0.5], "category_ids": [0], "probabilities": [0.5, 0.5]},
        r"probabilities have the shape \(2,\); with 1 scores it must be \(1, C\)",
    ),
    (
        Detections,
        {"boxes": BOX, "scores": [0.5], "category_ids": [0], "masks": np.zeros((40, 60))},
        r"masks have the shape \(40, 60\)",
    ),
    (
        Keypoints,
        {"keypoints": [[[1, 2, 3]]], "scores": [0.5], "category_ids": [0]},
        r"keypoints\[0\]\[0\] is \[1.0, 2.0, 3.0\]",
    ),
    (Keypoints, {"keypoints": [[[1, 2]]], "scores": [0.5], "category_ids": [0]}, r"must be \(K, 3\)"),
    (Classification, {"score": 0.5}, "needs probabilities, or a category_id and a score"),
    (Classification, {"probabilities": [[0.5]]}, r"have the shape \(1, 1\); it must be \(C,\)"),
    (SemanticScores, {}, "either scores"),
    (SemanticScores, {"scores": np.zeros((4, 5))}, r"have the shape \(4, 5\); it must be \(C, H, W\)"),
    (SemanticScores, {"label_map": np.zeros((4, 5))}, "holds float64"),
]


@pytest.mark.parametrize(("kind", "fields", "message"), FIELDS, ids=range(len(FIELDS)))
def test_fields_are_checked_when_a_result_is_made(kind: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultError, match=message):
        kind(**fields)
