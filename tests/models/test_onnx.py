"""The ONNX runtime on models whose answers are known exactly."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lightly_assets
from lightly_assets.format.schema import Category, TaskType
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD
from lightly_assets.models.protocol import ModelError, Source
from tests.models.onnx_files import constant_model, identity_model, node, write

# Two classes; boxes as centre, width, height in a 64×64 input.
ROWS = np.zeros((1, 6, 5), dtype=np.float32)
ROWS[0, :, 0] = [32, 32, 20, 10, 0.9, 0.1]
ROWS[0, :, 1] = [33, 32, 20, 10, 0.6, 0.2]
ROWS[0, :, 2] = [10, 24, 8, 8, 0.1, 0.5]
ROWS[0, :, 3] = [50, 40, 6, 6, 0.01, 0.02]


def load(path: Path, task_type: str = "object-detection", count: int = 2, **settings: Any) -> Any:
    config = parse_model({"kind": "onnx", "path": path.name, "layout": "yolo", **settings})
    categories = [Category(id=number, name=f"c{number}") for number in range(count)]
    return load_model(config, task_type=task_type, categories=categories, base_dir=path.parent)


def predict(model: Any, height: int, width: int, count: int = 1) -> Any:
    images = np.zeros((count, height, width, 3), dtype=np.uint8)
    return model.predict(images, [Source("a.mp4", index, width, height) for index in range(count)])


def test_boxes_come_back_from_the_letterbox(tmp_path: Path) -> None:
    model = load(constant_model(tmp_path / "m.onnx", ROWS, [64, 64]))
    # 128×64 becomes 64×32, with 16 rows of padding above and below.
    found = predict(model, 64, 128)[0]
    np.testing.assert_allclose(found.boxes[0], [(32 - 10) * 2, (32 - 5 - 16) * 2, 84, (32 + 5 - 16) * 2])
    np.testing.assert_allclose(found.scores, [0.9, 0.6, 0.5])
    np.testing.assert_array_equal(found.category_ids, [0, 0, 1])
    np.testing.assert_allclose(found.probabilities[0], [0.9, 0.1], atol=1e-6)


def test_candidates_are_kept_down_to_the_floor_and_before_suppression(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", ROWS, [64, 64])
    assert len(predict(load(path), 64, 64)[0]) == 3
    assert len(predict(load(path, score_threshold=0.01), 64, 64)[0]) == 4
    assert len(predict(load(path, max_candidates=2), 64, 64)[0]) == 2


def test_what_encoding_decides_is_not_part_of_the_version(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", ROWS, [64, 64])
    version = load(path).version
    same = [{"score_threshold": 0.5}, {"nms_iou": 0.4}, {"category_map": {0: 1}}, {"max_detections": 5}]
    same += [{"threads": 1}, {"batch_size": 2}, {"probabilities": False}]
    assert {load(path, **settings).version for settings in same} == {version}
    other = [{"score_threshold": 0.01}, {"max_candidates": 10}, {"preprocess": {"pad": 0}}]
    assert len({load(path, **settings).version for settings in other} | {version}) == 4
    constant_model(path, ROWS * np.float32(0.5), [64, 64])
    assert load(path).version != version


def test_any_batch_size_and_a_fixed_one(tmp_path: Path) -> None:
    free = load(constant_model(tmp_path / "free.onnx", ROWS, [64, 64]), batch_size=4)
    assert free.batch_size == 4
    assert len(predict(free, 64, 64, 6)) == 6
    fixed = load(constant_model(tmp_path / "fixed.onnx", ROWS, [64, 64], batch=4))
    assert fixed.batch_size == 4
    found = predict(fixed, 64, 64, 3)
    assert [len(one) for one in found] == [3, 3, 3]


def test_images_of_several_sizes(tmp_path: Path) -> None:
    model = load(constant_model(tmp_path / "m.onnx", ROWS, [64, 64]))
    images = [np.zeros(size, dtype=np.uint8) for size in [(64, 128, 3), (64, 64, 3), (64, 64, 3)]]
    sources = [Source(f"{n}.png", None, image.shape[1], image.shape[0]) for n, image in enumerate(images)]
    found = model.predict(images, sources)
    np.testing.assert_allclose(found[0].boxes[0], [44, 22, 84, 42])
    np.testing.assert_allclose(found[2].boxes[0], [22, 27, 42, 37])


def test_pixels_arrive_as_declared(tmp_path: Path) -> None:
    path = identity_model(tmp_path / "m.onnx", ["n", 3, "h", "w"])
    image = np.random.default_rng(0).integers(0, 256, (1, 5, 7, 3), dtype=np.uint8)

    def scores(**preprocess: Any) -> Any:
        model = load(
            path, "semantic-segmentation", 3, layout="probabilities", verified=True, preprocess=preprocess
        )
        return model.predict(image, [Source("a.png", None, 7, 5)])[0].scores

    plain = scores(resize="none", mean=[0, 0, 0], std=[1, 1, 1])
    np.testing.assert_allclose(plain, image[0].transpose(2, 0, 1) / 255, atol=1e-7)
    bgr = scores(resize="none", mean=[0, 0, 0], std=[1, 1, 1], channels="bgr")
    np.testing.assert_allclose(bgr, image[0, ..., ::-1].transpose(2, 0, 1) / 255, atol=1e-7)
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([2.0, 3.0, 4.0])
    image[:] = np.maximum(image, 80)
    normal = scores(resize="none", mean=mean.tolist(), std=std.tolist())
    expected = ((image[0] / 255 - mean) / std).transpose(2, 0, 1)
    np.testing.assert_allclose(normal, expected, atol=1e-6)


def test_a_smooth_picture_survives_every_way_of_resizing(tmp_path: Path) -> None:
    """What the model says of its input must lie on the pixels of the image that it is about."""
    path = identity_model(tmp_path / "m.onnx", ["n", 3, 48, 64])
    y, x = np.mgrid[0:90, 0:160]
    image = np.stack([x * 1.5, y * 2.5, (x + y)], axis=-1).astype(np.uint8)
    for resize in ("letterbox", "stretch"):
        settings = {"resize": resize, "mean": [0, 0, 0], "std": [1, 1, 1]}
        model = load(
            path, "semantic-segmentation", 3, layout="probabilities", verified=True, preprocess=settings
        )
        found = model.predict(image[None], [Source("a.png", None, 160, 90)])[0].scores
        error = np.abs(found[:, 5:-5, 5:-5] * 255 - image.transpose(2, 0, 1)[:, 5:-5, 5:-5])
        assert error.max() < 3, (resize, error.max())


def test_a_single_channel_is_the_second_class(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", np.full((1, 1, 4, 4), 2.0), [4, 4])
    found = predict(load(path, "semantic-segmentation", 2, layout="logits", verified=True), 8, 8)[0]
    np.testing.assert_allclose(found.scores[1], 1 / (1 + np.exp(-2)), rtol=1e-6)
    np.testing.assert_allclose(found.scores.sum(axis=0), 1, rtol=1e-6)


def test_a_label_map_is_read_pixel_by_pixel(tmp_path: Path) -> None:
    labels = np.array([[[0, 1], [2, 2]]], dtype=np.float32)
    path = constant_model(tmp_path / "m.onnx", labels, [4, 4])
    found = predict(load(path, "semantic-segmentation", 3, layout="label_map"), 4, 8)[0]
    expected = np.kron(np.array([[0, 1], [2, 2]]), np.ones((2, 4), dtype=int))
    np.testing.assert_array_equal(found.label_map, expected)


def test_nan_names_the_frame(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[0, 0, 0] = np.nan
    model = load(constant_model(tmp_path / "m.onnx", rows, [64, 64]))
    with pytest.raises(ModelError, match=r"a.mp4, frame 0: The output of the model m.onnx has NaN"):
        predict(model, 64, 64, 2)


CASES: list[tuple[dict[str, Any], str]] = [
    ({"count": 3}, r"has 2 classes .* read as layout yolo\), but the task has 3 categories.*category_map"),
    ({"category_map": {0: 5}}, "category_map leads to the category id 5; the task has 0, 1"),
    ({"category_map": {7: 0}}, "names the class 7, but the model m.onnx has the classes 0 to 1"),
    ({"preprocess": {"size": 32}}, r"size is \[32, 32\].*takes images float32.*height 64, width 64"),
    ({"preprocess": {"dtype": "uint8"}}, "dtype is uint8, but .* float32"),
    ({"preprocess": {"resize": "none"}}, "of one size; use letterbox"),
    ({"preprocess": {"axes": "nhwc"}}, "axes is nhwc"),
    ({"task_type": "classification"}, "yolo cannot do classification"),
    ({"task_type": "instance-segmentation"}, "needs the mask prototypes, an output of rank 4"),
    ({"task_type": "keypoint-detection"}, "say how many 'classes'"),
    (
        {"layout": "logits", "task_type": "classification"},
        "needs scores, an output of rank 2; there is output",
    ),
    ({"layout": "detr"}, "needs class logits"),
    ({"providers": ["NoSuchProvider"]}, "NoSuchProvider is not at hand; there are .*CPU"),
]


@pytest.mark.parametrize(("settings", "message"), CASES, ids=lambda value: str(value)[:40])
def test_what_does_not_fit_is_said_when_it_is_loaded(
    settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = constant_model(tmp_path / "m.onnx", ROWS, [64, 64])
    with pytest.raises(ModelError, match=message):
        load(path, **settings)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing.onnx does not exist"):
        load(tmp_path / "nothing.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"broken.onnx is no ONNX model that can be run"):
        load(broken)
    two = write(
        tmp_path / "two.onnx", [], {"a": (np.int64, [1]), "b": (np.int64, [1])}, {"a": (np.int64, [1])}
    )
    with pytest.raises(ModelError, match="must take one input of images"):
        load(two)


ELSE: list[tuple[str, bytes, str]] = [
    ("cut.onnx", b"\x08\x08\x3a\xff\x7f", "it is cut off, damaged or no ONNX file"),
    ("empty.onnx", b"", "it is cut off, damaged or no ONNX file"),
    ("lfs.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
    ("page.onnx", b"<!DOCTYPE html><html>", "it is a web page"),
    ("lite.onnx", b"\x1c\0\0\0TFL3" + b"\0" * 50, "kind: litert"),
    ("vino.onnx", b"<?xml version='1.0'?><net/>", "kind: openvino"),
    ("m.engine", b"\x10\x02\0\0{" + b"\0" * 50, "an engine of TensorRT"),
    ("zip.onnx", b"PK\x03\x04" + b"\0" * 50, "it is an archive"),
]


@pytest.mark.parametrize(("name", "content", "message"), ELSE, ids=[name for name, _, _ in ELSE])
def test_files_that_are_something_else(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"is no ONNX model that can be run: .*{message}"):
        load(tmp_path / name)


def test_versions_weights_and_operators_that_are_not_at_hand(tmp_path: Path) -> None:
    good = constant_model(tmp_path / "m.onnx", ROWS, [64, 64]).read_bytes()
    path = tmp_path / "new.onnx"
    path.write_bytes(good.replace(b"\x08\x08", b"\x08\x63", 1))
    with pytest.raises(
        ModelError, match=r"it has the IR version 99, and this ONNX Runtime reads up to \d+; install"
    ):
        load(path)
    place = good.rindex(b"\x10\x11")
    path.write_bytes(good[:place] + b"\x10\x63" + good[place + 2 :])
    with pytest.raises(ModelError, match=r"it has opset 99, and this ONNX Runtime reads up to \d+; install"):
        load(path)
    pixels: dict[str, tuple[Any, Any]] = {"images": (np.float32, [1, 3, 64, 64])}
    out: dict[str, tuple[Any, Any]] = {"output": (np.float32, [1, 3, 64, 64])}
    path = write(tmp_path / "own.onnx", [node("OfMine", ["images"], ["output"])], pixels, out)
    with pytest.raises(ModelError, match="it has the operator OfMine, which ONNX Runtime does not have"):
        load(path)
    add = [node("Add", ["images", "weights"], ["output"])]
    weights = {"weights": np.ones((1, 3, 64, 64), dtype=np.float32)}
    path = write(tmp_path / "ext.onnx", add, pixels, out, weights, external={"weights": "w.bin"})
    (tmp_path / "w.bin").write_bytes(b"1234")
    with pytest.raises(ModelError, match="the file with its weights beside it is cut off"):
        load(path)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ModelError, match=r"its weights lie in w.bin beside it, which is missing"):
        load(path)


class Bomb:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("unpickled"),))


def test_a_pickle_is_refused_and_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.onnx"
    for protocol in (2, 4, 5):
        path.write_bytes(pickle.dumps(Bomb(), protocol=protocol))
        with pytest.raises(ModelError, match=r"model.onnx is a pickle .* refused; export the model to ONNX"):
            load(path)
    assert not Path("unpickled").exists()


DEMO = Path(lightly_assets.__file__).parent / "demo" / "models"
UNDECLARED: list[tuple[str, str, str, int, str]] = [
    (
        "objects",
        "object-detection",
        "yolov5",
        2,
        r"has 3835 classes \(output0 .* read as layout yolov5",
    ),
    ("objects", "object-detection", "rtdetr", 2, "has 3836 classes .* choose the layout that fits"),
    ("objects", "object-detection", "yolo_nms", 2, "3840 numbers a row; the layout yolo_nms has 6"),
    ("objects", "object-detection", "rtdetr_topk", 2, "needs rows"),
    ("objects", "object-detection", "yolo", 3, "has 2 classes .* 3 categories"),
    ("people", "keypoint-detection", "yolo", 2, "leaves 16 numbers for 2 class scores"),
    ("instances", "object-detection", "yolo", 3, "has 2 classes"),
]


@pytest.mark.parametrize(
    ("name", "task_type", "layout", "count", "message"), UNDECLARED, ids=range(len(UNDECLARED))
)
def test_a_file_that_does_not_declare_its_outputs_is_run_once_when_it_is_loaded(
    name: str, task_type: str, layout: str, count: int, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        load(DEMO / f"{name}.onnx", task_type, count, layout=layout)


def test_scores_are_no_label_map(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", np.full((1, 2, 2), 0.25), [4, 4])
    with pytest.raises(ModelError, match=r"a label is 0.25; the layout label_map has whole numbers"):
        predict(load(path, "semantic-segmentation", 3, layout="label_map"), 4, 8)


def seen(path: Path, task_type: str, count: int, **settings: Any) -> Any:
    """The pixels that a model gets, as they were resolved."""
    return load(path, task_type, count, **settings).runtime.reader.preprocess


def two_outputs(path: Path, names: tuple[str, str], batch: int | str = "n") -> Path:
    """Boxes (B, 5, 4) and logits (B, 5, 2) of the layout rtdetr, under any names."""
    nodes = [
        node("ReduceMean", ["images"], ["means"], axes=[1, 2, 3], keepdims=0),
        node("Reshape", ["means", "shape"], ["column"]),
        node("Add", ["column", "first"], [names[0]]),
        node("Add", ["column", "second"], [names[1]]),
    ]
    constants = {
        "shape": np.array([-1, 1, 1], dtype=np.int64),
        "first": np.full((1, 5, 4), 0.5, dtype=np.float32),
        "second": np.zeros((1, 5, 2), dtype=np.float32),
    }
    outputs = {names[0]: (np.float32, [batch, 5, 4]), names[1]: (np.float32, [batch, 5, 2])}
    return write(path, nodes, {"images": (np.float32, [batch, 3, 64, 64])}, outputs, constants)


def test_rfdetr_is_normalised_and_resized_as_it_was_trained(tmp_path: Path) -> None:
    rfdetr = seen(
        two_outputs(tmp_path / "a.onnx", ("dets", "labels")), "object-detection", 2, layout="rtdetr"
    )
    assert (rfdetr.interpolation, rfdetr.mean, rfdetr.std) == ("linear", IMAGENET_MEAN, IMAGENET_STD)
    others = two_outputs(tmp_path / "b.onnx", ("pred_boxes", "logits"))
    rtdetr = seen(others, "object-detection", 2, layout="rtdetr")
    assert (rtdetr.interpolation, rtdetr.mean, rtdetr.std) == ("bilinear", (0, 0, 0), (1, 1, 1))


def test_other_pixels_are_another_version_and_the_same_pixels_are_not(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", ROWS, [64, 64])
    version = load(path).version
    said = {"resize": "letterbox", "interpolation": "linear"}
    assert load(path, preprocess={"interpolation": "bilinear"}).version != version
    assert load(path, preprocess=said).runtime.reader.preprocess == load(path).runtime.reader.preprocess
    # Where nothing is resized, the version is what it has always been.
    whole = load(
        identity_model(tmp_path / "i.onnx", ["n", 3, "h", "w"]),
        "semantic-segmentation",
        3,
        layout="probabilities",
        preprocess={"resize": "none"},
    )
    settings = whole.runtime.reader.version_settings(TaskType.SEMANTIC_SEGMENTATION)
    assert "pixels" not in settings
    known = "resize size pad pad_at crop_share scale mean std channels axes dtype"
    assert list(settings["preprocess"]) == known.split()


def test_one_and_four_channels_and_whole_numbers(tmp_path: Path) -> None:
    settings = {"layout": "probabilities", "verified": True, "preprocess": {"mean": 0, "std": 1}}
    for shape, channels, axes in [
        (["n", 1, 8, 8], "gray", "nchw"),
        (["n", 8, 8, 1], "gray", "nhwc"),
        (["n", 4, 8, 8], "rgba", "nchw"),
        (["n", 8, 8, 3], "rgb", "nhwc"),
        (["n", "c", "h", "w"], "rgb", "nchw"),
    ]:
        path = identity_model(tmp_path / "m.onnx", shape)
        size = {} if shape[2] == 8 else {"size": 8}
        found = seen(
            path,
            "semantic-segmentation",
            2 if shape[1] == 1 else shape[1] if isinstance(shape[1], int) else 3,
            **settings | {"preprocess": {**settings["preprocess"], **size}},
        )
        assert (found.channels, found.axes, found.size) == (channels, axes, (8, 8))
    gray = identity_model(tmp_path / "m.onnx", ["n", 1, 8, 8])
    with pytest.raises(
        ModelError, match=r"preprocess.mean is missing .* 1 channels, and the layout's is for 3"
    ):
        load(gray, "semantic-segmentation", 2, layout="probabilities")
    with pytest.raises(ModelError, match=r"preprocess.channels is bgr, but the model m.onnx takes"):
        load(
            gray,
            "semantic-segmentation",
            2,
            layout="probabilities",
            verified=True,
            preprocess={"channels": "bgr"},
        )
    five = identity_model(tmp_path / "m.onnx", ["n", 5, 8, 8])
    with pytest.raises(ModelError, match="must take images of 1, 3 or 4 channels"):
        load(five, "semantic-segmentation", 5, layout="probabilities")


MORE_CASES: list[tuple[dict[str, Any], str]] = [
    ({"resize": "shortest", "shortest": 64}, "resize is shortest, but the model .*one size; use letterbox"),
    ({"multiple": 32}, "multiple is 32, but .* one size; leave it out"),
    ({"resize_to": 70}, "resize_to is 70, but resize is letterbox"),
    ({"mean": [0.1] * 4}, "mean has 4 numbers, but .* 3 channels"),
]


@pytest.mark.parametrize(("preprocess", "message"), MORE_CASES, ids=lambda value: str(value)[:40])
def test_pixels_that_cannot_be_are_refused(preprocess: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", ROWS, [64, 64])
    with pytest.raises(ModelError, match=message):
        load(path, preprocess=preprocess)


def test_inputs_of_many_sizes_go_to_the_model_size_by_size(tmp_path: Path) -> None:
    path = identity_model(tmp_path / "m.onnx", ["n", 3, "h", "w"])
    pixels = {"resize": "shortest", "shortest": 8, "longest": 20, "multiple": 4, "mean": 0, "std": 1}
    model = load(path, "semantic-segmentation", 3, layout="probabilities", verified=True, preprocess=pixels)
    images = [np.full(size, 51, dtype=np.uint8) for size in [(8, 16, 3), (8, 16, 3), (16, 9, 3)]]
    sources = [Source(f"{n}.png", None, image.shape[1], image.shape[0]) for n, image in enumerate(images)]
    for image, result in zip(images, model.predict(images, sources), strict=True):
        assert result.scores.shape == (3, *image.shape[:2])
        np.testing.assert_allclose(result.scores[:, :7, :7], 0.2, atol=1e-6)
