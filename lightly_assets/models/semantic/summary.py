"""Median and mean of a class's scores over its pixels, from few of the pixels and bounds of the others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# What a median or a mean may be off by: less than anybody would write down.
TOLERANCE = 9e-4
_BINS = 4096
# What is less certain than this is read: the first of these that leaves little enough.
_MOST = (1.0, 16 * TOLERANCE, 8 * TOLERANCE, 4 * TOLERANCE, 2 * TOLERANCE)

Floats = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Patches:
    """Patches that belong to a class as a whole and were not read."""

    numbers: Places
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
    """What is known of one class's scores."""

    def __init__(self, pixels: Floats, patches: Patches) -> None:
        """
        Args:
            pixels: (P,) scores of the pixels that were read.
            patches: the others.
        """
        self.patches = patches
        self.count = len(pixels) + int(patches.sizes.sum())
        self._pixels: list[Floats] = []
        self._bins = np.zeros(_BINS + 2)
        self._low = self._high = 0.0
        self.add(pixels)

    def add(self, pixels: Floats) -> None:
        """Pixels that were read."""
        self._pixels.append(pixels)
        self._bins += np.bincount((pixels * np.float32(_BINS)).astype(np.intp), minlength=_BINS + 2)
        # The median lies between these.
        last = self.count - 1
        self._low = self._ordered(self.patches.low, 0, last // 2)
        self._high = min(self._ordered(self.patches.high, 1, (last + 1) // 2), 1.0)

    def _ordered(self, of_patches: Floats, more: int, place: int) -> float:
        """The score at a place in the order, if patches' pixels all had these, in whole bins."""
        bins = (np.clip(of_patches, 0, 1) * np.float32(_BINS)).astype(np.intp) + more
        sizes = np.bincount(bins, self.patches.sizes, minlength=_BINS + 2) + np.roll(self._bins, more)
        return int(np.searchsorted(np.cumsum(sizes), place, side="right")) / _BINS

    @property
    def is_wide(self) -> bool:
        """Whether the median is not known well enough yet."""
        return self._high - self._low > 2 * TOLERANCE

    def wanted(self, last: bool) -> Places:
        """Which patches must be read, so that median and mean are known well enough.

        What lies around the median as far as it can be told, and at last all that could.
        """
        patches = self.patches
        read = np.full(len(patches.numbers), self.is_wide)
        if self.is_wide:
            low, high = self._low, self._high
            if not last:
                read &= patches.high - patches.low > TOLERANCE
                low = high = self._ordered(patches.mean, 0, self.count // 2) + 0.5 / _BINS
            # The others' place in the order is known.
            read &= (patches.high >= low) & (patches.low <= high)
        return np.flatnonzero(read | self._uncertain(read))

    def _uncertain(self, read: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The patches whose mean is known least, as many as it takes."""
        off, sizes = self.patches.off, self.patches.sizes
        for most in _MOST:
            left = ~read & (off <= most)
            if (off * sizes)[left].sum() <= TOLERANCE * self.count:
                return np.asarray(off > most)
        return np.asarray(off > TOLERANCE)

    def read(self, chosen: Places, pixels: Floats) -> None:
        """These patches were read."""
        left = np.ones(len(self.patches.numbers), dtype=np.bool_)
        left[chosen] = False
        self.patches = self.patches.take(np.flatnonzero(left))
        self.add(pixels)

    def median(self) -> np.float32:
        """The median, exactly where the middle pixels were read."""
        if not self.is_wide:
            return np.float32((self._low + self._high) / 2)
        pixels = np.concatenate(self._pixels)
        inside = np.sort(pixels[(pixels >= self._low) & (pixels <= self._high)])
        below = int(np.count_nonzero(pixels < self._low))
        below += int(self.patches.sizes[self.patches.high < self._low].sum())
        first, last = (self.count - 1) // 2 - below, self.count // 2 - below
        return np.float32(np.mean(inside[first : last + 1]))

    def mean(self) -> np.float32:
        """The mean."""
        # No matrix product: its threads would fight with decoding for the cores.
        total = (self.patches.mean * self.patches.sizes).sum()
        total += sum(float(one.sum(dtype=np.float64)) for one in self._pixels)
        return np.float32(min(total / self.count, 1))
