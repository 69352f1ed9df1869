"""torchvision's detectors: boxes (N, 4), labels (N,), scores (N,); masks (N, 1, h, w) or keypoints (N, K, 3).

The graph resizes, suppresses and pastes masks itself; one image at a time; label 0 is the background.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.models.layouts.base import (
    Layout,
    LayoutError,
    Output,
    ReadSettings,
    best,
    described,
    layout,
    sigmoid,
)
from lightly_assets.models.layouts.masks import resized_masks
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.results import Detections, Keypoints, Result

_TASKS = (TaskType.OBJECT_DETECTION, TaskType.INSTANCE_SEGMENTATION, TaskType.KEYPOINT_DETECTION)


@layout
class Torchvision(Layout):
    """Outputs in torchvision's order: boxes, labels, scores, then masks, or keypoints and their logits."""

    defaults = Preprocess(resize="none")
    name = "torchvision"
    tasks = _TASKS
    outputs = "boxes, labels, scores, then masks, or keypoints and their logits"
    families = "torchvision's detectors"
    suppression = "in the graph"
    first_class = 1
    one_image = True
    outputs_vary = True

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        needed = 3
        if settings.task_type is TaskType.INSTANCE_SEGMENTATION:
            needed = 4
        elif settings.task_type is TaskType.KEYPOINT_DETECTION:
            needed = 5
        if len(outputs) < needed:
            raise LayoutError(
                f"{settings.task_type} with the layout torchvision needs {needed} outputs; there is "
                f"{described(outputs)}."
            )

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        if len(views) != 1:
            raise LayoutError("torchvision's detectors take one image at a time; set batch_size: 1")
        view, (boxes, labels, scores) = views[0], outputs[:3]
        kept = best(scores, self.settings.floor, self.settings.max_candidates)
        if self.settings.task_type is TaskType.INSTANCE_SEGMENTATION:
            kept = kept[: self.settings.max_masks]
        found = view.to_image(boxes[kept])
        if self.settings.task_type is TaskType.KEYPOINT_DETECTION:
            points = _points(outputs[3][kept], outputs[4][kept], view)
            return [Keypoints(points, scores[kept], labels[kept], found)]
        masks = None
        if self.settings.task_type is TaskType.INSTANCE_SEGMENTATION:
            whole = outputs[3][kept]
            masks = resized_masks(whole[:, 0] if whole.ndim == 4 else whole, view, 0.5)
        return [Detections(found, scores[kept], labels[kept], masks=masks)]


def _points(keypoints: NDArray[Any], logits: NDArray[Any], view: View) -> NDArray[Any]:
    points = keypoints.astype(np.float32)
    points[..., :2] = view.to_image(points[..., :2])
    points[..., 2] = sigmoid(logits)
    return points
