"""Where an image lies in a model's input, to the pixel as the packages of the models place it."""

import math
from collections.abc import Callable

from lightly_assets.models.preprocess import Preprocess, View

_ROUNDING: dict[str, Callable[[float], int]] = {"round": round, "floor": math.floor, "ceil": math.ceil}


def view_of(settings: Preprocess, width: int, height: int) -> View:
    """Where an image of this size lies in the input.

    Args:
        settings: complete, see :meth:`Preprocess.complete`.
        width: of the image, pixels.
        height: of the image, pixels.
    """
    if settings.resize == "none":
        return _padded(settings, (width, height), (width, height), (width, height))
    if settings.resize == "letterbox":
        return _letterbox(settings, width, height)
    if settings.resize == "shortest":
        inner_w, inner_h = _shortest(settings, width, height)
        return _padded(settings, (width, height), (inner_w, inner_h), (inner_w, inner_h))
    rows, columns = _size(settings)
    if settings.resize == "stretch":
        return View(width, height, columns, rows, columns / width, rows / height, 0.0, 0.0)
    inner_w, inner_h = _before_crop(settings, width, height)
    left, top = (
        _middle(inner, size, settings.crop_at) for inner, size in ((inner_w, columns), (inner_h, rows))
    )
    return View(width, height, columns, rows, inner_w / width, inner_h / height, left, top)


def _size(settings: Preprocess) -> tuple[int, int]:
    assert settings.size is not None
    return settings.size


def _letterbox(settings: Preprocess, width: int, height: int) -> View:
    rows, columns = _size(settings)
    gain = min(rows / height, columns / width)
    whole = _ROUNDING[settings.rounding or "round"]
    inner_w, inner_h = max(1, whole(width * gain)), max(1, whole(height * gain))
    return _padded(settings, (width, height), (inner_w, inner_h), (columns, rows))


def _padded(
    settings: Preprocess, image: tuple[int, int], inner: tuple[int, int], full: tuple[int, int]
) -> View:
    """Sizes are width and height here; ``full`` is the input's, unless padding ends at a multiple before."""
    if settings.multiple is not None and settings.pad_at == "none":
        inner = (_nearest(inner[0], settings.multiple), _nearest(inner[1], settings.multiple))
        most = [0, 0]
    elif settings.multiple is None:
        most = [max(0, there - here) for here, there in zip(inner, full, strict=True)]
    else:
        most = [-side % settings.multiple for side in inner]
    left, top = (space // 2 if settings.pad_at == "both" else 0 for space in most)
    input_w, input_h = (side + space for side, space in zip(inner, most, strict=True))
    scale_x, scale_y = inner[0] / image[0], inner[1] / image[1]
    return View(*image, input_w, input_h, scale_x, scale_y, left, top)


def _nearest(side: int, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple


def _shortest(settings: Preprocess, width: int, height: int) -> tuple[int, int]:
    """The shorter side as asked for, the longer one in proportion, less where that would be too long."""
    assert settings.shortest is not None
    short, long = min(width, height), max(width, height)
    wanted = float(settings.shortest)
    if settings.longest is not None and long / short * wanted > settings.longest:
        wanted = settings.longest * short / long
    if settings.rounding == "floor":
        # transformers and torchvision: the shorter side is rounded, the longer one is cut.
        new_short, new_long = max(1, round(wanted)), int(wanted * long / short)
        if new_short == short:
            new_long = long
    else:
        # mmdet, detectron2: both are rounded, halves up.
        whole = _half_up if settings.rounding == "round" else math.ceil
        new_short, new_long = max(1, whole(wanted)), whole(wanted * long / short)
    return (new_short, new_long) if width <= height else (new_long, new_short)


def _half_up(value: float) -> int:
    return int(value + 0.5)


def _before_crop(settings: Preprocess, width: int, height: int) -> tuple[int, int]:
    """The resized image that the middle is cut from: torchvision's and timm's sizes."""
    rows, columns = _size(settings)
    if isinstance(settings.resize_to, tuple):
        return settings.resize_to[1], settings.resize_to[0]
    share = settings.crop_share or 1.0
    if settings.resize_to is None and rows != columns:
        ratio = min(width / math.floor(columns / share), height / math.floor(rows / share))
        return round(width / ratio), round(height / ratio)
    short = settings.resize_to or math.floor(rows / share)
    long = _ROUNDING[settings.rounding or "floor"](short * max(width, height) / min(width, height))
    return (short, long) if width <= height else (long, short)


def _middle(inner: int, size: int, rule: str | None) -> int:
    """Where the resized image starts: before the input where it is cut, inside of it where it is padded."""
    if inner < size:
        return (size - inner) // 2
    return -((inner - size) // 2) if rule == "floor" else -round((inner - size) / 2)
