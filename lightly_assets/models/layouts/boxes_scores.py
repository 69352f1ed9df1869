"""Boxes and the scores of each class as two outputs, before suppression."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lightly_assets.format.schema import TaskType
from lightly_assets.models.layouts.base import (
    Layout,
    LayoutError,
    LayoutOptions,
    Output,
    ReadSettings,
    best,
    described,
    layout,
    normalised,
    output_of_rank,
)
from lightly_assets.models.layouts.boxes_scores_labels import BoxOptions, straight
from lightly_assets.models.layouts.shared.values import check_shares
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.results import Detections, Result


class ScoredOptions(BoxOptions):
    """What the layout can be told."""

    background: Literal["first", "last"] | None = Field(
        default=None, description="the score that stands for no object and is left out"
    )
    output: str | None = Field(
        default=None, description="the name of the output with the scores, where both have four columns"
    )


@layout
class BoxesScores(Layout):
    """Boxes (B, N, 4) in pixels of the input, and scores (B, N, C) or (B, C, N) after their sigmoid."""

    name = "boxes_scores"
    tasks = (TaskType.OBJECT_DETECTION,)
    outputs = "boxes `(B, N, 4)` and scores `(B, N, C)` or `(B, C, N)`, in any order"
    families = "YOLO-NAS, DAMO-YOLO, PP-YOLOE, YOLOv6, mmyolo without suppression, UltraFace"
    suppression = "ours"
    defaults = Preprocess(resize="letterbox", size=(640, 640), pad=114, interpolation="linear")
    pixels_differ = True
    Options: ClassVar[type[LayoutOptions]] = ScoredOptions

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        options = settings.options
        self.options = options if isinstance(options, ScoredOptions) else ScoredOptions()
        self._notation = self.options.notation()
        self._checked = False
        self._boxes, self._scores = self._places(outputs)
        boxes, scores = outputs[self._boxes].shape, outputs[self._scores].shape
        # (B, C, N) where only that fits the number of boxes.
        self._turned = scores[1] != boxes[1] and None not in (boxes[1], scores[2]) and scores[2] == boxes[1]
        columns = scores[1] if self._turned else scores[2]
        self._count = None if columns is None else columns - (self.options.background is not None)
        if self._count == 0:
            raise LayoutError(f"{described(outputs)} has no class beside the background.")

    @property
    def classes(self) -> int | None:
        return self._count

    def _places(self, outputs: Sequence[Output]) -> tuple[int, int]:
        threes = [
            place
            for place, one in enumerate(outputs)
            if len(one.shape) == 3 or (len(one.shape) == 4 and one.shape[2] == 1)
        ]
        boxes = [place for place in threes if outputs[place].shape[-1] == 4]
        if self.options.output is not None:
            scores = output_of_rank(outputs, (3,), self.options.output, "")
            boxes = [place for place in boxes if place != scores]
            if len(boxes) == 1:
                return boxes[0], scores
        named = [place for place in boxes if "box" in outputs[place].name.lower()]
        words = ("score", "cls", "class", "conf", "prob")
        rest = [place for place in boxes if not any(word in outputs[place].name.lower() for word in words)]
        if not named and len(rest) > 1:
            raise LayoutError(
                f"Both of {described(outputs)} could be boxes, as there are four classes; write output: NAME "
                "beside layout, the name of the output with the scores."
            )
        chosen = (named or (rest if len(boxes) > 1 else boxes) or [-1])[0]
        others = [place for place in threes if place != chosen]
        if chosen < 0 or len(others) != 1:
            raise LayoutError(
                f"The layout {self.name} needs boxes (B, N, 4) and scores (B, N, C); there is "
                f"{described(outputs)}."
            )
        return chosen, others[0]

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        if len(outputs) != 2 or {len(one.shape) for one in outputs} != {3}:
            return False
        names = " ".join(one.name for one in outputs).lower()
        return "box" in names and ("score" in names or "conf" in names)

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        boxes, scores = outputs[self._boxes], outputs[self._scores]
        if boxes.ndim == 4:
            boxes = boxes[:, :, 0]
        if self._turned:
            scores = scores.transpose(0, 2, 1)
        if len(boxes) != len(views) or boxes.shape[:2] != scores.shape[:2]:
            raise LayoutError(
                f"boxes have the shape {boxes.shape} and scores {scores.shape} for {len(views)} images"
            )
        return [self._result(*one) for one in zip(boxes, scores, views, strict=True)]

    def _result(self, boxes: NDArray[Any], scores: NDArray[Any], view: View) -> Result:
        if self.options.background == "first":
            scores = scores[:, 1:]
        elif self.options.background == "last":
            scores = scores[:, :-1]
        top = scores.max(axis=1)
        kept = best(top, self.settings.floor, self.settings.max_candidates)
        # Of the first image all rows: logits are mostly far below 0, where none is kept.
        looked_at = scores[kept] if self._checked else scores
        check_shares(looked_at, "scores", "they must be what comes after a sigmoid or a softmax")
        self._checked = True
        found = view.to_image(self.options.corners(boxes[kept], top[kept], view, self._notation))
        found, kept = straight(found, kept, view)
        shares = normalised(scores[kept])
        return Detections(found, np.clip(top[kept], 0, 1), scores[kept].argmax(axis=1), shares)
