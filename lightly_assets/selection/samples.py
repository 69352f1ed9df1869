"""All frames of a prediction folder, and the numbers that strategies are about."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from lightly_assets.checker.readers import Reader, Unreadable
from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.names.suffixes import split_suffix
from lightly_assets.selection.errors import SelectionError
from lightly_assets.selection.figures import Figures, Names, TaskFigures
from lightly_assets.tracking import track

Floats = NDArray[np.float64]
Rows = NDArray[np.float64] | NDArray[np.float32]

METADATA = ".lightly/metadata/"


class Samples:
    """The frames of all tasks that were read, sorted by name.

    ``stems`` are their paths in a task's folder without ``.json``, ``names`` their own names. A frame without
    a file in some task counts there as one without predictions.
    """

    def __init__(self, folder: Figures, reader: Reader) -> None:
        tasks = list(folder.tasks.values())
        self.stems = tasks[0].stems if tasks else Names()
        self.names = tasks[0].names if tasks else Names()
        if any(task.stems != self.stems for task in tasks):
            names: dict[str, str] = {}
            for task in tasks:
                names |= zip(task.stems, task.names, strict=True)
            stems = sorted(names)
            self.stems, self.names = Names(stems), Names(names[stem] for stem in stems)
        self._tasks = folder.tasks
        self._reader = reader

    @cached_property
    def place(self) -> dict[str, int]:
        """The place of each stem."""
        return {stem: index for index, stem in enumerate(self.stems)}

    def __len__(self) -> int:
        return len(self.stems)

    def inputs(self, samples: list[int]) -> list[str]:
        """Keys of the inputs that these samples are, or are frames of."""
        keys = set()
        for sample in samples:
            frame = parse_frame_name(f"{self.stems[sample]}.json")
            keys.add(self.names[sample] if frame is None else frame.video)
        return sorted(keys)

    def task(self, name: str) -> TaskFigures:
        """A task that was read.

        Raises:
            SelectionError: there is no such task.
        """
        if name not in self._tasks:
            raise SelectionError(f"The task '{name}' is not published yet; run the project first.")
        return self._tasks[name]

    def score(self, task: str, score: str) -> Floats:
        """(N,) an active learning score."""
        known = self.task(task).scores
        if score not in known:
            raise SelectionError(f"'{task}' has no score '{score}'.")
        aligned: Floats = self._aligned(self.task(task), known[score])
        return aligned

    def category_rows(self, task: str) -> tuple[list[str], Rows, Rows]:
        """Names of the categories, (N, C) how many of each, and (N, C) their class distribution."""
        found = self.task(task)
        assert found.counts is not None
        names = [one.name for one in found.schema.categories]
        counts: Rows = self._aligned(found, found.counts)
        if found.distribution is None:
            return names, counts, counts
        return names, counts, self._aligned(found, found.distribution)

    def _aligned(self, task: TaskFigures, values: Any) -> Any:
        """Values of a task's files as values of samples, 0 where there is no file."""
        if task.stems == self.stems:
            return values
        result = np.zeros((len(self), *values.shape[1:]), dtype=values.dtype)
        places = [self.place[stem] for stem in task.stems]
        result[places] = values
        return result

    def metadata(self, key: str) -> list[Any]:
        """The value of a frame's metadata, of its video where it has none, else the schema's default.

        Raises:
            SelectionError: there is no metadata of this name, or some sample has no value.
        """
        path, default = self._metadata_path(key)
        values: list[Any] = []
        for stem in track(self.stems, f"Reading metadata '{key}'"):
            frame = parse_frame_name(f"{stem}.json")
            files = [stem] if frame is None else [stem, split_suffix(frame.video)[0]]
            found = (_value(self._reader.read(f"{METADATA}{one}.json"), path) for one in files)
            value = next((one for one in found if one is not None), default)
            if value is None:
                raise SelectionError(f"'{stem}' has no metadata '{key}', and its schema gives no default.")
            values.append(value)
        return values

    def _metadata_path(self, key: str) -> tuple[list[str], Any]:
        data = self._reader.read(f"{METADATA}schema.json")
        if isinstance(data, Unreadable):
            raise SelectionError(
                f"There is no metadata '{key}': {METADATA}schema.json is missing. What the Worker computes "
                "itself ('lightly.…') is known to it alone."
            )
        entries = _json(data)
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and key in (entry.get("path"), entry.get("name")):
                return str(entry.get("path") or key).split("."), entry.get("defaultValue")
        raise SelectionError(f"{METADATA}schema.json describes no metadata '{key}'.")


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def _value(data: bytes | Unreadable, path: list[str]) -> Any:
    if isinstance(data, Unreadable):
        return None
    document = _json(data)
    value = document.get("metadata") if isinstance(document, dict) else None
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value
