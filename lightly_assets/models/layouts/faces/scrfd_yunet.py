"""Faces over grids of cells: boxes and five points (eyes, nose, corners of the mouth) of SCRFD and YuNet."""

from abc import abstractmethod
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
from lightly_assets.models.layouts.grids import centres
from lightly_assets.models.layouts.shared.values import check_shares
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.results import Detections, Keypoints, Result

_STRIDES = (8, 16, 32)


class _Faces(Layout):
    """Outputs of one class for three grids, told by how many numbers a cell has and by how many cells."""

    tasks = (TaskType.OBJECT_DETECTION, TaskType.KEYPOINT_DETECTION)
    suppression: ClassVar[Suppression] = "ours"
    batch_first = False
    _scores: ClassVar[int]
    """How many outputs of one number a grid has."""

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        widths = [one.shape[-1] for one in outputs if len(one.shape) in (2, 3)]
        needed = {1: 3 * self._scores, 4: 3}
        if settings.task_type is TaskType.KEYPOINT_DETECTION:
            needed[10] = 3
        if any(widths.count(width) != count for width, count in needed.items()):
            raise LayoutError(
                f"The layout {self.name} needs {self.outputs.replace('`', '')}; there is "
                f"{described(outputs)}."
            )
        # Without a dimension for the batch, cells of several images could not be told apart.
        self.one_image = any(len(one.shape) == 2 for one in outputs)

    @property
    def classes(self) -> int:
        return 1

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        given = [one[None] if one.ndim == 2 else one for one in outputs]
        if any(len(one) != len(views) for one in given):
            raise LayoutError(f"an output has the shape {outputs[0].shape} for {len(views)} images")
        return [self._result([one[place] for one in given], view) for place, view in enumerate(views)]

    def _joined(self, outputs: Sequence[NDArray[Any]], width: int, number: int = 0) -> NDArray[Any]:
        """The cells of the three grids, finest first, of the outputs of so many numbers a cell."""
        found = [one for one in outputs if one.shape[1] == width]
        groups = [found[start : start + 3] for start in range(0, len(found), 3)]
        return np.concatenate(sorted(groups[number], key=len, reverse=True)).astype(np.float32)

    def _result(self, outputs: Sequence[NDArray[Any]], view: View) -> Result:
        scores = self._certain(outputs)
        cells = centres(view, _STRIDES)
        if len(scores) % len(cells):
            raise LayoutError(
                f"{len(scores)} cells are no grids over {view.input_width}×{view.input_height} pixels"
            )
        cells = np.repeat(cells, len(scores) // len(cells), axis=0)
        kept = best(scores, self.settings.floor, self.settings.max_candidates)
        check_shares(scores[kept], "scores", "they must be what comes after a sigmoid")
        boxes = view.to_image(self._boxes(self._joined(outputs, 4)[kept], cells[kept]))
        classes = np.zeros(len(kept), dtype=np.int64)
        certain = np.clip(scores[kept], 0, 1)
        if self.settings.task_type is TaskType.OBJECT_DETECTION:
            return Detections(boxes, certain, classes)
        offsets = self._joined(outputs, 10)[kept].reshape(len(kept), 5, 2)
        points = np.ones((len(kept), 5, 3), dtype=np.float32)
        points[..., :2] = view.to_image((offsets + cells[kept, None, :2]) * cells[kept, None, 2:])
        return Keypoints(points, certain, classes, boxes)

    @abstractmethod
    def _certain(self, outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """(N,) scores of all cells."""

    @abstractmethod
    def _boxes(self, found: NDArray[Any], cells: NDArray[Any]) -> NDArray[Any]:
        """(N, 4) corners in the input's pixels from what cells say; ``cells`` are column, row and stride."""


@layout
class Scrfd(_Faces):
    """Scores, distances to the four sides and points for strides 8, 16 and 32, two of each in a cell."""

    name = "scrfd"
    outputs = "for strides 8, 16, 32: scores `(2hw, 1)`, distances `(2hw, 4)`, points `(2hw, 10)`"
    families = "SCRFD, RetinaFace of insightface"
    defaults = Preprocess(
        resize="letterbox",
        size=(640, 640),
        pad=0,
        pad_at="end",
        rounding="floor",
        interpolation="linear",
        scale=1.0,
        mean=(127.5, 127.5, 127.5),
        std=(128.0, 128.0, 128.0),
    )
    _scores = 1

    def _certain(self, outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return self._joined(outputs, 1)[:, 0]

    def _boxes(self, found: NDArray[Any], cells: NDArray[Any]) -> NDArray[Any]:
        near, far = cells[:, :2] - found[:, :2], cells[:, :2] + found[:, 2:]
        return np.asarray(np.concatenate([near, far], axis=1) * cells[:, 2:])


@layout
class YuNet(_Faces):
    """Class, objectness, box and points for strides 8, 16 and 32; the score is the root of both."""

    name = "yunet"
    outputs = "for strides 8, 16, 32: cls and obj `(B, hw, 1)`, bbox `(B, hw, 4)`, kps `(B, hw, 10)`"
    families = "YuNet of OpenCV's zoo"
    defaults = Preprocess(
        resize="letterbox",
        size=(640, 640),
        pad=0,
        pad_at="end",
        interpolation="linear",
        scale=1.0,
        channels="bgr",
    )
    _scores = 2

    def _certain(self, outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        both = [np.clip(self._joined(outputs, 1, number)[:, 0], 0, 1) for number in (0, 1)]
        return np.asarray(np.sqrt(both[0] * both[1]))

    def _boxes(self, found: NDArray[Any], cells: NDArray[Any]) -> NDArray[Any]:
        middle = found[:, :2] + cells[:, :2]
        half = np.exp(found[:, 2:]) / 2
        return np.asarray(np.concatenate([middle - half, middle + half], axis=1) * cells[:, 2:])
