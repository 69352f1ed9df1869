"""Where the peaks of heatmaps lie, more exactly than in whole cells: as mmpose finds them.

Maps are (N, K, h, w) float32; places (N, K, 2) float64 columns and rows, from the middle of the first cell.
"""

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]
Places = NDArray[np.float64]

# What OpenCV takes for small Gaussians, in 256ths.
_SMALL = {
    1: [256],
    3: [64, 128, 64],
    5: [16, 64, 96, 64, 16],
    7: [8, 28, 56, 72, 56, 28, 8],
    9: [4, 13, 30, 51, 60, 51, 30, 13, 4],
}
_LEAST_DARK, _LEAST_UDP, _MOST_UDP = 1e-10, 1e-3, 50.0


def largest(maps: Maps) -> tuple[Places, NDArray[np.float64]]:
    """The cell of the largest number of each map, (-1, -1) where none is above 0; and that number, (N, K)."""
    flat = maps.reshape(*maps.shape[:2], -1)
    rows, columns = np.divmod(flat.argmax(axis=2), maps.shape[3])
    scores = flat.max(axis=2).astype(np.float64)
    places = np.stack([columns, rows], axis=2).astype(np.float64)
    places[scores <= 0] = -1
    return places, scores


def quarter(places: Places, maps: Maps) -> Places:
    """Places moved by a quarter of a cell to the larger one of two neighbours, across and down.

    Not beside the edges; where exactly is mmpose's ``refine_keypoints``.
    """
    height, width = maps.shape[2:]
    x, y = np.moveaxis(places.astype(np.intp), 2, 0)
    moved = places.copy()
    inside = (x > 1) & (x < width - 1) & (y > 0) & (y < height)
    moved[..., 0] += 0.25 * inside * np.sign(_at(maps, x + 1, y) - _at(maps, x - 1, y))
    inside = (y > 1) & (y < height - 1) & (x > 0) & (x < width)
    moved[..., 1] += 0.25 * inside * np.sign(_at(maps, x, y + 1) - _at(maps, x, y - 1))
    return moved


def dark(places: Places, maps: Maps, blur: int) -> Places:
    """Places moved to the peak of the parabola that fits the logarithm of a blurred map.

    Differences are over two cells; nearer than that to an edge nothing is moved.
    """
    logs = np.log(np.maximum(_blurred(maps, blur), _LEAST_DARK))
    height, width = maps.shape[2:]
    x, y = np.moveaxis(places.astype(np.intp), 2, 0)
    middle = 2 * _at(logs, x, y)
    dx = 0.5 * (_at(logs, x + 1, y) - _at(logs, x - 1, y))
    dy = 0.5 * (_at(logs, x, y + 1) - _at(logs, x, y - 1))
    dxx = 0.25 * (_at(logs, x + 2, y) - middle + _at(logs, x - 2, y))
    dyy = 0.25 * (_at(logs, x, y + 2) - middle + _at(logs, x, y - 2))
    dxy = 0.25 * (
        _at(logs, x + 1, y + 1) - _at(logs, x + 1, y - 1) - _at(logs, x - 1, y + 1) + _at(logs, x - 1, y - 1)
    )
    movable = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2) & (dxx * dyy - dxy**2 != 0)
    return np.where(movable[..., None], places - _newton(dx, dy, dxx, dxy, dyy, movable), places)


def dark_udp(places: Places, maps: Maps, blur: int) -> Places:
    """As :func:`dark`, of unbiased data processing: over one cell, and up to the edges."""
    logs = np.log(np.clip(_blurred(maps, blur), _LEAST_UDP, _MOST_UDP))
    x, y = np.moveaxis(places.astype(np.intp), 2, 0)
    middle = _at(logs, x, y)
    right, left, below, above = (
        _at(logs, x + 1, y),
        _at(logs, x - 1, y),
        _at(logs, x, y + 1),
        _at(logs, x, y - 1),
    )
    corners = _at(logs, x + 1, y + 1) + _at(logs, x - 1, y - 1)
    tiny = float(np.finfo(np.float32).eps)
    dxx, dyy = right - 2 * middle + left + tiny, below - 2 * middle + above + tiny
    dxy = 0.5 * (corners - right - below - left - above + 2 * middle)
    movable = dxx * dyy - dxy**2 != 0
    return places - _newton(0.5 * (right - left), 0.5 * (below - above), dxx, dxy, dyy, movable)


def _at(maps: Maps | NDArray[np.float64], x: NDArray[np.intp], y: NDArray[np.intp]) -> NDArray[np.float64]:
    """(N, K) numbers of the maps at places, those outside of a map as its nearest."""
    height, width = maps.shape[2:]
    n, k = np.indices(x.shape)
    found = maps[n, k, np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return np.asarray(found, dtype=np.float64)


def _newton(
    dx: Places, dy: Places, dxx: Places, dxy: Places, dyy: Places, movable: NDArray[np.bool_]
) -> Places:
    """(N, K, 2) the inverse of the second derivatives times the first ones."""
    determinant = np.where(movable, dxx * dyy - dxy**2, 1)
    return np.stack([dyy * dx - dxy * dy, dxx * dy - dxy * dx], axis=2) / determinant[..., None]


def _blurred(maps: Maps, size: int) -> NDArray[np.float64]:
    """Each map blurred by a Gaussian of so many cells, black around it; its peak stays as high."""
    weights = _weights(size)
    border = size // 2
    found = maps.astype(np.float64)
    for axis in (2, 3):
        around = [(0, 0)] * 4
        around[axis] = (border, border)
        padded = np.pad(found, around)
        length = maps.shape[axis]
        found = sum(
            weight * np.take(padded, np.arange(start, start + length), axis=axis)
            for start, weight in enumerate(weights)
        )
    peaks = found.max(axis=(2, 3), keepdims=True)
    before = maps.max(axis=(2, 3), keepdims=True)
    return np.asarray(found * np.divide(before, peaks, out=np.zeros_like(peaks), where=peaks > 0))


def _weights(size: int) -> NDArray[np.float64]:
    """Of a Gaussian of so many cells, as OpenCV's ``getGaussianKernel`` has them."""
    if size in _SMALL:
        return np.array(_SMALL[size]) / 256
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    offsets = np.arange(size) - (size - 1) / 2
    weights: NDArray[np.float64] = np.exp(-(offsets**2) / (2 * sigma**2))
    weights /= weights.sum()
    return weights
