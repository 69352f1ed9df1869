"""Two score distributions as a picture: for people who are to judge whether a change was meant."""

import io

import numpy as np
from numpy.typing import NDArray

from lightly_assets.encoding.statistics import BINS, Statistics
from lightly_assets.pictures.canvas import Canvas, Pen
from lightly_assets.pictures.style import DARK, LIGHT, Colour, category_colour

_BAR, _HEIGHT, _MARGIN, _TEXT = 22, 110, 16, 13
_BEFORE: Colour = (150, 153, 160)


def score_histograms(before: Statistics, now: Statistics) -> bytes:
    """A PNG: shares of predictions by score, those of before above those of now, at the same scale."""
    rows = [(_shares(before), f"before: {before.predictions:,} predictions", _BEFORE)]
    rows += [(_shares(now), f"now: {now.predictions:,} predictions", category_colour(0))]
    width = BINS * _BAR + 2 * _MARGIN
    height = len(rows) * (_HEIGHT + 2 * _TEXT + _MARGIN) + _MARGIN
    canvas = Canvas(np.full((height, width, 3), LIGHT, dtype=np.uint8), (width, height), {})
    most = max(float(shares.max()) for shares, _, _ in rows) or 1.0
    with Pen(canvas) as pen:
        top = _MARGIN
        for shares, caption, colour in rows:
            pen.text((_MARGIN, top), caption, _TEXT, DARK, anchor="lt")
            bottom = top + _TEXT + _HEIGHT
            for place, share in enumerate(shares):
                left = _MARGIN + place * _BAR
                high = round(float(share) / most * (_HEIGHT - _TEXT))
                pen.fill((left + 1, bottom - max(high, 1), left + _BAR - 1, bottom), colour)
            for score in (0.0, 0.25, 0.5, 0.75, 1.0):
                pen.text(
                    (_MARGIN + score * BINS * _BAR, bottom + 3), f"{score:g}", _TEXT - 2, DARK, anchor="mt"
                )
            top = bottom + _TEXT + _MARGIN
    return _png(canvas.pixels)


def _shares(one: Statistics) -> NDArray[np.float64]:
    return one.scores / max(int(one.scores.sum()), 1)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image  # late: needed for pictures only

    target = io.BytesIO()
    Image.fromarray(pixels).quantize(64).save(target, "PNG", optimize=True)
    return target.getvalue()
