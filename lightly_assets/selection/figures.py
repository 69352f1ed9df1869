"""What a selection needs of many prediction files, made while they are read: a few numbers for each of them.

A million frames with ten objects each take some hundred megabytes that way; their predictions take more.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.checker.check import check
from lightly_assets.checker.expected import InputIndex
from lightly_assets.checker.report import Report
from lightly_assets.cores import cores
from lightly_assets.folders.columns import Collector, Columns
from lightly_assets.folders.read import Folder, Root, Task
from lightly_assets.folders.scores import file_scores
from lightly_assets.format.rules.fast_path import ParsedFile
from lightly_assets.format.schema import Schema
from lightly_assets.format.scores import (
    class_distribution,
    image_class_distribution,
    raw_frequency,
    scaled_frequency,
)

Floats = NDArray[np.float64]

# Files that are worked on at once.
_AT_ONCE = 8192
_FREQUENCY = "object_frequency"


class Names:
    """Many texts in little memory."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._data = bytearray()
        self._ends = array("Q")
        self.extend(texts)

    def extend(self, texts: Iterable[str]) -> None:
        """Append some."""
        for text in texts:
            self._data += text.encode("utf-8", "surrogatepass")
            self._ends.append(len(self._data))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: int) -> str:
        start = self._ends[place - 1] if place else 0
        return self._data[start : self._ends[place]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Names) and self._ends == other._ends and self._data == other._data

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What strategies ask of a task."""

    scores: frozenset[str] = frozenset()
    counts: bool = False
    """How many objects of each category there are, and their class distribution."""
    columns: frozenset[str] = frozenset()
    """Columns that are kept whole, as for cutting objects out."""
    fields: frozenset[str] = frozenset()
    """Columns that the others are made of."""


@dataclass(slots=True)
class TaskFigures:
    """Of a task's F files without errors, sorted by their paths."""

    name: str
    schema: Schema
    stems: Names = field(default_factory=Names)
    """Paths in the task's folder without ``.json``."""
    names: Names = field(default_factory=Names)
    """The frames' own names."""
    scores: dict[str, Floats] = field(default_factory=dict)
    """(F,) each."""
    counts: NDArray[np.float32] | None = None
    """(F, C) objects of each category."""
    distribution: Floats | None = None
    """(F, C) sums of probabilities; None where no prediction has any: then it is the counts."""
    columns: Columns | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """The tasks of a folder, and what a check says about it."""

    tasks: dict[str, TaskFigures]
    report: Report


def read_figures(
    root: Root, tasks: Iterable[str], wanted: Callable[[str, Schema], Wanted], processes: int | None = None
) -> Figures:
    """Reads and checks some tasks of the Lightly datasource ``root``.

    Raises:
        StorageError: its store is out of reach.
    """
    visitor = _Visitor(wanted)
    report = check(root, tasks=tasks, processes=processes or cores(), visitor=visitor)
    visitor.end()
    return Figures({one.figures.name: one.finished() for one in visitor.tasks}, report)


def names_of(folder: Folder) -> Figures:
    """The files of a folder that was read for something else: their names, and no numbers."""
    tasks = {
        name: TaskFigures(name, task.schema, Names(task.columns.stems), Names(task.columns.file_names))
        for name, task in folder.tasks.items()
    }
    return Figures(tasks, folder.report)


class _Visitor:
    """Reduces what is read, some thousand files at a time."""

    def __init__(self, wanted: Callable[[str, Schema], Wanted]) -> None:
        self._wanted = wanted
        self.tasks: list[_Gathering] = []

    def begin(self, input: InputIndex | None) -> None:
        """No input is looked at."""

    def collector(self, task: str, schema: Schema) -> Callable[[Sequence[ParsedFile]], Any]:
        self.end()
        wanted = self._wanted(task, schema)
        self.tasks.append(_Gathering(TaskFigures(task, schema), wanted))
        return Collector(len(schema.categories), wanted.fields | wanted.columns)

    def add(self, collected: Any) -> None:
        self.tasks[-1].add(collected)

    def end(self) -> None:
        """No more comes of the last task."""
        if self.tasks:
            self.tasks[-1].reduce()


class _Gathering:
    """Figures of a task on their way."""

    def __init__(self, figures: TaskFigures, wanted: Wanted) -> None:
        self.figures, self._wanted = figures, wanted
        self._waiting: list[Columns] = []
        self._files = 0
        self._scores: dict[str, list[Floats]] = {}
        self._counts: list[NDArray[np.float32]] = []
        self._distribution: list[Floats | None] = []
        self._columns: list[Columns] = []

    def add(self, columns: Columns) -> None:
        self._waiting.append(columns)
        self._files += len(columns.stems)
        if self._files >= _AT_ONCE:
            self.reduce()

    def reduce(self) -> None:
        """Make figures of what has come."""
        if not self._waiting:
            return
        columns = Columns.joined(self._waiting)
        self._waiting, self._files = [], 0
        figures, wanted = self.figures, self._wanted
        figures.stems.extend(columns.stems)
        figures.names.extend(columns.file_names)
        task = Task(figures.name, figures.schema, columns)
        places = np.searchsorted(np.array(figures.schema.ids), columns.categories)
        for score in sorted(wanted.scores):
            known: Mapping[str, Floats]
            if score == _FREQUENCY:
                count = len(columns.stems), len(figures.schema.ids)
                known = {score: raw_frequency(places, columns.files, *count)}
            else:
                known = file_scores(task, score)
            if score in known:
                self._scores.setdefault(score, []).append(known[score])
        if wanted.counts:
            self._count(columns, places)
        if wanted.columns:
            self._columns.append(columns)

    def _count(self, columns: Columns, places: NDArray[np.int64]) -> None:
        files, size = len(columns.stems), len(self.figures.schema.ids)
        flat = np.bincount(columns.files * size + places, minlength=files * size)
        self._counts.append(flat.reshape(files, size).astype(np.float32))
        found: Floats | None = None
        if columns.probabilities.size:
            vectors = class_distribution(places, size, columns.probabilities)
            found = image_class_distribution(vectors, columns.files, files)
        self._distribution.append(found)

    def finished(self) -> TaskFigures:
        """All of it, sorted."""
        figures = self.figures
        figures.scores = {name: _joined(parts) for name, parts in self._scores.items()}
        if _FREQUENCY in figures.scores:
            figures.scores[_FREQUENCY] = scaled_frequency(figures.scores[_FREQUENCY])
        if self._wanted.counts:
            size = len(figures.schema.ids)
            if any(one is not None for one in self._distribution):
                whole = zip(self._distribution, self._counts, strict=True)
                figures.distribution = np.concatenate([few if one is None else one for one, few in whole])
            self._distribution = []
            figures.counts = _joined(self._counts) if self._counts else np.zeros((0, size), np.float32)
        if self._wanted.columns:
            empty = Collector(len(figures.schema.categories))([])
            figures.columns = Columns.joined(self._columns or [empty]).by_name()
        if not all(one <= other for one, other in pairwise(figures.stems)):
            _sort(figures)
        return figures


def _joined(parts: list[Any]) -> Any:
    """Parts as one array; they are let go of on the way, so that nothing is there twice for long."""
    whole = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), dtype=parts[0].dtype)
    start = 0
    while parts:
        part = parts.pop(0)
        whole[start : start + len(part)] = part
        start += len(part)
    return whole


def _sort(figures: TaskFigures) -> None:
    stems, names = list(figures.stems), list(figures.names)
    order = sorted(range(len(stems)), key=stems.__getitem__)
    figures.stems, figures.names = Names(map(stems.__getitem__, order)), Names(map(names.__getitem__, order))
    figures.scores = {name: values[order] for name, values in figures.scores.items()}
    if figures.counts is not None:
        figures.counts = figures.counts[order]
    if figures.distribution is not None:
        figures.distribution = figures.distribution[order]
