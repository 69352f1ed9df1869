"""What mmdeploy writes: ``pipeline.json``, how images become input, and ``deploy.json``, the task."""

from collections.abc import Mapping
from typing import Any

from lightly_assets.models.metadata.facts import Facts, numbers_of, pair_of
from lightly_assets.models.preprocess import Preprocess


def facts_of_mmdeploy(content: Mapping[str, Any], file: str) -> Facts:
    """Size, padding and normalisation."""
    pipeline = content.get("pipeline")
    tasks = pipeline.get("tasks") if isinstance(pipeline, dict) else None
    pixels: dict[str, Any] = {}
    for task in tasks if isinstance(tasks, list) else ():
        for step in (task.get("transforms") or ()) if isinstance(task, dict) else ():
            if isinstance(step, dict):
                pixels |= _step(step, pixels)
    if not pixels:
        return Facts()
    return Facts(
        "mmdeploy",
        pixels=Preprocess(**pixels),
        said=frozenset(pixels),
        signals=dict.fromkeys(pixels, file),
    )


def facts_of_deployment(content: Mapping[str, Any], file: str) -> Facts:
    """The task, from ``deploy.json``."""
    task = content.get("task")
    if not isinstance(task, str) or not isinstance(content.get("models"), list):
        return Facts()
    return Facts("mmdeploy", task=task, signals={"task": f"{file} task"})


def _step(step: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    kind = step.get("type")
    if kind == "Resize":
        # mmdeploy's runtime resizes with OpenCV.
        found: dict[str, Any] = {"resize": "stretch", "interpolation": "linear"}
        size = pair_of(step.get("size"))
        # Of other sizes it is not told which side comes first; the file's input knows.
        if size is not None and size[0] == size[1]:
            found["size"] = size
        return found | ({"resize": "letterbox", "pad_at": "end", "pad": 0} if step.get("keep_ratio") else {})
    if kind == "Normalize":
        # Its numbers are of 0..255.
        found = {"scale": 1.0, "channels": "rgb" if step.get("to_rgb", True) else "bgr"}
        for name in ("mean", "std"):
            if (numbers := numbers_of(step.get(name))) is not None:
                found[name] = numbers
        return found
    if kind == "Pad" and before.get("resize") == "letterbox":
        value = step.get("pad_val")
        image = value.get("img") if isinstance(value, dict) else value
        first = image[0] if isinstance(image, list) and image else image
        return {"pad": first} if isinstance(first, int) and 0 <= first <= 255 else {}
    if kind == "CenterCrop" and (size := pair_of(step.get("crop_size"))) is not None:
        return {"resize": "crop", "size": size, "resize_to": before.get("size"), "crop_at": "floor"}
    return {}
