"""Checks a Lightly datasource: walks ``.lightly/predictions``, applies the rules, compares with the input.

Any folder can be checked, whoever wrote it. Nothing is changed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import orjson

from lightly_assets.checker.expected import (
    FrameSeries,
    InputIndex,
    Item,
    Measure,
    UnreadableImageError,
    VideoSize,
    image_size,
    read_input,
)
from lightly_assets.checker.readers import PROBLEMS, FolderReader, Reader, StoreReader, Unreadable
from lightly_assets.checker.report import Findings, Report, make_report
from lightly_assets.errors import BadValue
from lightly_assets.format.names import paths
from lightly_assets.format.rules.box_statistics import BoxStatistics
from lightly_assets.format.rules.fast_path import ParsedFile, find_suspects
from lightly_assets.format.rules.file_rules import check_prediction_file, check_schema, check_tasks
from lightly_assets.format.rules.findings import Finding, finding
from lightly_assets.format.rules.prediction_rules import UNKNOWN, Expected
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.media.info import OnDamage, damage
from lightly_assets.storage import NotFound, Store, open_store
from lightly_assets.tracking import Step, step

PREDICTIONS = f"{paths.PREDICTIONS}/"

# Files that another process gets at a time, and files that are read at a time.
_CHUNK = 1024
_READ = 128
# Bytes that are parsed before they are checked: so few that what was parsed is still in the cache, and that
# the garbage collector, which looks for cycles once 700 objects have appeared, has no reason to.
_PARSED_BYTES = 20 << 10
# Starting processes costs about as much as they gain on so many chunks.
_FEW_CHUNKS = 40
# Results come in order: so many for each process wait for one that is not there yet.
_MOST_PENDING = 16
# What a root that was meant to be a folder above would hold, and how far above.
_INSIDE = {
    "predictions/tasks.json": "above it ('ROOT/..')",
    "tasks.json": "two above it ('ROOT/../..')",
    "schema.json": "three above it ('ROOT/../../..')",
}


class Visitor(Protocol):
    """Sees what a check reads, so that nothing is read twice."""

    def begin(self, input: InputIndex | None) -> None:
        """The input has been listed."""

    def collector(self, task: str, schema: Schema) -> Callable[[Sequence[ParsedFile]], Any]:
        """What to make of some files without errors, in whichever process has read them; can be pickled."""

    def add(self, collected: Any) -> None:
        """What the collector of the current task has made of the next files, in their order."""


def check(
    root: str | Path | Store,
    input: str | Path | Store | None = None,
    *,
    tasks: Iterable[str] | None = None,
    measure: Measure | None = None,
    only: Callable[[str], bool] | None = None,
    failed: Mapping[str, Mapping[str, str]] | None = None,
    on_damage: OnDamage = "fail",
    processes: int = 1,
    visitor: Visitor | None = None,
) -> Report:
    """Checks every listed task of the Lightly datasource ``root``.

    Args:
        root: the Lightly datasource: a folder, an ``s3://…`` URL, or a store. It holds ``.lightly``.
        input: the input datasource; with it, missing and orphaned files are found, and boxes and masks are
            compared with the images.
        tasks: only these of the listed tasks.
        measure: counts a video's frames, given its key; the default decodes it.
        only: which inputs must be complete, given their keys; the others are neither missing nor orphaned.
        failed: why inputs have no predictions of a task, where that is known: key → task (``""``: of all) →
            one sentence. It is told once instead of each file that is missing.
        on_damage: whether damaged videos are refused, or what decodes of them counts.
        processes: how many processes share the work on large folders. More than one needs the usual
            ``if __name__ == "__main__":`` guard in scripts.
        visitor: is shown the content of all files without errors.

    Raises:
        StorageError: the store of a root is out of reach.

    >>> report = check("lightly", "input")
    >>> report.ok
    True
    >>> print(report.to_text().splitlines()[-1])  # doctest: +ELLIPSIS
    30 prediction files: 0 errors, ...
    """
    reader = reader_of(root)
    run = _Run(reader, processes, visitor=visitor)
    if input is not None:
        run.input_reader = reader_of(input)
        run.input, found = read_input(run.input_reader, measure or decoding(input, on_damage), only, failed)
        run.findings.extend(found)
    if visitor is not None:
        visitor.begin(run.input)
    wanted = None if tasks is None else set(tasks)
    for task in run.read_tasks():
        if wanted is None or task in wanted:
            run.check_task(task)
    skipped = {} if run.input is None else run.input.skipped
    return make_report(run.files, run.findings, run.unchecked, skipped)


def check_files(
    root: str | Path | Store,
    stems: Iterable[str],
    *,
    tasks: Iterable[str] | None = None,
    visitor: Visitor | None = None,
) -> Report:
    """Checks these files of the listed tasks of ``root``, and opens no others.

    What only a whole folder tells, as gaps in a video, is not looked for.

    Args:
        stems: paths in a task's folder without ``.json``; a task need not have a file of each.

    Raises:
        StorageError: the store of ``root`` is out of reach.
    """
    run = _Run(reader_of(root), 1, visitor=visitor, stems=sorted(set(stems)))
    wanted = None if tasks is None else set(tasks)
    for task in run.read_tasks():
        if wanted is None or task in wanted:
            run.check_task(task)
    return make_report(run.files, run.findings, run.unchecked)


def listed_tasks(root: str | Path | Store) -> list[str]:
    """The tasks that a check of ``root`` would look at; none where ``tasks.json`` is missing or wrong.

    Raises:
        StorageError: the store is out of reach.
    """
    return _Run(reader_of(root), 1).read_tasks()


def reader_of(root: str | Path | Store) -> Reader:
    """Reads the files of a folder, a URL or a store."""
    if isinstance(root, Path) or (
        isinstance(root, str) and not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", root)
    ):
        return FolderReader(str(Path(root).expanduser()))
    return StoreReader(open_store(root) if isinstance(root, str) else root)


def decoding(root: str | Path | Store, on_damage: OnDamage = "fail") -> Measure:
    """Counts frames by decoding, as the pipeline does; a damaged video is refused or kept."""
    from lightly_assets.media import probe  # late: PyAV is not needed without an input

    def measure(key: str) -> VideoSize:
        with _local_file(root, key) as path:
            info = probe(path)
        if not info.is_usable(on_damage):
            raise BadValue(f"it is damaged ({damage(info)})" if info.frames else "; ".join(info.errors))
        return VideoSize(info.frames or 0, info.width, info.height, info.sizes)

    return measure


@contextmanager
def _local_file(root: str | Path | Store, key: str) -> Iterator[Path]:
    store = open_store(root) if isinstance(root, str | Path) else root
    entry = store.stat(key)
    if entry is None:
        raise NotFound(f"'{key}' is gone")
    with store.local_file(entry) as path:
        yield path


@dataclass(frozen=True)
class _Chunk:
    """Files of one task, and all that is needed to check them in another process."""

    reader: Reader
    input_reader: Reader | None
    task: str
    schema: Schema
    items: list[Item]
    collect: Callable[[Sequence[ParsedFile]], Any] | None = None
    named: bool = False
    """Whether nothing has listed the files, so that some may be missing."""


@dataclass
class _Checked:
    """What came out of a chunk."""

    files: int = 0
    missing: int = 0
    """Of these files."""
    findings: Findings = field(default_factory=Findings)
    statistics: BoxStatistics = field(default_factory=BoxStatistics)
    collected: list[Any] = field(default_factory=list)


@dataclass
class _Run:
    """The state of one check."""

    reader: Reader
    processes: int
    input_reader: Reader | None = None
    input: InputIndex | None = None
    files: int = 0
    unchecked: list[str] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    visitor: Visitor | None = None
    stems: Sequence[str] | None = None
    """Only these files of each task."""

    def read_tasks(self) -> list[str]:
        data = self.reader.read(f"{PREDICTIONS}tasks.json")
        if isinstance(data, Unreadable):
            rule = "tasks-missing" if data.missing else data.rule
            message = self._why_no_tasks() if data.missing else data.message
            self.findings.add(finding(rule, "tasks.json", "", message))
            return []
        tasks, found = check_tasks(data)
        self.findings.extend(found)
        return tasks

    def _why_no_tasks(self) -> str:
        missing = f"There is no {PREDICTIONS}tasks.json"
        if next(iter(self.reader.walk(PREDICTIONS)), None) is not None:
            return f"{missing}; write one that lists the tasks' folders."
        for inside, above in _INSIDE.items():
            if not isinstance(self.reader.read(inside), Unreadable):
                return f"{missing}; ROOT lies inside '.lightly': name the folder {above} instead."
        return f"{missing}; ROOT must be the Lightly datasource, the folder that holds '.lightly'."

    def check_task(self, task: str) -> None:
        schema = self._read_schema(task)
        if schema is None:
            if self._has_predictions(task):
                self.unchecked.append(task)
            return
        statistics = BoxStatistics()
        with step(f"Reading {task}") as reading:
            for checked in self._checked(schema, task, reading):
                reading.done(checked.files)
                self.files -= checked.missing
                self.findings.merge(checked.findings)
                statistics += checked.statistics
                if self.visitor is not None:
                    for collected in checked.collected:
                        self.visitor.add(collected)
        if self.stems is None:
            self.findings.extend(_corner_findings(task, statistics))

    def _has_predictions(self, task: str) -> bool:
        schema = f"{PREDICTIONS}{task}/schema.json"
        return any(
            problem is None and key.endswith(".json") and key != schema
            for key, problem in self.reader.walk(f"{PREDICTIONS}{task}/")
        )

    def _read_schema(self, task: str) -> Schema | None:
        file = f"{task}/schema.json"
        data = self.reader.read(PREDICTIONS + file)
        if not isinstance(data, Unreadable):
            schema, found = check_schema(data, file)
            self.findings.extend(found)
            return schema
        listed = next(iter(self.reader.walk(f"{PREDICTIONS}{task}/")), None)
        if listed is not None and listed[1] == "link-outside":
            self.findings.add(_unfollowed(listed[0], "link-outside"))
        elif not data.missing:
            self.findings.add(finding(data.rule, file, "", data.message))
        elif listed is None:
            message = f"tasks.json lists '{task}', but it has no folder."
            self.findings.add(finding("task-missing", task, "", message))
        else:
            message = "The task has no schema.json; the Worker reports an error."
            self.findings.add(finding("schema-missing", file, "", message))
        return None

    def _checked(self, schema: Schema, task: str, reading: Step) -> Iterator[_Checked]:
        """Checks all chunks, in this process where they are few; results come in order."""
        # A connection to a store cannot be sent to another process; its reads are parallel anyway.
        alone = self.processes == 1 or any(
            isinstance(reader, StoreReader) for reader in (self.reader, self.input_reader)
        )
        chunks = self._chunks(schema, task, reading)
        # Listing is cheap, so a large folder is known before it is read.
        first = list(islice(chunks, _FEW_CHUNKS))
        if alone or len(first) < _FEW_CHUNKS:
            yield from map(check_chunk, chain(first, chunks))
            return
        others = self.processes - 1
        pending: deque[Future[_Checked]] = deque()
        with ProcessPoolExecutor(others, get_context("spawn")) as pool:
            for chunk in chain(first, chunks):
                # This process works as well, while the others start and whenever they have enough to do.
                enough = sum(not one.done() for one in pending) >= 2 * others
                pending.append(_done(chunk) if enough else pool.submit(check_chunk, chunk))
                while pending[0].done() or len(pending) > _MOST_PENDING * self.processes:
                    yield pending.popleft().result()
                    if not pending:
                        break
            while pending:
                yield pending.popleft().result()

    def _chunks(self, schema: Schema, task: str, reading: Step) -> Iterator[_Chunk]:
        items, before = self._items(task), self.files
        collect = self.visitor.collector(task, schema) if self.visitor is not None else None
        while chunk := list(islice(items, _CHUNK)):
            self.files += len(chunk)
            named = self.stems is not None
            yield _Chunk(self.reader, self.input_reader, task, schema, chunk, collect, named)
        reading.expect(self.files - before if self.stems is None else len(self.stems))

    def _items(self, task: str) -> Iterator[Item]:
        """The prediction files of a task; what the names alone tell goes to the findings."""
        if self.stems is not None:
            yield from map(Item, self.stems)
            return
        prefix = f"{PREDICTIONS}{task}/"
        coverage = self.input.coverage(task) if self.input is not None else None
        series = FrameSeries(task)
        for key, problem in self.reader.walk(prefix):
            path = key[len(prefix) :]
            if problem is not None:
                self.findings.add(_unfollowed(key, problem))
            elif not path.endswith(".json"):
                message = "This is no prediction file; the Worker's reaction to it is unknown."
                self.findings.add(finding("file-foreign", f"{task}/{path}", "", message))
            elif path != "schema.json":
                stem = path[: -len(".json")]
                if coverage is None:
                    series.add(stem)
                    yield Item(stem)
                else:
                    item, found = coverage.match(stem)
                    self.findings.extend(found)
                    yield item
        self.findings.extend(series.findings())
        if coverage is not None:
            self.findings.extend(coverage.missing())


def _unfollowed(key: str, problem: str) -> Finding:
    return finding(problem, key.removeprefix(PREDICTIONS), "", PROBLEMS[problem])


def _corner_findings(task: str, statistics: BoxStatistics) -> list[Finding]:
    if statistics.are_corners:
        message = (
            f"{statistics.outside:,} of {statistics.measured:,} boxes leave their image and nearly all fit "
            "when read as [x1, y1, x2, y2]; write [x, y, width, height]."
        )
        return [finding("bbox-xyxy", f"{task}/", "", message, statistics.outside)]
    if statistics.may_be_corners:
        message = (
            f"All {statistics.boxes:,} boxes have w > x and h > y, as [x1, y1, x2, y2] would; "
            "check with the input to be sure."
        )
        return [finding("bbox-xyxy-suspect", f"{task}/", "", message, statistics.boxes)]
    return []


def _done(chunk: _Chunk) -> Future[_Checked]:
    """The chunk, checked in this process."""
    future: Future[_Checked] = Future()
    future.set_result(check_chunk(chunk))
    return future


def check_chunk(chunk: _Chunk) -> _Checked:
    """Reads and checks some files of a task."""
    checked = _Checked(len(chunk.items))
    for start in range(0, len(chunk.items), _READ):
        _read_and_check(chunk, chunk.items[start : start + _READ], checked)
    return checked


def _read_and_check(chunk: _Chunk, items: list[Item], checked: _Checked) -> None:
    prefix = f"{PREDICTIONS}{chunk.task}/"
    keys = [f"{prefix}{item.stem}.json" for item in items]
    contents = chunk.reader.read_named(keys) if chunk.named else chunk.reader.read_many(keys)
    files: list[ParsedFile] = []
    size = 0
    for item, data in zip(items, contents, strict=True):
        if isinstance(data, Unreadable):
            if chunk.named and data.missing:
                checked.missing += 1
                continue
            checked.findings.add(finding(data.rule, f"{chunk.task}/{item.stem}.json", "", data.message))
            continue
        files.append(ParsedFile(data, _parsed(data), item.stem, _expected(chunk, item, checked)))
        size += len(data)
        if size >= _PARSED_BYTES:
            _check_files(chunk, files, checked)
            files, size = [], 0
    if files:
        _check_files(chunk, files, checked)


def _check_files(chunk: _Chunk, files: list[ParsedFile], checked: _Checked) -> None:
    wrong: set[int] = set()
    for index in find_suspects(files, chunk.schema, checked.statistics):
        data, _, stem, expected = files[index]
        file = f"{chunk.task}/{stem}.json"
        found = check_prediction_file(data, file, chunk.schema, expected, checked.statistics)
        checked.findings.extend(found)
        if any(one.severity == "error" for one in found):
            wrong.add(index)
    if chunk.collect is not None:
        checked.collected.append(
            chunk.collect([one for index, one in enumerate(files) if index not in wrong])
        )


def _parsed(data: bytes) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        # Not even JSON for a lenient parser: the rules say why.
        return None


def _expected(chunk: _Chunk, item: Item, checked: _Checked) -> Expected:
    width, height = item.width, item.height
    needs_size = item.image is not None and chunk.schema.task_type != TaskType.CLASSIFICATION
    if needs_size and item.image is not None and chunk.input_reader is not None:
        try:
            width, height = image_size(chunk.input_reader, item.image)
        except UnreadableImageError as error:
            message = f"The image '{item.image}' cannot be read: {error}"
            checked.findings.add(finding("input-unreadable", f"{chunk.task}/{item.stem}.json", "", message))
    if item.file_name is None and width is None:
        return UNKNOWN
    return Expected(item.file_name, width, height)
