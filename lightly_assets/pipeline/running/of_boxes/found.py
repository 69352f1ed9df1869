"""The objects of frames, from where they are found to where they are needed."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from lightly_assets.format.boxes import keypoint_boxes
from lightly_assets.models.crops.objects import Objects
from lightly_assets.models.protocol import Source
from lightly_assets.pipeline.state.tables import Row, TableLost

if TYPE_CHECKING:
    from lightly_assets.pipeline.running.unit_state import TaskState


@dataclass(frozen=True, slots=True)
class _Stored:
    """A table that is read as its frames are asked for, which mostly is in its own order."""

    table: str
    inputs: set[str]
    rows: Generator[Row]


class BoxesOf:
    """A task's objects: those that are made in this pass, and those that are stored already."""

    def __init__(self, task: str, wanted: set[str]) -> None:
        self.task = task
        self._wanted = wanted
        self._found: dict[tuple[str, int | None], Objects] = {}
        """Of each frame, until they are needed."""
        self._stored: dict[str, _Stored] = {}

    def add(self, source: Source, singletons: bytes) -> None:
        """What was just written of a frame, as text: read as it would be from a table."""
        if source.input in self._wanted:
            self._found[source.input, source.index] = parsed_objects(singletons)

    def read_later(self, table: str, inputs: set[str], rows: Generator[Row]) -> None:
        """The objects of some inputs are rows of a table."""
        self._stored |= dict.fromkeys(inputs, _Stored(table, inputs, rows))

    def take(self, task: TaskState, source: Source) -> Objects | None:
        """The objects of a frame, once, for a task that needs them.

        None where there are none; where their table is lost, the task is told of that.
        """
        try:
            return self._take(source)
        except TableLost as error:
            lost = self._stored[source.input].inputs
            task.unit.outcome.lost.setdefault((self.task, error.table), set()).update(lost)
            text = f"The stored singletons of task '{self.task}' are gone; materialise them again."
            task.outcome.failed = dict.fromkeys(sorted(lost), text) | task.outcome.failed
            return None

    def close(self) -> None:
        """Nothing more is needed."""
        for one in self._stored.values():
            one.rows.close()

    def _take(self, source: Source) -> Objects | None:
        wanted = source.input, source.index
        stored = self._stored.get(source.input)
        while wanted not in self._found and stored is not None:
            row = next(stored.rows, None)
            if row is None:
                break
            self.add(row.source, row.singletons)
        return self._found.pop(wanted, None)


def parsed_objects(singletons: bytes) -> Objects:
    """Objects of the text of a list; of keypoints without a box, their box is the hull of them all."""
    found: list[dict[str, Any]] = orjson.loads(singletons)
    boxes: NDArray[np.float64] = np.empty((len(found), 4))
    for number, one in enumerate(found):
        if "bbox" in one:
            boxes[number] = one["bbox"]
        else:
            boxes[number] = keypoint_boxes(np.array(one["keypoints"], dtype=np.float64).reshape(1, -1, 3))[0]
    scores = np.array([one["score"] for one in found], dtype=np.float64)
    ids = np.array([one["category_id"] for one in found], dtype=np.int64)
    return Objects(boxes, scores, ids)
