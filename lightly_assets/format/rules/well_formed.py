"""What is well-formed in a prediction, so that rules between fields need not care about the rest."""

import math
import sys
from functools import cached_property
from typing import Any, TypeGuard

from lightly_assets.format.schema import Schema

_LARGEST = sys.float_info.max


class WellFormed:
    """A prediction as a rule sees it: each field as the format wants it, or None.

    Args:
        prediction: as it was parsed, with whatever is wrong with it.
        schema: of its task.
        width: of the image in pixels, None where unknown; so is ``height``.
    """

    def __init__(
        self, prediction: dict[str, Any], schema: Schema, width: int | None = None, height: int | None = None
    ) -> None:
        self.prediction = prediction
        self.schema = schema
        self.width = width
        self.height = height

    @property
    def category_id(self) -> int | None:
        """One that the schema has."""
        value = self.prediction.get("category_id")
        return value if type(value) is int and value in self.schema.index_of else None

    @property
    def score(self) -> float | None:
        """In [0, 1]."""
        value = self.prediction.get("score")
        return value if is_number(value) and 0 <= value <= 1 else None

    @property
    def probabilities(self) -> list[float] | None:
        """One number for each category."""
        value = self.prediction.get("probabilities")
        return value if is_numbers(value, len(self.schema.ids)) else None

    @property
    def bbox(self) -> list[float] | None:
        """Four numbers: x, y, w, h."""
        value = self.prediction.get("bbox")
        return value if is_coordinates(value) and len(value) == 4 else None

    @property
    def keypoints(self) -> list[float] | None:
        """Triples of x, y, score."""
        value = self.prediction.get("keypoints")
        return value if is_coordinates(value) and value and len(value) % 3 == 0 else None

    @cached_property
    def segmentation(self) -> list[int] | None:
        """Run lengths that add up to the pixels of the image, whose size is known."""
        runs = self.prediction.get("segmentation")
        if not self.width or not self.height or not isinstance(runs, list):
            return None
        fine = all(type(run) is int and run >= 0 for run in runs) and sum(runs) == self.width * self.height
        return runs if fine else None


def is_number(value: Any) -> TypeGuard[float]:
    """An integer or a finite float."""
    # Numbers that a double cannot hold, such as 1e999, are infinite for every reader.
    return type(value) is int or (type(value) is float and math.isfinite(value))


def is_numbers(value: Any, length: int | None = None) -> TypeGuard[list[float]]:
    """A list of numbers, of that length where one is given."""
    return isinstance(value, list) and all(map(is_number, value)) and length in (None, len(value))


def is_coordinates(value: Any) -> TypeGuard[list[float]]:
    """A list of numbers that a double can hold."""
    # Integers may be longer than any double; most readers fail on them.
    return is_numbers(value) and all(-_LARGEST <= number <= _LARGEST for number in value)
