"""Faces as points of a heatmap: boxes and five points (eyes, nose, corners of the mouth) of CenterFace."""

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
from lightly_assets.models.layouts.shared.values import check_shares
from lightly_assets.models.preprocess import Preprocess, View
from lightly_assets.models.results import Detections, Keypoints, Result

_STRIDE = 4
_POINTS = 5
# The authors' file says 32×32 pixels, for which nobody means it: their code makes the sizes free.
_TINY = 8
_LARGEST = 12.0  # exp of it is more than any input


@layout
class CenterFace(Layout):
    """A heatmap (B, 1, h, w), scales and offsets (B, 2, h, w), landmarks (B, 10, h, w), 4 pixels apart.

    Scales are logarithms of height and width, offsets and landmarks have y first as well. Landmarks are
    shares of the box from its corner, which is cut at the input's edge before, as the authors do it.
    """

    name = "centerface"
    tasks = (TaskType.OBJECT_DETECTION, TaskType.KEYPOINT_DETECTION)
    outputs = "heatmap `(B, 1, h, w)`, scale and offset `(B, 2, h, w)`, landmarks `(B, 10, h, w)`"
    families = "CenterFace; as its package with `nms_iou: 0.3`"
    suppression: ClassVar[Suppression] = "ours"
    defaults = Preprocess(
        resize="letterbox", size=(640, 640), pad=0, pad_at="end", interpolation="linear", scale=1.0
    )

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        by_channels: dict[int | None, list[int]] = {}
        for place, one in enumerate(outputs):
            if len(one.shape) == 4:
                by_channels.setdefault(one.shape[1], []).append(place)
        counts = {channels: len(places) for channels, places in by_channels.items()}
        needed = {1: 1, 2: 2}
        if settings.task_type is TaskType.KEYPOINT_DETECTION:
            needed[2 * _POINTS] = 1
        if any(counts.get(channels) != count for channels, count in needed.items()):
            raise LayoutError(
                f"The layout {self.name} needs {self.outputs.replace('`', '')}; there is "
                f"{described(outputs)}."
            )
        self._heatmap = by_channels[1][0]
        self._scale, self._offset = self._pair(by_channels[2], outputs)
        self._landmarks = by_channels.get(2 * _POINTS, [None])[0]
        rows, columns = outputs[self._heatmap].shape[2:]
        if rows is not None and columns is not None and max(rows, columns) <= _TINY:
            raise LayoutError(
                f"its outputs say that it is for images of {columns * _STRIDE}×{rows * _STRIDE} pixels, as "
                "the authors' file does, which they never feed it; make its sizes free with "
                "onnx.tools.update_model_dims and name that file in path."
            )

    @staticmethod
    def _pair(places: Sequence[int], outputs: Sequence[Output]) -> tuple[int, int]:
        """Scale and offset: by their names, else in the authors' order."""
        first, second = places
        names = (outputs[first].name.lower(), outputs[second].name.lower())
        if "offset" in names[0] or "scale" in names[1]:
            return second, first
        return first, second

    @property
    def classes(self) -> int:
        return 1

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        channels = sorted(one.shape[1] or 0 for one in outputs if len(one.shape) == 4)
        return channels == [1, 2, 2, 2 * _POINTS]

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        heat = outputs[self._heatmap]
        if len(heat) != len(views):
            raise LayoutError(f"the heatmap has the shape {heat.shape} for {len(views)} images")
        return [self._result([one[place] for one in outputs], view) for place, view in enumerate(views)]

    def _result(self, outputs: Sequence[NDArray[Any]], view: View) -> Result:
        heat = outputs[self._heatmap][0].astype(np.float32)
        if heat.shape != (view.input_height // _STRIDE, view.input_width // _STRIDE):
            raise LayoutError(
                f"a heatmap of {heat.shape[1]}×{heat.shape[0]} is no grid of {_STRIDE} pixels over "
                f"{view.input_width}×{view.input_height}"
            )
        kept = best(heat.ravel(), self.settings.floor, self.settings.max_candidates)
        scores = heat.ravel()[kept]
        check_shares(scores, "scores", "they must be what comes after a sigmoid")
        rows, columns = np.divmod(kept, heat.shape[1])

        def values(place: int) -> NDArray[np.float32]:
            return outputs[place][:, rows, columns].T.astype(np.float32)

        # Everything with y first, as the model has it.
        limits = np.array([view.input_height, view.input_width], dtype=np.float32)
        sizes = np.exp(np.minimum(values(self._scale), _LARGEST)) * _STRIDE
        middles = (np.stack([rows, columns], axis=1) + values(self._offset) + np.float32(0.5)) * _STRIDE
        near = np.clip(middles - sizes / 2, 0, limits).astype(np.float32)
        far = np.minimum(near + sizes, limits)
        boxes = view.to_image(np.concatenate([near[:, ::-1], far[:, ::-1]], axis=1))
        certain, classes = np.clip(scores, 0, 1), np.zeros(len(kept), dtype=np.int64)
        if self.settings.task_type is TaskType.OBJECT_DETECTION or self._landmarks is None:
            return Detections(boxes, certain, classes)
        shares = values(self._landmarks).reshape(len(kept), _POINTS, 2)
        points = np.ones((len(kept), _POINTS, 3), dtype=np.float32)
        points[..., :2] = view.to_image((near[:, None] + shares * sizes[:, None])[..., ::-1])
        return Keypoints(points, certain, classes, boxes)
