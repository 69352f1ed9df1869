"""Keypoints of RF-DETR: queries as in ``rtdetr``, and of each query the keypoints of every class."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from lightly_assets.errors import BadValue
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
    sigmoid,
)
from lightly_assets.models.layouts.shared.values import check_logits, check_relative
from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess, View
from lightly_assets.models.results import Keypoints, Result

_NUMBERS = 8
_FOUND = 2  # The logit of "can be found"
_PRECISION = slice(4, 7)  # Of its place: log l11, l21, log l22 of a Cholesky factor
_TRACE_ALPHA = 0.2
_SMALLEST = 1e-12


class RfDetrKeypointsOptions(LayoutOptions):
    """What the layout can be told."""

    keypoints_per_class: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        default=None,
        description="`num_keypoints_per_class` of the checkpoint: `[17]`; older ones begin with the "
        "background, `[0, 17]`",
    )

    @field_validator("keypoints_per_class")
    @classmethod
    def _has_some(cls, given: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if given is not None and not any(given):
            raise BadValue("must name a class with keypoints, such as [17]")
        return given


@layout
class RfDetrKeypoints(Layout):
    """Boxes (B, Q, 4), logits (B, Q, C + 1), keypoints (B, Q, classes × most keypoints, 8).

    The eight numbers are x and y as shares of the input, the logits of "can be found" and "can be seen",
    three of the precision of x and y, and one that the graph has added to the class's logit. As the package
    does it, an object's score falls with how uncertain its keypoints' places are.
    """

    name = "rfdetr_keypoints"
    tasks = (TaskType.KEYPOINT_DETECTION,)
    outputs = "dets `(B, Q, 4)`, labels `(B, Q, C + 1)`, keypoints `(B, Q, K, 8)`, K of all classes"
    families = "RF-DETR for keypoints"
    defaults = Preprocess(
        resize="stretch", size=(576, 576), interpolation="linear", mean=IMAGENET_MEAN, std=IMAGENET_STD
    )
    Options: ClassVar[type[LayoutOptions]] = RfDetrKeypointsOptions

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        by_name = {one.name: place for place, one in enumerate(outputs)}
        missing = [name for name in ("dets", "labels", "keypoints") if name not in by_name]
        if missing:
            raise LayoutError(
                f"The layout {self.name} needs outputs named dets, labels and keypoints; there is "
                f"{described(outputs)}."
            )
        self._boxes, self._logits, self._points = (by_name[name] for name in ("dets", "labels", "keypoints"))
        shape = outputs[self._points].shape
        if len(shape) != 4 or shape[3] not in (_NUMBERS, None):
            raise LayoutError(
                f"The layout {self.name} needs keypoints (B, Q, K, {_NUMBERS}); there is "
                f"{described(outputs)}."
            )
        self._per_class = self._schema(shape[2], outputs[self._logits].shape[-1])

    def _schema(self, slots: int | None, columns: int | None) -> tuple[int, ...]:
        """How many keypoints each class has; the file tells only the slots of all of them together."""
        options = self.settings.options
        given = options.keypoints_per_class if isinstance(options, RfDetrKeypointsOptions) else None
        if given is None:
            # One class and a background: so many slots can be of one class or of both.
            if slots is None or columns != 2 or slots % 2 == 0:
                raise LayoutError(
                    f"its outputs do not tell which of {slots or 'its'} keypoints belong to which class; "
                    f"write keypoints_per_class: [{slots or 17}] beside layout, with one number for each "
                    "class, as num_keypoints_per_class of the checkpoint says."
                )
            return (slots,)
        most = max(given)
        if slots is not None and slots != len(given) * most:
            raise LayoutError(
                f"keypoints_per_class is {list(given)}, which is {len(given)} times {most} keypoints, but "
                f"the output has {slots}."
            )
        if columns is not None and columns < len(given):
            raise LayoutError(
                f"keypoints_per_class is {list(given)}, which is {len(given)} classes, but the output labels "
                f"has {columns}."
            )
        return given

    @property
    def _first(self) -> int:
        """The class that is the first category: behind the background where that comes first."""
        return int(self._per_class[0] == 0)

    @property
    def classes(self) -> int:
        return len(self._per_class) - self._first

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        ranks = {one.name: len(one.shape) for one in outputs}
        return {"dets": 3, "labels": 3, "keypoints": 4}.items() <= ranks.items()

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        found = [outputs[place].astype(np.float32) for place in (self._boxes, self._logits, self._points)]
        wanted = len(self._per_class) * max(self._per_class)
        if any(len(one) != len(views) for one in found) or found[2].shape[2:] != (wanted, _NUMBERS):
            raise LayoutError(
                f"keypoints have the shape {found[2].shape} for {len(views)} images and "
                f"{wanted} keypoints of {_NUMBERS} numbers"
            )
        return [self._result(*one) for one in zip(*found, views, strict=True)]

    def _result(self, boxes: NDArray[Any], logits: NDArray[Any], points: NDArray[Any], view: View) -> Result:
        check_logits(logits, "boxes_scores_labels, for graphs that have done their post-processing")
        plain = sigmoid(logits).ravel()
        # As many as there are queries, before scores change; what is background counts among them.
        queries, classes = np.divmod(best(plain, -1, len(logits)), logits.shape[1])
        counts = np.zeros(logits.shape[1], dtype=np.intp)
        counts[: len(self._per_class)] = self._per_class
        is_object = counts[classes] > 0
        queries, classes = queries[is_object], classes[is_object]
        of_class = points.reshape(len(points), len(self._per_class), -1, _NUMBERS)[queries, classes]
        used = np.arange(of_class.shape[1]) < counts[classes, None]
        scores = _fused(sigmoid(logits[queries, classes]), of_class, used)
        kept = best(scores, self.settings.floor, self.settings.max_candidates)
        queries, classes, of_class = queries[kept], classes[kept], of_class[kept]
        check_relative(boxes[queries], "graphs that give pixels fit no layout for keypoints of RF-DETR")
        size = np.array([view.input_width, view.input_height], dtype=np.float32)
        placed = np.empty((*of_class.shape[:2], 3), dtype=np.float32)
        placed[..., :2] = view.to_image(of_class[..., :2] * size)
        placed[..., 2] = sigmoid(of_class[..., _FOUND])
        corner = view.to_image(corners(boxes[queries]) * np.tile(size, 2))
        if len({count for count in self._per_class if count}) > 1:
            each: Any = tuple(one[:count] for one, count in zip(placed, counts[classes], strict=True))
            return Keypoints(each, scores[kept], classes - self._first, corner)
        return Keypoints(placed, scores[kept], classes - self._first, corner)


def _fused(scores: NDArray[Any], points: NDArray[Any], used: NDArray[np.bool_]) -> NDArray[Any]:
    """(N,) scores of objects, less where the places of their (N, K, 8) keypoints are uncertain.

    s / (1 + s), where s is the score times the mean of the traces of their covariances to the power of -0.2;
    a keypoint's weight in the mean is how surely it can be found.
    """
    if not len(scores):
        return scores
    first, mixed, second = np.moveaxis(points[..., _PRECISION], -1, 0)
    parts = [-2 * first, -2 * second, 2 * np.log(np.maximum(np.abs(mixed), _SMALLEST)) - 2 * (first + second)]
    weights = np.log(np.maximum(sigmoid(points[..., _FOUND]), _SMALLEST))
    weights = np.where(used, weights, -np.inf)
    traces = np.logaddexp.reduce(np.stack(parts), axis=0)
    mean = np.logaddexp.reduce(traces + weights, axis=1) - np.logaddexp.reduce(weights, axis=1)
    logits = np.log(np.maximum(scores, np.finfo(np.float32).tiny)) - _TRACE_ALPHA * mean
    return np.asarray(np.minimum(sigmoid(logits), np.nextafter(np.float32(1), np.float32(0))))
