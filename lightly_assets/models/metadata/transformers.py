"""``config.json`` of transformers, and timm's."""

from collections.abc import Mapping
from typing import Any

from lightly_assets.models.metadata.facts import Facts, names_of, numbers_of, pair_of
from lightly_assets.models.preprocess import Preprocess

_KERNELS = ("nearest", "lanczos", "bilinear", "bicubic")
# A softmax with a last class "no object"; all other detectors of the package have a sigmoid for each class.
_SOFTMAX_DETECTORS = ("DetrFor", "YolosFor", "TableTransformerFor")
_MULTI = ("multi_label_classification",)
# The share of an image that timm cuts out where a configuration does not say it.
_TIMM_SHARE = 0.875


def facts_of_config(content: Mapping[str, Any], file: str) -> Facts:
    """``config.json``: of transformers, or of timm, which has ``pretrained_cfg``."""
    if isinstance(content.get("pretrained_cfg"), dict):
        return _timm(content, content["pretrained_cfg"], file)
    architectures = content.get("architectures")
    names = names_of(content.get("id2label"))
    if not isinstance(architectures, list) or not architectures or not isinstance(architectures[0], str):
        return Facts()
    kind = architectures[0]
    layouts, task = _read_as(kind)
    signals = {"task": f"{file} architectures {kind}"}
    if names:
        signals["names"] = f"{file} id2label"
    if layouts:
        signals["layout"] = f"{file} architectures {kind}"
    meaning = _meaning(content.get("problem_type"), len(names))
    if meaning:
        signals["meaning"] = f"{file} problem_type"
    return Facts(
        family="transformers", task=task, names=names, layouts=layouts, signals=signals, meaning=meaning
    )


def _meaning(problem: Any, classes: int) -> str:
    """What a classifier says beside scores of classes of which one holds."""
    if problem == "regression":
        return "says numbers and no classes"
    # A single class holds or not, and the other one is that it does not.
    return "says of each class on its own whether it holds" if problem in _MULTI and classes != 1 else ""


def _read_as(kind: str) -> tuple[tuple[str, ...], str]:
    if kind.endswith("ForObjectDetection"):
        return (("detr",) if kind.startswith(_SOFTMAX_DETECTORS) else ("rtdetr",)), "object-detection"
    if kind.endswith("ForImageClassification"):
        return ("logits",), "image-classification"
    if kind.endswith("ForSemanticSegmentation"):
        return ("logits",), "semantic-segmentation"
    return (), kind


def _timm(content: Mapping[str, Any], given: Mapping[str, Any], file: str) -> Facts:
    pixels = _timm_size(given.get("input_size"), given.get("crop_pct"), given.get("crop_mode"))
    # What accuracies are measured with; a file of the size of the training is made for that one's share.
    tested = _timm_size(
        given.get("test_input_size"),
        given.get("test_crop_pct") or given.get("crop_pct"),
        given.get("crop_mode"),
    )
    if given.get("interpolation") in _KERNELS:
        pixels["interpolation"] = given["interpolation"]
    for name in ("mean", "std"):
        if (numbers := numbers_of(given.get(name))) is not None:
            pixels[name] = numbers
    names = names_of(content.get("label_names") or given.get("label_names"))
    signals = dict.fromkeys(pixels, f"{file} pretrained_cfg") | {"layout": f"{file} pretrained_cfg"}
    if names:
        signals["names"] = f"{file} label_names"
    return Facts(
        "timm",
        "image-classification",
        names,
        ("logits",),
        Preprocess(**pixels),
        frozenset(pixels),
        signals,
        other_sizes=(Preprocess(**tested),) if tested else (),
    )


def _timm_size(size: Any, share: Any, mode: Any) -> dict[str, Any]:
    """How images get to a size ``[channels, height, width]``; nothing where it is none."""
    if not isinstance(size, list) or len(size) != 3 or (sides := pair_of(size[1:])) is None:
        return {}
    share = share or _TIMM_SHARE
    if not isinstance(share, float | int) or isinstance(share, bool) or not 0 < share <= 1:
        return {"size": sides}
    if mode in (None, "center"):
        return {"resize": "crop", "size": sides, "crop_share": float(share)}
    if mode == "squash":
        return {"resize": "crop", "size": sides, "resize_to": tuple(int(side / share) for side in sides)}
    if mode == "border" and share == 1:
        return {"resize": "letterbox", "size": sides, "pad": "mean", "pad_at": "both", "rounding": "round"}
    return {"size": sides}
