"""YOLO outputs: v8 and v11 (no objectness), v5 (objectness), and exports with suppression in the graph.

A row is a box in the input's pixels, its scores, and for segmentation 32 mask coefficients, for pose the
keypoints. Segmentation has a second output, the prototypes (B, 32, h, w). Of files for pose or segmentation
the boxes alone can be read, too.
"""

import ast
from collections.abc import Mapping, Sequence
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
    Suppression,
    best,
    corners,
    described,
    layout,
    normalised,
    output_of_rank,
)
from lightly_assets.models.layouts.shared.masks import prototype_masks
from lightly_assets.models.layouts.shared.notation import Notation, Written
from lightly_assets.models.layouts.shared.values import (
    YOLOX_PIXELS,
    anchored_rows,
    are_labels,
    are_shares,
    check_shares,
    check_whole,
    grid_rows,
    without_crossed,
)
from lightly_assets.models.nms import suppress
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.results import Detections, Keypoints, Result

_TASKS = (TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION, TaskType.KEYPOINT_DETECTION)
# What a file's own metadata calls its task: the task types that its rows hold, and what to write otherwise.
_OF_FILE: dict[str, tuple[tuple[TaskType, ...], str]] = {
    "detect": ((TaskType.OBJECT_DETECTION,), "write task_type: object-detection"),
    "pose": (
        (TaskType.OBJECT_DETECTION, TaskType.KEYPOINT_DETECTION),
        "write task_type: keypoint-detection",
    ),
    "segment": (
        (TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION),
        "write task_type: instance-segmentation",
    ),
    "obb": ((), "write layout: obb"),
    "classify": ((), "write task_type: classification and layout: probabilities"),
    "semantic": ((), "write task_type: semantic-segmentation and layout: label_map or logits"),
}


_CLASS_LAST = (
    "the sixth number of all rows is whole, so that it is the class of a box that is left after suppression; "
    "write layout: yolo_nms"
)


class YoloOptions(LayoutOptions):
    """What YOLO layouts can be told."""

    kpt_shape: tuple[int, Literal[2, 3]] | None = Field(
        default=None,
        description="keypoints of an object, and numbers of each: `[12, 2]` have no scores",
    )
    unit: Literal["pixel", "share"] = Field(
        default="pixel", description="of boxes: the input's pixels, or shares of it"
    )
    output: str | None = Field(default=None, description="the name of the output with the boxes")


class ColumnOptions(YoloOptions):
    """Of the layout ``yolo``."""

    order: Literal["columns", "rows"] = Field(
        default="columns", description="whether a box is a column, `(B, 4 + C, N)`, or a row, `(B, N, 4 + C)`"
    )


@layout
class Yolo(Layout):
    """(B, 4 + C + extra, N): centre, width, height; C class scores; mask coefficients or keypoints."""

    defaults = Preprocess(resize="letterbox", size=(640, 640), pad=114, interpolation="linear")
    name = "yolo"
    tasks = _TASKS
    outputs = "`(B, 4 + C + extra, N)`; masks: prototypes `(B, 32, h, w)`"
    families = "YOLOv8, v9, 11, 12"
    suppression: ClassVar[Suppression] = "ours"
    Options: ClassVar[type[LayoutOptions]] = ColumnOptions
    _before_classes = 4
    _in_columns = True
    _written: ClassVar[Written] = "cxcywh"
    _instead: ClassVar[Mapping[Written, str]] = {
        "xyxy": "turn them into centre and size in a function of your own (kind: python)"
    }

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        options = settings.options
        self.options: YoloOptions = options if isinstance(options, YoloOptions) else ColumnOptions()
        in_columns = self._in_columns and getattr(self.options, "order", "columns") == "columns"
        self._rows_axis = 2 if in_columns else 1
        self._fits_the_file()
        self._notation = Notation(self._written, self._instead)
        self._checked = False
        self._kpt_shape = self.options.kpt_shape or _kpt_shape(settings)
        self._rows = self._rows_output(outputs)
        self._prototypes = self._prototypes_of(outputs)
        columns = outputs[self._rows].shape[3 - self._rows_axis]
        self._count = None if columns is None else self._classes(columns, outputs)

    @property
    def classes(self) -> int | None:
        return self._count

    def _fits_the_file(self) -> None:
        task = self.settings.metadata.get("task", "")
        holds, todo = _OF_FILE.get(task, (_TASKS, ""))
        if self.settings.task_type not in holds:
            raise LayoutError(
                f"its metadata says that it is for '{task}', and {self.settings.task_type} with the layout "
                f"{self.name} reads something else; {todo}."
            )

    def _rows_output(self, outputs: Sequence[Output]) -> int:
        return output_of_rank(
            outputs,
            (3,),
            self.options.output,
            f"The layout {self.name} needs the rows",
            lambda one: self._has_room(one.shape[3 - self._rows_axis]),
        )

    def _has_room(self, columns: int | None) -> bool:
        return columns is None or columns > self._before_classes

    def _prototypes_of(self, outputs: Sequence[Output]) -> int | None:
        """Masks need them; of boxes they tell that rows end with mask coefficients."""
        if self.settings.task_type is TaskType.INSTANCE_SEGMENTATION:
            return output_of_rank(outputs, (4,), None, f"The layout {self.name} needs the mask prototypes")
        columns = outputs[self._rows].shape[3 - self._rows_axis]
        for place, one in enumerate(outputs):
            channels = one.shape[1] if len(one.shape) == 4 else None
            if channels and columns and self._before_classes + channels < columns:
                return place
        return None

    def _after(self, columns: int, channels: int | None) -> int:
        """How many of a row's numbers follow the class scores; ``channels`` are those of the prototypes."""
        keypoints = self.settings.task_type is TaskType.KEYPOINT_DETECTION
        if self._kpt_shape is not None and self.settings.task_type is not TaskType.INSTANCE_SEGMENTATION:
            return self._kpt_shape[0] * self._kpt_shape[1]
        if keypoints:
            return columns - self._before_classes - self.settings.classes
        return 0 if self._prototypes is None else channels or 32

    def _channels(self, outputs: Sequence[Output]) -> int | None:
        return None if self._prototypes is None else outputs[self._prototypes].shape[1]

    def _classes(self, columns: int, outputs: Sequence[Output]) -> int:
        after = self._after(columns, self._channels(outputs))
        if self.settings.task_type is TaskType.KEYPOINT_DETECTION and self._kpt_shape is None:
            self._check_triples(after, columns - self._before_classes, outputs)
        left = columns - self._before_classes - after
        if left <= 0:
            raise LayoutError(f"{described(outputs)} has no class scores behind the box.")
        if self.settings.classes_are_known and left != self.settings.classes and not after:
            self._refuse_other_files(left, outputs)
        return left

    def _check_triples(self, after: int, left: int, outputs: Sequence[Output]) -> None:
        if after <= 0 or after % 3:
            pairs = f"write kpt_shape: [{after // 2}, 2], or " if after > 0 and after % 2 == 0 else ""
            raise LayoutError(
                f"{described(outputs)} leaves {left} numbers for {self.settings.classes} class scores "
                f"and keypoints of x, y, score; {pairs}say how many 'classes' the model has."
            )

    def _refuse_other_files(self, left: int, outputs: Sequence[Output]) -> None:
        """Files for other tasks: a row has more than a box and the categories' scores."""
        more = left - self.settings.classes
        if more == 1 and self.settings.task_type is TaskType.OBJECT_DETECTION:
            raise LayoutError(
                f"{described(outputs)} has {left} numbers behind the box, one more than categories; if it is "
                "for oriented boxes write layout: obb, if it has an objectness layout: yolov5, and otherwise "
                "list all its categories, or say with category_map which class is which."
            )
        if more >= 6 and more % 3 == 0 and self.settings.classes <= 3:
            raise LayoutError(
                f"{described(outputs)} has {left} classes, or {self.settings.classes} and {more // 3} "
                f"keypoints: of a pose file write kpt_shape: [{more // 3}, 3] for its boxes, or task_type: "
                "keypoint-detection; of boxes list all categories, or say with category_map which class is "
                "which."
            )

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        rows = outputs[self._rows]
        if rows.ndim != 3 or len(rows) != len(views):
            raise LayoutError(f"the output has the shape {rows.shape} for {len(views)} images")
        tables = rows.transpose(0, 2, 1) if self._rows_axis == 2 else rows
        prototypes = None if self._prototypes is None else outputs[self._prototypes]
        channels = None if prototypes is None else prototypes.shape[1]
        stop = tables.shape[2] - self._after(tables.shape[2], channels)
        if self.settings.task_type is not TaskType.INSTANCE_SEGMENTATION:
            prototypes = None
        return [
            self._result(tables[index], stop, None if prototypes is None else prototypes[index], view)
            for index, view in enumerate(views)
        ]

    def _result(self, table: NDArray[Any], stop: int, prototypes: NDArray[Any] | None, view: View) -> Result:
        """One image's objects; class scores end before ``stop``."""
        if not self._checked:
            self._check_table(table, stop, view)
            self._checked = True
        scores = self._scores(table, stop)
        kept = best(scores, self.settings.floor, self.settings.max_candidates)
        found, scores = np.ascontiguousarray(table[kept]), scores[kept]
        per_class = found[:, self._before_classes : stop]
        # The best scores come first, so that this is about all rows.
        self._check_scores(per_class)
        classes = per_class.argmax(axis=1)
        boxes = view.to_image(corners(self._in_pixels(found[:, :4], scores, view)))
        return self._finished(
            boxes, scores, classes, normalised(per_class), found[:, stop:], prototypes, view
        )

    def _check_table(self, table: NDArray[Any], stop: int, view: View) -> None:
        """Of the first image all rows: of another layout's those kept may look like scores, or be none."""
        if len(table) == anchored_rows(view):
            raise LayoutError(
                f"it has {len(table)} rows, three for every cell of the grids, as YOLOv5 and v7 have, whose "
                "rows hold an objectness; write layout: yolov5"
            )
        self._check_scores(table[:, self._before_classes : stop])
        if stop - self._before_classes == 2 and self._rows_axis == 1 and are_labels(table[:, stop - 1]):
            raise LayoutError(_CLASS_LAST)

    def _check_scores(self, scores: NDArray[Any]) -> None:
        rows = ", ".join(str(one) for one in self.declared)
        check_shares(
            scores,
            f"class scores of the layout {self.name}",
            f"{rows} holds something else: keypoints (task_type: keypoint-detection), the angle of oriented "
            "boxes (layout: obb), boxes as offsets (layout: yolox) or logits",
        )

    def _in_pixels(self, boxes: NDArray[Any], scores: NDArray[Any], view: View) -> NDArray[Any]:
        if self.options.unit == "share":
            boxes = np.asarray(boxes * np.array([view.input_width, view.input_height] * 2, boxes.dtype))
        elif are_shares(boxes, scores):
            raise LayoutError(
                "boxes lie in the first pixel, so they are shares of the input; write unit: share beside "
                "layout"
            )
        self._notation.look(boxes, scores, view)
        return boxes

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
        boxes, straight = without_crossed(
            boxes,
            view,
            strictly=True,
            counted=self.settings.task_type is not TaskType.KEYPOINT_DETECTION,
        )
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
            return Keypoints(self._points(extra, view), scores, classes, boxes, probabilities)
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

    def _points(self, extra: NDArray[Any], view: View) -> NDArray[Any]:
        numbers = 3 if self._kpt_shape is None else self._kpt_shape[1]
        given = extra.reshape(len(extra), extra.shape[1] // numbers, numbers)
        points = np.ones((*given.shape[:2], 3), dtype=given.dtype)
        points[..., :numbers] = given
        if self.options.unit == "share":
            points[..., :2] *= np.array([view.input_width, view.input_height], dtype=given.dtype)
        points[..., :2] = view.to_image(points[..., :2])
        if numbers == 3:
            pairs = extra.shape[1] // 2
            check_shares(
                points[..., 2],
                "scores of keypoints",
                f"if they have none, write kpt_shape: [{pairs}, 2] beside layout",
            )
            points[..., 2] = np.clip(points[..., 2], 0, 1)
        return points


@layout
class YoloV5(Yolo):
    """(B, N, 5 + C + extra): centre, width, height; objectness; C class scores; mask coefficients."""

    name = "yolov5"
    outputs = "`(B, N, 5 + C + extra)`, with objectness"
    families = "YOLOv5, v6, v7, YOLOX decoded"
    Options = YoloOptions
    _before_classes = 5
    _in_columns = False

    def _check_table(self, table: NDArray[Any], stop: int, view: View) -> None:
        self._check_scores(table[:, self._before_classes : stop])
        cells = len(table) in (grid_rows(view), anchored_rows(view))
        if stop - self._before_classes == 1 and not cells and are_labels(table[:, stop - 1]):
            raise LayoutError(_CLASS_LAST)

    def _scores(self, table: NDArray[Any], stop: int) -> NDArray[Any]:
        return np.asarray(table[:, 4] * table[:, 5:stop].max(axis=1))

    def _result(self, table: NDArray[Any], stop: int, prototypes: NDArray[Any] | None, view: View) -> Result:
        offsets = "boxes are offsets and logarithms of them"
        if self.options.unit == "pixel" and len(table) == grid_rows(view) and stop == table.shape[1]:
            # YOLOX without its decoding: widths are logarithms, and centres lie near 0 everywhere.
            near = table[:, :2].max() < max(view.input_width, view.input_height) / 4
            if near or (table[:, 2:4] <= 0).any():
                raise LayoutError(f"{offsets}: write layout: yolox")
        check_shares(
            table[:, 4], "the objectness", "without one write layout: yolo and order: rows beside it"
        )
        # Without anchors and with an objectness that says something: YOLOv6 writes 1 everywhere.
        if not self.settings.scale_is_said and len(table) == grid_rows(view) and (table[:, 4] != 1).any():
            said = ", ".join(f"{name}: {value}" for name, value in YOLOX_PIXELS.items())
            raise LayoutError(
                f"it has {len(table)} rows, one for each cell of the grids, and an objectness, as YOLOX has, "
                f"whose pixels are others than YOLOv5's; write preprocess: {{{said}}}, or scale: 0.00392157 "
                "if it was trained with 0..1"
            )
        return super()._result(table, stop, prototypes, view)


@layout
class YoloNms(Yolo):
    """(B, N, 6 + extra): corners; score; class; mask coefficients or keypoints. The graph has suppressed."""

    name = "yolo_nms"
    outputs = "`(B, N, 6 + extra)`: corners, score, class"
    families = "`nms=True` exports, YOLOv10, 26"
    suppression = "in the graph"
    Options = YoloOptions
    _before_classes = 6
    _in_columns = False
    _written = "xyxy"
    _instead: ClassVar[Mapping[Written, str]] = {
        "cxcywh": "where they are shares write layout: rtdetr_topk, otherwise turn them into corners in a "
        "function of your own (kind: python)",
        "xywh": "turn them into corners in a function of your own (kind: python)",
    }

    def _has_room(self, columns: int | None) -> bool:
        return columns is None or columns >= 6

    def _classes(self, columns: int, outputs: Sequence[Output]) -> int:
        after = columns - 6
        if self.settings.task_type is TaskType.KEYPOINT_DETECTION and self._kpt_shape is None:
            fits = after > 0 and after % 3 == 0
        elif self._prototypes is not None and self._channels(outputs) is None:
            fits = after > 0
        else:
            fits = after == self._after(columns, self._channels(outputs))
        if not fits:
            obb = "; with an angle behind the class write layout: obb" if after == 1 else ""
            raise LayoutError(
                f"{described(outputs)} has {columns} numbers a row; the layout {self.name} has 6 "
                "(box, score, class), then mask coefficients or keypoints of x, y, score for those tasks "
                f"(kpt_shape: [K, 2] where they have no score){obb}."
            )
        return self.settings.classes

    def _result(self, table: NDArray[Any], _stop: int, prototypes: NDArray[Any] | None, view: View) -> Result:
        if len(table) in (grid_rows(view), anchored_rows(view)) and table.shape[1] == 6:
            raise LayoutError(
                f"it has {len(table)} rows, as many as the grids have cells (or three times), so nothing is "
                "suppressed; write layout: yolo and order: rows beside it, or layout: yolov5 with an "
                "objectness"
            )
        kept = best(table[:, 4], self.settings.floor, self.settings.max_candidates)
        if prototypes is not None:
            kept = kept[: self.settings.max_masks]
        found = table[kept]
        scores = found[:, 4]
        check_shares(scores, "scores", "they are the fifth number of a row; choose the layout that fits")
        check_whole(found[:, 5], "classes", "rows of class scores have the layout yolo with order: rows")
        if self.options.unit == "pixel" and are_shares(found[:, :4], scores):
            raise LayoutError(
                "boxes are shares of the input; write layout: rtdetr_topk where they are centre, width and "
                "height, and unit: share beside layout where they are corners"
            )
        boxes = view.to_image(self._in_pixels(found[:, :4], scores, view))
        return self._finished(
            boxes, scores, found[:, 5].astype(np.int64), None, found[:, 6:], prototypes, view
        )


def _kpt_shape(settings: ReadSettings) -> tuple[int, int] | None:
    """What the file says about its keypoints."""
    try:
        found = ast.literal_eval(settings.metadata.get("kpt_shape", "None")[:100])
    except (ValueError, SyntaxError):
        return None
    match found:
        case [int(points), 2 | 3 as numbers] if points > 0:
            return points, int(numbers)
    return None
