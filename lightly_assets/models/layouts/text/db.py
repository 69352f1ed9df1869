"""Lines of text in a map of how likely each pixel is text (DBNet: differentiable binarisation)."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

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
    layout,
    output_of_rank,
)
from lightly_assets.models.layouts.shared.values import check_shares
from lightly_assets.models.pixels.kernels import opencv
from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess, View
from lightly_assets.models.results import Detections, Result

# Of the map: thinner rectangles are no line, neither are those that stay so when they are made larger.
_THINNEST, _THINNEST_GROWN = 3, 5
# How far a chord of Clipper's arcs may be from the arc.
_ARC = 0.25


class DbOptions(LayoutOptions):
    """What the layout can be told."""

    output: str | None = Field(default=None, description="the name of the output with the map")
    text_from: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.3, description="from which probability a pixel is text (`thresh` of PaddleOCR)"
    )
    unclip: Annotated[float, Field(ge=0)] = Field(
        default=1.5,
        description="a line is drawn smaller than it is; it grows by this, times area by perimeter "
        "(`unclip_ratio`)",
    )
    dilate: bool = Field(default=False, description="lets lines grow by a pixel first (`use_dilation`)")


@layout
class Db(Layout):
    """(B, 1, h, w) probabilities of text. A line's box is the upright one around its turned rectangle."""

    name = "db"
    tasks = (TaskType.OBJECT_DETECTION,)
    outputs = "a map `(B, 1, h, w)` of how likely a pixel is text"
    families = "PP-OCR's detectors, DBNet; boxes around lines of text"
    suppression: ClassVar[Suppression] = "none"
    defaults = Preprocess(
        resize="none",
        multiple=32,
        pad_at="none",
        interpolation="linear",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        channels="bgr",
    )
    Options: ClassVar[type[LayoutOptions]] = DbOptions

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        options = settings.options
        self.options = options if isinstance(options, DbOptions) else DbOptions()
        needs = f"The layout {self.name} needs {self.outputs.replace('`', '')}"
        self._place = output_of_rank(outputs, (4,), self.options.output, needs)
        if (channels := outputs[self._place].shape[1]) not in (1, None):
            raise LayoutError(
                f"{needs}; {outputs[self._place]} has {channels} channels, which are the layouts "
                "probabilities and logits of semantic segmentation."
            )
        self._cv2 = opencv()
        if self._cv2 is None:
            raise LayoutError(
                "The layout db needs OpenCV; install it with: pip install 'lightly-assets[opencv]'."
            )

    @property
    def classes(self) -> int:
        return 1

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        maps = outputs[self._place]
        if len(maps) != len(views) or maps.shape[1] != 1:
            raise LayoutError(f"the map has the shape {maps.shape} for {len(views)} images")
        check_shares(maps, "the map's numbers", "it must be what comes after a sigmoid")
        return [self._result(one[0], view) for one, view in zip(maps, views, strict=True)]

    def _result(self, text: NDArray[Any], view: View) -> Result:
        text = np.ascontiguousarray(text, dtype=np.float32)
        lines = (self._line(outline, text) for outline in self._outlines(text))
        found = [one for one in lines if one is not None]
        scores = np.array([score for _, score in found], dtype=np.float32)
        boxes = np.array([box for box, _ in found], dtype=np.float32).reshape(-1, 4)
        kept = best(scores, self.settings.floor, self.settings.max_candidates)
        rows, columns = text.shape
        scale = np.array([view.input_width / columns, view.input_height / rows], dtype=np.float32)
        corners = view.to_image(boxes[kept] * np.tile(scale, 2))
        return Detections(corners, np.clip(scores[kept], 0, 1), np.zeros(len(kept), dtype=np.int64))

    def _outlines(self, text: NDArray[np.float32]) -> Sequence[NDArray[np.int32]]:
        """Around what is text, and around holes in it."""
        cv2 = self._cv2
        mask = (text > self.options.text_from).astype(np.uint8)
        if self.options.dilate:
            mask = cv2.dilate(mask, np.ones((2, 2), dtype=np.uint8))
        outlines: Sequence[NDArray[np.int32]]
        outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        return outlines

    def _line(
        self, outline: NDArray[np.int32], text: NDArray[np.float32]
    ) -> tuple[list[float], float] | None:
        """The upright box (x1, y1, x2, y2) of an outline in the map's pixels, and its score."""
        cv2 = self._cv2
        rectangle = cv2.minAreaRect(outline)
        if min(rectangle[1]) < _THINNEST:
            return None
        points = cv2.boxPoints(rectangle)
        score = self._score(points, text)
        if score < self.settings.floor:
            return None
        sides = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1).astype(np.float64)
        distance = float(sides[0] * sides[1] * self.options.unclip / sides.sum())
        grown = cv2.minAreaRect(_grown(points, distance))
        if min(grown[1]) < _THINNEST_GROWN:
            return None
        corners = cv2.boxPoints(grown)
        return [*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()], score

    def _score(self, points: NDArray[np.float32], text: NDArray[np.float32]) -> float:
        """The mean of the map in a rectangle."""
        cv2 = self._cv2
        rows, columns = text.shape
        most = np.array([columns - 1, rows - 1])
        near = np.clip(np.floor(points.min(axis=0)).astype(np.int32), 0, most)
        far = np.clip(np.ceil(points.max(axis=0)).astype(np.int32), 0, most)
        mask = np.zeros((far[1] - near[1] + 1, far[0] - near[0] + 1), dtype=np.uint8)
        cv2.fillPoly(mask, (points - near).astype(np.int32)[None], 1)
        return float(cv2.mean(text[near[1] : far[1] + 1, near[0] : far[0] + 1], mask)[0])


def _grown(points: NDArray[np.float32], distance: float) -> NDArray[np.int32]:
    """A rectangle's four corners, grown with round ones, as the library Clipper does it in whole pixels."""
    corners = points.astype(np.int32).astype(np.float64)
    (x, y), (u, v) = corners.T, np.roll(corners, -1, axis=0).T
    if (x * v - u * y).sum() < 0:
        corners = corners[::-1]
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.maximum(np.linalg.norm(edges, axis=1, keepdims=True), 1e-9)
    out = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / lengths
    if distance < _ARC:
        return _whole(corners)
    each = min(math.pi / math.acos(1 - min(_ARC, distance * _ARC) / distance), distance * math.pi)
    found = []
    for place in range(4):
        before, after = out[place - 1], out[place]
        turn = math.atan2(before[0] * after[1] - before[1] * after[0], float(before @ after))
        steps = max(math.floor(each / (2 * math.pi) * abs(turn) + 0.5), 1)
        angles = np.arange(steps) * (2 * math.pi / each)
        x, y = before
        arc = np.stack([x * np.cos(angles) - y * np.sin(angles), x * np.sin(angles) + y * np.cos(angles)], 1)
        found.append(corners[place] + np.concatenate([arc, after[None]]) * distance)
    return _whole(np.concatenate(found))


def _whole(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Halves away from zero."""
    return np.asarray(np.trunc(points + np.copysign(0.5, points)), dtype=np.int32)
