"""Medians and means of classes' scores over their pixels, from few of the pixels and bounds of the others."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What a median or a mean may be off by: less than anybody would write down.
TOLERANCE = 9e-4
_BINS = 4096
# No score is above 1, which has a bin of its own; upper bounds count one bin further.
_ALL_BINS = _BINS + 2
# What is less certain than this is read: the first of these that leaves little enough.
_MOST = (1.0, 16 * TOLERANCE, 8 * TOLERANCE, 4 * TOLERANCE, 2 * TOLERANCE)

Floats = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Patches:
    """Patches that belong to a class as a whole and were not read."""

    numbers: Places
    classes: Places
    """The place of each one's class among the classes that were found."""
    sizes: NDArray[np.float64]
    """How many pixels each has."""
    low: Floats
    high: Floats
    """Bounds of the scores."""
    mean: Floats
    off: Floats
    """About the mean score, and by how much it may be off."""

    def take(self, chosen: Places) -> "Patches":
        """Some of them."""
        return Patches(*(getattr(self, name).take(chosen) for name in self.__slots__))


class ClassScores:
    """What is known of the scores of all classes of an image, which are looked at together."""

    def __init__(self, count: int, classes: Places, pixels: Floats, patches: Patches) -> None:
        """
        Args:
            count: how many classes were found, K.
            classes: (P,) the place of each pixel's class among them.
            pixels: (P,) scores of the pixels that were read.
            patches: the others.
        """
        self.patches = patches
        self._count = count
        self._pixels: list[tuple[Places, Floats]] = []
        self._bins = np.zeros((count, _ALL_BINS), dtype=np.intp)
        self._sums = np.zeros(count)
        sizes = np.bincount(classes, minlength=count) + self._per_class(patches.sizes)
        self._sizes = sizes.astype(np.intp)
        self._low = self._high = np.zeros(count, dtype=np.float32)
        self._add(classes, pixels)

    def _add(self, classes: Places, pixels: Floats) -> None:
        self._pixels.append((classes, pixels))
        bins = (pixels * np.float32(_BINS)).astype(np.intp)
        bins += classes * _ALL_BINS
        self._bins += np.bincount(bins, minlength=self._bins.size).reshape(self._bins.shape)
        self._sums += np.bincount(classes, pixels, minlength=self._count)
        # The medians lie between these.
        last = self._sizes - 1
        self._low = self._ordered(self.patches.low, 0, last // 2)
        self._high = np.minimum(self._ordered(self.patches.high, 1, (last + 1) // 2), np.float32(1))

    def _ordered(self, of_patches: Floats, more: int, place: Places) -> Floats:
        """Each class's score at a place in its order, if patches' pixels all had these, in whole bins."""
        bins = (np.clip(of_patches, 0, 1) * np.float32(_BINS)).astype(np.intp)
        bins += self.patches.classes * _ALL_BINS + more
        sizes = np.bincount(bins, self.patches.sizes, minlength=self._bins.size).reshape(self._bins.shape)
        sizes[:, more:] += self._bins[:, : _ALL_BINS - more]
        np.cumsum(sizes, axis=1, out=sizes)
        below = [np.searchsorted(line, one, side="right") for line, one in zip(sizes, place, strict=True)]
        return np.array(below, dtype=np.float32) / np.float32(_BINS)

    def _per_class(self, of_patches: NDArray[Any]) -> NDArray[np.float64]:
        """(K,) sums."""
        return np.asarray(np.bincount(self.patches.classes, of_patches, self._count), dtype=np.float64)

    @property
    def _wide(self) -> NDArray[np.bool_]:
        return np.asarray(self._high - self._low > 2 * TOLERANCE)

    @property
    def are_known(self) -> bool:
        """Whether all medians are known well enough."""
        return not self._wide.any()

    def wanted(self, last: bool) -> Places:
        """Which patches must be read, so that medians and means are known well enough.

        What lies around the median as far as it can be told, and at last all that could.
        """
        patches, wide = self.patches, self._wide
        read = wide[patches.classes]
        if wide.any():
            low, high = self._low, self._high
            if not last:
                read &= patches.high - patches.low > TOLERANCE
                low = self._ordered(patches.mean, 0, self._sizes // 2) + np.float32(0.5 / _BINS)
                high = low
            # The others' place in the order is known.
            read &= (patches.high >= low[patches.classes]) & (patches.low <= high[patches.classes])
        return np.flatnonzero(read | self._uncertain(read))

    def _uncertain(self, read: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The patches of each class whose mean is known least, as many as it takes."""
        off = self.patches.off
        weight = np.where(read, 0, off * self.patches.sizes)
        most = np.full(self._count, TOLERANCE, dtype=np.float32)
        open_ = np.ones(self._count, dtype=np.bool_)
        for one in _MOST:
            enough = open_ & (self._per_class(weight * (off <= one)) <= TOLERANCE * self._sizes)
            most[enough] = one
            open_ &= ~enough
            if not open_.any():
                break
        return np.asarray(off > most[self.patches.classes])

    def read(self, chosen: Places, classes: Places, pixels: Floats) -> None:
        """These patches were read."""
        left = np.ones(len(self.patches.numbers), dtype=np.bool_)
        left[chosen] = False
        self.patches = self.patches.take(np.flatnonzero(left))
        self._add(classes, pixels)

    def medians(self) -> Floats:
        """(K,) medians, exact where the middle pixels were read."""
        medians: Floats = (self._low + self._high) / np.float32(2)
        wide: list[int] = np.flatnonzero(self._wide).tolist()
        if wide:
            classes = np.concatenate([one for one, _ in self._pixels])
            pixels = np.concatenate([one for _, one in self._pixels])
            for number in wide:
                medians[number] = self._median(number, pixels[classes == number])
        return medians

    def _median(self, number: int, pixels: Floats) -> np.float32:
        low, high, size = self._low[number], self._high[number], self._sizes[number]
        inside = np.sort(pixels[(pixels >= low) & (pixels <= high)])
        patches = self.patches
        below = int(np.count_nonzero(pixels < low))
        below += int(patches.sizes[(patches.classes == number) & (patches.high < low)].sum())
        first, last = (size - 1) // 2 - below, size // 2 - below
        return np.float32(np.mean(inside[first : last + 1]))

    def means(self) -> Floats:
        """(K,) means."""
        # No matrix product: its threads would fight with decoding for the cores.
        totals = self._sums + self._per_class(self.patches.mean * self.patches.sizes)
        return np.minimum(totals / self._sizes, 1).astype(np.float32)
