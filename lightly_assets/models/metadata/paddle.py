"""``infer_cfg.yml`` of PaddleDetection, ``inference.yml`` of PaddleX and PaddleClas."""

from collections.abc import Iterator, Mapping
from typing import Any

from lightly_assets.models.metadata.facts import Facts, names_of, numbers_of, pair_of
from lightly_assets.models.preprocess import Preprocess

# OpenCV's numbers.
_KERNELS = {0: "nearest", 1: "linear", 2: "cubic", 3: "area"}


def facts_of_paddle(content: Mapping[str, Any], file: str) -> Facts:
    """Classes, size, kernel and normalisation."""
    pixels: dict[str, Any] = {}
    for name, step in _steps(content):
        pixels |= _READERS[name](step) if name in _READERS else {}
    names = names_of(content.get("label_list")) or _top_names(content)
    if not pixels and not names:
        return Facts()
    signals = dict.fromkeys(pixels, file)
    if names:
        signals["names"] = f"{file} label_list"
    return Facts("Paddle", "", names, (), Preprocess(**pixels), frozenset(pixels), signals)


def _steps(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names of steps and their arguments, as either package writes them."""
    for step in content.get("Preprocess") or ():
        if isinstance(step, dict) and isinstance(step.get("type"), str):
            yield step["type"], step
    process = content.get("PreProcess")
    for step in (process.get("transform_ops") or ()) if isinstance(process, dict) else ():
        if isinstance(step, dict) and len(step) == 1:
            ((name, arguments),) = step.items()
            yield str(name), arguments if isinstance(arguments, dict) else {}


def _top_names(content: Mapping[str, Any]) -> tuple[str, ...]:
    after = content.get("PostProcess")
    top = after.get("Topk") if isinstance(after, dict) else None
    return names_of(top.get("label_list")) if isinstance(top, dict) else ()


def _resize(step: Mapping[str, Any]) -> dict[str, Any]:
    size = pair_of(step.get("target_size"))
    if size is None:
        return {}
    found: dict[str, Any] = {"resize": "stretch", "size": size}
    if step.get("keep_ratio") is True:
        found |= {"resize": "letterbox", "pad_at": "end", "pad": 0}
    return found | _kernel(step.get("interp"))


def _resize_image(step: Mapping[str, Any]) -> dict[str, Any]:
    kernel = _kernel(step.get("interpolation"))
    if isinstance(short := step.get("resize_short"), int):
        found = {"resize": "crop", "resize_to": short, "rounding": "round", "crop_at": "floor"}
        return {"interpolation": "linear"} | found | kernel
    size = pair_of(step.get("size"))
    # Width and height in this package.
    return {"interpolation": "linear", "resize": "stretch", "size": size[::-1]} | kernel if size else {}


def _kernel(found: Any) -> dict[str, Any]:
    if found in ("nearest", "bilinear", "area", "bicubic"):
        return {"interpolation": {"bilinear": "linear", "bicubic": "cubic"}.get(found, found)}
    return {"interpolation": _KERNELS[found]} if found in _KERNELS else {}


def _crop(step: Mapping[str, Any]) -> dict[str, Any]:
    size = pair_of(step.get("size"))
    return {"size": size[::-1]} if size else {}


def _normalise(step: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if step.get("norm_type") != "none":
        for name in ("mean", "std"):
            if (numbers := numbers_of(step.get(name))) is not None:
                found[name] = numbers
    if step.get("is_scale") is False:
        found["scale"] = 1.0
    scale = step.get("scale")
    if isinstance(scale, float | int) and scale > 0:
        found["scale"] = float(scale)
    return found


_READERS = {
    "Resize": _resize,
    "ResizeImage": _resize_image,
    "CropImage": _crop,
    "NormalizeImage": _normalise,
}
