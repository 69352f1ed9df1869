"""Contact sheets: pictures with their predictions in rows, as one small WebP."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lightly_assets.pictures.canvas import Pixels
from lightly_assets.pictures.style import DARK, LIGHT
from lightly_assets.pictures.text import font, font_for, shortened, writable

if TYPE_CHECKING:
    from PIL.Image import Image
from lightly_assets.pictures.draw import Predictions, check_image, drawn

# Half the bytes of a JPEG that looks as good; each try costs milliseconds, so there are few. Beside each
# quality is how many times the bytes of the last one it takes at least.
_QUALITIES = ((80, 1.3), (60, 1.1), (40, 1.0))
# Smaller tiles show nothing any more: then the whole sheet is made smaller.
_LEAST_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a contact sheet."""

    image: Pixels
    """(H, W, 3) RGB, as large as the frame, or smaller."""
    predictions: Predictions
    """The frame's singletons; coordinates and masks are those of the whole frame."""
    task_type: str
    """One of the specification's five."""
    names: Mapping[int, str]
    """The name of each category id of the schema."""
    caption: str
    """Below the picture, such as ``drive 1.v2 · frame 37``."""
    frame_size: tuple[int, int] | None = None
    """Width and height of the frame, where the image is smaller than it."""


def contact_sheet(
    tiles: Sequence[Tile], *, columns: int = 3, tile_width: int = 320, max_bytes: int = 60_000
) -> bytes:
    """Pictures in rows, each with its predictions and its caption, as a WebP.

    Each image is scaled to ``tile_width`` (a tall one until it is that high) before it is drawn on, so large
    frames cost little more than small ones. Where the picture has more than ``max_bytes``, its quality is
    lowered, then its tiles are drawn smaller, so that lines and words stay sharp.

    Raises:
        ValueError: there are no tiles, columns, width or bytes to make it of; or as :func:`draw`.
    """
    if not tiles or columns < 1 or tile_width < 1:
        raise ValueError(
            f"A contact sheet needs at least one tile, column and pixel, but got {len(tiles)} tiles, "
            f"{columns} columns and a tile_width of {tile_width}."
        )
    while True:
        pictures = [_tile_picture(tile, tile_width) for tile in tiles]
        sheet = _sheet(pictures, [tile.caption for tile in tiles], min(columns, len(tiles)), tile_width)
        found = _webp(sheet, max_bytes)
        if len(found) <= max_bytes:
            return found
        if tile_width <= _LEAST_WIDTH:
            return _shrunk(sheet, max_bytes)
        # Bytes grow a little more slowly than pixels do.
        share = (max_bytes / len(found)) ** 0.55
        tile_width = max(_LEAST_WIDTH, min(round(tile_width * share), tile_width * 9 // 10))


def _tile_picture(tile: Tile, tile_width: int) -> Pixels:
    check_image(tile.image)
    height, width = tile.image.shape[:2]
    scale = min(tile_width / width, tile_width / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    frame_size = tile.frame_size or (width, height)
    return drawn(_scaled(tile.image, size), frame_size, tile.predictions, tile.task_type, tile.names)


def _scaled(image: Pixels, size: tuple[int, int]) -> Pixels:
    """A picture of so many pixels across and down; a tiny one keeps its hard edges."""
    from PIL import Image

    height, width = image.shape[:2]
    # Of large frames every n-th pixel is enough, while twice as many are left as are wanted.
    step = max(1, min(width // (2 * size[0]), height // (2 * size[1])))
    thinned = np.ascontiguousarray(image[::step, ::step])
    enlarged = size[0] > 3 * width or size[1] > 3 * height
    kind = Image.Resampling.NEAREST if enlarged else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(thinned).resize(size, kind, reducing_gap=1.0))


def _sheet(pictures: Sequence[Pixels], captions: Sequence[str], columns: int, tile_width: int) -> "Image":
    from PIL import Image, ImageDraw

    size = max(11, tile_width // 34)
    gap, caption_height = max(4, tile_width // 40), round(1.9 * size)
    rows = [range(first, min(first + columns, len(pictures))) for first in range(0, len(pictures), columns)]
    heights = [max(pictures[index].shape[0] for index in row) for row in rows]
    total = (gap + columns * (tile_width + gap), gap + sum(heights) + len(rows) * (caption_height + gap // 2))
    sheet = Image.new("RGB", total, DARK)
    pen = ImageDraw.Draw(sheet)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        for column, index in enumerate(row):
            left, picture = gap + column * (tile_width + gap), pictures[index]
            sheet.paste(Image.fromarray(picture), (left + (tile_width - picture.shape[1]) // 2, top))
            text = shortened(writable(captions[index], size), size, tile_width, keep_end=True)
            place = (left + 1, top + height + caption_height / 2)
            pen.text(place, text, fill=LIGHT, font=font_for(text, size) or font(size), anchor="lm")
        top += height + caption_height + gap // 2
    return sheet


def _webp(sheet: "Image", max_bytes: int) -> bytes:
    """With the best quality of which there are at most so many bytes; else the smallest."""
    *others, least = _QUALITIES
    found = _encoded(sheet, least[0])
    if len(found) > max_bytes:
        return found
    promising = [quality for quality, share in others if len(found) * share <= max_bytes]
    return next((one for q in promising if len(one := _encoded(sheet, q)) <= max_bytes), found)


def _shrunk(sheet: "Image", max_bytes: int) -> bytes:
    """Smaller, until there are at most so many bytes."""
    while len(found := _webp(sheet, max_bytes)) > max_bytes:
        if sheet.size == (1, 1):
            raise ValueError(f"max_bytes is {max_bytes}; the smallest WebP has {len(found)}.")
        sheet = sheet.resize((max(1, sheet.width * 3 // 4), max(1, sheet.height * 3 // 4)))
    return found


def _encoded(sheet: "Image", quality: int) -> bytes:
    # Pillow loads all formats that it knows, where the one that is wanted is not there yet.
    from PIL import WebPImagePlugin  # noqa: F401

    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=quality, method=2)
    return file.getvalue()
