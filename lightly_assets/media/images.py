"""Still images as the models see them: the stored pixels, as 8-bit RGB."""

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.media.decoding.limits import Limits
from lightly_assets.media.errors import MediaError
from lightly_assets.media.kinds import HEAD_BYTES, IMAGES, is_image, kind_of, kind_of_file

if TYPE_CHECKING:
    from PIL.Image import Image

SixteenBit = Literal["high-byte", "scale", "minmax"]
"""How grey of more than 8 bits becomes 8 bits."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF")
_READ = tuple(f"a {name} image" for name in _FORMATS)
_ORIENTATION_TAG = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS = 0x0100, 0x0101, 0x0102
# What Pillow's readers raise on data that are not what they claim to be.
_BAD_DATA: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    EOFError,
    MemoryError,
)
_BAD_DATA += (struct.error, zlib.error)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image. Its size is that of the stored pixels: an EXIF orientation is told, not applied."""

    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB, C-contiguous; yours to keep and to change."""
    width: int
    """Pixels, as stored."""
    height: int
    """Pixels, as stored."""
    orientation: int = 1
    """EXIF orientation, 1 to 8; 1 where the file has none."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it, each in one sentence."""
        if self.orientation == 1:
            return ()
        return (
            f"Its EXIF orientation is {self.orientation}: viewers turn it, and models and coordinates know "
            "the stored pixels.",
        )


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the beginning of an image says, for the stored pixels."""

    width: int
    height: int
    orientation: int
    """EXIF orientation, 1 to 8; 1 where the file has none."""


def read_header(file: BinaryIO, *, limits: Limits | None = None) -> ImageHeader:
    """Looks at the beginning of a file of the kinds that :func:`read_image` reads, without its pixels.

    Raises:
        MediaError: it is no such image, or has more pixels than the limit; the text names no file.
    """
    from PIL import Image

    try:
        with Image.open(file, formats=_FORMATS) as picture:
            width, height = _stored_size(picture)
            if width * height > (limits or Limits()).max_pixels:
                raise MediaError(_too_large(width, height, limits or Limits()))
            return ImageHeader(width, height, _orientation(picture))
    except Image.DecompressionBombError as error:
        raise MediaError(f"has more pixels than Pillow reads ({error})") from error
    except _BAD_DATA as error:
        file.seek(0)
        raise MediaError(_no_image(kind_of(file.read(HEAD_BYTES)), error)) from error


def read_image(
    path: str | os.PathLike[str], *, limits: Limits | None = None, sixteen_bit: SixteenBit = "high-byte"
) -> Picture:
    """Reads a PNG, JPEG, BMP, GIF or TIFF file.

    Of an animated or multi-page file it is the first picture. Grey of more than 8 bits becomes 8 bits as
    ``sixteen_bit`` says; of colours, and of grey with alpha, it is always the high byte. Alpha is dropped,
    palettes and CMYK become RGB.

    Raises:
        MediaError: the file is no such image, is truncated or damaged, has more pixels than the limit, or has
            pixels that 8 bits cannot hold (32-bit integer and floating point).
    """
    from PIL import Image

    limits = limits or Limits()
    name = os.fspath(path)
    if not Path(name).is_file():
        raise MediaError(f"'{name}': is not a file that can be read.")
    try:
        with Image.open(name, formats=_FORMATS) as picture:
            width, height = picture.size
            if width * height > limits.max_pixels:
                raise MediaError(f"'{name}': {_too_large(width, height, limits)}.")
            orientation = _orientation(picture)
            picture.load()
            image = _rgb(name, _as_stored(picture, orientation), sixteen_bit, _bits(picture))
    except Image.DecompressionBombError as error:
        raise MediaError(f"'{name}': has more pixels than Pillow reads ({error}).") from error
    except _BAD_DATA as error:
        raise MediaError(f"'{name}': {_no_image(kind_of_file(name), error)}.") from error
    height, width, _ = image.shape
    return Picture(image, width, height, orientation)


def _too_large(width: int, height: int, limits: Limits) -> str:
    return f"is {width} x {height}, more than {limits.max_pixels} pixels"


def _no_image(kind: str | None, error: Exception) -> str:
    """What a file is instead of an image, or what Pillow says of one that is broken."""
    if kind is None or kind in _READ:
        return f"cannot be read as an image ({error})"
    if is_image(kind):
        return f"is {kind}, whatever its name says; {IMAGES}, so convert it"
    return f"is {kind}, no image; {IMAGES}"


def _stored_size(picture: "Image") -> tuple[int, int]:
    """Width and height of the stored pixels: of a TIFF file Pillow tells those of the turned picture."""
    if picture.format != "TIFF":
        return picture.size
    tags = picture.tag_v2  # type: ignore[attr-defined]
    return int(tags[_TIFF_WIDTH]), int(tags[_TIFF_HEIGHT])


def _orientation(picture: "Image") -> int:
    value = picture.getexif().get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _as_stored(picture: "Image", orientation: int) -> "Image":
    """Takes back what Pillow does to TIFF files, and to no others: it applies their orientation."""
    if picture.format != "TIFF" or orientation == 1:
        return picture
    from PIL.Image import Transpose

    undo = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_90,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_270,
    }
    return picture.transpose(undo[orientation])


def _bits(picture: "Image") -> int:
    """How many bits a grey value of more than 8 bits has: a TIFF file may say fewer than 16."""
    if picture.format != "TIFF":
        return 16
    bits = picture.tag_v2.get(_TIFF_BITS)  # type: ignore[attr-defined]
    first = bits[0] if isinstance(bits, tuple) and bits else bits
    return first if isinstance(first, int) and 8 < first < 16 else 16


def _to_eight_bits(grey: NDArray[np.uint16], how: SixteenBit, bits: int) -> NDArray[np.uint8]:
    """(H, W) values of so many bits as 8 bits."""
    if how == "high-byte":
        return (grey >> (bits - 8)).astype(np.uint8)
    low = int(grey.min()) if how == "minmax" else 0
    spread = int(grey.max()) - low
    if not spread:
        return np.zeros(grey.shape, dtype=np.uint8)
    return np.round((grey - low) * (255 / spread)).astype(np.uint8)


def _rgb(name: str, picture: "Image", sixteen_bit: SixteenBit, bits: int) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):
        grey = _to_eight_bits(np.asarray(picture).astype(np.uint16), sixteen_bit, bits)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.mode in ("I", "F"):
        raise MediaError(f"'{name}': has 32-bit pixels (mode {picture.mode}); store it with 8 or 16 bits.")
    return np.array(picture if picture.mode == "RGB" else _without_alpha(picture))


def _without_alpha(picture: "Image") -> "Image":
    # A palette with transparent entries goes through RGBA, or Pillow warns and may change colours.
    if picture.mode in ("P", "PA") and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return picture.convert("RGB")
