"""Which frames a report shows: those that say most about the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightly_assets.evaluation.document import worst_order
from lightly_assets.evaluation.evaluate import Evaluation
from lightly_assets.format.schema import TaskType
from lightly_assets.report.figures import Measured

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Neighbouring frames look alike: of each reason, frames are taken so far apart while there are such.
_APART = 12
_ODD = 2.5
_LEAST_EACH = 12

REASONS = {
    "selected": "Selected",
    "faults": "Most faults against the labels",
    "uncertain": "Most uncertain",
    "threshold": "Scores just above the lowest",
    "crowded": "Most predictions",
    "empty": "No prediction, between frames with some",
    "odd": "Boxes of unusual size",
    "sample": "Evenly spaced",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file of a task, and why it is shown: names of :data:`REASONS` with its rank in each."""

    file: int
    reasons: tuple[tuple[str, int], ...]


def these(measured: Measured, stems: Sequence[str]) -> list[Chosen]:
    """Exactly these files of a task, in this order; those without a file are left out."""
    place = {stem: file for file, stem in enumerate(measured.task.columns.stems)}
    return [Chosen(place[stem], (("selected", rank),)) for rank, stem in enumerate(stems) if stem in place]


def choose(measured: Measured, most: int, evaluation: Evaluation | None = None) -> list[Chosen]:
    """At most so many files of a task: for each reason the best ones in turn, until there are enough."""
    # Of a small folder, the frames of one reason are no more than a part.
    each = max(_LEAST_EACH, min(most, measured.counts.size) // (len(REASONS) - 1))
    rankings = {
        name: _apart(ranking, measured)[: None if name == "sample" else each]
        for name, ranking in _rankings(measured, evaluation).items()
    }
    reasons: dict[int, list[tuple[str, int]]] = {}
    for rank in range(max((len(one) for one in rankings.values()), default=0)):
        for name, ranking in rankings.items():
            if rank < len(ranking):
                file = ranking[rank]
                if file in reasons or len(reasons) < most:
                    reasons.setdefault(file, []).append((name, rank))
        if len(reasons) >= most:
            break
    return [Chosen(file, tuple(names)) for file, names in reasons.items()]


def _rankings(measured: Measured, evaluation: Evaluation | None) -> dict[str, Ints]:
    counts = measured.counts
    rankings: dict[str, Ints] = {}
    if evaluation is not None:
        place = {stem: file for file, stem in enumerate(measured.task.columns.stems)}
        frames = evaluation.frames
        faulty = [
            place[stem]
            for image in worst_order(evaluation).tolist()
            if frames.missed[image] + frames.wrong[image] > 0
            and (stem := evaluation.pairing.stems[image]) in place
        ]
        rankings["faults"] = np.array(faulty, dtype=np.int64)
    rankings["uncertain"] = _descending(measured.uncertainty, measured.uncertainty > 0)
    lowest = _lowest_scores(measured)
    rankings["threshold"] = np.argsort(lowest, kind="stable")[: int(np.isfinite(lowest).sum())]
    if measured.task.schema.task_type is not TaskType.CLASSIFICATION:
        rankings["crowded"] = _descending(counts.astype(np.float64), counts > 1)
        rankings["odd"] = _odd_sizes(measured)
    rankings["empty"] = _empty(measured)
    rankings["sample"] = np.linspace(0, counts.size - 1, min(counts.size, 4096)).round().astype(np.int64)
    return rankings


def _descending(values: Floats, kept: NDArray[np.bool_]) -> Ints:
    order = np.argsort(-values, kind="stable")
    return order[kept[order]]


def _lowest_scores(measured: Measured) -> Floats:
    """(F,) the lowest score of each file, infinite without predictions."""
    columns = measured.task.columns
    lowest = np.full(len(columns.stems), np.inf)
    known = ~np.isnan(columns.scores)
    np.minimum.at(lowest, columns.files[known], columns.scores[known])
    return lowest


def _odd_sizes(measured: Measured) -> Ints:
    """Files with a box that is far larger or smaller, or longer, than others of its category."""
    columns = measured.task.columns
    boxes = columns.boxes_or_hulls()
    if not boxes.size:
        return np.empty(0, dtype=np.int64)
    known = ~np.isnan(boxes[:, 0])
    w, h = (
        np.log(np.maximum(boxes[:, axis], 1e-3), where=known, out=np.zeros(known.size)) for axis in (2, 3)
    )
    oddness = np.zeros(known.size)
    for category in np.unique(columns.categories):
        rows = np.flatnonzero(known & (columns.categories == category))
        if rows.size < 8:
            continue
        for values in (w[rows] + h[rows], w[rows] - h[rows]):
            middle = np.median(values)
            spread = 1.4826 * np.median(np.abs(values - middle)) + 1e-9
            oddness[rows] = np.maximum(oddness[rows], np.abs(values - middle) / max(spread, 0.05))
    worst = np.zeros(len(columns.stems))
    np.maximum.at(worst, columns.files, oddness)
    return _descending(worst, worst > _ODD)


def _empty(measured: Measured) -> Ints:
    """Files without a prediction, those first whose neighbours have many: there something was overlooked."""
    counts, videos, indices = measured.counts, measured.videos, measured.indices
    order = np.lexsort((indices, videos))
    ordered = counts[order].astype(np.float64)
    around = np.zeros(counts.size)
    same = videos[order][1:] == videos[order][:-1]
    around[1:] += np.where(same, ordered[:-1], 0)
    around[:-1] += np.where(same, ordered[1:], 0)
    beside = np.zeros(counts.size)
    beside[order] = around
    return _descending(beside, counts == 0)


def _apart(ranking: Ints, measured: Measured) -> list[int]:
    """The ranking, those files first that are no neighbours of one before."""
    taken: set[tuple[int, int]] = set()
    first: list[int] = []
    later: list[int] = []
    for file in ranking[:4096].tolist():
        video, slot = int(measured.videos[file]), int(measured.indices[file]) // _APART
        near = any((video, slot + step) in taken for step in (-1, 0, 1))
        (later if near else first).append(file)
        taken.add((video, slot))
    return first + later
