"""The detector for corners that were written as boxes, over all boxes of a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.boxes import fits_as_xyxy, half_outside, outside_image

# So many boxes are needed for a suspicion without the images' sizes.
_ENOUGH = 20


def fit_only_otherwise(boxes: int, outside: int, fitting: int) -> bool:
    """Whether the numbers of boxes are meant in another order, in which so many are ``fitting``.

    They are where a tenth or more (and two) leave their image, and 99 % fit into it when read otherwise.
    """
    return outside >= max(2, boxes / 10) and fitting >= 0.99 * boxes


@dataclass(slots=True)
class BoxStatistics:
    """Counts over many boxes; two of them can be added.

    ``measured`` boxes have a known image, ``outside`` of them leave it, ``fit_as_corners`` would be boxes
    inside it if read as corners, ``fit_as_centres`` if read as centre and size; of ``far`` ones more than a
    half lies outside of it. Of all ``boxes``, ``ordered``
    have w > x and h > y, as corners always do, and ``small`` would be small as corners, far from the image's
    origin.
    """

    boxes: int = 0
    measured: int = 0
    outside: int = 0
    far: int = 0
    fit_as_corners: int = 0
    fit_as_centres: int = 0
    ordered: int = 0
    small: int = 0

    def add(self, xywh: NDArray[Any], widths: Any = None, heights: Any = None) -> None:
        """Adds (N, 4) boxes; ``widths`` and ``heights`` of their images (N,) may be NaN or None."""
        x, y, w, h = xywh.T
        self.boxes += len(xywh)
        self.ordered += int(np.count_nonzero((w > x) & (h > y)))
        self.small += int(np.count_nonzero((w < 1.5 * x) | (h < 1.5 * y)))
        if widths is None:
            return
        # Comparisons with NaN are false, so boxes of unknown images count nowhere.
        self.measured += int(np.count_nonzero(widths > 0))
        self.outside += int(np.count_nonzero(outside_image(xywh, widths, heights)))
        self.far += int(np.count_nonzero(half_outside(xywh, widths, heights)))
        self.fit_as_corners += int(np.count_nonzero(fits_as_xyxy(xywh, widths, heights)))
        half = xywh[:, 2:] / 2
        corners = np.concatenate([xywh[:, :2] - half, xywh[:, :2] + half], axis=1)
        self.fit_as_centres += int(np.count_nonzero(fits_as_xyxy(corners, widths, heights)))

    def add_one(self, bbox: Sequence[float], width: int | None, height: int | None) -> None:
        """Adds one box of a width × height image, None where unknown."""
        size = (None, None) if width is None or height is None else (np.array([width]), np.array([height]))
        self.add(np.array([bbox], dtype=np.float64), *size)

    def __iadd__(self, other: "BoxStatistics") -> "BoxStatistics":
        self.boxes += other.boxes
        self.measured += other.measured
        self.outside += other.outside
        self.far += other.far
        self.fit_as_corners += other.fit_as_corners
        self.fit_as_centres += other.fit_as_centres
        self.ordered += other.ordered
        self.small += other.small
        return self

    @property
    def are_corners(self) -> bool:
        """Whether those with a known image look like it."""
        return fit_only_otherwise(self.measured, self.outside, self.fit_as_corners)

    @property
    def are_all_far_corners(self) -> bool:
        """Whether more than a half of each, even of a single one, lies outside, and all fit as corners."""
        return 0 < self.measured == self.far == self.fit_as_corners

    @property
    def are_centres(self) -> bool:
        """Whether those with a known image, if they are many, look like centre and size."""
        many = self.measured >= _ENOUGH
        return many and fit_only_otherwise(self.measured, self.outside, self.fit_as_centres)

    @property
    def may_be_corners(self) -> bool:
        """Without sizes: all of many boxes have w > x and h > y, and a quarter would be small as corners."""
        return (
            self.measured == 0
            and self.boxes >= _ENOUGH
            and self.ordered == self.boxes
            and self.small >= self.boxes / 4
        )
