"""What is written of images, from what a model said of them: the part that needs neither files nor state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lightly_assets.encoding.encode import Encoded, Size, encode_batch
from lightly_assets.encoding.json_bytes import singletons_bytes
from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.models.columns import pack
from lightly_assets.models.results import Detections, Result, SemanticScores
from lightly_assets.models.semantic.interpolated import InterpolatedScores


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """What will be written of an image."""

    result: Result
    """In its stored form."""
    encoded: Encoded | None
    """None where only predictions are stored."""
    data: bytes
    """The singletons as JSON."""

    @property
    def without_masks(self) -> "EncodedRow":
        """The same, but for masks as lists of numbers: they are long, and only their text is needed."""
        if self.encoded is None or not any("segmentation" in one for one in self.encoded.singletons):
            return self
        short = [{key: one[key] for key in one if key != "segmentation"} for one in self.encoded.singletons]
        return replace(self, encoded=replace(self.encoded, singletons=short))


def encode_rows(
    results: Sequence[Result], sizes: Sequence[Size], settings: TaskSettings | None
) -> list[EncodedRow]:
    """Results of images, whose sizes are width and height, packed and encoded; only packed without settings.

    Raises:
        BadValue: one of them cannot be written.
    """
    packed = [pack(result) for result in results]
    if settings is None:
        return [EncodedRow(result, None, b"") for result in packed]
    encoded = encode_batch(packed, settings, sizes)
    return [
        EncodedRow(result, one, singletons_bytes(one.singletons))
        for result, one in zip(packed, encoded, strict=True)
    ]


def weight(result: Result) -> int:
    """About how many bytes a result is that is handed to another process."""
    arrays: list[Any] = []
    if isinstance(result, InterpolatedScores):
        arrays = [result.planes]
    elif isinstance(result, SemanticScores):
        arrays = [result.scores, result.label_map]
    elif isinstance(result, Detections):
        arrays = [result.masks]
    return sum(one.nbytes for one in arrays if isinstance(one, np.ndarray))
