"""Scores as they are, of images (B, C) and of pixels (B, C, h, w), and label maps (B, h, w)."""

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
    described,
    layout,
    sigmoid,
    softmax,
)
from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess, View
from lightly_assets.models.resize import between, resample
from lightly_assets.models.results import Classification, Result, SemanticScores

_ROWS = 16


@layout
class Logits(Layout):
    """Before the softmax. A single channel stands for the second of two classes, before a sigmoid."""

    defaults = Preprocess(resize="stretch", interpolation="bilinear", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    name = "logits"
    tasks = (TaskType.CLASSIFICATION, TaskType.SEMANTIC_SEGMENTATION)
    outputs = "before the softmax: classification `(B, C)`, semantic segmentation `(B, C, h, w)`"
    families = "torchvision, timm, transformers"
    suppression = ""

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        rank = 2 if settings.task_type is TaskType.CLASSIFICATION else 4
        places = [index for index, output in enumerate(outputs) if len(output.shape) == rank]
        if not places:
            raise LayoutError(
                f"{settings.task_type} with the layout {self.name} needs an output of rank {rank}; there is "
                f"{described(outputs)}."
            )
        self._place = places[0]
        channels = outputs[self._place].shape[1]
        self._count = 2 if channels == 1 else channels

    @property
    def classes(self) -> int | None:
        return self._count

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
        if len(scores) == 1:
            return _two(sigmoid(scores))
        if scores.ndim == 1:
            return softmax(scores, axis=0)
        # Some rows at a time, so that all classes of them stay in the cache.
        for start in range(0, scores.shape[1], _ROWS):
            rows = scores[:, start : start + _ROWS]
            rows[...] = softmax(rows, axis=0)
        return scores


@layout
class Probabilities(Logits):
    """After the softmax (or, of a single channel, the sigmoid)."""

    name = "probabilities"
    outputs = "the same after the softmax"
    families = "Keras, Paddle, ultralytics"

    def _activated(self, scores: NDArray[Any]) -> NDArray[Any]:
        return _two(scores) if len(scores) == 1 else scores


def _two(scores: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([1 - scores, scores])


def resized_scores(scores: NDArray[Any], view: View) -> NDArray[np.float32]:
    """(C, h, w) numbers over the model's input as (C, H, W) over the image, read between pixel centres."""
    _, rows, columns = scores.shape
    identity = (rows, columns) == (view.height, view.width) and view.scale_x == view.scale_y == 1
    if identity and view.offset_x == view.offset_y == 0:
        return scores.astype(np.float32)
    return resample(scores, between(rows, view.rows(rows)), between(columns, view.columns(columns)))


@layout
class LabelMap(Layout):
    """(B, h, w) or (B, 1, h, w) class numbers."""

    defaults = Logits.defaults
    name = "label_map"
    tasks = (TaskType.SEMANTIC_SEGMENTATION,)
    outputs = "class numbers `(B, h, w)` or `(B, 1, h, w)`"
    families = "segmentation with an argmax in the graph"
    suppression = ""

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
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
        if whole.dtype.kind == "f":
            labels = whole.astype(np.int64)
            if (labels != whole).any():
                raise LayoutError(
                    f"a label is {whole[labels != whole][0]:g}; the layout label_map has whole numbers "
                    "(scores have the layouts logits and probabilities)"
                )
            whole = labels
        return SemanticScores(label_map=whole)
