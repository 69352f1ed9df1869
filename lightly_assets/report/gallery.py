"""The frames of a report's gallery with all that is drawn on them, as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.evaluation.evaluate import Evaluation
from lightly_assets.evaluation.objects import Objects, Ragged
from lightly_assets.format.boxes import keypoint_boxes
from lightly_assets.format.rle import bounding_box, encode_flat
from lightly_assets.format.schema import TaskType
from lightly_assets.report.choice import Chosen
from lightly_assets.report.figures import Measured

# Of a crowd, the surest are drawn.
_MOST_DRAWN = 250
# Masks are drawn on a grid of so many columns.
GRID = 224
_COMMON_WIDTHS = (320, 640, 480, 848, 960, 1024, 1080, 1280, 1920, 2048, 2560, 2704, 3840, 4096)
_WIDEST = 3.0
# Pixels between a mask and its box.
_CLOSE = 1.5

RIGHT, WRONG, NOT_COUNTED = 1, 0, 2

Size = tuple[int, int]
Row = list[Any]


def gallery(
    measured: Measured,
    chosen: list[Chosen],
    sizes: dict[str, Size],
    place_of: dict[str, int],
    evaluation: Evaluation | None,
) -> list[dict[str, Any]]:
    """One entry per chosen frame of a task.

    ``f`` is the frame's place in the report, ``why`` its rank in each reason, ``u`` its uncertainty, ``n``
    how many predictions it has, ``o`` those that are drawn: category, score, box, mask or keypoints, and
    whether it is right. With labels, ``l`` has these, and ``e`` how many were found, missed, wrong.
    """
    columns = measured.task.columns
    ends = np.cumsum(columns.counts)
    states = object_states(evaluation, columns.categories.size) if evaluation is not None else None
    predictions = _Predictions(measured, states)
    labels = _Labels(evaluation) if evaluation is not None else None
    rows = []
    for one in chosen:
        stem = columns.stems[one.file]
        start, stop = int(ends[one.file] - columns.counts[one.file]), int(ends[one.file])
        size = sizes.get(stem) or predictions.guessed_size(start, stop)
        row: dict[str, Any] = {
            "f": place_of[stem],
            "why": dict(one.reasons),
            "u": round(float(measured.uncertainty[one.file]), 3),
            "n": stop - start,
            "size": list(size) if size is not None else None,
            "o": predictions.of(start, stop, size),
        }
        if labels is not None:
            row |= labels.of(stem, size)
        rows.append(row)
    return rows


def object_states(evaluation: Evaluation, count: int) -> NDArray[np.int64]:
    """(N,) whether each prediction is right, wrong, or counts neither way."""
    states = np.full(count, NOT_COUNTED, dtype=np.int64)
    if evaluation.precision is None:
        return states
    judged = evaluation.precision.judged
    matches = judged.matches
    state = np.where(matches.label[0] >= 0, RIGHT, WRONG)
    state[matches.ignored[0]] = NOT_COUNTED
    scores = evaluation.pairing.predictions.scores[judged.rows]
    state[scores < evaluation.threshold] = NOT_COUNTED
    states[evaluation.pairing.rows[judged.rows]] = state
    return states


class _Predictions:
    """The predictions of images, as they are drawn."""

    def __init__(self, measured: Measured, states: NDArray[np.int64] | None) -> None:
        columns, schema = measured.task.columns, measured.task.schema
        self._columns = columns
        self._kind = schema.task_type
        self._states = states
        self._places = np.searchsorted(np.array(schema.ids), columns.categories)
        self._points = Ragged.of(columns.points, columns.point_counts)
        self._masks = Ragged.of(columns.runs, columns.run_counts)

    def of(self, start: int, stop: int, size: Size | None) -> list[Row]:
        """Rows of category, score, box, mask or keypoints, and whether it is right; the surest first."""
        scores = np.nan_to_num(self._columns.scores[start:stop], nan=1.0)
        order = start + np.argsort(-scores, kind="stable")[:_MOST_DRAWN]
        return [self._row(row, size) for row in order.tolist()]

    def _row(self, row: int, size: Size | None) -> Row:
        columns = self._columns
        box = columns.boxes[row] if columns.boxes.size else None
        extra: list[Any] | None = None
        if self._kind is TaskType.KEYPOINT_DETECTION:
            points = self._points.row(row)
            extra = [round(value, 2) for value in points.ravel().tolist()]
            if (box is None or np.isnan(box[0])) and points.size:
                box = keypoint_boxes(points[None])[0]
        elif columns.runs.size and size is not None:
            extra = grid_runs(self._masks.row(row), size)
        score = columns.scores[row]
        return [
            int(self._places[row]),
            None if np.isnan(score) else round(float(score), 3),
            _shown_box(box),
            extra,
            int(self._states[row]) if self._states is not None else None,
        ]

    def guessed_size(self, start: int, stop: int) -> Size | None:
        """Width and height of an image from its masks, where only its number of pixels is known."""
        if not self._columns.runs.size or start == stop:
            return None
        runs = self._masks.row(start)
        box = self._columns.boxes[start] if self._columns.boxes.size else None
        return guessed_size(runs, None if box is None or np.isnan(box[0]) else box)


def _shown_box(box: Any) -> list[float] | None:
    if box is None or np.isnan(box[0]):
        return None
    return [round(value, 1) for value in box.tolist()]


def guessed_size(runs: NDArray[np.int64], box: NDArray[np.float64] | None) -> Size | None:
    """Width and height of a mask of which the box is known; without it one of the common sizes, or None."""
    total = int(runs.sum())
    small = np.arange(1, int(total**0.5) + 1)
    small = small[total % small == 0]
    widths = [int(one) for one in np.unique(np.concatenate([small, total // small]))]
    for width in widths:
        height = total // width
        if not 1 / _WIDEST <= width / height <= _WIDEST:
            continue
        if box is None:
            if width in _COMMON_WIDTHS and width > height:
                return width, height
            continue
        tight = bounding_box(runs, width)
        if tight is not None and np.abs(np.array(tight) - box).max() <= _CLOSE:
            return width, height
    return None


def grid_size(size: Size) -> Size:
    """Columns and rows of the grid that masks of such an image are drawn on."""
    columns = min(size[0], GRID)
    return columns, max(1, round(size[1] * columns / size[0]))


def grid_runs(runs: NDArray[np.int64], size: Size) -> list[int]:
    """A mask's run lengths on the grid: what lies at the middle of each of its cells."""
    width, height = size
    if int(runs.sum()) != width * height:
        return []
    columns, rows = grid_size(size)
    x = ((np.arange(columns) + 0.5) * width / columns).astype(np.int64)
    y = ((np.arange(rows) + 0.5) * height / rows).astype(np.int64)
    places = (y[:, None] * width + x).ravel()
    filled = np.searchsorted(np.cumsum(runs), places, side="right") % 2 == 1
    return list(encode_flat(filled))


class _Labels:
    """The labels of images, as they are drawn."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._place = {stem: place for place, stem in enumerate(evaluation.pairing.stems)}
        labels = evaluation.pairing.labels
        order = np.argsort(labels.images, kind="stable")
        edges = np.searchsorted(labels.images[order], np.arange(len(self._place) + 1))
        self._rows = [order[edges[place] : edges[place + 1]] for place in range(len(self._place))]
        self._missed = self._unfound(labels)

    def _unfound(self, labels: Objects) -> NDArray[np.bool_]:
        missed = ~labels.crowds
        precision = self._evaluation.precision
        if precision is None:
            return np.zeros_like(missed)
        judged = precision.judged
        label = judged.matches.label[0]
        given = self._evaluation.pairing.predictions.scores[judged.rows] >= self._evaluation.threshold
        missed[label[(label >= 0) & given]] = False
        return missed

    def of(self, stem: str, size: Size | None) -> dict[str, Any]:
        image = self._place.get(stem)
        if image is None:
            return {}
        labels, frames = self._evaluation.pairing.labels, self._evaluation.frames
        rows = []
        for row in self._rows[image][:_MOST_DRAWN].tolist():
            extra: list[Any] | None = None
            if labels.masks.counts.size and size is not None:
                extra = grid_runs(labels.masks.row(row), size)
            elif labels.points.counts.size:
                extra = [round(value, 1) for value in labels.points.row(row).ravel().tolist()]
            box = _shown_box(labels.boxes[row])
            rows.append([int(labels.categories[row]), None, box, extra, int(not self._missed[row])])
        counts = [int(one[image]) for one in (frames.found, frames.missed, frames.wrong)]
        return {"l": rows, "e": counts}
