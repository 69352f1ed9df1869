"""Scores of a model's coarser pixels, and the segments of the image that they make.

An image of 1080p has two million pixels, and the model's output fifteen thousand. Between four of those one
class leads nearly everywhere, so that only what lies along borders is read pixel by pixel. Masks are the ones
that reading every pixel gives, to the bit; a class's median and mean are within ``TOLERANCE`` of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.segmentation import label_runs
from lightly_assets.models.layouts.base import sigmoid, softmax
from lightly_assets.models.preprocess import View
from lightly_assets.models.resize import between, resample
from lightly_assets.models.results import RunLengths, SemanticScores, SemanticSegments
from lightly_assets.models.semantic.coarse import Coarse, look
from lightly_assets.models.semantic.patches import PatchPixels, read_patches
from lightly_assets.models.semantic.stretches import Stretches
from lightly_assets.models.semantic.summary import ClassScores, Patches

# Below so many pixels in a patch, looking at patches saves nothing.
_WORTH_IT = 4
# Some rows at a time, so that all classes of them stay in the cache.
_ROWS = 16
# exp() of less is 0 in float32.
_NOTHING = 200
_HUGE = 1e4
_ROUNDING = 2.0**-18

Numbers = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Activation:
    """How a pixel's numbers become the scores of its classes."""

    of_pixels: Callable[[Numbers], Numbers]
    """From (C, …) numbers to scores in 0..1; may write over what it is given."""
    softmax: bool
    """Whether it is a softmax, or a sigmoid of a single channel; otherwise the numbers are scores."""
    clips: bool = False
    """Whether numbers above 1 are 1."""
    single: bool = False
    """Whether one channel stands for the second of two classes."""

    def channels(self, planes: Numbers) -> Numbers:
        """(C, h, w) numbers with a channel for each class."""
        if not self.single:
            return planes
        first = np.zeros_like(planes) if self.softmax else 1 - planes
        return np.concatenate([first, planes])


def two(scores: NDArray[Any]) -> NDArray[Any]:
    """(1, …) probabilities of the second class as (2, …) of both."""
    return np.concatenate([1 - scores, scores])


def _softmax(numbers: Numbers) -> Numbers:
    return softmax(numbers, axis=0)


def _sigmoid(numbers: Numbers) -> Numbers:
    return two(sigmoid(numbers))


def _as_they_are(numbers: Numbers) -> Numbers:
    return numbers


def _clipped(numbers: Numbers) -> Numbers:
    return np.clip(numbers, 0, 1)


# Functions with names, so that another process can be told which.
SOFTMAX = Activation(_softmax, softmax=True)
SIGMOID = Activation(_sigmoid, softmax=True, single=True)
SHARES = Activation(_as_they_are, softmax=False)
SHARE = Activation(two, softmax=False, single=True)
CLIPPED = Activation(_clipped, softmax=False, clips=True)


class InterpolatedScores(SemanticScores):
    """:class:`SemanticScores` that are read between the pixels of a model's output, once somebody asks."""

    __slots__ = ("activation", "planes", "view")
    planes: NDArray[Any]
    view: View
    activation: Activation

    def __init__(self, planes: NDArray[Any], view: View, activation: Activation) -> None:
        """
        Args:
            planes: (C, h, w) numbers over the model's input.
            view: where the image lies in the input.
            activation: what is done after reading.
        """
        given = {"planes": planes, "view": view, "activation": activation}
        for name, value in (given | {"label_map": None, "category_scores": None, "ignore": None}).items():
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.planes, self.view, self.activation)

    @property
    def scores(self) -> Numbers:
        """(C, H, W), made anew each time."""
        read = resized_scores(self.planes, self.view)
        count = 2 if self.activation.single else len(read)
        result = read if count == len(read) else np.empty((count, *read.shape[1:]), dtype=np.float32)
        for start in range(0, read.shape[1], _ROWS):
            result[:, start : start + _ROWS] = self.activation.of_pixels(read[:, start : start + _ROWS])
        return result

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.view.height, self.view.width

    def segments(self) -> SemanticSegments | None:
        """What the image consists of; None where every pixel must be looked at to tell.

        None for what cannot be told between pixels: an output as fine as the image, and numbers that are no
        scores, which are refused where all are read.
        """
        part = _part(*self.planes.shape[1:], self.view)
        if part is None:
            return None
        # Only what the image lies in.
        planes = self.planes[(slice(None), *part.inside)].astype(np.float32, copy=False)
        lines = part.lines
        if not np.isfinite(planes).all():
            return None
        are_scores = not (self.activation.softmax or self.activation.clips)
        if are_scores and not 0 <= planes.min() <= planes.max() <= 1:
            return None
        possible = np.arange(len(planes))
        if self.activation.softmax and len(planes) > 1 and planes.min() < -_HUGE:
            possible = _possible(planes)
        planes = np.ascontiguousarray(planes[possible])
        channels = self.activation.channels(planes)
        coarse = look(channels, self.activation.softmax, *lines)
        return _Found(planes, self.activation, lines, coarse, self.view).segments(possible)


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of an output that an image lies in."""

    inside: tuple[slice, slice]
    lines: tuple[Stretches, Stretches]
    """The image's rows and columns on that part."""


@lru_cache(maxsize=32)
def _part(height: int, width: int, view: View) -> _Part | None:
    """Of an output of this size; None where looking at patches would save nothing.

    Kept, as it is the same for all frames.
    """
    rows, columns = between(height, view.rows(height)), between(width, view.columns(width))
    lines = Stretches.of(*rows), Stretches.of(*columns)
    if (
        view.height * view.width < _WORTH_IT * len(lines[0]) * len(lines[1])
        or min(height, width, view.width) < 2
        or any(line.skips for line in lines)
    ):
        return None
    top, left = int(rows[0][0]), int(columns[0][0])
    inside = slice(top, int(rows[0][-1]) + 2), slice(left, int(columns[0][-1]) + 2)
    return _Part(inside, (lines[0].moved(top), lines[1].moved(left)))


def resized_scores(scores: NDArray[Any], view: View) -> Numbers:
    """(C, h, w) numbers over the model's input as (C, H, W) over the image, read between pixel centres."""
    _, rows, columns = scores.shape
    identity = (rows, columns) == (view.height, view.width) and view.scale_x == view.scale_y == 1
    if identity and view.offset_x == view.offset_y == 0:
        return scores.astype(np.float32)
    return resample(scores, between(rows, view.rows(rows)), between(columns, view.columns(columns)))


def _possible(planes: Numbers) -> NDArray[np.intp]:
    """The classes that are not ruled out everywhere: those others are exactly 0 after a softmax."""
    most = planes.max(axis=(1, 2)).astype(np.float64)
    most += _ROUNDING * np.abs(planes).max(axis=(1, 2))
    # One class that is everywhere above: the leading one may be lower between pixels than at all of them.
    least = float(planes.min(axis=(1, 2)).max())
    return np.flatnonzero(most > least - _ROUNDING * abs(least) - _NOTHING)


@dataclass(frozen=True, slots=True)
class _Found:
    """An image of which it is known what can be told from afar."""

    planes: Numbers
    activation: Activation
    lines: tuple[Stretches, Stretches]
    coarse: Coarse
    view: View

    def segments(self, names: NDArray[np.intp]) -> SemanticSegments:
        """``names`` are the numbers of the channels' classes."""
        certain = self.coarse.certain.ravel()
        borders = self._read(np.flatnonzero(~certain))
        found, counts = label_runs(self._label_map(borders).ravel())
        place_of = np.zeros(int(found.max()) + 1, dtype=np.intp)
        place_of[found] = np.arange(len(found))
        scores = self._scores(borders, np.flatnonzero(certain), place_of, len(found))
        self._read_more(scores, place_of)
        return SemanticSegments(
            (found if self.activation.single else names[found]).astype(np.int64),
            RunLengths(counts, self.view.height, self.view.width),
            scores.medians(),
            scores.means(),
            channels=True,
        )

    def _read(self, patches: NDArray[np.intp]) -> PatchPixels:
        pixels = read_patches(self.planes, self.activation.of_pixels, self.lines, patches, self.view.width)
        # Where numbers are shares, reading between two of them may end a rounding above 1.
        np.minimum(pixels.best, 1, out=pixels.best)
        return pixels

    def _label_map(self, borders: PatchPixels) -> NDArray[Any]:
        rows, columns = self.lines
        labels = rows.expand(columns.expand(self.coarse.labels, 1), 0)
        labels.reshape(-1)[borders.places] = borders.labels
        return labels

    def _scores(
        self, borders: PatchPixels, certain: NDArray[np.intp], place_of: NDArray[np.intp], count: int
    ) -> ClassScores:
        rows, columns = self.lines
        sizes = np.multiply.outer(rows.counts, columns.counts).ravel().take(certain).astype(np.float64)
        coarse = self.coarse
        bounds = (one.ravel().take(certain) for one in (coarse.low, coarse.high, coarse.mean, coarse.off))
        classes = place_of[coarse.labels.ravel().take(certain)]
        patches = Patches(certain, classes, sizes, *bounds)
        return ClassScores(count, place_of[borders.labels], borders.best, patches)

    def _read_more(self, scores: ClassScores, place_of: NDArray[np.intp]) -> None:
        """What medians and means need besides the borders."""
        for last in (False, False, True):
            wanted = scores.wanted(last)
            if wanted.size:
                pixels = self._read(scores.patches.numbers[wanted])
                scores.read(wanted, place_of[pixels.labels], pixels.best)
            if scores.are_known:
                break
