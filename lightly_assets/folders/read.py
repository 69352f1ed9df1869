"""Reads the predictions of a Lightly datasource into arrays, while they are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightly_assets.checker.check import check, check_files, reader_of
from lightly_assets.checker.expected import InputIndex, Measure, VideoSize, read_input
from lightly_assets.checker.report import Report
from lightly_assets.cores import cores
from lightly_assets.folders.columns import ALL_FIELDS, Collector, Columns
from lightly_assets.format.rules.fast_path import ParsedFile
from lightly_assets.format.schema import Schema
from lightly_assets.storage import Store

Root = str | Path | Store


@dataclass(frozen=True, slots=True)
class Task:
    """A task's schema and the predictions of all its files without errors, sorted by their paths."""

    name: str
    schema: Schema
    columns: Columns


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in a Lightly datasource: its tasks, and what a check says about it.

    ``input`` lists the input, where its root was given.
    """

    tasks: dict[str, Task]
    report: Report
    input: InputIndex | None = None


@dataclass
class _Visitor:
    wanted: Callable[[Schema], Iterable[str]]
    input: InputIndex | None = None
    schemas: dict[str, Schema] = field(default_factory=dict)
    parts: dict[str, list[Columns]] = field(default_factory=dict)
    current: list[Columns] = field(default_factory=list)

    def begin(self, input: InputIndex | None) -> None:
        self.input = input

    def collector(self, task: str, schema: Schema) -> Callable[[Sequence[ParsedFile]], Any]:
        self.schemas[task] = schema
        self.current = self.parts.setdefault(task, [])
        return Collector(len(schema.categories), frozenset(self.wanted(schema)))

    def add(self, collected: Any) -> None:
        self.current.append(collected)


def read_folder(
    root: Root,
    input: Root | None = None,
    *,
    tasks: Iterable[str] | None = None,
    wanted: Iterable[str] | Callable[[Schema], Iterable[str]] = ALL_FIELDS,
    measure: Measure | None = None,
    processes: int | None = None,
) -> Folder:
    """Reads and checks the listed tasks of the Lightly datasource ``root``.

    Args:
        root: a folder, an ``s3://…`` URL, or a store. It holds ``.lightly``.
        input: the input datasource; with it, missing and orphaned files are among the findings.
        tasks: only these of the listed tasks.
        wanted: which columns are filled, of ``boxes``, ``points``, ``runs`` and ``probabilities``; or
            what says so for the schema of a task.
        measure: counts a video's frames; the default decodes it.
        processes: how many share a large folder; all cores where not given.

    Raises:
        StorageError: the store of a root is out of reach.
    """
    fields = wanted if callable(wanted) else frozenset(wanted)
    visitor = _Visitor(fields if callable(fields) else lambda _: fields)
    report = check(root, input, tasks=tasks, measure=measure, processes=processes or cores(), visitor=visitor)
    return Folder(_tasks(visitor), report, visitor.input)


def read_files(
    root: Root, stems: Iterable[str], input: Root | None = None, *, tasks: Iterable[str] | None = None
) -> Folder:
    """Reads and checks these files of the listed tasks alone; no other file of them is opened.

    Args:
        root: the Lightly datasource.
        stems: paths in a task's folder without ``.json``; a task need not have a file of each.
        input: the input datasource; it is listed, and none of it is opened.
        tasks: only these of the listed tasks.

    Raises:
        StorageError: the store of a root is out of reach.
    """
    visitor = _Visitor(lambda _: ALL_FIELDS)
    report = check_files(root, stems, tasks=tasks, visitor=visitor)
    # Which videos there are is all that matters: they are decoded when their frames are needed.
    index = None if input is None else read_input(reader_of(input), lambda _: VideoSize(0))[0]
    return Folder(_tasks(visitor), report, index)


def _tasks(visitor: _Visitor) -> dict[str, Task]:
    return {
        name: Task(name, visitor.schemas[name], _ordered(parts, visitor.schemas[name]))
        for name, parts in visitor.parts.items()
    }


def _ordered(parts: list[Columns], schema: Schema) -> Columns:
    return Columns.joined(parts or [Collector(len(schema.categories))([])]).by_name()
