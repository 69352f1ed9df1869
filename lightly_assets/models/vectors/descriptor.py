"""A classic description of a picture: colours and directions of edges, without any model or download.

It tells day from night, street from field, and one camera from another. It knows nothing about meaning: two
streets with and without a cyclist are the same to it. Vectors of a model of your own are better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.files import version_of
from lightly_assets.models.protocol import Images, Source

NAME = "classic-1"
"""Counts up when the same picture would give another vector."""

_SIDE = 64
_CELLS = 4
_DIRECTIONS = 8
# Edges are fainter than colours; so much they count.
_EDGES = 0.75
SIZE = _CELLS**2 * (3 * 2 + 3 + _DIRECTIONS)
"""Numbers of a vector."""


class Descriptor:
    """The descriptor as a model."""

    batch_size = 8

    def __init__(self) -> None:
        self.version = version_of(NAME, {}, 1)

    def predict(self, images: Images, sources: Sequence[Source]) -> list[NDArray[np.float32]]:  # noqa: ARG002
        """(D,) for each picture."""
        return [describe(image) for image in images]


def describe(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(D,) a unit vector of an (H, W, 3) RGB picture of any size.

    Of each of 4×4 cells it has the mean colour (as an angle from dark to light, so that vectors of one length
    can tell both), the spread of colours, and the strength of edges by direction, as in histograms of
    oriented gradients.
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    step = max(1, min(height, width) // (2 * _SIDE))
    thin = Image.fromarray(np.ascontiguousarray(pixels[::step, ::step]))
    small = np.asarray(thin.resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float64) / 255
    cells = small.reshape(_CELLS, _SIDE // _CELLS, _CELLS, _SIDE // _CELLS, 3)
    means, spreads = cells.mean(axis=(1, 3)).ravel(), cells.std(axis=(1, 3)).ravel()
    angles = means * np.pi / 2
    parts = [np.cos(angles), np.sin(angles), spreads]
    colours = np.concatenate(parts) / np.sqrt(means.size)
    vector = np.concatenate([colours, _EDGES * _edges(small.mean(axis=2))])
    unit: NDArray[np.float32] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def _edges(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean strength of edges by cell and direction."""
    rows, columns = np.gradient(grey)
    strength = np.hypot(rows, columns)
    # Upright and level edges lie in the middle of their direction, so that noise does not move them.
    direction = np.floor(np.arctan2(rows, columns) / np.pi * _DIRECTIONS + 0.5).astype(np.int64)
    cell = np.arange(_SIDE) * _CELLS // _SIDE
    bins = (cell[:, None] * _CELLS + cell) * _DIRECTIONS + direction % _DIRECTIONS
    sums = np.bincount(bins.ravel(), weights=strength.ravel(), minlength=_CELLS**2 * _DIRECTIONS)
    return sums.astype(np.float64) / (_SIDE // _CELLS) ** 2
