"""Layouts of boxes on outputs whose meaning is known exactly."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightly_assets.encoding.encode import TaskSettings, encode
from lightly_assets.format import rle
from lightly_assets.format.schema import Category, Schema
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import encode_settings, parse_model
from lightly_assets.models.protocol import ModelError, Source
from tests.models.onnx_files import constants_model, node, write

ROWS = np.array([[[10, 10, 30, 40, 0.9, 0], [40, 20, 60, 50, 0.6, 1]]], dtype=np.float32)
BOXES, SCORES, LABELS = ROWS[..., :4], ROWS[..., 4], ROWS[..., 5].astype(np.int64)
EXPECTED = [(0, [10, 10, 20, 30], 0.9), (1, [40, 20, 20, 30], 0.6)]
Outputs = dict[str, NDArray[Any]]


def load(path: Path, count: int = 2, task_type: str = "object-detection", **settings: Any) -> Any:
    config = parse_model({"kind": "onnx", "path": path.name, "preprocess": {"size": 64}, **settings})
    categories = [Category(id=number, name=f"c{number}") for number in range(count)]
    return config, load_model(config, task_type=task_type, categories=categories, base_dir=path.parent)


def written(
    path: Path, images: int = 1, size: tuple[int, int] = (64, 64), count: int = 2, **settings: Any
) -> Any:
    """What is written about each image of so many black ones."""
    config, model = load(path, count, **settings)
    categories = tuple(Category(id=number, name=f"c{number}") for number in range(count))
    schema = Schema(task_type="object-detection", categories=categories)
    task = TaskSettings(schema, encode_settings(config, schema.task_type))
    height, width = size
    frames = np.zeros((images, height, width, 3), dtype=np.uint8)
    found = model.predict(frames, [Source("a.mp4", index, width, height) for index in range(images)])
    return [encode(one, task, width, height).singletons for one in found]


def assert_expected(found: Any, expected: Any = EXPECTED) -> None:
    assert [one["category_id"] for one in found] == [category for category, _, _ in expected]
    np.testing.assert_allclose([one["bbox"] for one in found], [box for _, box, _ in expected], atol=1e-4)
    np.testing.assert_allclose([one["score"] for one in found], [score for _, _, score in expected])


def yxyx(boxes: NDArray[Any]) -> NDArray[Any]:
    return boxes[..., [1, 0, 3, 2]] / np.float32(64)


LABELLED: dict[str, tuple[Outputs, dict[str, Any]]] = {
    "EfficientNMS": (
        {"num_dets": np.array([[2]]), "det_boxes": BOXES, "det_scores": SCORES, "det_classes": LABELS},
        {},
    ),
    "padded": (
        {
            "num_dets": np.array([2]),
            "det_boxes": np.concatenate([BOXES, BOXES + 3], axis=1),
            "det_scores": np.concatenate([SCORES, SCORES], axis=1),
            "det_classes": np.concatenate([LABELS, LABELS], axis=1),
        },
        {},
    ),
    "mmdeploy": ({"dets": ROWS[..., :5], "labels": LABELS}, {}),
    "labels first": ({"a": LABELS, "b": BOXES, "c": SCORES}, {}),
    "float labels": ({"boxes": BOXES, "classes": ROWS[..., 5], "scores": SCORES}, {}),
    "scores first": ({"scores": SCORES, "boxes": BOXES, "labels": LABELS.astype(np.int32)}, {}),
    "one image": ({"boxes": BOXES[0], "scores": SCORES[0], "labels": LABELS[0]}, {}),
    "TensorFlow": (
        {
            "detection_boxes:0": yxyx(BOXES),
            "detection_classes:0": ROWS[..., 5] + 1,
            "detection_scores:0": SCORES,
            "num_detections:0": np.array([2], dtype=np.float32),
        },
        {"box": "yxyx", "unit": "share", "first_class": 1},
    ),
    "centre and size": (
        {
            "boxes": np.array([[[20, 25, 20, 30], [50, 35, 20, 30]]], dtype=np.float32),
            "scores": SCORES,
            "labels": LABELS,
        },
        {"box": "cxcywh"},
    ),
    "rows of seven": (
        {"output": np.concatenate([np.zeros((2, 1)), BOXES[0], ROWS[0, :, 5:], ROWS[0, :, 4:5]], axis=1)},
        {},
    ),
}


@pytest.mark.parametrize("name", LABELLED)
def test_boxes_scores_and_labels_in_any_order(name: str, tmp_path: Path) -> None:
    outputs, settings = LABELLED[name]
    outputs = {
        key: one.astype(np.float32) if one.dtype == np.float64 else one for key, one in outputs.items()
    }
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64])
    assert_expected(written(path, layout="boxes_scores_labels", **settings)[0])


@pytest.mark.parametrize(
    ("objectness", "settings"),
    [(0.5, {"scale": 1, "channels": "bgr"}), (0.5, {"scale": 0.00392157}), (1.0, {})],
    ids=["YOLOX", "YOLOX of 0..1", "YOLOv6"],
)
def test_an_objectness_for_each_cell(objectness: float, settings: dict[str, Any], tmp_path: Path) -> None:
    """YOLOX and YOLOv6 write the same rows for other pixels; the latter's objectness is 1 everywhere."""
    rows = np.zeros((1, 84, 7), dtype=np.float32)
    rows[0, :, :5] = [20, 25, 20, 30, objectness]
    rows[0, :2, 2:] = [[20, 30, objectness, 0.9, 0], [20, 30, objectness, 0, 0.6]]
    rows[0, :2, :2] = [[20, 25], [50, 35]]
    path = constants_model(tmp_path / "m.onnx", {"output": rows}, [64, 64])
    found = written(path, layout="yolov5", preprocess=settings)[0]
    assert [round(one["score"], 4) for one in found] == [0.9 * objectness, 0.6 * objectness]


@pytest.mark.parametrize(
    ("layout", "outputs"),
    [
        ("boxes_scores_labels", {"dets": ROWS[..., :5], "labels": LABELS}),
        ("boxes_scores", {"boxes": BOXES, "scores": np.stack([SCORES, SCORES / 2], axis=2)}),
    ],
)
def test_pixels_that_differ_between_families_are_told(
    layout: str, outputs: Outputs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64])
    written(path, layout=layout)
    told = (
        "says how its pixels are made; assumed: resize: letterbox, interpolation: linear, scale: 0.00392157"
    )
    assert told in caplog.text
    caplog.clear()
    written(path, layout=layout, preprocess={"resize": "stretch", "interpolation": "linear", "scale": 1})
    assert "assumed" not in caplog.text


def test_boxes_go_back_to_the_image(tmp_path: Path) -> None:
    path = constants_model(tmp_path / "m.onnx", {"dets": ROWS[..., :5], "labels": LABELS}, [64, 64])
    # 128×64 becomes 64×32, with 16 rows of padding above and below.
    found = written(path, size=(64, 128), layout="boxes_scores_labels")[0]
    assert_expected(found, [(0, [20, 0, 40, 48], 0.9), (1, [80, 8, 40, 56], 0.6)])


@pytest.mark.parametrize("order", [("boxes", "labels", "scores"), ("boxes", "scores", "labels")])
def test_torchvision_in_any_order(order: tuple[str, ...], tmp_path: Path) -> None:
    given = {"boxes": BOXES[0], "scores": SCORES[0], "labels": LABELS[0] + 1}
    for names in (order, tuple(f"{number}" for number in range(3))):
        outputs = dict(zip(names, (given[name] for name in order), strict=True))
        path = constants_model(tmp_path / "m.onnx", outputs, [64, 64])
        assert_expected(written(path, layout="torchvision")[0])


def test_torchvision_keypoints_without_names_and_sizes(tmp_path: Path) -> None:
    """As ``torch.onnx.export`` writes KeypointRCNN where nobody names its outputs: all sizes are open."""
    points = np.array([[[10, 20, 1], [30, 40, 1]], [[40, 20, 1], [60, 50, 1]]], dtype=np.float32)
    logits = np.array([[9, -9], [9, 9]], dtype=np.float32)
    given = {"1": BOXES[0], "2": LABELS[0] * 0 + 1, "3": SCORES[0], "4": points, "5": logits}
    path = tmp_path / "m.onnx"
    nodes = [
        node("Mul", ["images", "zero"], ["black"]),
        node("ReduceMean", ["black"], ["nothing"], keepdims=0),
    ]
    for name, array in given.items():
        nodes += [
            node("Add", ["nothing", f"c{name}"], [f"sum{name}"]),
            node("Cast", [f"sum{name}"], [name], to=7 if array.dtype == np.int64 else 1),
        ]
    constants = {f"c{name}": array.astype(np.float32) for name, array in given.items()}
    declared: Any = {
        name: (array.dtype, [f"open{name}{axis}" for axis in range(array.ndim)])
        for name, array in given.items()
    }
    declared["1"] = (np.float32, ["n", 4])
    constants["zero"] = np.zeros((), dtype=np.float32)
    write(path, nodes, {"images": (np.float32, [3, "h", "w"])}, declared, constants)
    settings = {"layout": "torchvision", "preprocess": {}}
    _, model = load(path, 1, "keypoint-detection", **settings)
    (found,) = model.predict(np.zeros((1, 64, 64, 3), np.uint8), [Source("a.png", None, 64, 64)])
    np.testing.assert_allclose(found.keypoints[..., :2], points[..., :2])
    np.testing.assert_allclose(found.keypoints[..., 2], 1 / (1 + np.exp(-logits)), atol=1e-6)
    np.testing.assert_allclose(found.boxes, BOXES[0])
    with pytest.raises(ModelError, match="detr_postprocessed cannot do keypoint-detection"):
        load(path, 1, "keypoint-detection", layout="detr_postprocessed", preprocess={"size": 64})


def test_a_label_below_the_first_category_names_it(tmp_path: Path) -> None:
    """RetinaNet and FCOS of torchvision have a score for label 0, too."""
    given = {"boxes": BOXES[0], "labels": LABELS[0], "scores": SCORES[0]}
    path = constants_model(tmp_path / "m.onnx", given, [64, 64])
    with pytest.raises(
        ValueError, match="said class 0, but the task has 2 categories, of which the first is 1"
    ):
        written(path, layout="torchvision")
    assert_expected(written(path, layout="torchvision", category_map={0: 0, 1: 1})[0])


def test_detr_that_has_done_its_post_processing(tmp_path: Path) -> None:
    """Boxes are what the model makes of the sizes that it is told: shares times width and height."""
    shares = np.array([[[0.1, 0.1, 0.3, 0.4], [0.4, 0.2, 0.6, 0.5]]], dtype=np.float32)
    nodes = [
        node("ReduceMean", ["images"], ["means"], axes=[1, 2, 3], keepdims=0),
        node("Mul", ["means", "zero"], ["nothing"]),
        node("Reshape", ["nothing", "column"], ["zeros"]),
        node("Cast", ["orig_target_sizes"], ["sizes"], to=1),
        node("Concat", ["sizes", "sizes"], ["four"], axis=1),
        node("Reshape", ["four", "batched"], ["sizes_of_boxes"]),
        node("Mul", ["shares", "sizes_of_boxes"], ["boxes"]),
        node("Reshape", ["nothing", "rows"], ["zero_rows"]),
        node("Add", ["zero_rows", "score"], ["scores"]),
        node("Add", ["zero_rows", "label"], ["float_labels"]),
        node("Cast", ["float_labels"], ["labels"], to=7),
    ]
    constants = {
        "zero": np.zeros(1, dtype=np.float32),
        "column": np.array([-1, 1, 1], dtype=np.int64),
        "rows": np.array([-1, 1], dtype=np.int64),
        "batched": np.array([-1, 1, 4], dtype=np.int64),
        "shares": shares,
        "score": SCORES,
        "label": ROWS[..., 5],
    }
    path = write(
        tmp_path / "m.onnx",
        nodes,
        {"images": (np.float32, ["n", 3, 80, 100]), "orig_target_sizes": (np.int64, ["n", 2])},
        {
            "labels": (np.int64, ["n", 2]),
            "boxes": (np.float32, ["n", 2, 4]),
            "scores": (np.float32, ["n", 2]),
        },
        constants,
    )
    settings = {"layout": "detr_postprocessed", "preprocess": {"size": [80, 100]}}
    found = written(path, images=3, size=(40, 200), **settings)
    expected = [(0, [20, 4, 40, 12], 0.9), (1, [80, 8, 40, 12], 0.6)]
    for one in found:
        assert_expected(one, expected)


PER_CLASS = np.array([[[0.9, 0.1], [0.85, 0.2], [0.2, 0.6]]], dtype=np.float32)
THREE = np.array([[[10, 10, 30, 40], [11, 10, 31, 40], [40, 20, 60, 50]]], dtype=np.float32)


@pytest.mark.parametrize(
    ("outputs", "settings"),
    [
        ({"boxes": THREE, "scores": PER_CLASS}, {}),
        ({"scores": PER_CLASS, "boxes": THREE}, {}),
        ({"a": THREE, "b": PER_CLASS}, {}),
        ({"boxes": THREE, "scores": PER_CLASS.transpose(0, 2, 1)}, {}),
        ({"boxes": THREE[:, :, None], "confs": PER_CLASS}, {}),
        (
            {"boxes": THREE, "scores": np.concatenate([PER_CLASS[..., :1] * 0, PER_CLASS], axis=2)},
            {"background": "first"},
        ),
        ({"boxes": THREE / np.float32(64), "scores": PER_CLASS}, {"unit": "share"}),
    ],
    ids=range(7),
)
def test_boxes_and_scores_are_suppressed(outputs: Outputs, settings: Any, tmp_path: Path) -> None:
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64])
    assert_expected(written(path, layout="boxes_scores", **settings)[0])


def test_yolox_from_its_cells(tmp_path: Path) -> None:
    """The sum over strides 8, 16, 32 of a 64×64 input is 64 + 16 + 4 cells."""
    rows = np.zeros((1, 84, 7), dtype=np.float32)
    # Column 1, row 2 of the finest grid; column 3, row 1 of the next.
    rows[0, 2 * 8 + 1] = [0.25, 0.5, np.log(2), np.log(1.5), 1, 0.9, 0.1]
    rows[0, 64 + 1 * 4 + 3] = [0, 0.5, 0, np.log(2), 0.75, 0.1, 0.8]
    path = constants_model(tmp_path / "m.onnx", {"output": rows}, [64, 64])
    found = written(path, layout="yolox")[0]
    assert_expected(found, [(0, [2, 14, 16, 12], 0.9), (1, [40, 8, 16, 32], 0.6)])


def test_raw_heads_of_yolov5(tmp_path: Path) -> None:
    """Centre (2s - 0.5 + cell) · stride, size (2s)² · anchor: with s = 0.5 half a cell and the anchor."""
    heads = {f"head{size}": np.full((1, 3, size, size, 7), -9, dtype=np.float32) for size in (2, 4, 8)}
    heads["head8"][0, 1, 2, 3] = [0, 0, 0, 0, 9, 9, -9]  # anchor 16×30 of stride 8
    heads["head4"][0, 0, 1, 2] = [0, 0, 0, 0, 9, -9, 9]  # anchor 30×61 of stride 16
    path = constants_model(tmp_path / "m.onnx", heads, [64, 64])
    score = (1 / (1 + np.exp(-9))) ** 2
    expected = [(0, [28 - 8, 20 - 15, 16, 30], score), (1, [40 - 15, 0, 30, 24 + 30.5], score)]
    assert_expected(written(path, layout="yolo_heads")[0], expected)
    flat = {
        name: np.ascontiguousarray(head.transpose(0, 1, 4, 2, 3).reshape(1, 21, *head.shape[2:4]))
        for name, head in heads.items()
    }
    path = constants_model(tmp_path / "flat.onnx", flat, [64, 64])
    assert_expected(written(path, layout="yolo_heads")[0], expected)


def test_paddle_with_its_further_inputs(tmp_path: Path) -> None:
    rows = np.concatenate([ROWS[0, :, 5:], ROWS[0, :, 4:5], BOXES[0]], axis=1)
    rows = np.concatenate([rows, np.array([[-1, -1, 0, 0, 0, 0]], dtype=np.float32)])
    outputs = {"boxes": rows, "boxes_num": np.array([2], dtype=np.int32)}
    inputs: Any = {"scale_factor": (np.float32, [1, 2]), "im_shape": (np.float32, [1, 2])}
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64], extra_inputs=inputs)
    assert_expected(written(path, layout="paddle")[0])


def test_paddle_splits_the_rows_of_a_batch(tmp_path: Path) -> None:
    rows = np.concatenate([ROWS[0, :, 5:], ROWS[0, :, 4:5], BOXES[0]], axis=1)
    outputs = {"boxes": rows, "boxes_num": np.array([1, 0, 1], dtype=np.int32)}
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64], batch=3)
    found = written(path, images=3, layout="paddle")
    assert [len(one) for one in found] == [1, 0, 1]
    assert_expected(found[2], EXPECTED[1:])


def test_oriented_boxes_become_their_hulls(tmp_path: Path) -> None:
    """A box of 20×10 turned by 90° is 10×20; by 45° it is 30/√2 both ways."""
    rows = np.zeros((1, 6, 50), dtype=np.float32)
    rows[0, :, 0] = [20, 20, 20, 10, 0.9, np.pi / 2]
    rows[0, :, 1] = [20.5, 20, 20, 10, 0.8, np.pi / 2]  # the same object
    rows[0, :, 2] = [44, 44, 20, 10, 0.6, np.pi / 4]
    path = constants_model(tmp_path / "m.onnx", {"output0": rows}, [64, 64])
    side = 30 / np.sqrt(2)
    expected = [(0, [15, 10, 10, 20], 0.9), (0, [44 - side / 2, 44 - side / 2, side, side], 0.6)]
    assert_expected(written(path, count=1, layout="obb")[0], expected)
    ready = np.zeros((1, 300, 7), dtype=np.float32)
    ready[0, 0] = [20, 20, 20, 10, 0.9, 1, np.pi / 2]
    path = constants_model(tmp_path / "ready.onnx", {"output0": ready}, [64, 64])
    assert_expected(written(path, layout="obb")[0], [(1, [15, 10, 10, 20], 0.9)])


def test_a_file_for_one_image_that_declares_any_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = constants_model(
        tmp_path / "m.onnx", {"dets": ROWS[..., :5], "labels": LABELS}, [64, 64], batch="n"
    )
    with caplog.at_level(logging.WARNING):
        found = written(path, images=4, layout="boxes_scores_labels")
    assert len(found) == 4
    for one in found:
        assert_expected(one)
    assert "declares batches of any size, but is made for one image" in caplog.text


def test_weights_outside_are_part_of_the_version(tmp_path: Path) -> None:
    def build(first: float) -> str:
        rows = ROWS.copy()
        rows[0, 0, 4] = first
        path = write(
            tmp_path / "m.onnx",
            [
                node("ReduceMean", ["images"], ["mean"], keepdims=0),
                node("Mul", ["mean", "zero"], ["nothing"]),
                node("Add", ["nothing", "rows"], ["output0"]),
            ],
            {"images": (np.float32, [1, 3, 64, 64])},
            {"output0": (np.float32, [1, 2, 6])},
            {"zero": np.zeros((), dtype=np.float32), "rows": rows},
            external={"rows": "any name.bin"},
        )
        assert written(path, layout="yolo_nms")[0][0]["score"] == pytest.approx(first)
        return str(load(path, layout="yolo_nms")[1].version)

    assert build(0.9) == build(0.9)
    assert build(0.9) != build(0.8)


def test_the_cpu_leaves_versions_as_they_were(tmp_path: Path) -> None:
    path = constants_model(tmp_path / "m.onnx", {"output0": ROWS}, [64, 64])
    config, model = load(path, layout="yolo_nms")
    settings = config.predict_settings()
    # What a version is made of, for a model of before: nothing that came later.
    assert set(settings) == {
        "kind",
        "layout",
        "preprocess",
        "classes",
        "max_candidates",
        "max_masks",
        "floor",
    }
    from lightly_assets.models.runtimes import onnx

    class Elsewhere:
        @staticmethod
        def get_providers() -> list[str]:
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    assert onnx._provider(model.runtime.session) == {}
    assert onnx._provider(Elsewhere()) == {"provider": "CUDAExecutionProvider"}


def test_masks_in_their_boxes_and_over_the_input(tmp_path: Path) -> None:
    """mmdeploy gives masks of 28×28 over each box, or of the whole input."""
    boxes = np.array([[[8, 8, 36, 36, 0.9], [20, 40, 48, 54, 0.6]]], dtype=np.float32)
    inside = np.zeros((1, 2, 28, 28), dtype=np.float32)
    inside[0, 0, 7:21] = 1  # of the first box the middle half of its rows
    inside[0, 1] = 1
    whole = np.zeros((1, 2, 64, 64), dtype=np.float32)
    whole[0, 0, 15:29, 8:36] = 1
    whole[0, 1, 40:54, 20:48] = 1
    for masks in (inside, whole):
        outputs = {"dets": boxes, "labels": LABELS, "masks": masks}
        path = constants_model(tmp_path / "m.onnx", outputs, [64, 64])
        _, model = load(path, task_type="instance-segmentation", layout="boxes_scores_labels")
        found = model.predict(np.zeros((1, 64, 64, 3), dtype=np.uint8), [Source("a.png", None, 64, 64)])[0]
        dense = np.stack([rle.decode(counts, 64, 64) for counts in found.masks.counts])
        np.testing.assert_array_equal(dense, whole[0])


def test_one_stage_keypoints(tmp_path: Path) -> None:
    """As RTMO gives them: boxes with scores, and keypoints with theirs; one class, so no labels."""
    points = np.zeros((1, 2, 3, 3), dtype=np.float32)
    points[0, 0] = [[12, 14, 0.9], [20, 22, 0.5], [28, 30, 0.1]]
    path = constants_model(tmp_path / "m.onnx", {"dets": ROWS[..., :5], "keypoints": points}, [64, 64])
    _, model = load(path, 1, "keypoint-detection", layout="boxes_scores_labels")
    found = model.predict(np.zeros((1, 64, 128, 3), dtype=np.uint8), [Source("a.png", None, 128, 64)])[0]
    # 128×64 becomes 64×32, with 16 rows of padding above.
    np.testing.assert_allclose(found.keypoints[0], [[24, -4, 0.9], [40, 12, 0.5], [56, 28, 0.1]])
    np.testing.assert_allclose(found.scores, [0.9, 0.6])


def _face_grids(repeat: int) -> dict[int, tuple[Any, Any, Any]]:
    """Scores, boxes and points of the cells of a 64×64 input, all nothing, by stride."""
    sizes = {stride: (64 // stride) ** 2 * repeat for stride in (8, 16, 32)}
    return {
        stride: (
            np.zeros((1, count, 1), dtype=np.float32),
            np.zeros((1, count, 4), dtype=np.float32),
            np.zeros((1, count, 10), dtype=np.float32),
        )
        for stride, count in sizes.items()
    }


@pytest.mark.parametrize("batched", [False, True])
def test_faces_of_scrfd(batched: bool, tmp_path: Path) -> None:
    """Distances from a cell's corner in strides; two anchors follow each other."""
    grids = _face_grids(2)
    scores, boxes, points = grids[16]
    place = (1 * 4 + 2) * 2 + 1  # row 1, column 2, the second anchor: (32, 16)
    scores[0, place], boxes[0, place], points[0, place] = 0.9, [1, 0.5, 0.5, 1], [-0.5, 0] * 5
    outputs = {f"score_{stride}": grids[stride][0] for stride in (8, 16, 32)}
    outputs |= {f"bbox_{stride}": grids[stride][1] for stride in (8, 16, 32)}
    outputs |= {f"kps_{stride}": grids[stride][2] for stride in (8, 16, 32)}
    if not batched:
        outputs = {name: one[0] for name, one in outputs.items()}
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64])
    assert_expected(written(path, count=1, layout="scrfd")[0], [(0, [16, 8, 24, 24], 0.9)])
    _, model = load(path, 1, "keypoint-detection", layout="scrfd")
    found = model.predict(np.zeros((1, 64, 64, 3), dtype=np.uint8), [Source("a.png", None, 64, 64)])[0]
    np.testing.assert_allclose(found.keypoints[0], [[24, 16, 1]] * 5)


def test_faces_of_yunet(tmp_path: Path) -> None:
    """Centre and points from the cell in strides, the logarithm of the size, and the root of two scores."""
    grids, objects = _face_grids(1), _face_grids(1)
    scores, boxes, points = grids[8]
    place = 3 * 8 + 2  # row 3, column 2
    scores[0, place], objects[8][0][0, place] = 0.9, 0.4
    boxes[0, place], points[0, place] = [0.5, 0.5, np.log(2), np.log(3)], [0.25, 0.75] * 5
    outputs = {f"cls_{stride}": grids[stride][0] for stride in (8, 16, 32)}
    outputs |= {f"obj_{stride}": objects[stride][0] for stride in (8, 16, 32)}
    outputs |= {f"bbox_{stride}": grids[stride][1] for stride in (8, 16, 32)}
    outputs |= {f"kps_{stride}": grids[stride][2] for stride in (8, 16, 32)}
    path = constants_model(tmp_path / "m.onnx", outputs, [64, 64])
    assert_expected(written(path, count=1, layout="yunet")[0], [(0, [12, 16, 16, 24], 0.6)])
    _, model = load(path, 1, "keypoint-detection", layout="yunet")
    found = model.predict(np.zeros((1, 64, 64, 3), dtype=np.uint8), [Source("a.png", None, 64, 64)])[0]
    np.testing.assert_allclose(found.keypoints[0], [[18, 30, 1]] * 5)
    with pytest.raises(ModelError, match=r"layout scrfd needs for strides 8, 16, 32"):
        load(path, 1, layout="scrfd")
