"""Which prediction finds which label: COCO's greedy matching, for all images and thresholds at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lightly_assets.evaluation.objects import Flags, Floats, Ints
from lightly_assets.evaluation.overlaps import Pairs


@dataclass(frozen=True, slots=True)
class Matches:
    """For T thresholds and D predictions: ``label`` (T, D) is the label each has found, or -1.

    ``ignored`` (T, D) says which predictions count neither as right nor as wrong.
    """

    label: NDArray[np.int64]
    ignored: Flags


def match(
    pairs: Pairs,
    ranks: Ints,
    thresholds: Floats,
    ignored_labels: Flags,
    crowds: Flags,
    outside: Flags,
) -> Matches:
    """Lets each prediction, the surest of its group first, take the label that it overlaps most.

    A label is taken once, a crowd any number of times. Labels that are ignored are only taken where no other
    is free; among equal overlaps, the last label wins: all as in COCOeval.

    Args:
        pairs: predictions and labels of the same group that overlap by the lowest threshold or more.
        ranks: (D,) the place of each prediction in its group, from 0, the surest first.
        thresholds: (T,) ascending.
        ignored_labels: (G,) those that count neither as found nor as missed; crowds are among them.
        crowds: (G,)
        outside: (D,) predictions outside the range of areas: not wrong where they find nothing.
    """
    count = thresholds.size
    label = np.full((count, ranks.size), -1, dtype=np.int64)
    taken = np.zeros((count, ignored_labels.size), dtype=np.bool_)
    # In the order in which a prediction would choose.
    order = np.lexsort(
        (
            -pairs.labels,
            -pairs.overlaps,
            ignored_labels[pairs.labels],
            pairs.predictions,
            ranks[pairs.predictions],
        )
    )
    predictions, labels, overlaps = pairs.predictions[order], pairs.labels[order], pairs.overlaps[order]
    enough = overlaps >= np.minimum(thresholds, 1 - 1e-10)[:, None]
    # Predictions of one rank belong to different groups, so they cannot want the same label.
    of_rank = ranks[predictions]
    edges = np.flatnonzero(np.diff(of_rank, prepend=-1, append=-1))
    for start, stop in pairwise(edges.tolist()):
        wanted = labels[start:stop]
        free = enough[:, start:stop] & (~taken[:, wanted] | crowds[wanted])
        place = np.where(free, np.arange(stop - start), stop - start)
        firsts = np.flatnonzero(np.diff(predictions[start:stop], prepend=-1))
        chosen = np.minimum.reduceat(place, firsts, axis=1)
        threshold, row = np.nonzero(chosen < stop - start)
        found = wanted[chosen[threshold, row]]
        label[threshold, predictions[start:stop][firsts[row]]] = found
        taken[threshold, found] = True
    matched = label >= 0
    ignored = (
        np.where(matched, ignored_labels[label], outside)
        if ignored_labels.size
        else np.broadcast_to(outside, matched.shape)
    )
    return Matches(label, np.asarray(ignored, dtype=np.bool_))


def ranked(groups: Ints, scores: Floats, most: int | None = None) -> tuple[Ints, Ints]:
    """Predictions in the order of group, score (descending) and place, and the rank of each in its group.

    Args:
        most: those beyond this rank are left out.
    """
    order = np.lexsort((-scores, groups))
    ordered = groups[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    lengths = np.diff(np.append(starts, ordered.size))
    ranks = np.arange(ordered.size) - np.repeat(starts, lengths)
    if most is not None:
        kept = ranks < most
        order, ranks = order[kept], ranks[kept]
    return order, ranks
