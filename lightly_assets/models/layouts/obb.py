"""Oriented boxes as the upright boxes around them, which is what the format has."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.models.layouts.base import (
    Layout,
    LayoutError,
    LayoutOptions,
    Output,
    ReadSettings,
    Suppression,
    best,
    described,
    layout,
    normalised,
    output_of_rank,
)
from lightly_assets.models.layouts.shared.values import check_shares, check_whole
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.results import Detections, Result


@layout
class Obb(Layout):
    """(B, 4 + C + 1, N): centre, width, height; C class scores; angle in radians. Suppressed: (B, N, 7)."""

    name = "obb"
    tasks = (TaskType.OBJECT_DETECTION,)
    outputs = "`(B, 4 + C + 1, N)` with the angle last, or `(B, N, 7)`: centre, size, score, class, angle"
    families = "ultralytics OBB; boxes become the upright ones around them"
    suppression: ClassVar[Suppression] = "ours"
    suppresses_when_predicting = True
    defaults = Preprocess(resize="letterbox", size=(640, 640), pad=114, interpolation="linear")
    Options: ClassVar[type[LayoutOptions]] = LayoutOptions

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        task = settings.metadata.get("task", "obb")
        if task != "obb":
            raise LayoutError(f"its metadata says that it is for '{task}', and not for oriented boxes.")
        self._rows = output_of_rank(outputs, (3,), None, f"The layout {self.name} needs the rows")
        self._checked = False
        _, second, third = outputs[self._rows].shape
        self._finished = third == 7
        if self._finished:
            self._count = None
        else:
            self._count = None if second is None else second - 5
            if self._count is not None and self._count <= 0:
                raise LayoutError(f"{described(outputs)} has no class scores between box and angle.")

    @property
    def classes(self) -> int | None:
        return self._count

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        rows = outputs[self._rows]
        if len(rows) != len(views):
            raise LayoutError(f"the output has the shape {rows.shape} for {len(views)} images")
        tables = rows if self._finished else rows.transpose(0, 2, 1)
        read = self._ready if self._finished else self._raw
        return [read(table, view) for table, view in zip(tables, views, strict=True)]

    def _ready(self, table: NDArray[Any], view: View) -> Result:
        kept = best(table[:, 4], self.settings.floor, self.settings.max_candidates)
        found = table[kept]
        check_shares(found[:, 4], "scores", "rows are centre, size, score, class and angle")
        check_whole(found[:, 5], "classes", "rows are centre, size, score, class and angle")
        boxes = view.to_image(hulls(found[:, :4], found[:, 6]))
        return Detections(boxes, np.clip(found[:, 4], 0, 1), found[:, 5].astype(np.int64))

    def _raw(self, table: NDArray[Any], view: View) -> Result:
        top = table[:, 4:-1].max(axis=1)
        kept = best(top, self.settings.floor, self.settings.max_candidates)
        found = table[kept]
        per_class = found[:, 4:-1]
        # Of the first image all rows: logits are mostly far below 0, where none is kept.
        looked_at = per_class if self._checked else table[:, 4:-1]
        check_shares(looked_at, "class scores", "without an angle write layout: yolo")
        self._checked = True
        classes = per_class.argmax(axis=1)
        # Upright boxes around neighbours overlap where the objects do not: suppression needs the angle.
        chosen = rotated_survivors(found[:, :4], found[:, -1], classes, self.settings.nms_iou or 0.7)
        boxes = view.to_image(hulls(found[chosen, :4], found[chosen, -1]))
        scores = np.clip(top[kept][chosen], 0, 1)
        return Detections(boxes, scores, classes[chosen], normalised(per_class[chosen]))


def hulls(boxes: NDArray[Any], angles: NDArray[Any]) -> NDArray[Any]:
    """(N, 4) corners of the upright boxes around centre, width, height turned by (N,) radians."""
    cos, sin = np.abs(np.cos(angles)), np.abs(np.sin(angles))
    width, height = boxes[:, 2], boxes[:, 3]
    half = np.stack([width * cos + height * sin, width * sin + height * cos], axis=1) / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def rotated_survivors(
    boxes: NDArray[Any], angles: NDArray[Any], classes: NDArray[Any], iou: float
) -> NDArray[np.intp]:
    """Of boxes by falling score those that no better one of their class overlaps by more than ``iou``.

    The overlap is ultralytics' own for oriented boxes: that of two normal distributions (ProbIoU,
    https://arxiv.org/abs/2106.06072), which is not the share of the area. All better boxes count, also those
    that are suppressed themselves, as in its ``TorchNMS.fast_nms``.
    """
    a, b, c = _covariances(boxes[:, 2:].astype(np.float64), angles.astype(np.float64))
    # Classes are kept apart by distance.
    x, y = boxes[:, :2].astype(np.float64).T
    alive = []
    for place in range(len(boxes)):
        same = np.flatnonzero(classes[:place] == classes[place])
        found = _probiou(
            (x[place], y[place], a[place], b[place], c[place]), (x[same], y[same], a[same], b[same], c[same])
        )
        if not (found > iou).any():
            alive.append(place)
    return np.array(alive, dtype=np.intp)


def _covariances(sizes: NDArray[Any], angles: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    a, b = (sizes**2 / 12).T
    cos, sin = np.cos(angles), np.sin(angles)
    return a * cos**2 + b * sin**2, a * sin**2 + b * cos**2, (a - b) * cos * sin


def _probiou(one: tuple[Any, ...], others: tuple[Any, ...]) -> NDArray[Any]:
    eps = 1e-7
    x1, y1, a1, b1, c1 = one
    x2, y2, a2, b2, c2 = others
    a, b, c = a1 + a2, b1 + b2, c1 + c2
    det = a * b - c**2
    t1 = (a * (y1 - y2) ** 2 + b * (x1 - x2) ** 2) / (det + eps) * 0.25
    t2 = c * (x2 - x1) * (y1 - y2) / (det + eps) * 0.5
    both = 4 * np.sqrt(np.clip(a1 * b1 - c1**2, 0, None) * np.clip(a2 * b2 - c2**2, 0, None)) + eps
    t3 = np.log(det / both + eps) * 0.5
    distance = np.clip(t1 + t2 + t3, eps, 100.0)
    return np.asarray(1 - np.sqrt(1 - np.exp(-distance) + eps))
