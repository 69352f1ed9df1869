"""Small pictures with transparency that scenes are put together from, drawn in metres."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lightly_assets.demo.footage.colours import Colour

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sprite:
    """A drawn thing. Places are in pixels from the spot on the ground where it stands."""

    image: Image.Image
    """RGBA."""
    left: int
    top: int
    mask: NDArray[np.bool_]
    """(h, w) the pixels that it covers."""
    keypoints: NDArray[np.float32]
    """(K, 2) x, y."""


class Pen:
    """Draws in metres, y upwards from the ground, four times as fine as the result where that is small."""

    def __init__(self, scale: float, left: float, right: float, top: float, below: float = 0.15) -> None:
        """A canvas around the spot on the ground, so many metres to each side of it."""
        self._fine = 4 if scale * top < 90 else 3
        self._left, self._top = round(left * scale) + 2, round(top * scale) + 2
        width = self._left + round(right * scale) + 2
        height = self._top + round(below * scale) + 2
        self._scale = scale
        self._image = Image.new("RGBA", (width * self._fine, height * self._fine))
        self._draw = ImageDraw.Draw(self._image)

    def _pixel(self, point: Point) -> Point:
        x, y = point
        return (self._left + x * self._scale) * self._fine, (self._top - y * self._scale) * self._fine

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon([self._pixel(point) for point in points], fill=(*colour, 255))

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A thick line with round ends and joints."""
        pixels = [self._pixel(point) for point in points]
        thick = max(1.0, width * self._scale * self._fine)
        self._draw.line(pixels, fill=(*colour, 255), width=round(thick))
        for x, y in pixels:
            half = thick / 2
            self._draw.ellipse((x - half, y - half, x + half, y + half), fill=(*colour, 255))

    def ellipse(self, centre: Point, across: float, up: float, colour: Colour) -> None:
        """With these radii."""
        x, y = self._pixel(centre)
        half_w, half_h = across * self._scale * self._fine, up * self._scale * self._fine
        self._draw.ellipse((x - half_w, y - half_h, x + half_w, y + half_h), fill=(*colour, 255))

    def sprite(self, keypoints: Sequence[Point] = ()) -> Sprite:
        """What was drawn, with points of interest in metres."""
        image = self._image.reduce(self._fine)
        mask = np.asarray(image.getchannel("A")) > 127
        places = [(x * self._scale, -y * self._scale) for x, y in keypoints]
        return Sprite(image, -self._left, -self._top, mask, np.array(places, dtype=np.float32).reshape(-1, 2))


def mirrored(points: Sequence[Point], direction: int) -> list[Point]:
    """Points that look to the right, looking to the left where ``direction`` is -1."""
    return [(x * direction, y) for x, y in points]


def shade(colour: Colour, share: float) -> Colour:
    """Darker below 1, brighter above."""
    red, green, blue = (min(255, round(value * share)) for value in colour)
    return red, green, blue
