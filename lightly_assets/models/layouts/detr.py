"""Transformer detectors: a fixed number of queries, boxes relative to the input, no suppression needed."""

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
    best,
    corners,
    described,
    layout,
    normalised,
    output_of_rank,
    sigmoid,
    softmax,
)
from lightly_assets.models.layouts.shared.masks import masks_above_zero
from lightly_assets.models.layouts.shared.notation import Notation
from lightly_assets.models.layouts.shared.values import (
    are_labels,
    check_logits,
    check_relative,
    check_shares,
    check_whole,
)
from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess, View
from lightly_assets.models.results import Detections, Result

_SCORES = ("logit", "label", "score", "cls", "class", "conf", "prob")
_CORNERS = "turn logits into scores in the file and write layout: boxes_scores with unit: share"
_PIXELS = "boxes in pixels have the layout boxes_scores (corners) or detr_postprocessed"


@layout
class Detr(Layout):
    """DETR: logits (B, Q, C + 1) with a softmax whose last class is "no object", boxes (B, Q, 4)."""

    defaults = Preprocess(
        resize="shortest",
        shortest=800,
        longest=1333,
        interpolation="bilinear",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )
    name = "detr"
    tasks: ClassVar[tuple[TaskType, ...]] = (TaskType.OBJECT_DETECTION,)
    outputs = "logits `(B, Q, C + 1)`, boxes `(B, Q, 4)`"
    families = "DETR, YOLOS, Table Transformer"
    minus_infinity = True
    _no_object = 1
    _masks: int | None = None
    _numbers_tell = False
    """Whether both outputs could be the boxes, as far as names and shapes tell."""

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        self._logits_and_boxes = self._places(outputs)
        self._notation = Notation("cxcywh", {"xyxy": _CORNERS})
        columns = outputs[self._logits_and_boxes[0]].shape[2]
        self._count = None if columns is None else columns - self._no_object

    @property
    def classes(self) -> int | None:
        return self._count

    def _places(self, outputs: Sequence[Output]) -> tuple[int, int]:
        self._refuse_labels(outputs)
        threes = [index for index, output in enumerate(outputs) if len(output.shape) == 3]
        boxes = [index for index in threes if outputs[index].shape[2] in (4, None)]
        named = [index for index in boxes if any(word in outputs[index].name for word in ("box", "det"))]
        if not named and len(threes) == 2:
            # The other one is named as what it is, or only the numbers tell.
            named = [index for index in boxes if not any(word in outputs[index].name for word in _SCORES)]
            self._numbers_tell = len(named) == 2 and None not in {outputs[one].shape[2] for one in named}
        if len(threes) < 2 or not boxes:
            raise LayoutError(
                f"The layout {self.name} needs class logits (B, Q, C) and boxes (B, Q, 4); there is "
                f"{described(outputs)}."
            )
        box = named[0] if named else boxes[0]
        rest = [index for index in threes if index != box]
        # Models for masks have further outputs of rank 3 and 4; the logits are the first or named so.
        logits = [index for index in rest if any(word in outputs[index].name for word in ("logit", "label"))]
        return (logits or rest)[0], box

    def _tell(self, outputs: Sequence[NDArray[Any]]) -> tuple[int, int]:
        """Boxes are shares of the input, and logits are not."""
        first, second = self._logits_and_boxes
        shares = [one for one in (first, second) if outputs[one].min() >= 0 and outputs[one].max() <= 1]
        if len(shares) != 1:
            raise LayoutError(
                f"both of {described(self.declared)} could be boxes, as there are four columns of logits; "
                "name the outputs logits and boxes in the file"
            )
        return (first, second) if shares == [second] else (second, first)

    def _refuse_labels(self, outputs: Sequence[Output]) -> None:
        """Class numbers instead of logits: the graph has done its post-processing already."""
        whole = [one for one in outputs if one.dtype.startswith(("int", "uint")) and len(one.shape) <= 2]
        if whole:
            raise LayoutError(
                f"The layout {self.name} needs class logits (B, Q, C) and boxes (B, Q, 4); there is "
                f"{described(outputs)}, and {whole[0].name} holds class numbers: write layout: "
                "boxes_scores_labels, or detr_postprocessed with an input orig_target_sizes."
            )

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        if self._numbers_tell:
            # Both at once: several threads read outputs.
            self._logits_and_boxes = self._tell(outputs)
            self._numbers_tell = False
        logits, boxes = (outputs[place] for place in self._logits_and_boxes)
        if len(logits) != len(views):
            raise LayoutError(f"the output has the shape {logits.shape} for {len(views)} images")
        masks: Any = [None] * len(views) if self._masks is None else outputs[self._masks]
        images = zip(logits.astype(np.float32), boxes.astype(np.float32), masks, views, strict=True)
        return [self._result(*one) for one in images]

    def _result(
        self,
        logits: NDArray[Any],
        boxes: NDArray[Any],
        masks: NDArray[Any] | None,  # noqa: ARG002
        view: View,
    ) -> Result:
        check_logits(logits, "boxes_scores, where non-maximum suppression is ours")
        scores = softmax(logits, axis=1)[:, :-1]
        top = scores.max(axis=1)
        kept = best(top, self.settings.floor, self.settings.max_candidates)
        check_relative(boxes[kept], _PIXELS)
        return self._detections(boxes[kept], top[kept], scores[kept].argmax(axis=1), scores[kept], view)

    def _detections(
        self,
        cxcywh: NDArray[Any],
        scores: NDArray[Any],
        classes: NDArray[Any],
        per_class: NDArray[Any] | None,
        view: View,
    ) -> Detections:
        size = np.array([view.input_width, view.input_height] * 2, dtype=cxcywh.dtype)
        self._notation.look(cxcywh * size, scores, view)
        boxes = view.to_image(corners(cxcywh) * size)
        probabilities = None if per_class is None else normalised(per_class)
        return Detections(boxes, np.clip(scores, 0, 1), classes, probabilities)


@layout
class RtDetr(Detr):
    """RT-DETR, RF-DETR, D-FINE: each class has a sigmoid of its own, and a query may stand for several.

    Two outputs as above hold logits; one output (B, Q, 4 + C) holds scores, as ultralytics exports it.
    """

    defaults = Preprocess(resize="stretch", size=(640, 640), interpolation="bilinear")
    name = "rtdetr"
    tasks = (TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION)
    outputs = "the same with sigmoids (and masks `(B, Q, h, w)`), or one output `(B, Q, 4 + C)`"
    families = "RT-DETR, RF-DETR, D-FINE, Deformable and Conditional DETR by transformers, ultralytics"
    _no_object = 0

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        # By transformers, RT-DETR sees 0..1, Deformable and Conditional DETR ImageNet's mean and std.
        self.pixels_differ = "pred_boxes" in {one.name for one in outputs}

    def _places(self, outputs: Sequence[Output]) -> tuple[int, int]:
        self._refuse_labels(outputs)
        if self.settings.task_type is TaskType.INSTANCE_SEGMENTATION:
            self._masks = output_of_rank(outputs, (4,), None, f"The layout {self.name} needs masks")
        threes = [index for index, output in enumerate(outputs) if len(output.shape) == 3]
        self._joint = len(threes) == 1
        if not self._joint:
            return super()._places(outputs)
        self._no_object = 4
        columns = outputs[threes[0]].shape[2]
        if columns is not None and columns <= 4:
            raise LayoutError(
                f"The layout {self.name} needs logits and boxes, or rows of both; there is "
                f"{described(outputs)}: boxes, scores and labels apart have the layout boxes_scores_labels."
            )
        return threes[0], threes[0]

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        # RF-DETR's names; with keypoints they have a layout of their own.
        named = {"dets", "labels"} <= {one.name for one in outputs if len(one.shape) == 3}
        return cls is RtDetr and named and all(one.name != "keypoints" for one in outputs)

    def pixels(self) -> Preprocess:
        if self._joint:
            # As ultralytics resizes.
            return RtDetrTopk.defaults
        if {"dets", "labels"} <= {output.name for output in self.declared}:
            # RF-DETR: resized without antialiasing on purpose.
            rfdetr = Preprocess(interpolation="linear", mean=IMAGENET_MEAN, std=IMAGENET_STD)
            return rfdetr.over(self.defaults)
        return self.defaults

    def _result(
        self, logits: NDArray[Any], boxes: NDArray[Any], masks: NDArray[Any] | None, view: View
    ) -> Result:
        if self._joint:
            boxes, scores = logits[:, :4], logits[:, 4:]
            top = scores.max(axis=1)
            kept = best(top, self.settings.floor, self.settings.max_candidates)
            check_shares(scores[kept], "class scores", "rows with logits fit no layout")
            if scores.shape[1] == 2 and are_labels(scores[:, 1]):
                raise LayoutError(
                    "the sixth number of all rows is whole, so it is the class; write layout: rtdetr_topk"
                )
            check_relative(boxes[kept], "with boxes in pixels write layout: yolo and order: rows beside it")
            return self._detections(boxes[kept], top[kept], scores[kept].argmax(axis=1), scores[kept], view)
        check_logits(logits, "boxes_scores, where non-maximum suppression is ours")
        scores = sigmoid(logits)
        flat = scores.ravel()
        kept = best(flat, self.settings.floor, min(len(logits), self.settings.max_candidates))
        if masks is not None:
            kept = kept[: self.settings.max_masks]
        queries, classes = np.divmod(kept, scores.shape[1])
        check_relative(boxes[queries], _PIXELS)
        found = self._detections(boxes[queries], flat[kept], classes, scores[queries], view)
        if masks is None:
            return found
        whole = masks_above_zero(masks[queries], view)
        return Detections(found.boxes, found.scores, found.category_ids, found.probabilities, whole)


@layout
class RtDetrTopk(Detr):
    """One output (B, Q, 6): centre, width, height relative to the input; score; class; the best of them."""

    defaults = Preprocess(resize="stretch", size=(640, 640), interpolation="linear")
    name = "rtdetr_topk"
    outputs = "`(B, Q, 6)`: centre, size, score, class"
    families = "RT-DETR by newer ultralytics"
    minus_infinity = False

    def _places(self, outputs: Sequence[Output]) -> tuple[int, int]:
        places = [
            index for index, one in enumerate(outputs) if len(one.shape) == 3 and one.shape[2] in (6, None)
        ]
        if not places:
            raise LayoutError(f"The layout {self.name} needs rows (B, Q, 6); there is {described(outputs)}.")
        # The file does not say how many classes there are.
        self._no_object = 6 - self.settings.classes
        return places[0], places[0]

    def _result(
        self,
        logits: NDArray[Any],
        boxes: NDArray[Any],
        masks: NDArray[Any] | None,  # noqa: ARG002
        view: View,
    ) -> Result:
        kept = best(logits[:, 4], self.settings.floor, self.settings.max_candidates)
        check_shares(logits[kept, 4], "scores", "the fifth number of a row is something else")
        check_whole(logits[kept, 5], "classes", "rows of class scores have the layout rtdetr")
        check_relative(boxes[kept, :4], "write layout: yolo_nms for corners in pixels")
        classes = logits[kept, 5].astype(np.int64)
        return self._detections(boxes[kept, :4], logits[kept, 4], classes, None, view)
