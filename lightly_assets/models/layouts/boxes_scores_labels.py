"""Boxes, scores and labels as outputs of their own, after the graph's own suppression, in any order."""

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
    Suppression,
    best,
    corners,
    described,
    layout,
    sigmoid,
)
from lightly_assets.models.layouts.shared.masks import pasted_masks, resized_masks
from lightly_assets.models.layouts.shared.notation import NAMES, Notation, Written
from lightly_assets.models.layouts.shared.roles import Role, Roles, find_roles, is_of_tflite
from lightly_assets.models.layouts.shared.values import are_shares, check_shares, check_whole, without_crossed
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.results import Detections, Keypoints, Result

_OVER_A_BOX = 28
_TASKS = (TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION, TaskType.KEYPOINT_DETECTION)


class BoxOptions(LayoutOptions):
    """How boxes are written down."""

    box: Literal["xyxy", "yxyx", "cxcywh", "xywh"] = Field(
        default="xyxy",
        description="the numbers: corners, corners with y first, centre and size, corner and size",
    )
    unit: Literal["pixel", "share"] = Field(
        default="pixel", description="of boxes: the input's pixels, or shares of it"
    )

    def notation(self) -> Notation:
        """What boxes are taken for, and what to write if they are something else."""
        written: Written = "xyxy" if self.box == "yxyx" else self.box
        return Notation(written, {one: f"write box: {one}" for one in NAMES if one != written})

    def corners(
        self, boxes: NDArray[Any], scores: NDArray[Any], view: View, notation: Notation
    ) -> NDArray[Any]:
        """(N, 4) boxes as corners in the input's pixels.

        Raises:
            LayoutError: they are shares, and nobody said so, or their numbers mean something else.
        """
        if self.unit == "share":
            sizes = [view.input_width, view.input_height] * 2
            if self.box == "yxyx":
                sizes = sizes[::-1]
            boxes = boxes * np.array(sizes, dtype=boxes.dtype)
        elif are_shares(boxes, scores):
            raise LayoutError("boxes are shares of the input; write unit: share beside layout")
        if self.box == "yxyx":
            boxes = boxes[:, [1, 0, 3, 2]]
        notation.look(boxes, scores, view)
        if self.box == "xywh":
            return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        return corners(boxes) if self.box == "cxcywh" else boxes


class LabelledOptions(BoxOptions):
    """What the layout can be told."""

    first_class: int = Field(
        default=0, ge=0, description="the label of the first category: 1 where 0 is the background"
    )
    outputs: dict[Role, str] | None = Field(
        default=None,
        description="where names and types do not tell: `{scores: NAME, labels: NAME}`; also boxes, "
        "count, masks and keypoints",
    )

    def first_class_of(self, layout: type[Layout]) -> int:
        return self.first_class or layout.first_class


@layout
class BoxesScoresLabels(Layout):
    """Boxes (B, N, 4), scores (B, N) and labels (B, N), by name and dtype; or without B, for one image."""

    name = "boxes_scores_labels"
    tasks: ClassVar[tuple[TaskType, ...]] = _TASKS
    outputs = (
        "boxes `(B, N, 4)` (or `(B, N, 5)` with scores), scores and labels `(B, N)`, in any order, with or "
        "without B; a number of detections; masks `(B, N, h, w)`; keypoints `(B, N, K, 3)`; rows `(M, 7)`"
    )
    families = "mmdeploy, EfficientNMS, BatchedNMS, YOLOv7 end-to-end, RTMO, SSD of TensorFlow and others"
    suppression: ClassVar[Suppression] = "in the graph"
    defaults = Preprocess(resize="letterbox", size=(640, 640), pad=114, interpolation="linear")
    pixels_differ = True
    outputs_vary = True
    Options: ClassVar[type[LayoutOptions]] = LabelledOptions
    whole_numbers = True

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        options = settings.options
        self.options = options if isinstance(options, BoxOptions) else LabelledOptions()
        self._notation = self._notation_of_boxes()
        self._rows = _rows_of_seven(outputs)
        self.batch_first = self._rows is None
        self._roles: Roles | None = None
        if self._rows is None:
            self._roles = find_roles(outputs, self.name, getattr(self.options, "outputs", None))
            self.one_image = not self._roles.batched
            self._refuse_tensorflow(outputs)
        needed = {
            TaskType.INSTANCE_SEGMENTATION: ("masks", self._roles and self._roles.masks),
            TaskType.KEYPOINT_DETECTION: ("keypoints", self._roles and self._roles.keypoints),
        }
        what, place = needed.get(settings.task_type, ("", 0))
        if place is None:
            raise LayoutError(
                f"{settings.task_type} with the layout {self.name} needs {what}; there is "
                f"{described(outputs)}."
            )

    def _notation_of_boxes(self) -> Notation:
        return self.options.notation()

    def _refuse_tensorflow(self, outputs: Sequence[Output]) -> None:
        """Its detectors write y first, shares, and 1 for the first class; only the user can say it all."""
        names = {one.name.split(":")[0] for one in outputs}
        said = self.settings.options.model_fields_set
        if is_of_tflite(outputs) and not {"box", "unit"} <= said:
            raise LayoutError(
                "Its outputs are those of TensorFlow Lite's own post-processing, whose boxes are shares "
                "with y first; write box: yxyx and unit: share beside layout (and first_class: 1, if it "
                "counts from 1)."
            )
        if {"detection_boxes", "detection_scores"} <= names and not {"box", "unit", "first_class"} <= said:
            raise LayoutError(
                "Its outputs are named as TensorFlow's, whose boxes are shares with y first and whose first "
                "class is 1; write box: yxyx, unit: share and first_class: 1 beside layout (or what holds)."
            )

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        if _rows_of_seven(outputs) is not None:
            return True
        try:
            roles = find_roles(outputs, cls.name)
        except LayoutError:
            return False
        batched = roles.labels is not None and roles.batched
        return batched and (roles.scores is not None or outputs[roles.boxes].shape[-1] == 5)

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        if self._rows is not None:
            return self._of_rows(outputs[self._rows], views)
        roles = self._roles
        assert roles is not None
        if not roles.batched:
            if len(views) != 1:
                raise LayoutError(f"the layout {self.name} takes one image at a time; set batch_size: 1")
            outputs = [one[None] for one in outputs]
        elif len(outputs[roles.boxes]) != len(views):
            shape = outputs[roles.boxes].shape
            raise LayoutError(f"the output has the shape {shape} for {len(views)} images")
        return [self._of_image(outputs, roles, place, view) for place, view in enumerate(views)]

    def _of_image(self, outputs: Sequence[NDArray[Any]], roles: Roles, place: int, view: View) -> Result:
        boxes = outputs[roles.boxes][place]
        count = len(boxes)
        if roles.count is not None:
            count = int(outputs[roles.count].reshape(-1)[place])
        boxes = boxes[:count]
        scores = boxes[:, 4] if roles.scores is None else outputs[roles.scores][place].reshape(-1)[:count]
        labels = np.zeros(len(boxes), dtype=np.int64)
        if roles.labels is not None:
            labels = outputs[roles.labels][place].reshape(-1)[:count]
        kept = self._kept(scores, labels)
        found = view.to_image(self.options.corners(boxes[kept, :4], scores[kept], view, self._notation))
        with_points = self.settings.task_type is TaskType.KEYPOINT_DETECTION
        found, kept = straight(found, kept, view, counted=not with_points)
        classes = labels[kept].astype(np.int64)
        certain = np.clip(scores[kept], 0, 1)
        if self.settings.task_type is TaskType.KEYPOINT_DETECTION:
            return Keypoints(self._points(outputs, roles, place, kept, view), certain, classes, found)
        masks = None
        if self.settings.task_type is TaskType.INSTANCE_SEGMENTATION and roles.masks is not None:
            masks = self._masks(outputs[roles.masks][place][kept], found, view)
        return Detections(found, certain, classes, masks=masks)

    def _kept(self, scores: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.intp]:
        kept = best(scores, self.settings.floor, self.settings.max_candidates)
        if self.settings.task_type is TaskType.INSTANCE_SEGMENTATION:
            kept = kept[: self.settings.max_masks]
        which = f"which output is which follows from names and dtypes: {described(self.declared)}"
        check_shares(scores[kept], "scores", which)
        if labels.dtype.kind == "f":
            check_whole(labels[kept], "labels", which)
        return kept

    def _masks(self, masks: NDArray[Any], boxes: NDArray[Any], view: View) -> Any:
        if masks.ndim == 4:
            masks = masks[:, 0]
        if masks.size and masks.min() < 0:
            raise LayoutError(
                f"masks must hold 0 to 1, and one has {masks.min():.4g}, so that they are logits; add a "
                "sigmoid to the file"
            )
        rows, columns = masks.shape[1:]
        # Masks over the input are of its size, or of a whole part of it; those over a box are of 28×28.
        part = view.input_height // rows
        if rows > _OVER_A_BOX and (rows * part, columns * part) == (view.input_height, view.input_width):
            return resized_masks(masks, view, 0.5)
        return pasted_masks(masks, boxes, view)

    def _points(
        self, outputs: Sequence[NDArray[Any]], roles: Roles, place: int, kept: NDArray[np.intp], view: View
    ) -> NDArray[Any]:
        assert roles.keypoints is not None
        given = outputs[roles.keypoints][place][kept].astype(np.float32)
        if given.ndim != 3 or given.shape[2] not in (2, 3):
            raise LayoutError(f"keypoints must be (N, K, 2) or (N, K, 3), and they are {given.shape}")
        points = np.ones((*given.shape[:2], 3), dtype=np.float32)
        points[..., : given.shape[2]] = given
        points[..., :2] = view.to_image(points[..., :2])
        if roles.point_scores is not None:
            points[..., 2] = outputs[roles.point_scores][place][kept].reshape(points.shape[:2])
            if points[..., 2].size and (points[..., 2].min() < 0 or points[..., 2].max() > 1):
                points[..., 2] = sigmoid(points[..., 2])
        points[..., 2] = np.clip(points[..., 2], 0, 1)
        return points

    def _of_rows(self, rows: NDArray[Any], views: Sequence[View]) -> list[Result]:
        """(M, 7): image of the batch, corners, class, score."""
        images = rows[:, 0]
        order = "rows are image of the batch, corners, class, score"
        check_whole(images, "images of the batch", order)
        check_whole(rows[:, 5], "classes", order)
        count = max(len(views), self.batch)
        # Padding is of no image.
        strange = images[(images < -1) | (images >= count)]
        if len(strange):
            raise LayoutError(f"a row is of image {strange[0]:g} of a batch of {count}; {order}")
        results: list[Result] = []
        for place, view in enumerate(views):
            own = rows[images == place]
            kept = self._kept(own[:, 6], own[:, 5])
            found = view.to_image(self.options.corners(own[kept, 1:5], own[kept, 6], view, self._notation))
            found, kept = straight(found, kept, view)
            scores = np.clip(own[kept, 6], 0, 1)
            results.append(Detections(found, scores, own[kept, 5].astype(np.int64)))
        return results


def straight(
    boxes: NDArray[Any], kept: NDArray[np.intp], view: View, *, counted: bool = True
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Without boxes whose corners are crossed, which are padding."""
    boxes, good = without_crossed(boxes, view, counted=counted)
    return boxes[good], kept[good]


def _rows_of_seven(outputs: Sequence[Output]) -> int | None:
    """YOLOv7's end-to-end export has one output of rows."""
    if len(outputs) == 1 and len(outputs[0].shape) == 2 and outputs[0].shape[1] == 7:
        return 0
    return None


@layout
class DetrPostprocessed(BoxesScoresLabels):
    """As RT-DETR, D-FINE and DEIM export themselves: labels, boxes, scores, in pixels of the input."""

    name = "detr_postprocessed"
    tasks = (TaskType.OBJECT_DETECTION,)
    outputs = "labels `(B, Q)`, boxes `(B, Q, 4)`, scores `(B, Q)`; a second input `orig_target_sizes`"
    families = "RT-DETR v1 to v3, D-FINE, DEIM: their own export"
    suppression = "none"
    defaults = Preprocess(resize="stretch", size=(640, 640), interpolation="bilinear")
    pixels_differ = False
    outputs_vary = False

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        return super().recognises(outputs) and {one.name for one in outputs} == {"labels", "boxes", "scores"}
