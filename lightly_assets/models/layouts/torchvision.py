"""torchvision's detectors: boxes (N, 4), labels (N,), scores (N,); masks (N, 1, h, w) or keypoints (N, K, 3).

The graph resizes, suppresses and pastes masks itself; one image at a time; label 0 is the background.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.models.layouts.base import (
    LayoutError,
    LayoutOptions,
    Output,
    ReadSettings,
    described,
    layout,
)
from lightly_assets.models.layouts.boxes_scores_labels import BoxesScoresLabels
from lightly_assets.models.layouts.shared.masks import resized_masks
from lightly_assets.models.layouts.shared.notation import Notation
from lightly_assets.models.layouts.shared.roles import find_roles
from lightly_assets.models.preprocess import Preprocess, View

_NEEDED = {TaskType.INSTANCE_SEGMENTATION: 4, TaskType.KEYPOINT_DETECTION: 5}


@layout
class Torchvision(BoxesScoresLabels):
    """Boxes, labels and scores, in whatever order; then masks, or keypoints and their logits."""

    name = "torchvision"
    outputs = "boxes `(N, 4)`, labels and scores `(N,)` in any order; masks, or keypoints and their logits"
    families = "torchvision's detectors"
    defaults = Preprocess(resize="none")
    pixels_differ = False
    first_class = 1
    one_image = True
    batch_first = False
    Options: ClassVar[type[LayoutOptions]] = LayoutOptions

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        needed = _NEEDED.get(settings.task_type, 3)
        if settings.task_type in self.tasks and len(outputs) < needed:
            raise LayoutError(
                f"{settings.task_type} with the layout torchvision needs {needed} outputs; there is "
                f"{described(outputs)}."
            )
        super().__init__(settings, outputs)
        if self._roles is not None and self._roles.batched:
            raise LayoutError(
                f"The layout torchvision needs boxes (N, 4) of one image; there is {described(outputs)}, "
                "with a dimension for the batch: write layout: boxes_scores_labels (and first_class: 1, if "
                "label 0 is the background)."
            )

    def _notation_of_boxes(self) -> Notation:
        other = "write layout: boxes_scores_labels, first_class: 1 and box:"
        return Notation("xyxy", {"cxcywh": f"{other} cxcywh", "xywh": f"{other} xywh"})

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        try:
            roles = find_roles(outputs, cls.name)
        except LayoutError:
            return False
        return roles.labels is not None and not roles.batched

    def _masks(self, masks: NDArray[Any], boxes: NDArray[Any], view: View) -> Any:  # noqa: ARG002
        return resized_masks(masks[:, 0] if masks.ndim == 4 else masks, view, 0.5)
