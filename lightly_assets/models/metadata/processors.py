"""``preprocessor_config.json`` of transformers: what each of its image processors makes of the same words."""

import re
from collections.abc import Mapping
from typing import Any

from lightly_assets.models.metadata.facts import Facts, numbers_of, pair_of
from lightly_assets.models.preprocess import Preprocess

# PIL's numbers, which transformers writes.
_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
# For these a single number is the shorter side, and for others both sides.
_SHORTEST = (
    "Bit", "CLIP", "ChineseCLIP", "ConvNext", "Levit", "MobileNetV1", "MobileNetV2", "MobileViT",
    "PoolFormer", "TextNet",
)  # fmt: skip
# ConvNeXT, ResNet, RegNet: from this size on nothing is cut away.
_WHOLE_FROM = 384
_CONVNEXT_SHARE = 224 / 256
_POOLFORMER_SHARE = 0.9


def facts_of_processor(content: Mapping[str, Any], file: str) -> Facts:
    """Everything that an image goes through."""
    kind = _kind(content)
    pixels: dict[str, Any] = {}
    if content.get("do_resize", True):
        pixels |= _resized(content, kind)
        kernel = _RESAMPLE.get(content.get("resample", -1))
        if kernel:
            pixels["interpolation"] = kernel
    pixels |= _normalised(content, kind)
    if content.get("do_flip_channel_order", kind == "MobileViT") is True:
        pixels["channels"] = "bgr"
    if not pixels:
        return Facts()
    signals = dict.fromkeys(pixels, file)
    return Facts("transformers", pixels=Preprocess(**pixels), said=frozenset(pixels), signals=signals)


def _kind(content: Mapping[str, Any]) -> str:
    """The processor's class without its ending, ``ViT``; empty where the file does not say it."""
    name = content.get("image_processor_type") or content.get("feature_extractor_type")
    return re.sub(r"(ImageProcessor(Fast|Pil)?|FeatureExtractor)$", "", name) if isinstance(name, str) else ""


def _normalised(content: Mapping[str, Any], kind: str) -> dict[str, Any]:
    pixels: dict[str, Any] = {}
    factor = content.get("rescale_factor")
    if content.get("do_rescale", True) is False and factor is None:
        pixels["scale"] = 1.0
    elif isinstance(factor, float | int) and factor > 0:
        pixels["scale"] = float(factor)
    mean, std = numbers_of(content.get("image_mean")), numbers_of(content.get("image_std"))
    if content.get("do_normalize", kind != "MobileViT") is False:
        return pixels | {"mean": 0, "std": 1}
    if mean is None or std is None:
        # Those of the class, which the file leaves out.
        return {}
    if kind == "EfficientNet":
        # Pixels are divided by std a second time, and may be moved by 1 before.
        mean = tuple(one + (content.get("rescale_offset") is True) for one in mean)
        std = tuple(one**2 for one in std) if content.get("include_top", True) else std
    return pixels | {"mean": mean, "std": std}


def _resized(content: Mapping[str, Any], kind: str) -> dict[str, Any]:
    size, share = content.get("size"), content.get("crop_pct")
    sides = size if isinstance(size, dict) else {}
    short, whole = sides.get("shortest_edge"), pair_of([sides.get("height"), sides.get("width")])
    if isinstance(size, int) and kind in _SHORTEST:
        short = size
    elif whole is None:
        whole = pair_of(size)
    if kind == "Perceiver":
        # It cuts first and resizes then.
        return {}
    if kind == "Levit" and short:
        short = int(256 / 224 * short)
    if kind == "PoolFormer" and (short or whole):
        short = int((short or whole[0]) / (share or _POOLFORMER_SHARE))  # type: ignore[index]
    if content.get("do_center_crop") is True and (cut := _crop_of(content.get("crop_size"))) is not None:
        return {"resize": "crop", "size": cut, "resize_to": short or whole or cut[0], "crop_at": "floor"}
    if isinstance(short, int) and (isinstance(share, float) or kind == "ConvNext"):
        # The shorter side is made larger, then the middle is cut out.
        if short < _WHOLE_FROM:
            part = share or _CONVNEXT_SHARE
            return {"resize": "crop", "size": (short, short), "crop_share": part, "crop_at": "floor"}
        return {"resize": "stretch", "size": (short, short)}
    if isinstance(short, int):
        longest = sides.get("longest_edge")
        limit = {"longest": longest} if isinstance(longest, int) else {}
        return {"resize": "shortest", "shortest": short} | limit
    return {"resize": "stretch", "size": whole} if whole else {}


def _crop_of(crop: Any) -> tuple[int, int] | None:
    if isinstance(crop, dict):
        return pair_of([crop.get("height"), crop.get("width")])
    return pair_of(crop)
