"""Records what ultralytics writes into the files that it exports, for ``test_metadata.py``.

    python -m tests.models.record_metadata

Needs the environment of ``make test-torch``.
"""

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "recorded_metadata.json"
# Prose about the package.
LEFT_OUT = ("description", "author", "docs", "license", "date")
EXPORTS: dict[str, dict[str, Any]] = {
    "yolov8n": {"format": "onnx", "imgsz": 320},
    "yolov8n dynamic": {"format": "onnx", "imgsz": 320, "dynamic": True},
    "yolov8n wide": {"format": "onnx", "imgsz": [192, 320]},
    "yolov8n nms": {"format": "onnx", "imgsz": 320, "nms": True},
    "yolo26n": {"format": "onnx", "imgsz": 320},
    "yolo26n end2end": {"format": "onnx", "imgsz": 320, "end2end": True},
    "yolov8n-seg": {"format": "onnx", "imgsz": 320},
    "yolov8n-pose": {"format": "onnx", "imgsz": 320},
    "yolov8n-obb": {"format": "onnx", "imgsz": 320},
    "yolov8n-cls": {"format": "onnx", "imgsz": 64},
    "yolo26n-sem": {"format": "onnx", "imgsz": 320},
    "rtdetr-l": {"format": "onnx", "imgsz": 320},
    "yolov8n torchscript": {"format": "torchscript", "imgsz": 320},
}


def record(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Metadata as it stands in the file, and the shapes of its inputs and outputs."""
    import onnxruntime
    from ultralytics import RTDETR, YOLO

    kind = name.split()[0]
    model = (RTDETR if "rtdetr" in kind else YOLO)(f"{kind}.yaml")
    model.model.names = {number: f"thing {number}" for number in range(len(model.model.names))}
    file = Path(model.export(**settings))
    if settings["format"] == "torchscript":
        with zipfile.ZipFile(file) as archive:
            inside = next(one for one in archive.namelist() if one.endswith("extra/config.txt"))
            return {"config": json.dumps(_kept(json.loads(archive.read(inside))))}
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return {
        "metadata": _kept(session.get_modelmeta().custom_metadata_map),
        "input": session.get_inputs()[0].shape,
        "outputs": [one.shape for one in session.get_outputs()],
    }


def _kept(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if key not in LEFT_OUT}


def main() -> None:
    os.environ["YOLO_OFFLINE"] = "1"
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, settings in EXPORTS.items():
            try:
                found[name] = record(name, settings)
            except Exception as error:  # noqa: BLE001 - what this version cannot export is said
                print(name, "not recorded:", error)
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    print(FILE.stat().st_size)


if __name__ == "__main__":
    main()
