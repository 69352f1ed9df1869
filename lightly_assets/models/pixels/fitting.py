"""Pre-processing that fits what a model's file takes."""

from dataclasses import dataclass
from typing import Any

from lightly_assets.models.pixels.preprocessor import WHOLE_NUMBERS
from lightly_assets.models.preprocess import CHANNELS, Preprocess
from lightly_assets.models.protocol import ModelError

_CHANNELS = {3: "rgb", 1: "gray", 4: "rgba"}
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """The input of images as the model's file declares it; dimensions that vary are None."""

    name: str
    shape: Shape
    dtype: str

    def __str__(self) -> str:
        shape = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name} {self.dtype} ({shape})"


def fitted_preprocess(
    given: Preprocess, defaults: Preprocess, image_input: Input | None, name: str
) -> Preprocess:
    """Pre-processing with nothing left open: the user's, the layout's, and what the model's input demands.

    Args:
        given: what the user says.
        defaults: where the user says nothing.
        image_input: as the file declares it; None where it does not.
        name: of the model's file.

    Raises:
        ModelError: they contradict each other.
    """
    found = {} if image_input is None else _demanded(given, given.over(defaults), image_input, name)
    settings = given.over(defaults).model_copy(update=found).complete()
    _check(settings, given, image_input, name)
    return settings


def _demanded(given: Preprocess, settings: Preprocess, image_input: Input, name: str) -> dict[str, Any]:
    """What the model's input decides; what the user said must agree with it."""
    shape = image_input.shape[-3:]
    axes = _axes(shape, given, image_input, name)
    channels, rows, columns = shape if axes == "nchw" else (shape[2], shape[0], shape[1])
    if given.dtype is not None and given.dtype != image_input.dtype:
        raise ModelError(f"preprocess.dtype is {given.dtype}, but the model {name} takes {image_input}.")
    found: dict[str, Any] = {"axes": axes, "dtype": image_input.dtype}
    if image_input.dtype in WHOLE_NUMBERS and (given.mean or given.std or given.scale):
        raise ModelError(
            f"The model {name} takes {image_input}: pixels as they are, so scale, mean and std have no use."
        )
    if channels is not None and CHANNELS[settings.channels or "rgb"] != channels:
        if given.channels is not None:
            raise ModelError(
                f"preprocess.channels is {given.channels}, but the model {name} takes {image_input}."
            )
        found["channels"] = _CHANNELS[channels]
    if rows is not None and columns is not None:
        return found | _fixed(given, settings, (rows, columns), f"the model {name} takes {image_input}")
    if settings.size is None and settings.resize not in ("none", "shortest"):
        raise ModelError(
            f"The model {name} takes {image_input}, any size; say preprocess.size: [height, width]."
        )
    return found


def _fixed(given: Preprocess, settings: Preprocess, size: tuple[int, int], what: str) -> dict[str, Any]:
    """What an input of one size decides."""
    if given.size is not None and given.size != size:
        raise ModelError(
            f"preprocess.size is {list(given.size)}, but {what}: height {size[0]}, width {size[1]}."
        )
    found: dict[str, Any] = {"size": size}
    if settings.resize in ("none", "shortest"):
        if given.resize == settings.resize:
            raise ModelError(
                f"preprocess.resize is {given.resize}, but {what}, which is of one size; use letterbox, "
                "stretch or crop."
            )
        found |= {"resize": "stretch", "shortest": None, "longest": None}
    if settings.multiple is not None:
        if given.multiple is not None:
            raise ModelError(
                f"preprocess.multiple is {given.multiple}, but {what}, which is of one size; leave it out."
            )
        found["multiple"] = None
    return found


def _axes(shape: Shape, given: Preprocess, image_input: Input, name: str) -> str:
    places = {"nchw": shape[0], "nhwc": shape[2]}
    if given.axes is not None:
        if places[given.axes] not in (*_CHANNELS, None):
            raise ModelError(f"preprocess.axes is {given.axes}, but the model {name} takes {image_input}.")
        return given.axes
    # Three channels before one or four, which could be a side; before what the file leaves open.
    for count in (*_CHANNELS, None):
        for axes, size in places.items():
            if size == count:
                return axes
    raise ModelError(f"The model {name} takes {image_input}; it must take images of 1, 3 or 4 channels.")


def _check(settings: Preprocess, given: Preprocess, image_input: Input | None, name: str) -> None:
    """What is asked for must be possible, and everything that it needs said."""
    what = f"the model {name}" + ("" if image_input is None else f", which takes {image_input}")
    if settings.resize == "shortest" and settings.shortest is None:
        raise ModelError(
            f"preprocess.resize is shortest for {what}; say shortest: how long the shorter side is."
        )
    if given.resize_to is not None and settings.resize != "crop":
        raise ModelError(
            f"preprocess.resize_to is {given.resize_to}, but resize is {settings.resize} for {what}; "
            "resize_to is what crop cuts from."
        )
    if given.pad_at == "none" and settings.multiple is None:
        raise ModelError(
            f"preprocess.pad_at is none for {what}, and multiple is not given; say multiple: what the sides "
            "become the nearest multiple of (or resize: stretch with a size)."
        )
    _check_source(settings, given, what)
    for field in ("mean", "std"):
        numbers: tuple[float, ...] = getattr(settings, field)
        count = CHANNELS[settings.channels or "rgb"]
        if len(numbers) in (1, count):
            continue
        if getattr(given, field) is None and len(set(numbers)) > 1:
            raise ModelError(
                f"preprocess.{field} is missing for {what}: {count} channels, and the layout's is for "
                f"{len(numbers)}; say one number, or one for each channel."
            )
        if getattr(given, field) is not None:
            raise ModelError(
                f"preprocess.{field} has {len(numbers)} numbers, but {what} has {count} channels "
                f"({settings.channels}); say one number, or one for each channel."
            )


def _check_source(settings: Preprocess, given: Preprocess, what: str) -> None:
    """Frames that are resized before they are RGB."""
    if settings.source != "yuv":
        return
    if settings.resize not in ("letterbox", "stretch"):
        raise ModelError(
            f"preprocess.source is yuv, but resize is {settings.resize} for {what}; yuv is for letterbox and "
            "stretch."
        )
    if given.interpolation is not None:
        raise ModelError(
            f"preprocess.source is yuv, and interpolation is {given.interpolation} for {what}; frames are "
            "averaged by the decoder then, so leave one of them out."
        )
