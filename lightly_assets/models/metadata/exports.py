"""What exporters write into a model's file: ultralytics, YOLOv5, Paddle."""

import ast
from collections.abc import Mapping
from typing import Any

from lightly_assets.models.metadata.facts import Facts, names_of, pair_of
from lightly_assets.models.preprocess import Preprocess
from lightly_assets.models.protocol import ModelError

# A name of a class is a word or two; a file with more text than this is no list of classes.
_LONGEST = 1_000_000
_CHANNELS: dict[int, Any] = {1: "gray", 3: "rgb"}


def facts_of_metadata(metadata: Mapping[str, Any]) -> Facts:
    """What follows from the metadata of an ONNX file, or of a TorchScript's ``extra/config.txt``.

    Args:
        metadata: values as they stand there: text, or what JSON holds.
    """
    text = {
        # As ultralytics writes them into ONNX files.
        str(key): str(value)
        for key, value in metadata.items()
    }
    values = {key: _value(value) for key, value in metadata.items()}
    if "names" in values and "stride" in values:
        _refuse_gaps(values["names"])
        found = _ultralytics(values) if "task" in values else _yolov5(values)
    elif isinstance(values.get("character"), str):
        found = _paddle(values)
    else:
        found = Facts()
    return found.under(Facts(metadata=text))


def _refuse_gaps(names: Any) -> None:
    """Names that are numbered from 1, or with gaps, which ultralytics refuses, too. Raises ModelError."""
    if not isinstance(names, dict) or not names or names_of(names):
        return
    if all(isinstance(one, int) or (isinstance(one, str) and one.isdigit()) for one in names):
        numbers = ", ".join(str(one) for one in list(names)[:8]) + (", …" if len(names) > 8 else "")
        raise ModelError(
            f"The names of the model's classes are numbered {numbers} (metadata names), and classes count "
            f"from 0 to {len(names) - 1}; correct them in the file, or write categories in the model's order "
            "and 'metadata: ignore' beside path."
        )


def _value(value: Any) -> Any:
    """Text that is a Python literal, as ultralytics writes it, as what it says."""
    if not isinstance(value, str) or len(value) > _LONGEST or value[:1] not in tuple("{[(-0123456789TFN"):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value


def _ultralytics(values: Mapping[str, Any]) -> Facts:
    task, size = str(values["task"]), pair_of(values.get("imgsz"))
    given = values.get("args")
    arguments: Mapping[str, Any] = given if isinstance(given, dict) else {}
    end_to_end = bool(values.get("end2end") is True or arguments.get("nms") is True)
    detr = values.get("head") == "RTDETRDecoder"
    pixels: dict[str, Any] = {"resize": "letterbox", "interpolation": "linear"}
    pixels |= {"scale": 1 / 255, "mean": 0, "std": 1}
    signals = dict.fromkeys(("resize", "interpolation", "mean", "std", "scale"), f"metadata task {task}")
    said = set()
    if task == "classify":
        pixels |= {"resize": "crop", "interpolation": "bilinear"}
    elif detr:
        pixels["resize"] = "stretch"
        signals["resize"] = "metadata head RTDETRDecoder"
    elif arguments.get("dynamic") is not False and isinstance(values.get("stride"), int):
        # Dynamic exports get the smallest rectangle that holds the image, as .pt files do. Older ones do not
        # say what they are; inputs of one size take no rectangle.
        pixels["multiple"] = values["stride"]
        signals["multiple"] = "metadata stride"
    if size is not None:
        pixels["size"] = size
        signals["size"] = "metadata imgsz"
        said.add("size")
    channels = values.get("channels")
    if channels in _CHANNELS:
        pixels["channels"] = _CHANNELS[channels]
        signals["channels"] = "metadata channels"
    signals |= {"names": "metadata names", "task": "metadata task"}
    layouts = _ultralytics_layouts(task, end_to_end=end_to_end, detr=detr)
    if layouts:
        why = "metadata head" if detr else "metadata end2end, args nms" if end_to_end else "metadata task"
        signals["layout"] = why
    return Facts(
        family="ultralytics",
        task=task,
        names=names_of(values["names"]),
        layouts=layouts,
        pixels=Preprocess(**pixels),
        said=frozenset(said),
        signals=signals,
    )


def _ultralytics_layouts(task: str, *, end_to_end: bool, detr: bool) -> tuple[str, ...]:
    if detr:
        return ("rtdetr", "rtdetr_topk")
    if task in ("detect", "segment", "pose"):
        return ("yolo_nms",) if end_to_end else ("yolo",)
    return {"classify": ("probabilities",), "semantic": ("label_map", "logits"), "obb": ("obb",)}.get(
        task, ()
    )


def _yolov5(values: Mapping[str, Any]) -> Facts:
    """The export script of YOLOv5, which writes stride and names only."""
    return Facts(
        family="YOLOv5",
        names=names_of(values["names"]),
        signals={"names": "metadata names"},
    )


def _paddle(values: Mapping[str, Any]) -> Facts:
    names = tuple(line for line in values["character"].split("\n") if line)
    return Facts(family="Paddle", names=names, signals={"names": "metadata character"})
