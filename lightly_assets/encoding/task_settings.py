"""Everything that decides how what a model said is written, and what comes of it."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.boxes import BoxPolicy
from lightly_assets.format.schema import Schema
from lightly_assets.format.singletons import PROBABILITY_TOLERANCE
from lightly_assets.models.config import EncodeSettings
from lightly_assets.models.results import ResultError

# Raise it when the same result and settings give other bytes.
CODE_VERSION = 1

Singletons = list[dict[str, Any]]
_AS_GIVEN = EncodeSettings()


@dataclass(frozen=True)
class TaskSettings:
    """Everything that decides how a task's results are written."""

    schema: Schema
    encode: EncodeSettings = _AS_GIVEN
    boxes: BoxPolicy = "clip"
    """Whether boxes that leave the image are cut, or are errors."""
    tolerance: float = PROBABILITY_TOLERANCE
    """How far from 1 the sum of probabilities may be."""

    def hash(self) -> str:
        """A SHA-256; where it is the same, the same results are written as the same bytes."""
        parts = [
            self.schema.hash(),
            self.encode.model_dump(mode="json"),
            self.boxes,
            self.tolerance,
            CODE_VERSION,
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """The category ids, ascending."""
        return np.array(self.schema.ids, dtype=np.int64)

    @cached_property
    def class_map(self) -> dict[int, int] | None:
        """Class → category id; None where classes are ids already.

        Raises:
            ResultError: the map names an id that the schema does not have.
        """
        given = self.encode.category_map
        if given is not None:
            unknown = [one for one in given.values() if one not in self.schema.index_of]
            if unknown:
                raise ResultError(
                    f"category_map leads to {unknown[0]}; the schema has {_some(self.schema.ids)}."
                )
            return given
        if self.encode.by_position:
            first = self.encode.first_class
            return {first + place: category for place, category in enumerate(self.schema.ids)}
        return None

    @cached_property
    def channel_map(self) -> dict[int, int]:
        """Channel of a score volume → category id."""
        return self.encode.category_map or dict(enumerate(self.schema.ids))


@dataclass(frozen=True, slots=True)
class Encoded:
    """What is written about an image."""

    singletons: Singletons
    """Plain dicts in the specification's order of keys."""
    clipped: int = 0
    """Boxes that left the image and were cut."""
    dropped: int = 0
    """Boxes that were left smaller than a pixel, and masks without a pixel: not written."""
    moved_keypoints: int = 0
    """Keypoints outside of the image that were moved to its edge."""
    as_corners: int = 0
    """Boxes that, as they were given, would fit the image if they were read as corners x1, y1, x2, y2."""


def mapped(
    classes: NDArray[Any], settings: TaskSettings, channels: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Category ids of classes, and which classes have one."""
    known = settings.channel_map if channels else settings.class_map
    if known is None:
        return classes.astype(np.int64), np.ones(len(classes), dtype=np.bool_)
    ids = np.array([known.get(one, -1) for one in classes.tolist()], dtype=np.int64)
    kept = ids >= 0
    if settings.encode.category_map is None and not kept.all():
        bad = int(classes[~kept][0])
        raise ResultError(
            f"the model said class {bad}, but the task has {len(settings.ids)} categories; say with "
            "category_map which class is which category id (others are left out)."
        )
    return ids, kept


def mapped_probabilities(probabilities: NDArray[Any], settings: TaskSettings) -> NDArray[Any]:
    """(N, classes) as (N, categories): classes of one category are added, the rest is what is left out.

    What the categories have is scaled up to 1, so that it says how they share the object.
    """
    known = settings.encode.category_map
    if known is None or not len(probabilities):
        return probabilities
    classes = [one for one in known if 0 <= one < probabilities.shape[1]]
    places = [settings.schema.index_of[known[one]] for one in classes]
    shares = np.zeros((len(probabilities), len(settings.ids)), dtype=np.float64)
    for one, place in zip(classes, places, strict=True):
        shares[:, place] += probabilities[:, one]
    sums = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, sums, out=np.full_like(shares, 1 / shares.shape[1]), where=sums > 0)
    mapped: NDArray[Any] = shares.astype(probabilities.dtype)
    return mapped


def check_far(boxes: NDArray[Any], width: int, height: int) -> None:
    """Boxes a little outside are cut. One that is a whole image away was made for another image."""
    if not len(boxes):
        return
    far = (
        (boxes[:, 0] >= 2 * width)
        | (boxes[:, 1] >= 2 * height)
        | (boxes[:, 2] <= -width)
        | (boxes[:, 3] <= -height)
    )
    if far.any():
        index = int(np.flatnonzero(far)[0])
        box = [round(float(one), 2) for one in boxes[index]]
        raise ResultError(
            f"prediction {index}: the box {box} (x1, y1, x2, y2) is far outside of the {width}×{height} "
            "image; coordinates must be pixels of the image that the model got."
        )


def check_shares(boxes: NDArray[Any], images: NDArray[Any], width: int, height: int) -> None:
    """Where all boxes of an image lie in its first pixel they are shares of it.

    ``boxes`` are (N, 4) corners, ``images`` (N,) says of which image each is.
    """
    # A box at the edges 0 may have been cut there, and one without an area is often only padding.
    shares = (boxes[:, :2] > 0).all(axis=1) & (boxes[:, 2:] <= 1).all(axis=1)
    shares &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if shares.any():
        larger = images[(boxes[:, 2:] > 1).any(axis=1)]
        for index in np.flatnonzero(shares & ~np.isin(images, larger))[:1].tolist():
            box = [round(float(one), 4) for one in boxes[index]]
            raise ResultError(
                f"prediction {index}: the box {box} (x1, y1, x2, y2) lies in the first pixel, like all "
                f"boxes of its {width}×{height} image; coordinates must be pixels, not shares of the image."
            )


def _some(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values[:10])) + (", …" if len(values) > 10 else "")
