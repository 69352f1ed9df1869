"""The rules for one prediction: every field on its own, then those of ``rules/predictions``."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lightly_assets.format.boxes import EDGE_TOLERANCE
from lightly_assets.format.rules.box_statistics import BoxStatistics
from lightly_assets.format.rules.messages import shown
from lightly_assets.format.rules.table import RULES
from lightly_assets.format.rules.well_formed import WellFormed, is_coordinates, is_number, is_numbers
from lightly_assets.format.schema import Schema
from lightly_assets.format.singletons import PROBABILITY_TOLERANCE, SINGLETONS

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


class PredictionRules:
    """The rules for the predictions of one file."""

    def __init__(self, schema: Schema, expected: Expected, statistics: BoxStatistics | None) -> None:
        self.schema = schema
        self.width, self.height = expected.width, expected.height
        self.statistics = statistics
        self.keys = KEYS[schema.task_type]
        self.pixels = expected.width * expected.height if expected.width and expected.height else None
        self.first_mask: int | None = None
        # Once a file, not once a prediction: the table has many rules.
        self._between_fields = [(name, rule.check) for name, rule in RULES.items() if rule.check is not None]

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
        if not is_number(value):
            yield "score-type", "", f"score is {shown(value)}; it must be a number in [0, 1]."
        elif not 0 <= value <= 1:
            yield "score-range", "", f"score is {shown(value)}; it must be in [0, 1]."

    def probabilities(self, value: Any) -> Iterator[Problem]:
        if not is_numbers(value):
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
        if not is_coordinates(value):
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
        if not is_coordinates(value):
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
        view = WellFormed(prediction, self.schema, self.width, self.height)
        for name, check in self._between_fields:
            for pointer, message in check(view):
                yield name, pointer, message


_FIELD_RULES: dict[str, Callable[[PredictionRules, Any], Iterator[Problem]]] = {
    "category_id": PredictionRules.category_id,
    "score": PredictionRules.score,
    "probabilities": PredictionRules.probabilities,
    "bbox": PredictionRules.bbox,
    "keypoints": PredictionRules.keypoints,
    "segmentation": PredictionRules.segmentation,
}


def _segmentation_hint(value: Any) -> str:
    if isinstance(value, dict):
        return "segmentation is an object such as COCO's; it must be a list of row-major run lengths."
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "segmentation is a list of polygons; it must be a list of row-major run lengths."
    return f"segmentation is {shown(value)}; it must be a list of integers."


def escaped(key: str) -> str:
    """A key as a step of a JSON pointer."""
    return "/" + key.replace("~", "~0").replace("/", "~1")
