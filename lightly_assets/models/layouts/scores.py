"""Scores as they are, of images (B, C) and of pixels (B, C, h, w), and label maps (B, h, w)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.models.layouts.base import (
    LayoutError,
    Output,
    ReadSettings,
    described,
    sigmoid,
    softmax,
)
from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess, View
from lightly_assets.models.resize import interpolation
from lightly_assets.models.results import Classification, Result, SemanticScores

# A dense product is fastest on small planes; large ones are read two columns at a time.
_DENSE = 256


class Logits:
    """Before the softmax. A single channel stands for the second of two classes, before a sigmoid."""

    defaults = Preprocess(resize="stretch", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    name = "logits"

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        self.settings = settings
        ranks = {TaskType.CLASSIFICATION: 2, TaskType.SEMANTIC_SEGMENTATION: 4}
        rank = ranks.get(settings.task_type)
        if rank is None:
            raise LayoutError(f"The layout {self.name} cannot do {settings.task_type}.")
        places = [index for index, output in enumerate(outputs) if len(output.shape) == rank]
        if not places:
            raise LayoutError(
                f"{settings.task_type} with the layout {self.name} needs an output of rank {rank}; there is "
                f"{described(outputs)}."
            )
        self._place = places[0]
        channels = outputs[self._place].shape[1]
        self.classes = 2 if channels == 1 else channels

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        scores = outputs[self._place]
        if scores.dtype == np.float16:
            scores = scores.astype(np.float32)
        if len(scores) != len(views):
            raise LayoutError(f"the output has the shape {scores.shape} for {len(views)} images")
        if self.settings.task_type is TaskType.CLASSIFICATION:
            return [Classification(probabilities=self._activated(one)) for one in scores]
        return [
            SemanticScores(self._activated(resized_scores(one, view)))
            for one, view in zip(scores, views, strict=True)
        ]

    def _activated(self, scores: NDArray[Any]) -> NDArray[Any]:
        return _two(sigmoid(scores)) if len(scores) == 1 else softmax(scores, axis=0)


class Probabilities(Logits):
    """After the softmax (or, of a single channel, the sigmoid)."""

    name = "probabilities"

    def _activated(self, scores: NDArray[Any]) -> NDArray[Any]:
        return _two(scores) if len(scores) == 1 else scores


def _two(scores: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([1 - scores, scores])


def resized_scores(scores: NDArray[Any], view: View) -> NDArray[np.float32]:
    """(C, h, w) numbers over the model's input as (C, H, W) over the image, read between pixel centres."""
    _, rows, columns = scores.shape
    identity = (rows, columns) == (view.height, view.width) and view.scale_x == view.scale_y == 1
    if identity and view.offset_x == view.offset_y == 0:
        return scores.astype(np.float32, copy=False)
    weights_y = interpolation(rows, view.rows(rows))
    tall = np.matmul(weights_y, scores.astype(np.float32, copy=False))
    places = view.columns(columns)
    if columns <= _DENSE:
        whole: NDArray[np.float32] = np.matmul(tall, interpolation(columns, places).T)
        return whole
    at = np.clip(places - 0.5, 0, columns - 1)
    low = np.floor(at).astype(np.intp)
    share = (at - low).astype(np.float32)
    left: NDArray[np.float32] = tall[..., low]
    right: NDArray[np.float32] = tall[..., np.minimum(low + 1, columns - 1)]
    right -= left
    right *= share
    right += left
    return right


class LabelMap:
    """(B, h, w) or (B, 1, h, w) class numbers."""

    defaults = Logits.defaults
    classes = None
    name = "label_map"

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        if settings.task_type is not TaskType.SEMANTIC_SEGMENTATION:
            raise LayoutError(f"The layout {self.name} cannot do {settings.task_type}.")
        places = [
            index
            for index, output in enumerate(outputs)
            if len(output.shape) == 3 or (len(output.shape) == 4 and output.shape[1] in (1, None))
        ]
        if not places:
            raise LayoutError(f"A label map has the shape (B, h, w); there is {described(outputs)}.")
        self._place = places[0]

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        maps = outputs[self._place]
        if maps.ndim == 4:
            maps = maps[:, 0]
        if len(maps) != len(views):
            raise LayoutError(f"the output has the shape {maps.shape} for {len(views)} images")
        return [self._result(one, view) for one, view in zip(maps, views, strict=True)]

    @staticmethod
    def _result(labels: NDArray[Any], view: View) -> Result:
        rows, columns = labels.shape
        y = np.clip(np.floor(view.rows(rows)), 0, rows - 1).astype(np.intp)
        x = np.clip(np.floor(view.columns(columns)), 0, columns - 1).astype(np.intp)
        whole = labels[y[:, None], x]
        return SemanticScores(label_map=whole.astype(np.int64) if whole.dtype.kind == "f" else whole)
