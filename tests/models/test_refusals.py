"""Outputs that are something else than the layout says: refused with the layout that fits, or read right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.layouts.base import described
from lightly_assets.models.protocol import ModelError, Source
from tests.models.onnx_files import constants_model

BOXES, KEYPOINTS, MASKS, CLASSES, PIXELS = (
    "object-detection",
    "keypoint-detection",
    "instance-segmentation",
    "classification",
    "semantic-segmentation",
)
Outputs = dict[str, NDArray[Any]]


def f32(values: Any) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def predict(path: Path, task_type: str, count: int, **settings: Any) -> Any:
    config = parse_model({"kind": "onnx", "path": path.name, **settings})
    categories = [Category(id=number, name=f"c{number}") for number in range(count)]
    model = load_model(config, task_type=task_type, categories=categories, base_dir=path.parent)
    image = np.full((1, 64, 64, 3), 90, dtype=np.uint8)
    return model.predict(image, [Source("a.png", None, 64, 64)])[0]


def yolo(columns: int, extra: Callable[[int], list[float]], score: float = 0.9) -> Outputs:
    """(1, 4 + 1 + extra, 100): one object at 32, 32 and what follows its score."""
    rows = np.zeros((1, columns, 100), dtype=np.float32)
    rows[0, :4] = 20
    rows[0, :, 0] = [32, 32, 20, 20, score, *extra(columns - 5)]
    return {"output0": rows}


def pixels_to(count: int) -> list[float]:
    return [20 + index for index in range(count)]


def triples(count: int) -> list[float]:
    return [0.5 if index % 3 == 2 else 20.0 + index for index in range(count)]


def nothing(count: int) -> list[float]:
    return [0.0] * count


def halves(left: float, right: float) -> NDArray[np.float32]:
    """(1, 1, 16, 16) pixels."""
    return np.where(np.arange(16) < 8, f32(left), f32(right)) * np.ones((1, 1, 16, 1), dtype=np.float32)


PROTOTYPES = np.zeros((1, 32, 16, 16), dtype=np.float32)
RAW_YOLOX = np.tile(f32([0.5, 0.5, 0.7, -0.2, 0.95, 0.9, 0.1]), (1, 84, 1))
DECODED = np.tile(f32([0, 0, 16, 16, 0.95, 0.9, 0.1]), (1, 84, 1))
DECODED[0, :64, :2] = np.stack(np.meshgrid(np.arange(8), np.arange(8)), axis=-1).reshape(-1, 2) * 8 + 4
NAS = {"boxes": f32([[[10, 10, 30, 40], [40, 20, 60, 50]]]), "scores": f32([[[0.9, 0.1], [0.2, 0.6]]])}
ROWS = f32([[[10, 10, 30, 40, 0.9, 0], [40, 20, 60, 50, 0.6, 1]]])
SHARES = ROWS / f32([64, 64, 64, 64, 1, 1])
TURNED = np.tile(f32([[32, 32, 20, 20, 0.9, 0.1]]), (1, 84, 1))
LABELLED = {
    "num_dets": np.array([[2]]),
    "det_boxes": ROWS[..., :4],
    "det_scores": ROWS[..., 4],
    "det_classes": ROWS[..., 5].astype(np.int64),
}
MMDET = {"dets": ROWS[..., :5], "labels": ROWS[..., 5].astype(np.int64)}
DFINE = {"labels": MMDET["labels"], "boxes": ROWS[..., :4], "scores": ROWS[..., 4]}
POSE, OBB, SEG = {"task": "pose"}, {"task": "obb"}, {"task": "segment"}

Case = tuple[str, Outputs, dict[str, Any], str, int, str]
CASES: dict[str, Case] = {
    "pose, by its shape": ("", yolo(56, triples), {"layout": "yolo"}, BOXES, 1, r"kpt_shape: \[17, 3\]"),
    "pose, by its values": (
        "",
        yolo(56, triples),
        {"layout": "yolo", "category_map": {0: 0}},
        BOXES,
        1,
        r"class scores .* must lie in 0..1, and one is \d.*task_type: keypoint-detection",
    ),
    "detector as pose": ("detect", yolo(8, nothing), {"layout": "yolo"}, KEYPOINTS, 1, "object-detection"),
    "pose as masks": ("pose", yolo(56, triples), {"layout": "yolo"}, MASKS, 1, "keypoint-detection"),
    "obb, by its metadata": ("obb", yolo(6, nothing), {"layout": "yolo"}, BOXES, 2, "write layout: obb"),
    "obb, by its shape": ("", yolo(6, nothing), {"layout": "yolo"}, BOXES, 1, "write layout: obb"),
    "obb, by its angle": (
        "",
        yolo(6, lambda _: [-0.4]),
        {"layout": "yolo", "category_map": {0: 0, 1: 1}},
        BOXES,
        2,
        r"one is -0.4; .*layout: obb",
    ),
    "obb with suppression": (
        "",
        {"output0": np.zeros((1, 300, 7), dtype=np.float32)},
        {"layout": "yolo_nms"},
        BOXES,
        1,
        "write layout: obb",
    ),
    "classifier": ("classify", yolo(6, nothing), {"layout": "yolo"}, BOXES, 2, "layout: probabilities"),
    "no scores of keypoints": (
        "",
        yolo(47, pixels_to),
        {"layout": "yolo"},
        KEYPOINTS,
        1,
        r"write kpt_shape: \[21, 2\]",
    ),
    "no scores of keypoints, by shape": (
        "",
        yolo(5 + 34, pixels_to),
        {"layout": "yolo"},
        KEYPOINTS,
        1,
        r"write kpt_shape: \[17, 2\]",
    ),
    "logits of YOLO": ("", yolo(5, nothing, score=3.5), {"layout": "yolo"}, BOXES, 1, "must lie in 0..1"),
    "shares of YOLO": (
        "",
        {"output0": np.tile(f32([[[0.5], [0.5], [0.2], [0.2], [0.9]]]), (1, 1, 20))},
        {"layout": "yolo"},
        BOXES,
        1,
        "write unit: share",
    ),
    "YOLOX undecoded": ("", {"output": RAW_YOLOX}, {"layout": "yolov5"}, BOXES, 2, "write layout: yolox"),
    "YOLOX decoded": (
        "",
        {"output": DECODED * f32([1, 1, 4, 4, 1, 1, 1])},
        {"layout": "yolox"},
        BOXES,
        2,
        "write layout: yolov5",
    ),
    "YOLOX of another size": (
        "",
        {"output": RAW_YOLOX[:, :70]},
        {"layout": "yolox"},
        BOXES,
        2,
        "70 rows are no",
    ),
    "YOLO-NAS": ("", NAS, {"layout": "rtdetr"}, BOXES, 2, "layout: boxes_scores"),
    "turned YOLO": ("", {"output0": TURNED}, {"layout": "yolo_nms"}, BOXES, 2, "order: rows"),
    "turned YOLO, few rows": (
        "",
        {"output0": TURNED[:, :50]},
        {"layout": "yolo_nms"},
        BOXES,
        2,
        "order: rows",
    ),
    "turned YOLO as rtdetr": ("", {"output0": TURNED}, {"layout": "rtdetr"}, BOXES, 2, "order: rows"),
    "shares as yolo_nms": ("", {"output0": SHARES}, {"layout": "yolo_nms"}, BOXES, 2, "layout: rtdetr_topk"),
    "pixels as rtdetr_topk": ("", {"output0": ROWS}, {"layout": "rtdetr_topk"}, BOXES, 2, "layout: yolo_nms"),
    "class scores as rtdetr_topk": (
        "",
        {"output0": TURNED / f32([64, 64, 64, 64, 1, 1])},
        {"layout": "rtdetr_topk"},
        BOXES,
        2,
        "layout rtdetr",
    ),
    "EfficientNMS as torchvision": ("", LABELLED, {"layout": "torchvision"}, BOXES, 2, "boxes_scores_labels"),
    "EfficientNMS as yolo": ("", LABELLED, {"layout": "yolo"}, BOXES, 2, "layout: boxes_scores_labels"),
    "EfficientNMS as rtdetr": ("", LABELLED, {"layout": "rtdetr"}, BOXES, 2, "boxes_scores_labels"),
    "mmdeploy as detr": ("", MMDET, {"layout": "detr"}, BOXES, 2, "boxes_scores_labels"),
    "mmdeploy as rtdetr": ("", MMDET, {"layout": "rtdetr"}, BOXES, 2, "boxes_scores_labels"),
    "D-FINE as rtdetr": ("", DFINE, {"layout": "rtdetr"}, BOXES, 2, "detr_postprocessed"),
    "TensorFlow": (
        "",
        {
            "detection_boxes": SHARES[..., :4],
            "detection_scores": ROWS[..., 4],
            "detection_classes": ROWS[..., 5] + 1,
        },
        {"layout": "boxes_scores_labels"},
        BOXES,
        2,
        "box: yxyx, unit: share and first_class: 1",
    ),
    "TensorFlow, without a word about its first class": (
        "",
        {
            "detection_boxes": SHARES[..., :4],
            "detection_scores": ROWS[..., 4],
            "detection_classes": ROWS[..., 5] + 1,
        },
        {"layout": "boxes_scores_labels", "box": "yxyx", "unit": "share"},
        BOXES,
        3,
        "first_class: 1",
    ),
    "YOLOX decoded, without a word about its pixels": (
        "",
        {"output": np.tile(f32([20, 25, 20, 30, 0.9, 0.95, 0.05]), (1, 84, 1))},
        {"layout": "yolov5"},
        BOXES,
        2,
        r"as YOLOX has.*preprocess: \{scale: 1, channels: bgr, pad_at: end, rounding: floor\}, or scale",
    ),
    "shares": (
        "",
        LABELLED | {"det_boxes": SHARES[..., :4]},
        {"layout": "boxes_scores_labels"},
        BOXES,
        2,
        "write unit: share",
    ),
    "Paddle as yolo_nms": (
        "",
        {"rows": f32([[0, 0.9, 1, 2, 3, 4]]), "count": np.array([1])},
        {"layout": "yolo_nms"},
        BOXES,
        2,
        "layout: paddle",
    ),
    "YOLOv7 end-to-end": (
        "",
        {"output": f32([[0, 10, 10, 30, 40, 0, 0.9]])},
        {"layout": "yolo_nms"},
        BOXES,
        2,
        "layout: boxes_scores_labels",
    ),
    "probabilities as logits": (
        "",
        {"output0": f32([[0.9, 0.06, 0.04]])},
        {"layout": "logits"},
        CLASSES,
        3,
        "layout: probabilities",
    ),
    "pixels' probabilities as logits": (
        "",
        {"output0": np.tile(f32([0.7, 0.3]).reshape(1, 2, 1, 1), (1, 1, 8, 8))},
        {"layout": "logits"},
        PIXELS,
        2,
        "layout: probabilities",
    ),
    "multi-label as logits": (
        "",
        {"output0": f32([[0.9, 0.8, 0.1]])},
        {"layout": "logits"},
        CLASSES,
        3,
        "multi-label",
    ),
    "multi-label": (
        "",
        {"output0": f32([[0.9, 0.8, 0.1]])},
        {"layout": "probabilities"},
        CLASSES,
        3,
        "multi-label",
    ),
    "logits as probabilities": (
        "",
        {"output0": f32([[4.0, -1.0, 0.1]])},
        {"layout": "probabilities"},
        CLASSES,
        3,
        "layout: logits",
    ),
    "two outputs of the rank": (
        "",
        {"features": f32([[4, 1, 0]]), "scores": f32([[1, 2, 3]])},
        {"layout": "logits"},
        CLASSES,
        3,
        "write output: features",
    ),
    "two outputs of the rank, with a map": (
        "",
        {"features": f32([[4, 1, 0, 7]]), "scores": f32([[1, 2, 3]])},
        {"layout": "logits", "category_map": {0: 0}},
        CLASSES,
        1,
        "several outputs could be them",
    ),
    "logits of YOLO, nothing found": (
        "",
        yolo(6, lambda _: [-7.0], score=-6.0),
        {"layout": "yolo"},
        BOXES,
        2,
        "must lie in 0..1, and one is -7",
    ),
    "logits as boxes_scores, nothing found": (
        "",
        NAS | {"scores": f32([[[-6, -7], [-5, -4]]])},
        {"layout": "boxes_scores"},
        BOXES,
        2,
        "after a sigmoid or a softmax",
    ),
    "objectness as the first class": (
        "",
        {"output0": np.tile(f32([20, 25, 20, 30, 0.9, 0.95, 0.05]), (1, 252, 1))},
        {"layout": "yolo", "order": "rows"},
        BOXES,
        3,
        "write layout: yolov5",
    ),
    "objectness and one class as score and class": (
        "",
        {"output0": np.tile(f32([20, 25, 20, 30, 0.9, 1.0]), (1, 252, 1))},
        {"layout": "yolo_nms"},
        BOXES,
        2,
        "layout: yolov5",
    ),
    "raw heads after their sigmoid": (
        "",
        {f"o{size}": np.full((1, 3, size, size, 7), 0.01, dtype=np.float32) for size in (8, 4, 2)},
        {"layout": "yolo_heads"},
        BOXES,
        2,
        "through a sigmoid already",
    ),
    "raw heads, channels last": (
        "",
        {f"o{size}": np.zeros((1, size, size, 21), dtype=np.float32) for size in (8, 4, 2)},
        {"layout": "yolo_heads"},
        BOXES,
        2,
        r"needs heads \(B, A, h, w, 5 \+ C\)",
    ),
    "which holds labels is not told": (
        "",
        {"o0": ROWS[..., :4], "o1": ROWS[..., 5], "o2": ROWS[..., 4]},
        {"layout": "boxes_scores_labels"},
        BOXES,
        2,
        "o1 .* do not say which output holds scores and which labels; write outputs:",
    ),
    "one more output, of one number a box": (
        "",
        {"boxes": ROWS[..., :4], "scores": ROWS[..., 4], "ids": ROWS[..., 5]},
        {"layout": "boxes_scores_labels"},
        BOXES,
        1,
        "labels: ids",
    ),
    "TensorFlow Lite": (
        "",
        {
            "TFLite_Detection_PostProcess": SHARES[..., :4],
            "TFLite_Detection_PostProcess:1": ROWS[..., 5],
            "TFLite_Detection_PostProcess:2": ROWS[..., 4],
        },
        {"layout": "boxes_scores_labels"},
        BOXES,
        2,
        "box: yxyx and unit: share",
    ),
    "four classes, both could be boxes": (
        "",
        {"a": ROWS[..., :4], "b": ROWS[..., :4] / 100},
        {"layout": "boxes_scores"},
        BOXES,
        4,
        "write output: NAME",
    ),
    "rows that begin with corners": (
        "",
        {"output": f32([[10, 10, 30, 40, 0.9, 0, 0]])},
        {"layout": "boxes_scores_labels"},
        BOXES,
        2,
        "a row is of image 10 of a batch of 1",
    ),
    "masks that are logits": (
        "",
        MMDET | {"masks": np.full((1, 2, 28, 28), -0.4, dtype=np.float32)},
        {"layout": "boxes_scores_labels"},
        MASKS,
        2,
        "so that they are logits",
    ),
    "quantised class scores": (
        "",
        {"output": np.array([[25, 204, 26]], dtype=np.uint8)},
        {"layout": "logits"},
        CLASSES,
        3,
        r"holds whole numbers \(uint8\)",
    ),
    "two sigmoids as logits": (
        "",
        {"output": f32([[0.9, 0.8]])},
        {"layout": "logits"},
        CLASSES,
        2,
        "multi-label",
    ),
    "one sigmoid as logits": (
        "",
        {"o": f32([[0.9]])},
        {"layout": "logits"},
        CLASSES,
        2,
        "layout: probabilities",
    ),
    "per cent as logits": ("", {"o": f32([[10, 80, 10]])}, {"layout": "logits"}, CLASSES, 3, "add up to 100"),
    "the best few": (
        "",
        {"values": f32([[0.8, 0.15, 0.05]]), "indices": np.array([[5, 7, 9]])},
        {"layout": "probabilities"},
        CLASSES,
        3,
        "scores of the best classes only",
    ),
    "a sigmoid's pixels as logits": (
        "",
        {"output0": halves(0.05, 0.95)},
        {"layout": "logits"},
        PIXELS,
        2,
        "layout: probabilities",
    ),
    "a mask as logits": (
        "",
        {"output0": halves(0, 255)},
        {"layout": "logits"},
        PIXELS,
        2,
        "a mask of 0 and 255",
    ),
    "depths as logits": ("", {"output0": halves(1.5, 40)}, {"layout": "logits"}, PIXELS, 2, "depths"),
    "a picture as logits": (
        "",
        {"output0": np.concatenate([halves(0, 255)] * 3, axis=1)},
        {"layout": "logits"},
        PIXELS,
        3,
        "colours",
    ),
    "a mask as labels": (
        "",
        {"output0": halves(0, 255).astype(np.uint8)},
        {"layout": "label_map"},
        PIXELS,
        2,
        "labels are 0 and 255, so that it is a mask",
    ),
    "multi-label pixels": (
        "",
        {"output0": np.concatenate([halves(0.9, 0.02), halves(0.8, 0.01)], axis=1)},
        {"layout": "probabilities"},
        PIXELS,
        2,
        "multi-label",
    ),
    "multi-label pixels as logits": (
        "",
        {"output0": np.concatenate([halves(0.9, 0.02), halves(0.8, 0.01)], axis=1)},
        {"layout": "logits"},
        PIXELS,
        2,
        "multi-label",
    ),
    "heads of YOLOv8": (
        "",
        {f"o{size}": np.full((1, 66, size, size), 0.5, dtype=np.float32) for size in (8, 4, 2)}
        | {"o9": np.full((1, 66, 8, 8), -3, dtype=np.float32)},
        {"layout": "yolo_heads", "anchors": [[10, 13, 16, 30, 33, 23]] * 4},
        BOXES,
        17,
        "as in heads of YOLOv8",
    ),
    "the class as a score, rtdetr": (
        "",
        {"output0": f32([[[0.3, 0.4, 0.3, 0.5, 0.9, 0], [0.8, 0.5, 0.3, 0.5, 0.6, 1]]])},
        {"layout": "rtdetr"},
        BOXES,
        2,
        "write layout: rtdetr_topk",
    ),
    "the class as a score, yolov5": (
        "",
        {"output0": ROWS},
        {"layout": "yolov5"},
        BOXES,
        1,
        "layout: yolo_nms",
    ),
    "the class as a score, yolo": (
        "",
        {"output0": ROWS},
        {"layout": "yolo", "order": "rows"},
        BOXES,
        2,
        "layout: yolo_nms",
    ),
    "pixels as logits of queries": (
        "",
        {"boxes": ROWS[..., :4] / 100, "logits": ROWS[..., :4]},
        {"layout": "rtdetr"},
        BOXES,
        4,
        "no class logit is below 0, and one is 60",
    ),
    "four columns twice": (
        "",
        {"a": ROWS[..., :4] / 100, "b": ROWS[..., :4] / 100},
        {"layout": "rtdetr"},
        BOXES,
        4,
        "both of a .* could be boxes",
    ),
    "masks of other queries": (
        "",
        {
            "logits": np.zeros((1, 38, 100), dtype=np.float32),
            "masks": np.zeros((1, 16, 16, 32), dtype=np.float32),
        },
        {"layout": "mask_queries"},
        MASKS,
        99,
        "as many masks as rows",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_something_else_is_refused(name: str, tmp_path: Path) -> None:
    task, outputs, settings, task_type, count, message = CASES[name]
    metadata = {"task": task} if task else None
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64], metadata=metadata)
    with pytest.raises(ModelError, match=message):
        predict(path, task_type, count, **settings)


@pytest.mark.parametrize(("last", "message"), [("Softmax", "from a softmax"), ("Sigmoid", "multi-label")])
def test_the_last_node_tells_before_any_image(last: str, message: str, tmp_path: Path) -> None:
    path = constants_model(tmp_path / "m.onnx", {"output": f32([[4, 1, -9]])}, [8, 8], last=last)
    with pytest.raises(ModelError, match=f"does not fit: output comes .*{message}"):
        predict(path, CLASSES, 3, layout="logits")


def test_boxes_of_files_for_other_tasks(tmp_path: Path) -> None:
    pose = constants_model(
        tmp_path / "pose.onnx",
        yolo(56, triples),
        [64, 64],
        metadata={"task": "pose", "kpt_shape": "[17, 3]", "names": "{0: 'person'}"},
    )
    masks = constants_model(
        tmp_path / "seg.onnx", yolo(4 + 1 + 32, nothing) | {"output1": PROTOTYPES}, [64, 64], metadata=SEG
    )
    for path in (pose, masks):
        for map_ in (None, {0: 0}):
            found = predict(path, BOXES, 1, layout="yolo", category_map=map_)
            np.testing.assert_allclose(found.boxes, [[22, 22, 42, 42]])
            np.testing.assert_allclose(found.scores, [0.9])


def test_keypoints_without_scores(tmp_path: Path) -> None:
    raw = constants_model(tmp_path / "raw.onnx", yolo(47, pixels_to), [64, 64])
    told = predict(raw, KEYPOINTS, 1, layout="yolo", kpt_shape=[21, 2])
    assert told.keypoints.shape == (1, 21, 3)
    np.testing.assert_allclose(told.keypoints[0, :, 0], [20 + 2 * index for index in range(21)])
    np.testing.assert_array_equal(told.keypoints[0, :, 2], 1)
    metadata = {"task": "pose", "kpt_shape": "[21, 2]"}
    known = constants_model(tmp_path / "known.onnx", yolo(47, pixels_to), [64, 64], metadata=metadata)
    np.testing.assert_array_equal(predict(known, KEYPOINTS, 1, layout="yolo").keypoints, told.keypoints)


def test_keypoints_as_shares_of_the_input(tmp_path: Path) -> None:
    shares = constants_model(tmp_path / "s.onnx", yolo(5 + 6, lambda _: [0.4, 0.5, 0.9] * 2), [64, 64])
    with pytest.raises(ModelError, match="keypoints lie in the first pixel, so they are shares"):
        predict(shares, KEYPOINTS, 1, layout="yolo")
    # What is not seen lies at the corner, of all objects where there is none to be seen.
    unseen = constants_model(tmp_path / "u.onnx", yolo(5 + 6, nothing), [64, 64])
    assert not predict(unseen, KEYPOINTS, 1, layout="yolo").keypoints.any()
    unsure = constants_model(tmp_path / "f.onnx", yolo(5 + 6, lambda _: [0.4, 0.5, 0.9] * 2, 0.2), [64, 64])
    assert len(predict(unsure, KEYPOINTS, 1, layout="yolo", score_threshold=0.1)) == 1


def test_the_output_that_is_meant(tmp_path: Path) -> None:
    outputs = {"features": f32([[4, 1, 0, 7]]), "scores": f32([[1, 2, 3]]), "more": f32([[5, 1, 1]])}
    path = constants_model(tmp_path / "m.onnx", outputs, [8, 8])
    assert predict(path, CLASSES, 3, layout="logits", output="more").probabilities.argmax() == 0
    assert predict(path, CLASSES, 4, layout="logits").probabilities.argmax() == 3
    with pytest.raises(ModelError, match="output is 'nothing'; there is features"):
        predict(path, CLASSES, 3, layout="logits", output="nothing")


def test_classes_that_are_ruled_out(tmp_path: Path) -> None:
    out = -np.inf
    scores = constants_model(tmp_path / "c.onnx", {"output": f32([[2, out, 1]])}, [8, 8])
    found = predict(scores, CLASSES, 3, layout="logits").probabilities
    np.testing.assert_allclose(found, [1 / (1 + np.exp(-1)), 0, 1 / (1 + np.exp(1))], rtol=1e-6)
    of_pixels = np.zeros((1, 3, 4, 4), dtype=np.float32)
    of_pixels[0, 1, :2], of_pixels[0, 2] = out, out
    volume = constants_model(tmp_path / "s.onnx", {"output": of_pixels}, [64, 64])
    found = predict(volume, PIXELS, 3, layout="logits").scores
    assert np.isfinite(found).all()
    assert (found[2] == 0).all() and found[1, :20].max() == 0 and found[1, 60:].min() == 0.5
    nan = constants_model(tmp_path / "n.onnx", {"output": f32([[2, np.nan, 1]])}, [8, 8])
    with pytest.raises(ModelError, match="NaN or infinite"):
        predict(nan, CLASSES, 3, layout="logits")


def test_logits_that_look_like_probabilities_can_be_meant(tmp_path: Path) -> None:
    path = constants_model(tmp_path / "m.onnx", {"output": f32([[0.9, 0.06, 0.04]])}, [8, 8])
    found = predict(path, CLASSES, 3, layout="logits", verified=True).probabilities
    np.testing.assert_allclose(found, np.exp([0.9, 0.06, 0.04]) / np.exp([0.9, 0.06, 0.04]).sum(), rtol=1e-6)


def test_outputs_that_are_named(tmp_path: Path) -> None:
    outputs = {"o0": ROWS[..., :4], "o1": ROWS[..., 5], "o2": ROWS[..., 4]}
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64])
    named = {"scores": "o2", "labels": "o1"}
    found = predict(path, BOXES, 2, layout="boxes_scores_labels", outputs=named)
    np.testing.assert_allclose(found.scores, [0.9, 0.6])
    assert found.category_ids.tolist() == [0, 1]
    with pytest.raises(ModelError, match="outputs says that labels are 'no'; there is o0"):
        predict(path, BOXES, 2, layout="boxes_scores_labels", outputs={"labels": "no"})
    lite = {
        f"TFLite_Detection_PostProcess{suffix}": one
        for suffix, one in zip(("", ":1", ":2"), outputs.values(), strict=True)
    }
    lite["TFLite_Detection_PostProcess"] = (SHARES[..., [1, 0, 3, 2]]).copy()
    path = constants_model(
        tmp_path / "lite.onnx", lite | {"TFLite_Detection_PostProcess:3": f32([1])}, [64, 64]
    )
    found = predict(path, BOXES, 2, layout="boxes_scores_labels", box="yxyx", unit="share")
    np.testing.assert_allclose(found.boxes, [[10, 10, 30, 40]], atol=1e-4)
    four = {"a": f32([[[0.9, 0, 0, 0.1], [0, 0.6, 0, 0]]]), "b": ROWS[..., :4]}
    path = constants_model(tmp_path / "four.onnx", four, [64, 64])
    found = predict(path, BOXES, 4, layout="boxes_scores", output="a")
    assert found.category_ids.tolist() == [0, 1]
    np.testing.assert_allclose(found.boxes, ROWS[0, :, :4])


def test_quantised_pixels_add_up_to_nearly_one(tmp_path: Path) -> None:
    shares = np.round(np.tile(f32([0.502, 0.3, 0.198]).reshape(1, 3, 1, 1), (1, 1, 8, 8)) * 64) / f32(64)
    path = constants_model(tmp_path / "m.onnx", {"output": shares}, [64, 64])
    assert (predict(path, PIXELS, 3, layout="probabilities").scores.argmax(axis=0) == 0).all()


@pytest.mark.parametrize("first", ["boxes", "logits"])
def test_numbers_tell_boxes_from_logits(first: str, tmp_path: Path) -> None:
    """Four columns both, and names that say nothing."""
    boxes = f32([[[20, 25, 20, 30], [50, 35, 20, 30]]]) / 64
    logits = f32([[[4, -4, -4, -4], [-4, 1, -4, -4]]])
    order = [boxes, logits] if first == "boxes" else [logits, boxes]
    path = constants_model(tmp_path / "m.onnx", dict(zip("ab", order, strict=True)), [64, 64])
    found = predict(path, BOXES, 4, layout="rtdetr")
    np.testing.assert_allclose(found.boxes, ROWS[0, :, :4], atol=1e-4)
    assert found.category_ids.tolist() == [0, 1]


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 1, 16, 16), (1, 16, 16, 1)])
def test_a_label_map_with_its_channel_anywhere(shape: tuple[int, ...], tmp_path: Path) -> None:
    labels = halves(0, 1).astype(np.int64).reshape(shape)
    path = constants_model(tmp_path / "m.onnx", {"output": labels}, [64, 64])
    found = predict(path, PIXELS, 2, layout="label_map").label_map
    np.testing.assert_array_equal(found, np.arange(64)[None] // 32 * np.ones((64, 1), dtype=np.int64))


def test_a_model_without_outputs_is_said_to_have_none() -> None:
    assert described([]) == "no output"
