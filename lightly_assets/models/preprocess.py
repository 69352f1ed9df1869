"""Pre-processing as data: images to a model's input, and coordinates back to the image, exactly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from lightly_assets.errors import BadValue
from lightly_assets.models.protocol import Image
from lightly_assets.models.resize import resize_image

Resize = Literal["letterbox", "stretch", "crop", "none"]
DType = Literal["float32", "float16", "uint8"]
Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


class Preprocess(BaseModel):
    """How an image becomes the model's input. Whatever is not given follows from the layout and the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resize: Resize | None = None
    """letterbox keeps the shape and pads, stretch does not, crop cuts the middle, none does nothing."""
    size: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] | None = None
    """Height and width of the model's input; a single number is both."""
    pad: Annotated[int, Field(ge=0, le=255)] | None = None
    """letterbox: the value of the padding, before scale, mean and std."""
    pad_at: Literal["both", "end"] | None = None
    """letterbox: padding on both sides, or only at the right and the bottom."""
    crop_share: Annotated[float, Field(gt=0, le=1)] | None = None
    """crop: the share of the shorter side that is kept, 0.875 for 224 out of 256."""
    scale: Annotated[float, Field(gt=0)] | None = None
    """Pixels are multiplied by it first; 1/255 makes them 0..1."""
    mean: Triple | None = None
    std: Triple | None = None
    """Then (pixel - mean) / std, in the order of ``channels``."""
    channels: Literal["rgb", "bgr"] | None = None
    axes: Literal["nchw", "nhwc"] | None = None
    dtype: DType | None = None

    @field_validator("size", mode="before")
    @classmethod
    def _square(cls, value: Any) -> Any:
        if isinstance(value, int):
            return (value, value)
        if not (isinstance(value, list | tuple) and len(value) == 2):
            raise BadValue(f"size is {value!r}; it must be [height, width], or one number for both")
        return value

    @field_validator("std")
    @classmethod
    def _positive(cls, value: Triple | None) -> Triple | None:
        if value is not None and min(value) <= 0:
            raise BadValue(f"std is {list(value)}; its three numbers must be above 0")
        return value

    def over(self, defaults: "Preprocess") -> "Preprocess":
        """These settings, and the defaults where they say nothing."""
        given = {name: value for name, value in self if value is not None}
        return defaults.model_copy(update=given)


DEFAULTS = Preprocess(
    resize="stretch",
    pad=114,
    pad_at="both",
    crop_share=1.0,
    scale=1 / 255,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    channels="rgb",
    axes="nchw",
    dtype="float32",
)


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


class Preprocessor:
    """:class:`Preprocess` with nothing left open, ready to run."""

    def __init__(self, settings: Preprocess) -> None:
        self.settings = settings = settings.over(DEFAULTS)
        mean, std = np.array(settings.mean), np.array(settings.std)
        assert settings.scale is not None
        factor, shift = settings.scale / std, -mean / std
        self._factor = factor.astype(np.float32)
        self._shift = shift.astype(np.float32)
        self._plain = bool((shift == 0).all()) and bool((factor == factor[0]).all())

    def view(self, width: int, height: int) -> View:
        """Where an image of this size lies in the input."""
        settings = self.settings
        if settings.resize == "none":
            return View(width, height, width, height, 1.0, 1.0, 0.0, 0.0)
        assert settings.size is not None
        rows, columns = settings.size
        if settings.resize == "stretch":
            return View(width, height, columns, rows, columns / width, rows / height, 0.0, 0.0)
        if settings.resize == "letterbox":
            inner_w, inner_h, left, top = self._letterbox(width, height)
            return View(width, height, columns, rows, inner_w / width, inner_h / height, left, top)
        inner_w, inner_h = self._cropped(width, height)
        left, top = -((inner_w - columns) // 2), -((inner_h - rows) // 2)
        return View(width, height, columns, rows, inner_w / width, inner_h / height, left, top)

    def _letterbox(self, width: int, height: int) -> tuple[int, int, int, int]:
        assert self.settings.size is not None
        rows, columns = self.settings.size
        gain = min(rows / height, columns / width)
        inner_w, inner_h = max(1, round(width * gain)), max(1, round(height * gain))
        if self.settings.pad_at == "end":
            return inner_w, inner_h, 0, 0
        return inner_w, inner_h, (columns - inner_w) // 2, (rows - inner_h) // 2

    def _cropped(self, width: int, height: int) -> tuple[int, int]:
        assert self.settings.size is not None and self.settings.crop_share is not None
        rows, columns = self.settings.size
        gain = max(rows / height, columns / width) / self.settings.crop_share
        return max(columns, math.ceil(width * gain - 1e-6)), max(rows, math.ceil(height * gain - 1e-6))

    def __call__(self, images: Sequence[Image]) -> tuple[NDArray[Any], list[View]]:
        """The (N, 3, h, w) or (N, h, w, 3) input of images that give inputs of one size, and their views."""
        views = [self.view(image.shape[1], image.shape[0]) for image in images]
        settings = self.settings
        rows, columns = views[0].input_height, views[0].input_width
        planar = settings.axes == "nchw"
        shape = (len(images), 3, rows, columns) if planar else (len(images), rows, columns, 3)
        batch = np.empty(shape, dtype=settings.dtype)
        for image, view, target in zip(images, views, batch, strict=True):
            pixels = self._resized(image, view)
            if settings.channels == "bgr":
                pixels = pixels[..., ::-1]
            self._normalise(pixels, target.transpose(1, 2, 0) if planar else target)
        return batch, views

    def _resized(self, image: Image, view: View) -> Image:
        settings = self.settings
        if settings.resize == "none":
            return image
        inner_w, inner_h = round(view.width * view.scale_x), round(view.height * view.scale_y)
        resized = resize_image(image, inner_h, inner_w)
        rows, columns = view.input_height, view.input_width
        left, top = int(view.offset_x), int(view.offset_y)
        if settings.resize == "crop":
            return resized[-top : -top + rows, -left : -left + columns]
        if (inner_h, inner_w) == (rows, columns):
            return resized
        padded = np.full((rows, columns, 3), settings.pad, dtype=np.uint8)
        padded[top : top + inner_h, left : left + inner_w] = resized
        return padded

    def _normalise(self, pixels: Image, target: NDArray[Any]) -> None:
        if self.settings.dtype == "uint8":
            target[...] = pixels
        elif self._plain:
            np.multiply(pixels, self._factor[0], out=target, dtype=np.float32, casting="unsafe")
        else:
            for channel in range(3):
                plane = np.multiply(pixels[..., channel], self._factor[channel], dtype=np.float32)
                np.add(plane, self._shift[channel], out=target[..., channel], casting="unsafe")
