"""Images to a model's input."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.pixels.geometry import view_of
from lightly_assets.models.pixels.kernels import resize_image, split
from lightly_assets.models.preprocess import CHANNELS, Preprocess, Shrinking, View
from lightly_assets.models.protocol import Image

Size = tuple[int, int]

# Takes numbers as they are: scale, mean and std have no use.
WHOLE_NUMBERS = ("uint8", "int32")
# Where the channels of RGB(A) are in others; each is its own inverse.
_ORDERS = {"bgr": [2, 1, 0], "bgra": [2, 1, 0, 3]}


class Preprocessor:
    """:class:`Preprocess` with nothing left open, ready to run."""

    def __init__(self, settings: Preprocess) -> None:
        self.settings = settings = settings.complete()
        assert settings.channels is not None and settings.scale is not None
        self.channels = CHANNELS[settings.channels]
        mean, std = self._of_channels(settings.mean), self._of_channels(settings.std)
        factor, shift = settings.scale / std, -mean / std
        self._factor = factor.astype(np.float32)
        self._shift = shift.astype(np.float32)
        self._plain = bool((shift == 0).all()) and bool((factor == factor[0]).all())
        self._padding = self._normalised_padding()
        self._order = _ORDERS.get(settings.channels, [*range(self.channels)])
        self._turned = settings.channels in _ORDERS
        self._in_planes = settings.axes == "nchw" and self.channels > 1

    def _of_channels(self, numbers: tuple[float, ...] | None) -> NDArray[np.float64]:
        """One number for each channel; equal ones may be of another count, as defaults are."""
        given = np.array(numbers, dtype=np.float64)
        return given if len(given) == self.channels else np.repeat(given[:1], self.channels)

    def view(self, width: int, height: int) -> View:
        """Where an image of this size lies in the input."""
        return view_of(self.settings, width, height)

    @property
    def shrinking(self) -> Shrinking | None:
        """The size that frames are wanted in; None where they are wanted as they are."""
        settings = self.settings
        if settings.source != "yuv":
            return None
        assert settings.size is not None and settings.rounding is not None
        return Shrinking(
            settings.resize == "letterbox", settings.size[1], settings.size[0], settings.rounding
        )

    def __call__(
        self, images: Sequence[Image], sizes: Sequence[Size] | None = None
    ) -> tuple[NDArray[Any], list[View]]:
        """The (N, C, h, w) or (N, h, w, C) input of images that give inputs of one size, and their views.

        ``sizes`` are the widths and heights of what the images show; where they are resized already, the
        images have the size that their views say.
        """
        sizes = sizes or [(image.shape[1], image.shape[0]) for image in images]
        views = [self.view(*size) for size in sizes]
        settings = self.settings
        rows, columns = views[0].input_height, views[0].input_width
        planar = settings.axes == "nchw"
        one = (self.channels, rows, columns) if planar else (rows, columns, self.channels)
        batch = np.empty((len(images), *one), dtype=settings.dtype)
        for image, view, target in zip(images, views, batch, strict=True):
            self._fill(target.transpose(1, 2, 0) if planar else target, image, view)
        return batch, views

    def _fill(self, target: NDArray[Any], image: Image, view: View) -> None:
        """One image, resized and normalised, into its (h, w, C) part of the batch."""
        inner_w, inner_h = round(view.width * view.scale_x), round(view.height * view.scale_y)
        kernel = self.settings.interpolation
        assert kernel is not None
        assert image.shape[:2] in ((view.height, view.width), (inner_h, inner_w))
        pixels = resize_image(self._with_channels(image), inner_h, inner_w, kernel)
        rows, from_row = _window(int(view.offset_y), inner_h, view.input_height)
        columns, from_column = _window(int(view.offset_x), inner_w, view.input_width)
        inside = target[rows, columns]
        if inside.shape != target.shape:
            self._pad(target, rows, columns)
        part = pixels[from_row, from_column]
        if self._in_planes:
            for channel, plane in zip(self._order, split(part), strict=True):
                self._normalise_plane(plane, channel, inside[..., channel])
        else:
            self._normalise(part[..., self._order] if self._turned else part, inside)

    def _pad(self, target: NDArray[Any], rows: slice, columns: slice) -> None:
        parts = (
            [(target[..., channel], self._padding[channel]) for channel in range(self.channels)]
            if self._in_planes
            else [(target, self._padding)]
        )
        for part, value in parts:
            part[: rows.start] = part[rows.stop :] = value
            part[rows, : columns.start] = part[rows, columns.stop :] = value

    def _with_channels(self, image: Image) -> Image:
        if self.channels == 3:
            return image
        if self.channels == 1:
            from PIL import Image as Pictures

            return np.asarray(Pictures.fromarray(image).convert("L"))[..., None]
        return np.concatenate([image, np.full((*image.shape[:2], 1), 255, np.uint8)], axis=2)

    def _normalised_padding(self) -> NDArray[Any]:
        found = np.zeros((1, 1, self.channels), dtype=self.settings.dtype)
        if self.settings.pad == "mean" and self.settings.dtype not in WHOLE_NUMBERS:
            return np.asarray(found[0, 0])
        value = 0 if self.settings.pad == "mean" else self.settings.pad
        self._normalise(np.full(found.shape, value, dtype=np.uint8), found)
        return np.asarray(found[0, 0])

    def _normalise(self, pixels: Image, target: NDArray[Any]) -> None:
        if self.settings.dtype in WHOLE_NUMBERS:
            target[...] = pixels
        elif self._plain:
            np.multiply(pixels, self._factor[0], out=target, dtype=np.float32, casting="unsafe")
        else:
            for channel in range(self.channels):
                self._normalise_plane(pixels[..., channel], channel, target[..., channel])

    def _normalise_plane(self, pixels: Image, channel: int, target: NDArray[Any]) -> None:
        """One channel; numbers that lie beside each other take a third of the time."""
        if self.settings.dtype in WHOLE_NUMBERS:
            target[...] = pixels
        elif self._plain:
            np.multiply(pixels, self._factor[0], out=target, dtype=np.float32, casting="unsafe")
        else:
            scaled = np.multiply(pixels, self._factor[channel], dtype=np.float32)
            np.add(scaled, self._shift[channel], out=target, casting="unsafe")


def _window(offset: int, inner: int, size: int) -> tuple[slice, slice]:
    """The part of the input that the resized image covers, and the part of the image that lies there."""
    start, stop = max(0, offset), min(size, offset + inner)
    return slice(start, stop), slice(start - offset, stop - offset)
