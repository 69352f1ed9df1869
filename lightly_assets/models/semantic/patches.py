"""The pixels of chosen patches, read exactly as the whole image would be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.semantic.stretches import Stretches

Activate = Callable[[NDArray[np.float32]], NDArray[np.float32]]
# So many numbers stay in the cache.
_CACHED = 1 << 17


@dataclass(frozen=True, slots=True)
class PatchPixels:
    """Some pixels of an image, in any order."""

    places: NDArray[np.intp]
    """(P,): their index, row by row."""
    labels: NDArray[Any]
    """(P,): the class with the largest score, the first of equal ones."""
    best: NDArray[np.float32]
    """(P,): that score."""


def read_patches(
    planes: NDArray[np.float32],
    activate: Activate,
    lines: tuple[Stretches, Stretches],
    chosen: NDArray[np.intp],
    width: int,
) -> PatchPixels:
    """The pixels of patches, which are numbered row by row.

    Args:
        planes: (C, h, w) scores, before ``activate``.
        activate: from (C, P) numbers to the scores of P pixels.
        lines: the image's rows and columns.
        width: the image's.
    """
    rows, columns = lines
    step = max(2, _CACHED // (len(planes) * len(rows.shares) * len(columns.shares)))
    y, x = np.divmod(chosen, len(columns))
    parts = [
        _read(planes, activate, lines, (y[start : start + step], x[start : start + step]), width)
        for start in range(0, len(chosen), step)
    ]
    if not parts:
        nothing = np.zeros(0, dtype=np.intp)
        return PatchPixels(nothing, nothing.astype(np.uint8), np.zeros(0, dtype=np.float32))
    return PatchPixels(
        np.concatenate([one.places for one in parts]),
        np.concatenate([one.labels for one in parts]),
        np.concatenate([one.best for one in parts]),
    )


def _read(
    planes: NDArray[np.float32],
    activate: Activate,
    lines: tuple[Stretches, Stretches],
    chosen: tuple[NDArray[np.intp], NDArray[np.intp]],
    width: int,
) -> PatchPixels:
    (rows, columns), (y, x) = lines, chosen
    labels, best = _winners(activate(_between(planes, lines, chosen)))
    down = (rows.starts[y] + np.arange(len(rows.shares))[:, None]) * width
    right = columns.starts[x] + np.arange(len(columns.shares))[:, None]
    places = (down[:, None] + right).ravel()
    is_row = np.arange(len(rows.shares))[:, None] < rows.counts[y]
    is_column = np.arange(len(columns.shares))[:, None] < columns.counts[x]
    if is_row.all() and is_column.all():
        return PatchPixels(places, labels, best)
    kept = np.flatnonzero(is_row[:, None] & is_column)
    return PatchPixels(places[kept], labels[kept], best[kept])


def _between(
    planes: NDArray[np.float32],
    lines: tuple[Stretches, Stretches],
    chosen: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> NDArray[np.float32]:
    """(C, P) numbers: with the steps of ``resample``, in its order, so that they are the same to the bit."""
    (rows, columns), (y, x) = lines, chosen
    flat = planes.reshape(len(planes), -1)
    corner = rows.low[y] * planes.shape[2] + columns.low[x]
    across = columns.shares.take(x, axis=1)

    def line(place: NDArray[np.intp]) -> NDArray[np.float32]:
        before = flat.take(place, axis=1)[:, None]
        return np.asarray((flat.take(place + 1, axis=1)[:, None] - before) * across + before)

    above = line(corner)
    steps = line(corner + planes.shape[2]) - above
    # Patches come last: numbers of one kind lie side by side, in long lines.
    read = steps[:, None] * rows.shares.take(y, axis=1)[:, None]
    read += above[:, None]
    return read.reshape(len(planes), -1)


def _winners(scores: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[np.float32]]:
    best = scores[0].copy()
    labels = np.zeros(best.shape, dtype=np.min_scalar_type(len(scores)))
    for number in range(1, len(scores)):
        greater = scores[number] > best
        if greater.any():
            np.maximum(labels, greater * labels.dtype.type(number), out=labels)
            np.maximum(best, scores[number], out=best)
    return labels, best
