"""Queries with a class and a mask each, as MaskFormer and its successors give them."""

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
    output_of_rank,
    sigmoid,
    softmax,
)
from lightly_assets.models.layouts.shared.masks import masks_above_zero
from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess, View
from lightly_assets.models.results import Detections, Result, RunLengths
from lightly_assets.models.semantic.interpolated import CLIPPED, InterpolatedScores


@layout
class MaskQueries(Layout):
    """Class logits (B, Q, C + 1), the last for no object, and mask logits (B, Q, h, w) over the input."""

    name = "mask_queries"
    tasks = (TaskType.INSTANCE_SEGMENTATION, TaskType.SEMANTIC_SEGMENTATION)
    outputs = "class logits `(B, Q, C + 1)`, mask logits `(B, Q, h, w)`"
    families = "MaskFormer, Mask2Former, OneFormer, EoMT"
    suppression = "none"
    defaults = Preprocess(resize="stretch", interpolation="bilinear", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    pixels_differ = True
    reading = 2
    minus_infinity = True

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        needs = f"The layout {self.name} needs"
        self._masks = output_of_rank(outputs, (4,), None, f"{needs} masks (B, Q, h, w)")
        queries = outputs[self._masks].shape[1]
        self._logits = output_of_rank(
            outputs,
            (3,),
            None,
            f"{needs} class logits (B, Q, C + 1)",
            lambda one: None in (one.shape[1], queries) or one.shape[1] == queries,
        )
        others = outputs[self._logits].shape[1]
        if None not in (queries, others) and queries != others:
            raise LayoutError(
                f"{needs} as many masks as rows of class logits; there is {described(outputs)}."
            )
        columns = outputs[self._logits].shape[2]
        self._count = None if columns is None else columns - 1

    @property
    def classes(self) -> int | None:
        return self._count

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        ranks = sorted(len(one.shape) for one in outputs)
        return ranks == [3, 4] and all("quer" in one.name for one in outputs)

    def results(self, outputs: Sequence[NDArray[Any]], views: Sequence[View]) -> list[Result]:
        logits, masks = outputs[self._logits], outputs[self._masks]
        if len(logits) != len(views):
            raise LayoutError(f"the output has the shape {logits.shape} for {len(views)} images")
        read = self._pixels if self.settings.task_type is TaskType.SEMANTIC_SEGMENTATION else self._objects
        images = zip(logits.astype(np.float32), masks.astype(np.float32), views, strict=True)
        return [read(softmax(one, axis=1)[:, :-1], mask, view) for one, mask, view in images]

    @staticmethod
    def _pixels(classes: NDArray[Any], masks: NDArray[Any], view: View) -> Result:
        """The share of each class in a pixel: its probability in each query, times the query's mask."""
        shares = np.einsum("qc,qhw->chw", classes, sigmoid(masks))
        # Several queries may claim a pixel; the format's score is a share.
        return InterpolatedScores(shares, view, CLIPPED)

    def _objects(self, classes: NDArray[Any], masks: NDArray[Any], view: View) -> Result:
        """The best pairs of query and class; a mask that is unsure makes its object less likely."""
        flat = classes.ravel()
        kept = best(flat, self.settings.floor, min(len(classes), self.settings.max_candidates))
        queries, found = np.divmod(kept, classes.shape[1])
        inside = masks > 0
        areas = inside.sum(axis=(1, 2))
        certain = np.where(inside, sigmoid(masks), 0).sum(axis=(1, 2)) / (areas + 1e-6)
        scores = flat[kept] * certain[queries]
        order = best(np.where(areas[queries] > 0, scores, -1), self.settings.floor, self.settings.max_masks)
        queries, found, scores = queries[order], found[order], scores[order].astype(np.float32)
        whole = masks_above_zero(masks[queries], view)
        filled = [place for place, counts in enumerate(whole.counts) if len(counts) > 1]
        return Detections(_boxes(whole.take(filled)), scores[filled], found[filled], masks=whole.take(filled))


def _boxes(masks: RunLengths) -> NDArray[np.float32]:
    """(N, 4) corners around N masks that are not empty."""
    boxes = np.zeros((len(masks), 4), dtype=np.float32)
    for place, counts in enumerate(masks.counts):
        edges = np.cumsum(counts)
        starts, stops = edges[0::2], edges[1::2]
        starts = starts[: len(stops)]
        last = stops - 1
        top, bottom = starts[0] // masks.width, last[-1] // masks.width
        within = starts // masks.width == last // masks.width
        left = 0 if not within.all() else (starts % masks.width).min()
        right = masks.width - 1 if not within.all() else (last % masks.width).max()
        boxes[place] = [left, top, right + 1, bottom + 1]
    return boxes
