"""A picture that stands for a frame, and what is drawn on it: lines, dots, words, tints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format import rle
from lightly_assets.pictures.style import DARK, Colour, line_width, text_colour, text_size
from lightly_assets.pictures.text import font, font_for, shown_name

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in the picture's pixels; right and bottom are outside."""


@dataclass
class Canvas:
    """A picture that stands for a whole frame, at the frame's size or smaller or larger."""

    pixels: Pixels
    """(h, w, 3), drawn on in place."""
    frame_size: tuple[int, int]
    """Width and height of the frame, in which predictions are given."""
    names: Mapping[int, str]
    occupied: list[Box] = field(default_factory=list)
    """Where labels lie already."""

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @cached_property
    def scale(self) -> tuple[float, float]:
        """The picture's pixels per pixel of the frame, across and down."""
        return self.width / self.frame_size[0], self.height / self.frame_size[1]

    @cached_property
    def line(self) -> int:
        """Width of lines."""
        return line_width(self.width, self.height)

    @cached_property
    def text_size(self) -> int:
        return text_size(self.width, self.height)

    @cached_property
    def _shown_rows_and_columns(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each row and each column: which one of the frame it shows."""
        frame_width, frame_height = self.frame_size
        rows = ((np.arange(self.height) + 0.5) * frame_height / self.height).astype(np.int64)
        columns = ((np.arange(self.width) + 0.5) * frame_width / self.width).astype(np.int64)
        return rows, columns

    @cached_property
    def _shown_places(self) -> NDArray[np.int64]:
        """Of each pixel, row by row: its place in the flat frame."""
        rows, columns = self._shown_rows_and_columns
        flat: NDArray[np.int64] = (rows[:, None] * self.frame_size[0] + columns).ravel()
        return flat

    def mask(self, counts: Any) -> NDArray[np.bool_]:
        """(h, w), from the run lengths of a mask of the whole frame, which is not made where it is larger."""
        frame_width, frame_height = self.frame_size
        if self.height > frame_height:
            whole = rle.decode(counts, frame_height, frame_width)
            return whole[np.ix_(*self._shown_rows_and_columns)].view(np.bool_)
        runs = rle.check_counts(counts, frame_height, frame_width)
        # Places ascend, so those of one run follow each other here as well.
        own = np.diff(np.searchsorted(self._shown_places, np.cumsum(runs)), prepend=0)
        return rle.decode(own, self.height, self.width).view(np.bool_)

    def box(self, bbox: Sequence[float]) -> Box:
        """An [x, y, w, h] of the frame; what leaves the picture leaves it here as well, by a little."""
        x, y, w, h = (float(value) for value in bbox)
        left, right = (self._place(value, 0) for value in (x, x + w))
        top, bottom = (self._place(value, 1) for value in (y, y + h))
        return left, top, max(right, left + 1), max(bottom, top + 1)

    def _place(self, value: float, axis: int) -> int:
        beyond = 4 * self.line
        most = (self.width, self.height)[axis] + beyond
        return round(min(max(value * self.scale[axis], -beyond), most))

    def point(self, x: float, y: float) -> tuple[int, int]:
        return self._place(x, 0), self._place(y, 1)

    def name(self, category_id: int) -> str:
        return shown_name(self.names.get(category_id), category_id, self.text_size)


class Pen:
    """Lines, dots and words on a canvas; they are there when its ``with`` ends."""

    def __init__(self, canvas: Canvas) -> None:
        from PIL import Image, ImageDraw

        self._canvas = canvas
        self._picture = Image.fromarray(canvas.pixels)
        self._pen = ImageDraw.Draw(self._picture)

    def __enter__(self) -> "Pen":
        return self

    def __exit__(self, *_: object) -> None:
        self._canvas.pixels[:] = np.asarray(self._picture)

    def outline(self, box: Box, colour: Colour, line: int) -> None:
        """Lines along the inside of a box's edges, with a dark one outside that shows them on any ground."""
        left, top, right, bottom = box
        self._pen.rectangle((left - 1, top - 1, right, bottom), outline=DARK)
        self._pen.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=line)

    def dot(self, centre: tuple[int, int], radius: int, colour: Colour, *, filled: bool) -> None:
        x, y = centre
        ring = (x - radius, y - radius, x + radius, y + radius)
        if filled:
            self._pen.ellipse(ring, fill=colour, outline=DARK)
            return
        self._pen.ellipse((ring[0] - 1, ring[1] - 1, ring[2] + 1, ring[3] + 1), outline=DARK)
        self._pen.ellipse(ring, outline=colour, width=max(1, radius // 2))

    def fill(self, box: Box, colour: Colour) -> None:
        left, top, right, bottom = box
        self._pen.rectangle((left, top, right - 1, bottom - 1), fill=colour)

    def chip(self, box: Box, text: str, size: int, colour: Colour) -> None:
        """Words in the middle of a filled box."""
        self.fill(box, colour)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        self.text(middle, text, size, text_colour(colour), anchor="mm")

    def text(self, place: tuple[float, float], text: str, size: int, colour: Colour, *, anchor: str) -> None:
        self._pen.text(place, text, fill=colour, font=font_for(text, size) or font(size), anchor=anchor)


class Tint:
    """Colours of masks over a picture, blended in one go; of masks that overlap the last is seen."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels
        # A pixel's number is the place of its colour, and of that colour's share in 256ths.
        self._numbers = np.zeros(pixels.shape[:2], dtype=np.int32)
        self._colours: list[Colour] = [DARK]
        self._shares = [0]

    def add(self, mask: NDArray[np.bool_], colour: Colour, inner: float, edge: float, line: int) -> int:
        """Tint a mask by a share, and its edge by another; returns its area in the picture."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size == 0:
            return 0
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        mask = mask[part]
        numbers = self._numbers[part]
        numbers[mask] = self._number(colour, inner)
        numbers[_edge(mask, max(1, line // 2))] = self._number(colour, edge)
        return int(np.count_nonzero(mask))

    def _number(self, colour: Colour, share: float) -> int:
        self._colours.append(colour)
        self._shares.append(round(256 * share))
        return len(self._shares) - 1

    def apply(self) -> None:
        shares = np.repeat(np.array(self._shares, dtype=np.uint16)[:, None], 3, axis=1)
        colours = np.array(self._colours, dtype=np.uint16) * shares + 128
        flat = self._numbers.ravel()
        pixels = self._pixels.reshape(-1, 3)
        # take is several times faster than an index; at most 255 · 256 + 128, so 16 bits are enough.
        pixels[:] = (pixels * (256 - shares).take(flat, axis=0) + colours.take(flat, axis=0)) >> 8


def shade(pixels: Pixels, box: Box) -> None:
    """Darken a part, so that light text is read on it."""
    left, top, right, bottom = box
    part = pixels[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    part[:] = (part * 0.22 + np.array(DARK) * 0.78).astype(np.uint8)


def _edge(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """The pixels of a mask that lie at most so far from what is outside of it, as is all beyond the array."""
    inner = mask
    for _ in range(width):
        around = np.pad(inner, 1)
        inner = inner & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return mask & ~inner
