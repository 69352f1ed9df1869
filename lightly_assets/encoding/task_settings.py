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
# Of tasks for which it was raised alone: the others stay up to date.
_CODE_VERSIONS = {"keypoint-detection": 2}
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
            _CODE_VERSIONS.get(self.schema.task_type, CODE_VERSION),
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
    tiny: int = 0
    """Boxes with a side of less than two pixels."""
    whole: int = 0
    """Boxes over the whole image."""


def _some(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values[:10])) + (", …" if len(values) > 10 else "")
