"""The order in which results reach the roots of a project."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lightly_assets.config import Project
from lightly_assets.encoding.shift import oddities
from lightly_assets.encoding.statistics import Statistics, from_record, to_record
from lightly_assets.format.schema import Schema
from lightly_assets.pipeline.planning.embedding_setup import AnySetup, EmbeddingSetup
from lightly_assets.pipeline.planning.plan import TaskWork
from lightly_assets.pipeline.planning.task_setup import TaskSetup, frames_version
from lightly_assets.pipeline.publishing.publisher import Published, Publisher, possible_frames
from lightly_assets.pipeline.publishing.task_list import PublishError, TaskList
from lightly_assets.pipeline.roots import Roots
from lightly_assets.pipeline.running.outcome import TaskOutcome, UnitOutcome
from lightly_assets.pipeline.running.vectors import with_vectors
from lightly_assets.pipeline.state.garbage import Garbage
from lightly_assets.pipeline.state.index import Index
from lightly_assets.pipeline.state.records import (
    InputRecord,
    Record,
    Records,
    data_key,
    predictions_version,
    version,
)
from lightly_assets.pipeline.state.state_format import check_format, is_written, note_format
from lightly_assets.pipeline.state.tables import TableLost, merge, open_stored
from lightly_assets.storage import BadKey, Changed, Conflict, NotFound, StorageError, Unavailable

log = logging.getLogger(__name__)

# Somebody else who works on the same unit at the same moment is let through so often.
_TRIES = 5


@dataclass(frozen=True, slots=True)
class TaskResult:
    """A task of a unit, encoded and ready to be stored."""

    setup: AnySetup
    work: TaskWork
    outcome: TaskOutcome
    predictions: Path | None
    """Local table of new predictions."""
    singletons: Path | None
    """Local table of new singletons."""
    statistics: dict[str, Statistics]
    """Of new singletons, by input."""
    folder: Path
    """Of this machine, for what is made on the way."""
    vectors: dict[str, int]
    """How many embeddings each input has, where these are such; ``predictions`` is their table then."""

    @property
    def task(self) -> TaskSetup:
        """Of a task of the format."""
        assert isinstance(self.setup, TaskSetup)
        return self.setup


class Warehouse:
    """A project's roots: the input, the Lightly datasource, and our own state.

    The index lies in ``folder``, by default where all processes of this machine share it.

    Raises:
        StorageError: a URL names no store.
        NewerStateError: the state is of a newer version of this package.
    """

    def __init__(self, project: Project, folder: Path | None = None) -> None:
        self.project = project
        roots = Roots(project)
        self.input, self.lightly, self.state = roots.input, roots.lightly, roots.state
        # Before the index is opened, which drops the tables of another version.
        self._format_noted = check_format(self.state)
        self.of_before = not self._format_noted and is_written(self.state)
        """Whether the state is of a version that did not say its format."""
        self.records = Records(self.state)
        self.index = Index((folder or project.local_state) / "index.sqlite", self.state)
        self.listing = TaskList(self.lightly, [task.name for task in project.tasks])
        self.garbage = Garbage(self.state, self.records)

    def close(self) -> None:
        self.index.close()

    def note_format(self) -> None:
        """Say in the state which format it has, if it does not."""
        if not self._format_noted:
            note_format(self.state)
            self._format_noted = True

    def note_record(self, record: Record, version: str) -> None:
        """Take over a record that was just written, or read, in this version."""
        self.index.put(record, version)

    def list_task(self, task: str, schema: Schema) -> None:
        """Files of a task are published: list it. Raises PublishError."""
        self.listing.publish(task, schema)

    # Stored results

    def stored_predictions(self, task: str, keys: Collection[str]) -> dict[str, set[str]]:
        """Where predictions of inputs are stored: keys of tables, and the inputs in each."""
        return self._stored(task, keys, lambda record: record.predictions)

    def stored_singletons(self, task: str, keys: Collection[str]) -> dict[str, set[str]]:
        """The same of singletons."""
        return self._stored(task, keys, lambda record: record.singletons)

    def _stored(
        self, task: str, keys: Collection[str], table_of: Callable[[Record], str | None]
    ) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for row in self.index.entries(task, sorted(keys)):
            record, _ = self.records.read(task, row.unit, fresh=False)
            table = table_of(record)
            if table and row.input in record.inputs:
                found[table].add(row.input)
        return dict(found)

    def open(self, table: str) -> AbstractContextManager[Path]:
        """A stored table as a local file. Raises TableLost."""
        return open_stored(self.state, table)

    # What comes of a unit

    def store_frames(self, outcome: UnitOutcome) -> None:
        """Record what was found out about the frames of a unit."""
        if not outcome.frames:
            return
        frames = {
            key: replace(one, decode=frames_version(self.project, "image" if one.frames is None else "video"))
            for key, one in outcome.frames.items()
        }
        self._update("", outcome.unit, lambda old: replace(old, inputs=old.inputs | frames))

    def store_task(self, unit: UnitOutcome, result: TaskResult) -> None:
        """Store and publish what was made for a task; failures of inputs go to its outcome.

        Raises:
            StorageError: a store is out of reach.
        """
        for attempt in range(_TRIES):
            try:
                return self._store_task(unit, result, fresh=attempt > 0)
            except (Conflict, Changed, NotFound) as error:
                # Another process has written the same record, or a table that is read here.
                if attempt < _TRIES - 1:
                    continue
                if not isinstance(error, TableLost):
                    raise
                self._note_lost(unit, result, error)
        return None

    def _note_lost(self, unit: UnitOutcome, result: TaskResult, error: TableLost) -> None:
        """Nothing can be published without the table; who began the run has it made again."""
        work, outcome = result.work, result.outcome
        keys = (work.predict | work.encode | work.publish) - outcome.failed.keys() - unit.failed.keys()
        unit.lost.setdefault((result.setup.name, error.table), set()).update(keys)
        outcome.failed |= {key: f"'{key}': {error}" for key in sorted(keys)}

    def forget_table(self, task: str, table: str, keys: Collection[str]) -> None:
        """Have the records of some inputs say that a stored table was never made."""
        for unit in sorted({row.unit for row in self.index.entries(task, sorted(keys))}):
            self._update(task, unit, lambda old: old.without_table(table))

    def _store_task(self, unit: UnitOutcome, result: TaskResult, *, fresh: bool) -> None:
        task, work, outcome = result.setup.name, result.work, result.outcome
        bad = outcome.failed.keys() | unit.failed.keys()
        predicted, encoded = (
            work.predict - bad,
            (work.encode | (work.predict if work.encodes else set())) - bad,
        )
        publish = work.publish - bad
        if not (predicted or encoded or publish):
            return
        before, seen = self.records.read(task, unit.unit, fresh=fresh)
        if isinstance(result.setup, EmbeddingSetup):
            record = with_vectors(self, before, unit, result, predicted) if predicted else before
            predicted -= outcome.failed.keys()
        else:
            record = self._with_predictions(before, unit, result, predicted)
        record = self._with_singletons(record, result, encoded)
        # From here to the last write the published files are in between: their hashes are not known.
        unsure = {key: _being_written(record.inputs[key]) for key in publish if key in record.inputs}
        stored = waiting = replace(record, inputs=record.inputs | unsure)
        if waiting != before:
            self.state.sync()  # what a record speaks of survives a power cut
            seen = self.records.write(waiting, seen)
            self.garbage.note(before, waiting)
        published = self._publish(record, result, publish)
        if published.obsolete:
            # Until the old files are gone the input is not done: a run after a kill deletes them.
            stored = _with_leftovers(record, published)
            seen = self.records.write(stored, seen)
            for files in published.obsolete.values():
                outcome.files_deleted += self.lightly.delete_many(files)
        if published.records:
            stored = record = replace(record, inputs=record.inputs | published.records)
            seen = self.records.write(record, seen)
        if published.records and not work.held_back:
            self.list_task(task, result.task.schema)
        if seen is not None:
            self.note_record(stored, seen)
        self._supersede(record, predicted | encoded | publish)
        outcome.done = {
            key: record.inputs[key]
            for key in sorted(predicted | encoded | publish)
            if key in record.inputs and key not in outcome.failed
        }

    def _with_predictions(
        self, record: Record, unit: UnitOutcome, result: TaskResult, keys: set[str]
    ) -> Record:
        if not keys:
            return record
        setup = result.setup
        inputs = dict(record.inputs)
        for key in keys:
            fresh = unit.frames[key]
            old = inputs.get(key, fresh)
            inputs[key] = replace(
                fresh,
                model=setup.model_version,
                settings=old.settings,
                singletons_from=old.singletons_from,
                published_from=old.published_from,
                schema=old.schema,
                published_frames=old.published_frames,
                leftovers=old.leftovers,
                hashes=old.hashes,
                size=old.size,
                statistics=old.statistics,
            )
        made = {key: one.predictions_version for key, one in inputs.items() if one.model}
        target = data_key("predictions", setup.name, record.unit, version(*sorted(made.items())))
        self._store_table(result.predictions, keys, record.predictions, record.inputs.keys() - keys, target)
        return replace(record, inputs=inputs, predictions=target)

    def _with_singletons(self, record: Record, result: TaskResult, keys: set[str]) -> Record:
        keys = {key for key in keys if key in record.inputs}
        if not keys:
            return record
        setup = result.setup
        inputs = dict(record.inputs)
        odd = _odd(record, result, keys)
        for key in keys:
            one = inputs[key]
            made_from = predictions_version(one.fingerprint, one.decode, one.model)
            inputs[key] = replace(
                one,
                settings=setup.settings_hash,
                singletons_from=made_from,
                statistics=to_record(result.statistics[key]) if key in result.statistics else {},
            )
        if odd:
            first = min(keys)
            inputs[first] = replace(inputs[first], statistics=inputs[first].statistics | {"odd": odd})
        made = {key: one.singletons_version for key, one in inputs.items() if one.settings}
        target = data_key("singletons", setup.name, record.unit, version(*sorted(made.items())))
        kept = {key for key in record.inputs.keys() - keys if record.inputs[key].settings}
        self._store_table(result.singletons, keys, record.singletons, kept, target)
        return replace(record, inputs=inputs, singletons=target)

    def _store_table(
        self, new: Path | None, keys: Collection[str], old: str | None, keep: Collection[str], target: str
    ) -> None:
        """Put the new rows of some inputs and the old ones of others into one table."""
        if new is None:
            return
        merged = new.with_suffix(".merged")
        table = merge(new, keys, lambda: self.open(old or ""), keep if old else (), merged)
        self.state.upload(target, table)
        if table == merged:
            merged.unlink()

    def _publish(self, record: Record, result: TaskResult, keys: set[str]) -> Published:
        keys = {key for key in keys if key in record.inputs}
        task, table = result.setup.name, record.singletons
        if table is None:
            text = f"no singletons of task '{task}' are stored; materialise them first."
            result.outcome.failed |= {key: f"'{key}': {text}" for key in sorted(keys)}
        if table is None or not keys:
            return Published()
        if result.work.held_back:
            self.listing.withdraw([result.setup.name])
        publisher = Publisher(self.lightly, result.task.name, result.task.schema)
        try:
            published = publisher.publish(record, keys, lambda: self.open(table), result.work.lost)
        except StorageError as error:
            self._take_back(publisher, record, keys, error)
            if not isinstance(error, BadKey):
                raise
            # Something is in the way of these files, and of no others.
            published = Published(failed={key: f"'{key}': {error}" for key in sorted(keys)})
        self.lightly.sync()
        result.outcome.failed |= published.failed
        result.outcome.files_written += published.written
        result.outcome.bytes_written += published.bytes_written
        result.outcome.corners |= published.boxes.are_corners or published.boxes.may_be_corners
        return published

    def _take_back(
        self, publisher: Publisher, record: Record, keys: Collection[str], error: StorageError
    ) -> None:
        """See to it that no new video stays in the task's folder in part."""
        if isinstance(error, Unavailable) and self.lightly.local_root is None:
            return  # the store does not answer; a disk that is full still deletes
        try:
            if taken := publisher.take_back(record, keys):
                # Another process may just have published the same: it does so again.
                self._update(record.task, record.unit, lambda old: old.without_files(taken))
        except StorageError as second:
            log.warning("Files of videos that are not whole could not be removed: %s", second)

    def _supersede(self, record: Record, keys: Collection[str]) -> None:
        """A folder of images that has grown is spread over more records: the older one forgets the input."""
        elsewhere: dict[str, set[str]] = defaultdict(set)
        for row in self.index.entries(record.task, sorted(keys)):
            if row.unit != record.unit:
                elsewhere[row.unit].add(row.input)
        for unit, gone in elsewhere.items():
            self._update(record.task, unit, lambda old, gone=gone: old.without(gone))  # type: ignore[misc]

    def _update(self, task: str, unit: str, change: Callable[[Record], Record]) -> None:
        for attempt in range(_TRIES):
            before, seen = self.records.read(task, unit, fresh=attempt > 0)
            after = change(before)
            if after == before:
                return self.note_record(after, seen) if seen else None
            try:
                seen = self.records.write(after, seen)
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
                continue
            return self.note_record(after, seen)
        return None

    def forget(self, task: str, keys: Collection[str]) -> None:
        """Remove inputs from the records of a task (``""``: of the frames); records left empty go too."""
        units: dict[str, set[str]] = defaultdict(set)
        for row in self.index.entries(task, sorted(keys)):
            units[row.unit].add(row.input)
        for unit, gone in units.items():
            self._update(task, unit, lambda old, gone=gone: old.without(gone))  # type: ignore[misc]
        self.remove_empty_records()

    def remove_empty_records(self) -> None:
        """Remove records that no input is left in, also those that a killed run could not remove any more."""
        for key in self.index.empty_records():
            with suppress(NotFound):  # another process has just done it
                record = Record.parse(self.state.read(key), key)
                if not record.inputs:
                    self.state.delete_many([key])
                    self.state.delete_many(record.tables)
        self.index.refresh()

    # The end of a run

    def heal_listing(self, setups: Collection[TaskSetup]) -> Iterator[tuple[str, str]]:
        """Make ``schema.json`` and ``tasks.json`` right for tasks that have something published.

        Yields the tasks that cannot be listed, each with one sentence.
        """
        for setup in setups:
            published, old = self.index.published(setup.name, setup.schema.hash())
            if len(old) == published:
                continue  # nothing is published, or files, schema and listing are all as they were
            try:
                if old:
                    self.listing.withdraw([setup.name])
                    raise PublishError(
                        f"Task '{setup.name}' stays out of tasks.json: {len(old)} inputs still have files "
                        f"of its old schema, such as '{old[0].input}'."
                    )
                self.listing.publish(setup.name, setup.schema)
            except PublishError as error:
                yield setup.name, str(error)


def _odd(before: Record, result: TaskResult, keys: set[str]) -> str:
    """What a person should look at in what is new about these inputs, beside what was said the last time.

    Where only settings have changed, what a model said is the same, and they are meant to change the rest.
    """
    now, previous = Statistics.none(), Statistics.none()
    other_settings = False
    for key in keys & result.statistics.keys():
        now += result.statistics[key]
        old = before.inputs[key]
        as_before = old.settings == result.setup.settings_hash
        if as_before or old.singletons_from != old.predictions_version:
            previous += from_record(old.statistics) or Statistics.none()
            other_settings |= not as_before
    found = oddities(previous, now, other_settings=other_settings)
    if found:
        result.outcome.before = previous
    return " ".join(found)


def _being_written(one: InputRecord) -> InputRecord:
    """An input of whose files nothing is certain, but which names they can have."""
    counts = possible_frames(one) | ({one.frames} if one.frames is not None else set())
    return replace(one, hashes=(), leftovers=tuple(sorted(counts)))


def _with_leftovers(record: Record, published: Published) -> Record:
    """A record of what is published, but for old files that are still there."""
    inputs = record.inputs | published.records
    for key in published.obsolete:
        leftovers = tuple(sorted(possible_frames(record.inputs[key])))
        inputs[key] = replace(inputs[key], published_from="", leftovers=leftovers)
    return replace(record, inputs=inputs)
