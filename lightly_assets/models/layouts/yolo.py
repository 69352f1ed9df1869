"""YOLO outputs: v8 and v11 (no objectness), v5 (objectness), and exports with suppression in the graph.

A row is a box in the input's pixels, its scores, and for segmentation 32 mask coefficients, for pose the
keypoints. Segmentation has a second output, the prototypes (B, 32, h, w).
"""

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
    corners,
    described,
    layout,
    normalised,
)
from lightly_assets.models.layouts.masks import prototype_masks
from lightly_assets.models.nms import suppress
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.results import Detections, Keypoints, Result

_TASKS = (TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION, TaskType.KEYPOINT_DETECTION)


@layout
class Yolo(Layout):
    """(B, 4 + C + extra, N): centre, width, height; C class scores; mask coefficients or keypoints."""

    defaults = Preprocess(resize="letterbox", size=(640, 640), pad=114, interpolation="linear")
    name = "yolo"
    tasks = _TASKS
    outputs = "`(B, 4 + C + extra, N)`; masks: prototypes `(B, 32, h, w)`"
    families = "YOLOv8, v9, 11, 12"
    suppression: ClassVar[Suppression] = "ours"
    _before_classes = 4
    _rows_axis = 2

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        self._rows = _place(outputs, 3, self.name)
        masks = settings.task_type is TaskType.INSTANCE_SEGMENTATION
        self._prototypes = _place(outputs, 4, self.name) if masks else None
        columns = outputs[self._rows].shape[3 - self._rows_axis]
        self._count = None if columns is None else self._classes(columns, outputs)

    @property
    def classes(self) -> int | None:
        return self._count

    def _classes(self, columns: int, outputs: Sequence[Output]) -> int:
        extra = columns - self._before_classes
        if self._prototypes is not None:
            extra -= outputs[self._prototypes].shape[1] or 32
        if self.settings.task_type is TaskType.KEYPOINT_DETECTION:
            rest = extra - self.settings.classes
            if rest <= 0 or rest % 3:
                raise LayoutError(
                    f"{described(outputs)} leaves {extra} numbers for {self.settings.classes} class scores "
                    "and keypoints of x, y, score; say how many 'classes' the model has."
                )
            return self.settings.classes
        if extra <= 0:
            raise LayoutError(f"{described(outputs)} has no class scores behind the box.")
        return extra

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        rows = outputs[self._rows]
        if rows.ndim != 3 or len(rows) != len(views):
            raise LayoutError(f"the output has the shape {rows.shape} for {len(views)} images")
        prototypes = None if self._prototypes is None else outputs[self._prototypes]
        return [
            self._result(rows[index], None if prototypes is None else prototypes[index], view)
            for index, view in enumerate(views)
        ]

    def _result(self, rows: NDArray[Any], prototypes: NDArray[Any] | None, view: View) -> Result:
        table = rows.T if self._rows_axis == 2 else rows
        extra = 0 if prototypes is None else len(prototypes)
        if self.settings.task_type is TaskType.KEYPOINT_DETECTION:
            extra = table.shape[1] - self._before_classes - self.settings.classes
        stop = table.shape[1] - extra
        scores = self._scores(table, stop)
        kept = best(scores, self.settings.floor, self.settings.max_candidates)
        found, scores = np.ascontiguousarray(table[kept]), scores[kept]
        per_class = found[:, self._before_classes : stop]
        classes = per_class.argmax(axis=1)
        boxes = view.to_image(corners(found[:, :4]))
        return self._finished(
            boxes, scores, classes, normalised(per_class), found[:, stop:], prototypes, view
        )

    def _scores(self, table: NDArray[Any], stop: int) -> NDArray[Any]:
        return np.asarray(table[:, self._before_classes : stop].max(axis=1))

    def _finished(
        self,
        boxes: NDArray[Any],
        scores: NDArray[Any],
        classes: NDArray[Any],
        probabilities: NDArray[Any] | None,
        extra: NDArray[Any],
        prototypes: NDArray[Any] | None,
        view: View,
    ) -> Result:
        # Heads that regress corners may cross them, which is no box.
        straight = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        if not straight.all():
            boxes, scores, classes, extra = (
                boxes[straight],
                scores[straight],
                classes[straight],
                extra[straight],
            )
            probabilities = None if probabilities is None else probabilities[straight]
        scores = np.clip(scores, 0, 1)
        if self.settings.task_type is TaskType.KEYPOINT_DETECTION:
            points = extra.reshape(len(extra), -1, 3).copy()
            points[..., :2] = view.to_image(points[..., :2])
            points[..., 2] = np.clip(points[..., 2], 0, 1)
            return Keypoints(points, scores, classes, boxes, probabilities)
        if prototypes is None:
            return Detections(boxes, scores, classes, probabilities)
        kept: Any = slice(None)
        if self.settings.nms_iou is not None:
            kept = suppress(
                boxes, scores, classes if self.settings.nms_per_class else None, self.settings.nms_iou
            )
            kept = kept[: self.settings.max_masks]
        masks = prototype_masks(extra[kept], prototypes, boxes[kept], view)
        some = None if probabilities is None else probabilities[kept]
        return Detections(boxes[kept], scores[kept], classes[kept], some, masks)


@layout
class YoloV5(Yolo):
    """(B, N, 5 + C + extra): centre, width, height; objectness; C class scores; mask coefficients."""

    name = "yolov5"
    outputs = "`(B, N, 5 + C + extra)`, with objectness"
    families = "YOLOv5, v6, v7"
    _before_classes = 5
    _rows_axis = 1

    def _scores(self, table: NDArray[Any], stop: int) -> NDArray[Any]:
        return np.asarray(table[:, 4] * table[:, 5:stop].max(axis=1))


@layout
class YoloNms(Yolo):
    """(B, N, 6 + extra): corners; score; class; mask coefficients or keypoints. The graph has suppressed."""

    name = "yolo_nms"
    outputs = "`(B, N, 6 + extra)`: corners, score, class"
    families = "`nms=True` exports, YOLOv10, 26"
    suppression = "in the graph"
    _before_classes = 6
    _rows_axis = 1

    def _classes(self, columns: int, outputs: Sequence[Output]) -> int:
        extra = columns - 6
        fits = extra == 0
        if self.settings.task_type is TaskType.KEYPOINT_DETECTION:
            fits = extra > 0 and extra % 3 == 0
        elif self._prototypes is not None:
            fits = extra == (outputs[self._prototypes].shape[1] or extra)
        if not fits:
            raise LayoutError(
                f"{described(outputs)} has {columns} numbers a row; the layout {self.name} has 6 "
                "(box, score, class), then mask coefficients or keypoints of x, y, score for those tasks."
            )
        return self.settings.classes

    def _result(self, rows: NDArray[Any], prototypes: NDArray[Any] | None, view: View) -> Result:
        kept = best(rows[:, 4], self.settings.floor, self.settings.max_candidates)
        if prototypes is not None:
            kept = kept[: self.settings.max_masks]
        found = rows[kept]
        boxes = view.to_image(found[:, :4])
        classes = found[:, 5].astype(np.int64)
        return self._finished(boxes, found[:, 4], classes, None, found[:, 6:], prototypes, view)


def _place(outputs: Sequence[Output], rank: int, layout: str) -> int:
    places = [index for index, output in enumerate(outputs) if len(output.shape) == rank]
    if not places:
        what = "the rows" if rank == 3 else "the mask prototypes"
        raise LayoutError(
            f"The layout {layout} needs {what}, an output of rank {rank}; there is {described(outputs)}."
        )
    return places[0]
