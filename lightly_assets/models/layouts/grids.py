"""Heads over grids of cells that leave decoding to us: YOLOX, and the raw heads of YOLOv5 and v7."""

from collections.abc import Sequence
from typing import Any, ClassVar

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
    corners,
    described,
    layout,
    normalised,
    output_of_rank,
    sigmoid,
)
from lightly_assets.models.layouts.shared.values import check_shares, grid_rows
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.results import Detections, Result

_STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32))
_MOSTLY_NOTHING = -1.0  # of objectness before its sigmoid; there is an object in few cells
_LARGEST = 12.0  # exp of it is more than any input


def centres(view: View, strides: Sequence[int]) -> NDArray[np.float32]:
    """(N, 3) column, row and stride of every cell of grids over the input, row by row, grid by grid."""
    grids = []
    for stride in strides:
        rows, columns = np.divmod(
            np.arange((view.input_height // stride) * (view.input_width // stride)),
            max(1, view.input_width // stride),
        )
        grids.append(np.stack([columns, rows, np.full_like(rows, stride)], axis=1))
    return np.concatenate(grids).astype(np.float32)


@layout
class YoloX(Layout):
    """(B, N, 5 + C): offsets from cells and logarithms of sizes; objectness and class scores in 0..1."""

    name = "yolox"
    tasks = (TaskType.OBJECT_DETECTION,)
    outputs = "`(B, N, 5 + C)`, N cells of grids of 8, 16, 32 (and 64) pixels, boxes not decoded"
    families = "YOLOX (decoded exports: `yolov5`)"
    suppression = "ours"
    defaults = Preprocess(
        resize="letterbox",
        size=(640, 640),
        pad=114,
        pad_at="end",
        rounding="floor",
        interpolation="linear",
        scale=1.0,
        channels="bgr",
    )
    Options: ClassVar[type[LayoutOptions]] = LayoutOptions

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        self._rows = output_of_rank(outputs, (3,), None, f"The layout {self.name} needs the rows")
        columns = outputs[self._rows].shape[2]
        if columns is not None and columns < 6:
            raise LayoutError(f"{described(outputs)} has no class scores behind box and objectness.")
        self._count = None if columns is None else columns - 5

    @property
    def classes(self) -> int | None:
        return self._count

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        rows = outputs[self._rows]
        if len(rows) != len(views):
            raise LayoutError(f"the output has the shape {rows.shape} for {len(views)} images")
        return [self._result(table, view) for table, view in zip(rows, views, strict=True)]

    def _result(self, table: NDArray[Any], view: View) -> Result:
        cells = self._cells(table, view)
        scores = table[:, 4] * table[:, 5:].max(axis=1)
        kept = best(scores, self.settings.floor, self.settings.max_candidates)
        found, cells = table[kept].astype(np.float32), cells[kept]
        check_shares(found[:, 4:], "objectness and class scores", "choose the layout that fits")
        sizes = found[:, 2:4]
        if sizes.size and sizes.max() > _LARGEST:
            raise LayoutError(
                f"sizes must be logarithms, and one is {sizes.max():.4g}, so that boxes are decoded already; "
                "write layout: yolov5 (with the pixels of YOLOX under preprocess)"
            )
        strides = cells[:, 2:]
        boxes = np.concatenate([(found[:, :2] + cells[:, :2]) * strides, np.exp(sizes) * strides], axis=1)
        per_class = found[:, 5:]
        return Detections(
            view.to_image(corners(boxes)),
            np.clip(scores[kept], 0, 1),
            per_class.argmax(axis=1),
            normalised(per_class),
        )

    def _cells(self, table: NDArray[Any], view: View) -> NDArray[np.float32]:
        for strides in _STRIDES:
            if grid_rows(view, strides) == len(table):
                return centres(view, strides)
        raise LayoutError(
            f"{len(table)} rows are no cells of grids over {view.input_width}×{view.input_height} pixels; "
            "the layout yolox needs exports of YOLOX without decoding"
        )


class AnchorOptions(LayoutOptions):
    """What the layout can be told."""

    anchors: tuple[tuple[float, ...], ...] = Field(
        default=(
            (10, 13, 16, 30, 33, 23),
            (30, 61, 62, 45, 59, 119),
            (116, 90, 156, 198, 373, 326),
        ),
        description="of each head, finest first, width and height of its anchors in pixels; those of YOLOv5",
    )


@layout
class YoloHeads(Layout):
    """Three heads (B, A, h, w, 5 + C) or (B, A · (5 + C), h, w) of logits, as YOLOv5 and v7 train them."""

    name = "yolo_heads"
    tasks = (TaskType.OBJECT_DETECTION,)
    outputs = "heads `(B, A, h, w, 5 + C)` or `(B, A · (5 + C), h, w)` of logits"
    families = "YOLOv5, v7: raw heads (their anchors differ: `anchors`)"
    suppression = "ours"
    defaults = Preprocess(resize="letterbox", size=(640, 640), pad=114, interpolation="linear")
    Options: ClassVar[type[LayoutOptions]] = AnchorOptions

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        options = settings.options
        anchors = (options if isinstance(options, AnchorOptions) else AnchorOptions()).anchors
        self._anchors = [np.array(one, dtype=np.float32).reshape(-1, 2) for one in anchors]
        self._heads = [place for place, one in enumerate(outputs) if len(one.shape) == 5]
        if not self._heads:
            self._heads = [place for place, one in enumerate(outputs) if len(one.shape) == 4]
        if len(self._heads) != len(anchors):
            raise LayoutError(
                f"The layout {self.name} needs {len(anchors)} heads, one for each row of anchors; there is "
                f"{described(outputs)}."
            )
        first = outputs[self._heads[0]].shape
        columns = first[4] if len(first) == 5 else first[1] and first[1] / len(self._anchors[0])
        if columns is not None and (columns < 6 or columns != int(columns)):
            raise LayoutError(
                f"The layout {self.name} needs heads (B, A, h, w, 5 + C) or (B, A · (5 + C), h, w), with "
                f"{len(self._anchors[0])} anchors each; there is {described(outputs)}."
            )
        self._count = None if columns is None else int(columns) - 5
        self._checked = False

    @property
    def classes(self) -> int | None:
        return self._count

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        heads = [self._five(outputs[place], len(self._anchors[0])) for place in self._heads]
        # Finest first, whatever the order of outputs.
        heads.sort(key=lambda one: -one.shape[2])
        if not self._checked:
            self._check(heads)
            self._checked = True
        return [self._result([head[index] for head in heads], view) for index, view in enumerate(views)]

    @staticmethod
    def _check(heads: Sequence[NDArray[Any]]) -> None:
        """Of the first batch: a second sigmoid would find something in every cell."""
        low, high = min(one.min() for one in heads), max(one.max() for one in heads)
        if low >= 0 and high <= 1:
            raise LayoutError(
                "heads must hold logits, and all numbers lie in 0..1, so that they have been through a "
                "sigmoid already; export the file without it, or with its decoding (layout: yolov5)"
            )
        objectness = np.concatenate([one[..., 4].ravel() for one in heads])
        if np.median(objectness) > _MOSTLY_NOTHING:
            raise LayoutError(
                "most cells would hold an object, so that the fifth number is no objectness, as in heads of "
                "YOLOv8 and later; export the file with its decoding (layout: yolo)"
            )

    @staticmethod
    def _five(head: NDArray[Any], anchors: int) -> NDArray[Any]:
        if head.ndim == 5:
            return head
        batch, channels, rows, columns = head.shape
        return head.reshape(batch, anchors, channels // anchors, rows, columns).transpose(0, 1, 3, 4, 2)

    def _result(self, heads: Sequence[NDArray[Any]], view: View) -> Result:
        found, boxes = [], []
        for head, anchors in zip(heads, self._anchors, strict=True):
            stride = view.input_height / head.shape[1]
            objectness = sigmoid(head[..., 4].astype(np.float32))
            # A score is at most its objectness.
            places = np.argwhere(objectness >= max(self.settings.floor, 1e-6))
            which, row, column = places.T
            rows = sigmoid(head[which, row, column].astype(np.float32))
            centre = (rows[:, :2] * 2 - 0.5 + np.stack([column, row], axis=1)) * stride
            boxes.append(np.concatenate([centre, (rows[:, 2:4] * 2) ** 2 * anchors[which]], axis=1))
            found.append(rows[:, 4:])
        scores, box = np.concatenate(found), np.concatenate(boxes).astype(np.float32)
        per_class = scores[:, 1:]
        top = scores[:, 0] * per_class.max(axis=1) if len(scores) else np.zeros(0, dtype=np.float32)
        kept = best(top, self.settings.floor, self.settings.max_candidates)
        return Detections(
            view.to_image(corners(box[kept])),
            top[kept],
            per_class[kept].argmax(axis=1),
            normalised(per_class[kept]),
        )
