"""What is known about a frame because it was drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WEATHERS = ("sunny", "clouded", "rainy")
SEMANTIC_CLASSES = ("sky", "background", "road", "pavement", "person", "car")
SKY, BACKGROUND, ROAD, PAVEMENT, PERSON, CAR = range(len(SEMANTIC_CLASSES))

KEYPOINTS = {
    "person": ("head", "left hand", "right hand", "left foot", "right foot"),
    "car": ("left wheel", "right wheel"),
}
"""In this order; left and right as seen in the image."""


@dataclass(frozen=True, slots=True)
class TruthObject:
    """A person or a car, of which at least one pixel is seen."""

    category: str
    """``person`` or ``car``."""
    box: tuple[int, int, int, int]
    """x, y, width, height in pixels, around the pixels that are seen."""
    visible: float
    """The share of the object's pixels that is seen: neither hidden nor outside the frame."""
    keypoints: NDArray[np.float32]
    """(K, 3) x, y in pixels and 1 where the point is seen, 0 where it is hidden or outside the frame."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that is known about one frame."""

    weather: str
    """One of WEATHERS."""
    objects: tuple[TruthObject, ...]
    instances: NDArray[np.uint8]
    """(H, W): 0 nothing, n the n-th object, counted from 1."""
    semantic: NDArray[np.uint8]
    """(H, W) places in SEMANTIC_CLASSES."""

    def mask(self, number: int) -> NDArray[np.bool_]:
        """(H, W) the seen pixels of the object with this place in ``objects``."""
        return np.asarray(self.instances == number + 1)


@dataclass(frozen=True, slots=True)
class SceneFrame:
    """A drawn frame and its truth."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    truth: Truth
