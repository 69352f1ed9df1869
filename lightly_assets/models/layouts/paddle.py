"""PaddleDetection's exports with suppression: rows of class, score and corners, and how many per image."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.models.layouts.base import (
    Layout,
    LayoutError,
    Output,
    ReadSettings,
    Suppression,
    best,
    described,
    layout,
)
from lightly_assets.models.layouts.boxes_scores_labels import straight
from lightly_assets.models.layouts.shared.notation import Notation
from lightly_assets.models.layouts.shared.values import check_shares, check_whole
from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess, View
from lightly_assets.models.results import Detections, Result


@layout
class Paddle(Layout):
    """(M, 6): class, score, corners in the input's pixels, of all images; and (B,) how many of each."""

    name = "paddle"
    tasks = (TaskType.OBJECT_DETECTION,)
    outputs = "rows `(M, 6)`: class, score, corners; how many of each image `(B,)`"
    families = "PP-YOLOE, PicoDet, RT-DETR of PaddleDetection; further inputs `scale_factor`, `im_shape`"
    suppression: ClassVar[Suppression] = "in the graph"
    # interp: 2 of its readers is OpenCV's cubic. PicoDet and PP-YOLOE; PP-YOLOE+ and RT-DETR take 0..1.
    defaults = Preprocess(
        resize="stretch", size=(640, 640), interpolation="cubic", mean=IMAGENET_MEAN, std=IMAGENET_STD
    )
    pixels_differ = True
    outputs_vary = True
    batch_first = False
    whole_numbers = True

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        rows = [
            place for place, one in enumerate(outputs) if len(one.shape) == 2 and one.shape[1] in (6, None)
        ]
        counts = [place for place, one in enumerate(outputs) if len(one.shape) == 1]
        if not rows:
            raise LayoutError(f"The layout {self.name} needs rows (M, 6); there is {described(outputs)}.")
        own = "turn them into corners in a function of your own (kind: python)"
        self._notation = Notation("xyxy", {"xywh": own, "cxcywh": own})
        self._rows, self._counts = rows[0], counts[0] if counts else None
        # Without their numbers nobody knows where an image's rows end.
        self.one_image = self._counts is None

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        shapes = sorted((one.shape for one in outputs if one.shape), key=len)
        return len(shapes) == 2 and len(shapes[0]) == 1 and len(shapes[1]) == 2 and shapes[1][1] == 6

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        rows = outputs[self._rows]
        counts = np.array([len(rows)]) if self._counts is None else outputs[self._counts].reshape(-1)
        if len(counts) < len(views) or counts.sum() > len(rows):
            raise LayoutError(
                f"the numbers of detections are {counts.tolist()}, for {len(views)} images, {len(rows)} rows"
            )
        ends = np.cumsum(counts)
        return [
            self._result(rows[end - count : end], view)
            for end, count, view in zip(ends, counts, views, strict=False)
        ]

    def _result(self, rows: NDArray[Any], view: View) -> Result:
        kept = best(rows[:, 1], self.settings.floor, self.settings.max_candidates)
        order = "rows are class, score and corners"
        check_shares(rows[kept, 1], "scores", order)
        check_whole(rows[kept, 0], "classes", order)
        self._notation.look(rows[kept, 2:6], rows[kept, 1], view)
        found, kept = straight(view.to_image(rows[kept, 2:6]), kept, view)
        return Detections(found, np.clip(rows[kept, 1], 0, 1), rows[kept, 0].astype(np.int64))
