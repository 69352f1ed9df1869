"""Pre-processing as data: how an image becomes a model's input, and how coordinates go back to the image."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from lightly_assets.errors import BadValue
from lightly_assets.models.pixels.kernels import Kernel
from lightly_assets.settings import Settings

Resize = Literal["letterbox", "stretch", "crop", "shortest", "none"]
DType = Literal["float32", "float16", "uint8", "int32"]
Channels = Literal["rgb", "bgr", "gray", "rgba", "bgra"]
Pixels = Annotated[int, Field(gt=0)]
Numbers = tuple[float, ...]

IMAGENET_MEAN: Numbers = (0.485, 0.456, 0.406)
IMAGENET_STD: Numbers = (0.229, 0.224, 0.225)
CHANNELS: dict[str, int] = {"rgb": 3, "bgr": 3, "gray": 1, "rgba": 4, "bgra": 4}
"""How many numbers a pixel has."""
# What can be said of parts that are cut out in the size of the model's input.
OF_PARTS = ("size", "scale", "mean", "std", "channels", "axes", "dtype")
# Came later: left out where nothing is said, so that versions of models made before stay the same.
_LATER = ("interpolation", "rounding", "multiple", "shortest", "longest", "resize_to", "crop_at", "source")


class Preprocess(Settings):
    """How an image becomes the model's input. Whatever is not given follows from the layout and the file."""

    resize: Resize | None = None
    """letterbox keeps the shape and pads; stretch does not; crop cuts out the middle; shortest makes the
    shorter side ``shortest``, so that the input's size varies; none does nothing."""
    size: tuple[Pixels, Pixels] | None = None
    """Height and width of the model's input; a single number is both."""
    interpolation: Kernel | None = None
    """linear, area, cubic and lanczos4 are OpenCV's; bilinear, bicubic, lanczos and nearest are Pillow's."""
    rounding: Literal["round", "floor", "ceil"] | None = None
    """How the sides of the resized image become whole numbers, where they are not given."""
    pad: Annotated[int, Field(ge=0, le=255)] | Literal["mean"] | None = None
    """The value of the padding, before scale, mean and std; ``mean`` is what becomes 0."""
    pad_at: Literal["both", "end", "none"] | None = None
    """Padding on both sides, or only at the right and the bottom; none: not padded, but stretched to the
    nearest ``multiple``."""
    multiple: Pixels | None = None
    """letterbox, shortest, none: pad only up to a multiple of this instead of the whole size."""
    shortest: Pixels | None = None
    """shortest: the shorter side of the resized image."""
    longest: Pixels | None = None
    """shortest: the most that its longer side may have."""
    crop_share: Annotated[float, Field(gt=0, le=1)] | None = None
    """crop: the share of the shorter side that is kept, 0.875 for 224 out of 256."""
    resize_to: Pixels | tuple[Pixels, Pixels] | None = None
    """crop: what is cut from; the shorter side, or [height, width] where the shape is not kept."""
    crop_at: Literal["round", "floor"] | None = None
    """crop: how the half of an odd rest becomes the place of the crop, rounded (to even) or cut."""
    scale: Annotated[float, Field(gt=0)] | None = None
    """Pixels are multiplied by it first; 1/255 makes them 0..1."""
    mean: Numbers | None = None
    std: Numbers | None = None
    """Then (pixel - mean) / std, in the order of ``channels``; one number for all, or one for each."""
    channels: Channels | None = None
    axes: Literal["nchw", "nhwc"] | None = None
    dtype: DType | None = None
    source: Literal["rgb", "yuv"] | None = None
    """Of frames: rgb are all pixels, which are then resized; yuv is resized in one step with the conversion
    to RGB, which is cheaper, and not the pixels that a model was trained with."""

    @field_validator("size", mode="before")
    @classmethod
    def _square(cls, value: Any) -> Any:
        if isinstance(value, int):
            return (value, value)
        if not (isinstance(value, list | tuple) and len(value) == 2):
            raise BadValue(f"size is {value!r}; it must be [height, width], or one number for both")
        return value

    @field_validator("mean", "std", mode="before")
    @classmethod
    def _one_for_all(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = [value]
        if value is not None and not (isinstance(value, list | tuple) and len(value) in (1, 3, 4)):
            raise BadValue(f"{info.field_name} is {value!r}; it must be one number, or one for each channel")
        return value

    @field_validator("std")
    @classmethod
    def _positive(cls, value: Numbers | None) -> Numbers | None:
        if value is not None and min(value) <= 0:
            raise BadValue(f"std is {list(value)}; its numbers must be above 0")
        return value

    @model_serializer(mode="wrap")
    def _serialized(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = handler(self)
        return {name: value for name, value in found.items() if value is not None or name not in _LATER}

    def over(self, defaults: "Preprocess") -> "Preprocess":
        """These settings, and the defaults where they say nothing."""
        return defaults.model_copy(update=self.given())

    def given(self) -> dict[str, Any]:
        """What is said, by name."""
        return {name: value for name, value in self if value is not None}

    def complete(self) -> "Preprocess":
        """With nothing left open."""
        settings = self.over(DEFAULTS)
        return self.over(DEFAULTS.model_copy(update=_BY_RESIZE.get(settings.resize or "", {})))

    @property
    def varies(self) -> bool:
        """Whether the size of the input depends on the image's."""
        return self.resize in ("none", "shortest") or self.multiple is not None


DEFAULTS = Preprocess(
    resize="stretch",
    interpolation="bilinear",
    rounding="round",
    pad=114,
    pad_at="both",
    crop_share=1.0,
    crop_at="round",
    scale=1 / 255,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    channels="rgb",
    axes="nchw",
    dtype="float32",
)
_BY_RESIZE: dict[str, dict[str, Any]] = {
    "crop": {"pad": 0, "rounding": "floor"},
    "shortest": {"pad": "mean", "pad_at": "end", "rounding": "floor"},
}


class Shrinking(NamedTuple):
    """Which size the model wants frames in that are resized before they are RGB."""

    keeps_shape: bool
    """Whether frames become as large as fits into the size; they become exactly that otherwise."""
    width: int
    height: int
    rounding: str


@dataclass(frozen=True, slots=True)
class View:
    """Where an image lies in the model's input: ``input = image * scale + offset``, in pixels."""

    width: int
    """Of the image."""
    height: int
    input_width: int
    """Of the model's input."""
    input_height: int
    scale_x: float
    scale_y: float
    offset_x: float
    offset_y: float

    def to_image(self, points: NDArray[Any]) -> NDArray[Any]:
        """(..., 2k) x, y pairs in the input's pixels, in the image's pixels; the float type is kept."""
        pairs = points.shape[-1] // 2
        scale = np.tile([self.scale_x, self.scale_y], pairs).astype(points.dtype)
        offset = np.tile([self.offset_x, self.offset_y], pairs).astype(points.dtype)
        moved: NDArray[Any] = (points - offset) / scale
        return moved

    def columns(self, size: int, start: int = 0, stop: int | None = None) -> NDArray[np.float64]:
        """Where the centres of the image's columns lie on a plane of ``size`` columns over the input."""
        places = np.arange(start, self.width if stop is None else stop) + 0.5
        return np.asarray((places * self.scale_x + self.offset_x) * (size / self.input_width))

    def rows(self, size: int, start: int = 0, stop: int | None = None) -> NDArray[np.float64]:
        """As :meth:`columns`, of the rows."""
        places = np.arange(start, self.height if stop is None else stop) + 0.5
        return np.asarray((places * self.scale_y + self.offset_y) * (size / self.input_height))
