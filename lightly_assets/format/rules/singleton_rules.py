"""The rules for one prediction: every field on its own, then what one field says about another."""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeGuard

from lightly_assets.format import rle
from lightly_assets.format.boxes import EDGE_TOLERANCE
from lightly_assets.format.rules.box_statistics import BoxStatistics
from lightly_assets.format.rules.messages import shown
from lightly_assets.format.schema import Schema
from lightly_assets.format.singletons import PROBABILITY_TOLERANCE, SINGLETONS

_LARGEST = sys.float_info.max
# No image has as many pixels.
LARGEST_RUN = 1 << 40
SUM_TOLERANCE = PROBABILITY_TOLERANCE + 1e-6

KEYS = {
    task_type: {name: field.is_required() for name, field in model.model_fields.items()}
    for task_type, model in SINGLETONS.items()
}

# A problem within a file: rule, JSON pointer, message.
Problem = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known about the image of a prediction file; None where it is not."""

    file_name: str | None = None
    width: int | None = None
    height: int | None = None


UNKNOWN = Expected()


class SingletonRules:
    """The rules for the predictions of one file."""

    def __init__(self, schema: Schema, expected: Expected, statistics: BoxStatistics | None) -> None:
        self.schema = schema
        self.width, self.height = expected.width, expected.height
        self.statistics = statistics
        self.keys = KEYS[schema.task_type]
        self.pixels = expected.width * expected.height if expected.width and expected.height else None
        self.first_mask: int | None = None

    def problems(self, prediction: Any) -> Iterator[Problem]:
        if not isinstance(prediction, dict):
            yield "singleton-invalid", "", f"The prediction is {shown(prediction)}; it must be an object."
            return
        for key, required in self.keys.items():
            if required and key not in prediction:
                yield "key-missing", "", f"The prediction has no {key}; {self.schema.task_type} needs it."
        for key, value in prediction.items():
            rules = _FIELD_RULES.get(key) if key in self.keys else None
            if rules is None:
                known = ", ".join(self.keys)
                yield (
                    "key-unknown",
                    escaped(key),
                    f"The key {shown(key)} does not belong to {self.schema.task_type}; it has {known}.",
                )
                continue
            for rule, pointer, message in rules(self, value):
                yield rule, f"/{key}{pointer}", message
        yield from self._relations(prediction)

    def category_id(self, value: Any) -> Iterator[Problem]:
        if type(value) is not int:
            yield "category-id-type", "", f"category_id is {shown(value)}; it must be an integer."
        elif value not in self.schema.index_of:
            ids = ", ".join(map(str, islice(self.schema.ids, 10))) + (
                ", …" if len(self.schema.ids) > 10 else ""
            )
            yield "category-unknown", "", f"category_id is {shown(value)}; the schema has {ids}."

    def score(self, value: Any) -> Iterator[Problem]:
        if not _is_number(value):
            yield "score-type", "", f"score is {shown(value)}; it must be a number in [0, 1]."
        elif not 0 <= value <= 1:
            yield "score-range", "", f"score is {shown(value)}; it must be in [0, 1]."

    def probabilities(self, value: Any) -> Iterator[Problem]:
        if not _is_numbers(value):
            yield "probabilities-type", "", f"probabilities is {shown(value)}; it must be a list of numbers."
            return
        count = len(self.schema.ids)
        if len(value) != count:
            yield (
                "probabilities-length",
                "",
                f"probabilities has {len(value)} numbers; the schema has {count} categories.",
            )
        for index, share in enumerate(value):
            if not 0 <= share <= 1:
                yield (
                    "probabilities-range",
                    f"/{index}",
                    f"The probability is {shown(share)}; it must be in [0, 1].",
                )
                return
        if value and abs(math.fsum(value) - 1) > SUM_TOLERANCE:
            yield (
                "probabilities-sum",
                "",
                f"probabilities sum up to {math.fsum(value):.6g}; they must sum up to 1.",
            )

    def bbox(self, value: Any) -> Iterator[Problem]:
        if not _is_coordinates(value):
            yield "bbox-type", "", f"bbox is {shown(value)}; it must be a list of four numbers."
            return
        if len(value) != 4:
            yield "bbox-length", "", f"bbox has {len(value)} numbers; it must have four: x, y, w, h."
            return
        x, y, w, h = value
        if self.statistics is not None:
            self.statistics.add_one(value, self.width, self.height)
        if x < 0 or y < 0:
            yield "bbox-negative", "", f"bbox is {shown(value)}; x and y must not be negative."
        if w < 1 or h < 1:
            yield "bbox-size", "", f"bbox is {shown(value)}; w and h must be at least 1."
        if self.width and self.height:
            right, bottom = self.width + EDGE_TOLERANCE, self.height + EDGE_TOLERANCE
            if x + w > right or y + h > bottom:
                size = f"{self.width}×{self.height}"
                yield "bbox-outside", "", f"bbox is {shown(value)}, which leaves the image of {size} pixels."

    def keypoints(self, value: Any) -> Iterator[Problem]:
        if not _is_coordinates(value):
            yield "keypoints-type", "", f"keypoints is {shown(value)}; it must be a flat list of numbers."
            return
        if not value or len(value) % 3:
            yield (
                "keypoints-length",
                "",
                f"keypoints has {len(value)} numbers; it must be x, y, score for each keypoint.",
            )
            return
        for index in range(0, len(value), 3):
            x, y, score = value[index : index + 3]
            if x < 0 or y < 0:
                yield (
                    "keypoints-negative",
                    f"/{index}",
                    f"The keypoint is at {shown(x)}, {shown(y)}; x and y must not be negative.",
                )
            if not 0 <= score <= 1:
                hint = " (COCO's visibility is no score)" if score == 2 else ""
                yield (
                    "keypoints-score",
                    f"/{index + 2}",
                    f"The keypoint's score is {shown(score)}{hint}; it must be in [0, 1].",
                )
            if (
                self.width
                and self.height
                and (x > self.width + EDGE_TOLERANCE or y > self.height + EDGE_TOLERANCE)
            ):
                size = f"{self.width}×{self.height}"
                yield (
                    "keypoints-outside",
                    f"/{index}",
                    f"The keypoint is at {shown(x)}, {shown(y)}, outside the image of {size} pixels.",
                )

    def segmentation(self, value: Any) -> Iterator[Problem]:
        if not isinstance(value, list) or not all(type(run) is int for run in value):
            yield "segmentation-type", "", _segmentation_hint(value)
            return
        if any(run < 0 for run in value):
            index = next(index for index, run in enumerate(value) if run < 0)
            yield (
                "segmentation-negative",
                f"/{index}",
                f"The run length is {shown(value[index])}; it must not be negative.",
            )
            return
        if 0 in value[1:]:
            index = value.index(0, 1)
            yield "segmentation-zero-run", f"/{index}", "The run length is 0; only the first one may be."
        total = sum(value)
        if total == sum(value[0::2]):
            yield "segmentation-empty", "", f"segmentation is {shown(value)}, a mask without a pixel."
        if self.pixels is not None and total != self.pixels:
            size = f"{self.width}×{self.height}"
            yield (
                "segmentation-size",
                "",
                f"The run lengths add up to {shown(total)}, but the {size} image has {self.pixels} pixels.",
            )
        elif max(value, default=0) > LARGEST_RUN:
            yield "segmentation-size", "", f"The run lengths add up to {shown(total)}; no image is as large."
        elif self.first_mask is not None and total != self.first_mask:
            yield (
                "segmentation-size-differs",
                "",
                f"The run lengths add up to {shown(total)}, but those of the first mask "
                f"to {shown(self.first_mask)}.",
            )
        self.first_mask = total if self.first_mask is None else self.first_mask

    def _relations(self, prediction: dict[str, Any]) -> Iterator[Problem]:
        """Rules between fields, for fields that are well-formed on their own."""
        category_id, probabilities = prediction.get("category_id"), prediction.get("probabilities")
        place = self.schema.index_of.get(category_id) if type(category_id) is int else None
        if place is not None and _is_numbers(probabilities, len(self.schema.ids)):
            best = max(probabilities)
            if probabilities[place] < best:
                likely = self.schema.ids[probabilities.index(best)]
                yield (
                    "probabilities-argmax",
                    "/probabilities",
                    f"category_id is {category_id}, but the most probable category is {likely}.",
                )
        runs, bbox = prediction.get("segmentation"), prediction.get("bbox")
        if self.width and _is_mask(runs, self.pixels) and _is_coordinates(bbox) and len(bbox) == 4:
            yield from _box_and_mask(bbox, runs, self.width)


_FIELD_RULES: dict[str, Callable[[SingletonRules, Any], Iterator[Problem]]] = {
    "category_id": SingletonRules.category_id,
    "score": SingletonRules.score,
    "probabilities": SingletonRules.probabilities,
    "bbox": SingletonRules.bbox,
    "keypoints": SingletonRules.keypoints,
    "segmentation": SingletonRules.segmentation,
}


def _is_number(value: Any) -> bool:
    # Numbers that a double cannot hold, such as 1e999, are infinite for every reader.
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_numbers(value: Any, length: int | None = None) -> TypeGuard[list[float]]:
    return isinstance(value, list) and all(map(_is_number, value)) and length in (None, len(value))


def _is_coordinates(value: Any) -> TypeGuard[list[float]]:
    # Integers may be longer than any double; most readers fail on them.
    return _is_numbers(value) and all(-_LARGEST <= number <= _LARGEST for number in value)


def _is_mask(runs: Any, pixels: int | None) -> TypeGuard[list[int]]:
    return (
        isinstance(runs, list)
        and all(type(run) is int and run >= 0 for run in runs)
        and pixels is not None
        and sum(runs) == pixels
    )


def _box_and_mask(bbox: list[float], runs: list[int], width: int) -> Iterator[Problem]:
    if not is_enclosing_box(bbox, runs, width):
        tight = rle.bounding_box(runs, width)
        message = f"bbox is {shown(bbox)}, but the mask spans {tight}; run lengths count along the rows."
        yield "segmentation-bbox", "/bbox", message


def is_enclosing_box(bbox: Sequence[float], runs: Sequence[int], width: int) -> bool:
    """Whether a box holds the mask, give or take what detectors and mask heads round differently.

    ``width`` is the image's. An empty mask fits every box.
    """
    tight = rle.bounding_box(runs, width)
    if tight is None:
        return True
    x, y, w, h = bbox
    slack = 1 + 0.05 * max(w, h)
    return (
        x - slack <= tight[0]
        and y - slack <= tight[1]
        and x + w + slack >= tight[0] + tight[2]
        and y + h + slack >= tight[1] + tight[3]
    )


def _segmentation_hint(value: Any) -> str:
    if isinstance(value, dict):
        return "segmentation is an object such as COCO's; it must be a list of row-major run lengths."
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "segmentation is a list of polygons; it must be a list of row-major run lengths."
    return f"segmentation is {shown(value)}; it must be a list of integers."


def escaped(key: str) -> str:
    """A key as a step of a JSON pointer."""
    return "/" + key.replace("~", "~0").replace("/", "~1")
