"""How much labels and predictions overlap: boxes, masks and keypoints, as COCO's own tools compute it.

Only pairs in the same image (and category) are looked at, some millions at a time. The arithmetic follows
pycocotools operation by operation, so that thresholds fall on the same side.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lightly_assets.evaluation.objects import EvaluationError, Flags, Floats, Ints, Objects, Ragged

# Pairs that are worked on at once.
_PAIRS = 1 << 20
_MASK_PAIRS = 1 << 14
_POINT_PAIRS = 1 << 16

# COCO's, for its 17 keypoints of persons.
COCO_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072,
    0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089,
)  # fmt: skip


class Pairs:
    """Pairs that overlap by at least some threshold: a prediction, a label, and how much."""

    def __init__(self, predictions: Ints, labels: Ints, overlaps: Floats) -> None:
        self.predictions = predictions
        self.labels = labels
        self.overlaps = overlaps

    @classmethod
    def joined(cls, parts: list[Pairs]) -> Pairs:
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        return cls(
            np.concatenate([one.predictions for one in parts]),
            np.concatenate([one.labels for one in parts]),
            np.concatenate([one.overlaps for one in parts]),
        )

    def where(self, kept: Flags) -> Pairs:
        return Pairs(self.predictions[kept], self.labels[kept], self.overlaps[kept])


def same_group(predictions: Ints, labels: Ints, most: int = _PAIRS) -> Iterator[tuple[Ints, Ints]]:
    """All pairs (prediction, label) whose groups are equal, in pieces.

    Args:
        predictions: (D,) the group of each.
        labels: (G,) likewise.
    """
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    first = np.searchsorted(ordered, predictions, side="left")
    counts = np.searchsorted(ordered, predictions, side="right") - first
    ends = np.cumsum(counts)
    start = 0
    while start < predictions.size:
        done = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, done + most, side="right")), start + 1)
        of_rows = counts[start:stop]
        rows = np.repeat(np.arange(start, stop), of_rows)
        within = np.arange(rows.size) - np.repeat(np.cumsum(of_rows) - of_rows, of_rows)
        if rows.size:
            yield rows, order[first[rows] + within]
        start = stop


def box_overlaps(predictions: Floats, labels: Floats, crowds: NDArray[np.bool_]) -> Floats:
    """(P,) intersection over union of boxes, pair by pair; over the prediction's area for crowds."""
    px, py, pw, ph = predictions.T
    lx, ly, lw, lh = labels.T
    width = np.minimum(pw + px, lw + lx) - np.maximum(px, lx)
    height = np.minimum(ph + py, lh + ly) - np.maximum(py, ly)
    area = pw * ph
    shared = width * height
    union = np.where(crowds, area, area + lw * lh - shared)
    meets = (width > 0) & (height > 0)
    overlaps: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=meets)
    return overlaps


def box_pairs(predictions: Objects, labels: Objects, groups: tuple[Ints, Ints], least: float) -> Pairs:
    """Pairs whose boxes overlap by ``least`` or more, of the same group."""
    parts = []
    for one, other in same_group(*groups):
        overlaps = box_overlaps(predictions.boxes[one], labels.boxes[other], labels.crowds[other])
        parts.append(Pairs(one, other, overlaps).where(overlaps >= least))
    return Pairs.joined(parts)


def mask_pairs(predictions: Objects, labels: Objects, groups: tuple[Ints, Ints], least: float) -> Pairs:
    """Pairs whose masks overlap by ``least`` or more, of the same group."""
    ours, theirs = _Runs(predictions.masks), _Runs(labels.masks)
    parts = []
    for one, other in same_group(*groups, most=_MASK_PAIRS):
        meets = (ours.first[one] < theirs.last[other]) & (theirs.first[other] < ours.last[one])
        one, other = one[meets], other[meets]
        shared = shared_pixels(ours, theirs, one, other)
        areas = ours.areas[one]
        union = np.where(labels.crowds[other], areas, areas + theirs.areas[other] - shared)
        overlaps = np.divide(shared, union, out=np.zeros(one.size), where=shared > 0)
        parts.append(Pairs(one, other, overlaps).where(overlaps >= least))
    return Pairs.joined(parts)


class _Runs:
    """The runs of ones of many masks, each mask in a stretch of its own of one long line."""

    def __init__(self, masks: Ragged) -> None:
        counts = masks.counts
        values = masks.values.astype(np.int64)
        begins = masks.ends - counts
        within = np.arange(values.size) - np.repeat(begins, counts)
        total = np.concatenate([[0], np.cumsum(values)])
        of_mask = np.repeat(np.arange(counts.size), counts)
        self.stretch = int((total[masks.ends] - total[begins]).max(initial=0)) + 1
        offset = np.arange(counts.size) * self.stretch - total[begins]
        ones = (within % 2 == 1) & (values > 0)
        self.starts: Ints = total[:-1][ones] + offset[of_mask[ones]]
        self.lengths: Ints = values[ones]
        self.owners = of_mask[ones]
        self.before: Ints = np.concatenate([[0], np.cumsum(self.lengths)])
        self.runs = Ragged.of(np.arange(self.starts.size), np.bincount(self.owners, minlength=counts.size))
        begins, ends = self.runs.ends - self.runs.counts, self.runs.ends
        self.areas: Ints = self.before[ends] - self.before[begins]
        # The stretch of each mask's line that holds its ones; nothing for a mask without any.
        places = np.append(self.starts, 0)
        lengths = np.append(self.lengths, 0)
        own = np.arange(counts.size) * self.stretch
        some = self.runs.counts > 0
        self.first: Ints = np.where(some, places[begins] - own, 0)
        self.last: Ints = np.where(some, (places + lengths)[np.maximum(ends, 1) - 1] - own, 0)

    def filled_before(self, places: Ints) -> Ints:
        """How many ones there are on the line before each place."""
        run = np.searchsorted(self.starts, places, side="right") - 1
        known = np.maximum(run, 0)
        part = np.minimum(places - self.starts[known], self.lengths[known])
        filled: Ints = np.where(run >= 0, self.before[known] + part, 0)
        return filled


def runs_of(masks: Ragged) -> _Runs:
    """Masks made ready for :func:`shared_pixels`."""
    return _Runs(masks)


def shared_pixels(ours: _Runs, theirs: _Runs, one: Ints, other: Ints) -> Ints:
    """(P,) how many pixels are 1 in both masks, pair by pair, without filling any image."""
    if not one.size or not ours.starts.size:
        return np.zeros(one.size, dtype=np.int64)
    runs = theirs.runs.places(other)
    counts = theirs.runs.counts[other]
    pair = np.repeat(np.arange(one.size), counts)
    # The label's runs, moved to where the prediction's mask lies on its line.
    starts = theirs.starts[runs] + np.repeat(one * ours.stretch - other * theirs.stretch, counts)
    shared = ours.filled_before(starts + theirs.lengths[runs]) - ours.filled_before(starts)
    return np.bincount(pair, weights=shared, minlength=one.size).astype(np.int64)


def keypoint_pairs(
    predictions: Objects,
    labels: Objects,
    groups: tuple[Ints, Ints],
    least: float,
    sigmas: tuple[float, ...] | None = None,
) -> Pairs:
    """Pairs whose keypoints are similar ("OKS") by ``least`` or more, of the same group.

    Args:
        sigmas: per keypoint; where not given COCO's for 17 keypoints, else 1/K each.

    Raises:
        EvaluationError: a prediction and a label of a category have different numbers of keypoints.
    """
    parts = []
    for one, other in same_group(*groups, most=_POINT_PAIRS):
        ours, theirs = predictions.points.counts[one], labels.points.counts[other]
        if (ours != theirs).any():
            place = int(np.flatnonzero(ours != theirs)[0])
            raise EvaluationError(
                f"A prediction has {ours[place]} keypoints where the label of the same category has "
                f"{theirs[place]}; both must have the same number."
            )
        for count in np.unique(ours):
            rows = np.flatnonzero(ours == count)
            overlaps = _similar(predictions, labels, one[rows], other[rows], sigmas_for(int(count), sigmas))
            parts.append(Pairs(one[rows], other[rows], overlaps).where(overlaps >= least))
    return Pairs.joined(parts)


def sigmas_for(count: int, sigmas: tuple[float, ...] | None) -> Floats:
    """How far each of ``count`` keypoints may be off, in shares of the object's size.

    Raises:
        EvaluationError: another number of them was given.
    """
    if sigmas is None:
        return np.array(COCO_SIGMAS) if count == len(COCO_SIGMAS) else np.full(count, 1 / max(count, 1))
    if len(sigmas) != count:
        raise EvaluationError(f"There are {len(sigmas)} sigmas, but the objects have {count} keypoints.")
    return np.array(sigmas)


def _similar(predictions: Objects, labels: Objects, one: Ints, other: Ints, sigmas: Floats) -> Floats:
    count = sigmas.size
    if not count:
        return np.zeros(one.size)
    ours = predictions.points.values[predictions.points.places(one)].reshape(-1, count, 3)
    theirs = labels.points.values[labels.points.places(other)].reshape(-1, count, 3)
    seen: Flags = np.asarray(theirs[..., 2] > 0)
    any_seen: Flags = np.asarray(seen.any(axis=1))
    boxes = labels.boxes[other]
    offsets = []
    for axis in (0, 1):
        low = (boxes[:, axis] - boxes[:, axis + 2])[:, None]
        high = (boxes[:, axis] + boxes[:, axis + 2] * 2)[:, None]
        beyond = np.maximum(0, low - ours[..., axis]) + np.maximum(0, ours[..., axis] - high)
        offsets.append(np.where(any_seen[:, None], ours[..., axis] - theirs[..., axis], beyond))
    variances = (sigmas * 2) ** 2
    areas = labels.areas[other][:, None] + np.spacing(1)
    distances = (offsets[0] ** 2 + offsets[1] ** 2) / variances / areas / 2
    counted = seen | ~any_seen[:, None]
    similar: Floats = np.where(counted, np.exp(-distances), 0).sum(axis=1) / counted.sum(axis=1)
    return similar
