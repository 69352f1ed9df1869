"""A model that sees one object at a time, shown all objects of some images."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightly_assets.models.crops.cutting import ObjectSource
from lightly_assets.models.protocol import Image, Model, Source
from lightly_assets.models.results import Keypoints, Result


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of one image, as a task has found them."""

    boxes: NDArray[np.float64]
    """(N, 4) x, y, width, height in pixels."""
    scores: NDArray[np.float64]
    """(N,) in [0, 1]."""
    category_ids: NDArray[np.int64]
    """(N,) of that task's categories."""

    def __len__(self) -> int:
        return len(self.boxes)

    def wanted(self, classes: Mapping[int, int], threshold: float) -> "Objects":
        """Those of some categories, from a score on."""
        kept = (self.scores >= threshold) & np.isin(self.category_ids, list(classes))
        return Objects(self.boxes[kept], self.scores[kept], self.category_ids[kept])


Shown = tuple[Image, Source, Objects]
"""An (H, W, 3) uint8 image, where it is from, and what is on it."""


def keypoints_in_boxes(model: Model, images: Sequence[Shown], classes: Mapping[int, int]) -> list[Keypoints]:
    """The keypoints of all objects of each image, in the order of the objects.

    Args:
        model: a layout model of a layout that looks into boxes; it is given a portion of objects at a time,
            by as many threads as may call it, so memory does not grow with the number of objects.
        images: with the objects that are wanted.
        classes: category id of an object → class.

    Raises:
        ModelError: what is wrong, with the input and the frame.
    """
    shown = [(image, _source(source, box)) for image, source, found in images for box in found.boxes.tolist()]
    portions = [shown[start : start + model.portion] for start in range(0, len(shown), model.portion)]

    def ask(some: list[tuple[Image, ObjectSource]]) -> Sequence[Result]:
        return model.predict([image for image, _ in some], [source for _, source in some])

    if len(portions) > 1 and model.callers > 1:
        with ThreadPoolExecutor(min(model.callers, len(portions))) as pool:
            answers = list(pool.map(ask, portions))
    else:
        answers = [ask(some) for some in portions]
    found = iter([one for some in answers for one in some])
    return [
        _of_image(source, objects, [next(found) for _ in objects.boxes], classes)
        for _, source, objects in images
    ]


def _source(source: Source, box: list[float]) -> ObjectSource:
    x, y, w, h = box
    return ObjectSource(
        source.input, source.index, source.width, source.height, source.orientation, source.time, (x, y, w, h)
    )


def _of_image(
    source: Source, objects: Objects, found: Sequence[Result], classes: Mapping[int, int]
) -> Keypoints:
    """What was said of each object of an image, as one result."""
    points = np.zeros((0, 1, 3), dtype=np.float32)
    shares = np.zeros(0)
    if found:
        points = np.concatenate([one.keypoints for one in found])  # type: ignore[union-attr]
        shares = np.concatenate([one.scores for one in found])  # type: ignore[union-attr]
    corners = objects.boxes.copy()
    corners[:, 2:] += corners[:, :2]
    # The sum may be beyond the edge by a rounding.
    corners[:, 2:] = np.minimum(corners[:, 2:], [source.width, source.height])
    ids = [classes[one] for one in objects.category_ids.tolist()]
    return Keypoints(points, objects.scores * shares, np.array(ids, dtype=np.int64), corners)
