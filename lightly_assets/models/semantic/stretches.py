"""Neighbouring pixels of a line of the image that are read between the same two pixels of an output."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# So many pixels of a line at most: longer stretches say less of each pixel, shorter ones take longer.
_LONGEST = 6


@dataclass(frozen=True, slots=True)
class Stretches:
    """G stretches of a line, in order, at most S pixels each.

    Stretch i lies between the knots i and i + 1, which lie between the same two pixels of the output.
    """

    low: NDArray[np.intp]
    """(G,): the pixel of the output before; the one behind is the next."""
    starts: NDArray[np.intp]
    """(G,): the first pixel of the image."""
    counts: NDArray[np.intp]
    """(G,): how many there are."""
    shares: NDArray[np.float32]
    """(S, G): the share of the pixel behind; the last one again where there are fewer."""
    knots: tuple[NDArray[np.intp], NDArray[np.float32]]
    """(G + 1,) each: as ``between`` gives them."""
    middles: NDArray[np.float32]
    """(G,): the mean of a stretch's places, as a share of the way between its knots."""

    @classmethod
    def of(cls, low: NDArray[np.intp], share: NDArray[np.float32]) -> "Stretches":
        """From what :func:`~lightly_assets.models.resize.between` gives for a line."""
        cells = np.flatnonzero(np.diff(low, prepend=-1))
        sizes = np.diff(cells, append=len(low))
        most = int(np.median(sizes))
        # As even as they can be, so that little is read twice.
        most = -(-most // -(-most // _LONGEST))
        cut = -(-sizes // most)
        inner = np.arange(cut.sum()) - np.repeat(np.cumsum(cut) - cut, cut)
        starts = np.repeat(cells, cut) + inner * most
        counts = np.diff(starts, append=len(low))
        places = starts + np.minimum(np.arange(most)[:, None], counts - 1)
        first = np.where(inner == 0, 0, share[starts])
        knots = np.append(low[starts], low[-1]), np.append(first, 1).astype(np.float32)
        mean = np.add.reduceat(share, starts, dtype=np.float64) / counts
        end = np.append(np.where(inner[1:] == 0, 1, first[1:]), 1)
        middles = ((mean - first) / np.maximum(end - first, 1e-9)).astype(np.float32)
        return cls(low[starts], starts, counts, share[places], knots, np.clip(middles, 0, 1))

    def __len__(self) -> int:
        return len(self.low)

    @property
    def skips(self) -> bool:
        """Whether pixels of the output lie between two neighbouring pixels of the image."""
        return bool((np.diff(self.low) > 1).any())

    def moved(self, by: int) -> "Stretches":
        """The same on an output without its first ``by`` pixels."""
        knots = self.knots[0] - by, self.knots[1]
        return Stretches(self.low - by, self.starts, self.counts, self.shares, knots, self.middles)

    def expand(self, values: NDArray[Any], axis: int) -> NDArray[Any]:
        """What is said of each stretch, of each of its pixels."""
        return np.repeat(values, self.counts, axis=axis)
