"""What stands under ``model:`` in ``lightly.yaml``."""

from typing import Any

import pytest

from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.models.runtimes.onnx import OnnxModel

YOLO = {"kind": "onnx", "path": "models/people.onnx", "layout": "yolo", "score_threshold": 0.25}


def test_what_a_user_writes() -> None:
    onnx = parse_model(YOLO)
    assert isinstance(onnx, OnnxModel)
    assert (onnx.path, onnx.layout, onnx.score_threshold) == ("models/people.onnx", "yolo", 0.25)
    assert (
        parse_model({"kind": "python", "call": "my_package.models:predict", "batch_size": 16}).batch_size
        == 16
    )
    assert parse_model({"kind": "coco", "path": "labels.json"}).default_score == 1.0


def test_encode_settings_have_the_defaults_of_their_kind() -> None:
    detection = encode_settings(parse_model(YOLO), TaskType.OBJECT_DETECTION)
    assert (detection.score_threshold, detection.nms_iou, detection.max_detections) == (0.25, 0.7, 300)
    assert detection.by_position
    inside = encode_settings(parse_model(YOLO | {"layout": "yolo_nms"}), TaskType.OBJECT_DETECTION)
    assert inside.nms_iou is None
    code = encode_settings(parse_model({"kind": "python", "call": "a:b"}), TaskType.OBJECT_DETECTION)
    assert (code.score_threshold, code.nms_iou, code.by_position) == (0.0, None, False)
    chosen = encode_settings(parse_model(YOLO | {"nms_iou": 0.4}), TaskType.OBJECT_DETECTION)
    assert chosen.nms_iou == 0.4


def test_masks_are_suppressed_when_predicting_and_boxes_when_encoding() -> None:
    config = parse_model(YOLO)
    assert config.nms_when_predicting(TaskType.OBJECT_DETECTION) is None
    assert config.nms_when_predicting(TaskType.INSTANCE_SEGMENTATION) == 0.7
    before = config.predict_settings_for(TaskType.INSTANCE_SEGMENTATION)
    after = parse_model(YOLO | {"nms_iou": 0.4}).predict_settings_for(TaskType.INSTANCE_SEGMENTATION)
    assert before != after


WRONG: list[tuple[Any, str]] = [
    ({}, "model has no kind; allowed are coco, "),
    ({"kind": "onx"}, "model.kind is 'onx'; allowed are coco, .*did you mean onnx"),
    ("yolo", 'model is "yolo"; it must have a kind'),
    ({"kind": "onnx", "layout": "yolo"}, "model.path is missing; a model of kind onnx needs it"),
    (YOLO | {"layout": "yolov7"}, "model.layout is 'yolov7'; allowed are .*did you mean yolov5"),
    (
        YOLO | {"treshold": 0.5},
        r"^model.treshold is not a known key \(did you mean score_threshold\?\)\.$",
    ),
    (YOLO | {"score_threshold": 2}, "model.score_threshold is 2; it must be at most 1"),
    (
        YOLO | {"preprocess": {"std": [1, 0, 1]}},
        r"model.preprocess.std is \[1.0, 0.0, 1.0\]; its numbers",
    ),
    (
        YOLO | {"preprocess": {"resze": "crop"}},
        r"model.preprocess.resze is not a known key \(did you mean resize\?\)",
    ),
    (
        YOLO | {"preprocess": {"size": "640x640"}},
        "size is '640x640'; it must be .height, width., or one number",
    ),
    (YOLO | {"category_map": {"person": 0}}, 'has the key "person"; it maps numbers of the model\'s classes'),
    (
        {"kind": "onnx", "path": "m.onnx"},
        "layout is missing; it says how the outputs are to be read: ",
    ),
    ({"kind": "python", "call": "predict"}, 'model.call is "predict"; it must be package.module:name'),
]


@pytest.mark.parametrize(("data", "message"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said_in_a_sentence(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_model(data)
