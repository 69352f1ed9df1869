"""Semantic segmentation and classification: intersection over union of pixels, and who is taken for whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightly_assets.evaluation.objects import EvaluationError, Floats, Ints, Objects, Pairing, Ragged
from lightly_assets.evaluation.overlaps import runs_of, same_group, shared_pixels
from lightly_assets.evaluation.pairing import mask_pixels
from lightly_assets.format.rle import decode, encode

_PAIRS = 1 << 14


@dataclass(frozen=True, slots=True)
class Pixels:
    """For I images and C categories: how many pixels labels and predictions share.

    ``shared`` (I, C), ``labelled`` (I, C), ``predicted`` (I, C). ``confusion`` (C, C) counts pixels by label
    and prediction. ``total`` (I,) is the number of pixels, 0 where no mask is known.
    """

    shared: Ints
    labelled: Ints
    predicted: Ints
    confusion: Ints
    total: Ints

    def iou(self, images: Ints | None = None) -> Floats:
        """(C,) intersection over union over these images, NaN where there is neither label nor prediction."""
        some = slice(None) if images is None else images
        shared = self.shared[some].sum(axis=0)
        union = self.labelled[some].sum(axis=0) + self.predicted[some].sum(axis=0) - shared
        result: Floats = np.divide(shared, union, out=np.full(shared.shape, np.nan), where=union > 0)
        return result


def compare_pixels(pairing: Pairing) -> Pixels:
    """Compares the masks of each image; of a category that has several in an image, their union counts."""
    images, count = len(pairing.stems), len(pairing.names)
    labels, predictions = _united(pairing.labels, count), _united(pairing.predictions, count)
    confusion = np.zeros((count, count), dtype=np.int64)
    shared = np.zeros((images, count), dtype=np.int64)
    ours, theirs = runs_of(predictions.masks), runs_of(labels.masks)
    for one, other in same_group(predictions.images, labels.images, most=_PAIRS):
        pixels = shared_pixels(ours, theirs, one, other)
        np.add.at(confusion, (labels.categories[other], predictions.categories[one]), pixels)
        same = labels.categories[other] == predictions.categories[one]
        np.add.at(shared, (predictions.images[one[same]], predictions.categories[one[same]]), pixels[same])
    labelled, predicted = np.zeros_like(shared), np.zeros_like(shared)
    labelled[labels.images, labels.categories] = theirs.areas
    predicted[predictions.images, predictions.categories] = ours.areas
    total = np.zeros(images, dtype=np.int64)
    for objects in (predictions, labels):
        total[objects.images] = mask_pixels(objects.masks)
    return Pixels(shared, labelled, predicted, confusion, total)


def _united(objects: Objects, count: int) -> Objects:
    """One mask per image and category."""
    groups = objects.images * count + objects.categories
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    if starts.size == groups.size:
        return objects.take(order)
    lists = []
    for rows in np.split(order, starts[1:]):
        flat = objects.masks.row(int(rows[0]))
        if rows.size > 1:
            flat = _union([objects.masks.row(int(row)) for row in rows])
        lists.append(flat)
    firsts = objects.take(order[starts])
    masks = Ragged.of(np.concatenate(lists), np.array([one.size for one in lists]))
    return Objects(
        firsts.images,
        firsts.categories,
        firsts.scores,
        firsts.boxes,
        firsts.areas,
        firsts.crowds,
        masks,
    )


def _union(masks: list[Ints]) -> Ints:
    total = int(masks[0].sum())
    united = decode(masks[0], 1, total)
    for one in masks[1:]:
        united |= decode(one, 1, total)
    return np.array(encode(united), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Classes:
    """The label and the prediction of each image that has a label; -1 where there is no prediction.

    ``confusion`` (C, C + 1) counts images by label and prediction; the last column are those without.
    """

    images: Ints
    labels: Ints
    predictions: Ints
    scores: Floats
    confusion: Ints

    @property
    def accuracy(self) -> float | None:
        return float((self.labels == self.predictions).mean()) if self.labels.size else None


def compare_classes(pairing: Pairing) -> Classes:
    """Compares the class of each image with its label; of several predictions the surest counts.

    Raises:
        EvaluationError: an image has several labels.
    """
    labels = pairing.labels
    images, firsts, counts = np.unique(labels.images, return_index=True, return_counts=True)
    if (counts > 1).any():
        image = images[np.flatnonzero(counts > 1)[0]]
        different = np.unique(labels.categories[labels.images == image])
        if different.size > 1:
            names = " and ".join(f"'{pairing.names[one]}'" for one in different[:2])
            raise EvaluationError(
                f"'{pairing.stems[image]}' is labelled {names}; a classification has one class an image."
            )
    chosen = np.full(len(pairing.stems), -1, dtype=np.int64)
    scores = np.zeros(len(pairing.stems))
    predictions = pairing.predictions
    # The surest last, the first of equal ones.
    order = np.lexsort((-np.arange(predictions.size), predictions.scores))
    chosen[predictions.images[order]] = predictions.categories[order]
    scores[predictions.images[order]] = predictions.scores[order]
    wanted, found = labels.categories[firsts], chosen[images]
    count = len(pairing.names)
    confusion = np.zeros((count, count + 1), dtype=np.int64)
    np.add.at(confusion, (wanted, np.where(found < 0, count, found)), 1)
    return Classes(images, wanted, found, scores[images], confusion)
