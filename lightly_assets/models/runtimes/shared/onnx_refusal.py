"""Why ONNX Runtime does not load a file, and what to do: its own words are about its source code."""

import re
from pathlib import Path

# How files begin that are something else, and what to do with each.
_STARTS: list[tuple[bytes, str]] = [
    (b"version https://git-lfs", "it is a pointer of Git LFS; fetch the file itself with: git lfs pull"),
    (b"<!DOCTYPE", "it is a web page, as a download that failed leaves; download it again"),
    (b"<html", "it is a web page, as a download that failed leaves; download it again"),
    (b"<?xml", "it is XML; a model of OpenVINO has kind: openvino"),
    (b"<net", "it is XML; a model of OpenVINO has kind: openvino"),
    (b"ftrt", "it is an engine of TensorRT, which is bound to one GPU; export the model to ONNX"),
    (b"PK\x03\x04", "it is an archive; a program of PyTorch has kind: torch, others must be unpacked"),
    (b"\x89HDF", "it is HDF5, as Keras saves models; convert it with tf2onnx"),
]
_TFLITE = b"TFL3"
_ENGINES = (".engine", ".plan", ".trt")
_CUT_OFF = "it is cut off, damaged or no ONNX file; copy or export it again"
_LAST = 14


def onnx_refusal(path: Path, error: Exception) -> str:
    """Why a file cannot be loaded, without a full stop."""
    text = " ".join(str(error).split())
    if match := re.search(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)", text):
        return _too_new("the IR version", *match.groups())
    if match := re.search(r"Opset (\d+) is under development.* till opset (\d+)", text):
        return _too_new("opset", *match.groups())
    if match := re.search(r'[Ee]xternal data path does not exist: "?([^"]+)"?', text):
        return f"its weights lie in {Path(match[1]).name} beside it, which is missing; copy both files"
    if match := re.search(r"External initializer: .*are out of bounds", text):
        return "the file with its weights beside it is cut off, or of another model; copy both files"
    if match := re.search(r"No Op registered for (\S+) with", text):
        return (
            f"it has the operator {match[1]}, which ONNX Runtime does not have; export the model without it, "
            "or run it in a function of your own (kind: python)"
        )
    if "Protobuf parsing failed" in text or "No graph was found" in text:
        return _what_it_is(path)
    # Where in its source code it was found is of no use.
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |/onnxruntime_src/\S+ (.*?\)) ", "", text)
    return re.sub(r"^Load model from .*? failed: ?", "", text).rstrip(".") or type(error).__name__


def _too_new(what: str, has: str, most: str) -> str:
    return (
        f"it has {what} {has}, and this ONNX Runtime reads up to {most}; install a newer one, or export the "
        "model for an older one"
    )


def _what_it_is(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(_LAST)
    if path.suffix.lower() in _ENGINES:
        return _STARTS[5][1]
    if start[4:8] == _TFLITE:
        return "it is a file of LiteRT (TensorFlow Lite), which has kind: litert"
    return next((what for begins, what in _STARTS if start.startswith(begins[:_LAST])), _CUT_OFF)
