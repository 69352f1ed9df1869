"""The streaming pass: decode, predict, encode, store and publish, each in a thread, all at the same time.

Every input is decoded at most once, whatever the number of tasks. Batches fill across frames, images and
short videos. Between two threads there is a bounded queue, so that the slowest part sets the pace and memory
stays flat. An input that fails takes nothing else with it.
"""

from __future__ import annotations

import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from lightly_assets.encoding.encode import Encoded, encode_batch
from lightly_assets.encoding.json_bytes import singletons_bytes
from lightly_assets.errors import BadValue
from lightly_assets.media import Limits, VideoInfo
from lightly_assets.models.columns import pack
from lightly_assets.models.protocol import ModelError, Source
from lightly_assets.models.results import Result, ResultError
from lightly_assets.pictures.thumbnails import sheet
from lightly_assets.pipeline.inputs.frame_export import FrameExports
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.pipeline.inputs.pixels import Ended, Event, PixelReader, Pixels, Unreadable
from lightly_assets.pipeline.planning.plan import UnitWork
from lightly_assets.pipeline.planning.task_setup import TaskSetup, decode_version
from lightly_assets.pipeline.running.commit import TaskResult, Warehouse
from lightly_assets.pipeline.running.outcome import UnitOutcome
from lightly_assets.pipeline.running.unit_state import (
    Batch,
    Begin,
    End,
    Results,
    TaskFailed,
    TaskState,
    UnitState,
)
from lightly_assets.pipeline.state.records import InputRecord
from lightly_assets.pipeline.state.tables import Row, TableLost, read_predictions
from lightly_assets.storage import Unavailable

# Batches of results, and finished units, that wait for the next thread.
_WAITING_BATCHES = 2
_WAITING_UNITS = 2
# Units that are stored and published at once in a bucket: while one is checked, or waits for the reply to a
# single request, others are written. A disk has nobody to wait for.
_PUBLISHERS = 4
# Stored results that are encoded together.
_ENCODED_AT_ONCE = 128
_PATIENCE_SECONDS = 3.0


class Flow:
    """Runs units of work; iterate over :meth:`run` for what comes of each."""

    def __init__(
        self,
        warehouse: Warehouse,
        setups: dict[str, TaskSetup],
        folder: Path,
        *,
        limits: Limits | None = None,
        on_frames: Callable[[int], None] | None = None,
        sheets: bool = True,
    ) -> None:
        self._warehouse = warehouse
        self._setups = setups
        self._folder = folder
        self._limits = limits
        self._on_frames = on_frames or (lambda _: None)
        self._sheets = sheets
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._encode_queue: queue.Queue[Any] = queue.Queue(_WAITING_BATCHES)
        self._publish_queue: queue.Queue[Any] = queue.Queue(_WAITING_UNITS)
        self._outcomes: queue.SimpleQueue[UnitOutcome | None] = queue.SimpleQueue()
        on_disk = warehouse.lightly.local_root is not None and warehouse.state.local_root is not None
        self._publishers = 1 if on_disk else _PUBLISHERS

    def run(self, units: Sequence[UnitWork]) -> Iterator[UnitOutcome]:
        """What came of each unit, as soon as it is done.

        Raises:
            StorageError: a store is out of reach; what was published stays.
        """
        work: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
            (self._predict, (units,)),
            (self._encode, ()),
            *[(self._publish, ())] * self._publishers,
        ]
        threads = [
            threading.Thread(target=self._guarded, args=(one, *arguments), name=one.__name__, daemon=True)
            for one, arguments in work
        ]
        for thread in threads:
            thread.start()
        deadline = None
        try:
            working = self._publishers
            while working:
                if (outcome := self._outcomes.get()) is not None:
                    yield outcome
                else:
                    working = working - 1 if self._error is None else 0
        except BaseException:
            # Whoever interrupts a run does not wait for a slow model's answer, which nobody needs any more.
            deadline = time.monotonic() + _PATIENCE_SECONDS
            raise
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        if self._error is not None:
            raise self._error

    # Threads

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by run()
            if isinstance(error, OSError):
                reason = f"{error.filename or self._folder}: {error.strerror or error}"
                error = Unavailable(f"{reason}; free some space and run again.")
            if self._error is None:
                self._error = error
            self._stop.set()
            self._outcomes.put(None)

    def _put(self, target: queue.Queue[Any], item: Any) -> None:
        while True:
            if self._stop.is_set():
                raise _Stopped
            try:
                return target.put(item, timeout=0.2)
            except queue.Full:
                continue

    def _get(self, source: queue.Queue[Any]) -> Any:
        while True:
            if self._stop.is_set():
                raise _Stopped
            try:
                return source.get(timeout=0.2)
            except queue.Empty:
                continue

    # Decode and predict

    def _predict(self, units: Sequence[UnitWork]) -> None:
        states: dict[str, UnitState] = {}
        batches: dict[str, Batch] = {name: Batch() for name in self._setups}
        order = iter(units)
        exporting = self._warehouse.project.frames.export == "png"
        exports = FrameExports(self._warehouse.state, self._folder) if exporting else None

        def inputs() -> Iterator[tuple[Input, bool]]:
            for number, work in enumerate(order):
                folder = self._folder / f"{number}"
                folder.mkdir(parents=True)
                state = UnitState(work, folder, self._setups)
                for one in work.decode:
                    states[one.key] = state
                self._put(self._encode_queue, Begin(state))
                predicted = set().union(*(task.predict for task in work.tasks.values()))
                for one in work.decode:
                    exported = exports is not None and one.kind == "video" and one.key in work.frames
                    if exports is not None and exported:
                        exports.begin(one)
                    yield one, exported or one.key in predicted

        reader = PixelReader(self._warehouse.input, inputs(), self._warehouse.project.on_damage, self._limits)
        try:
            for event in reader:
                if self._stop.is_set():
                    raise _Stopped
                if exports is not None:
                    _export(exports, event)
                if isinstance(event, Pixels):
                    if exports is not None or len(states[event.source.input].work.tasks) > 1:
                        # A model may write to its images, and others want the same ones.
                        event.image.flags.writeable = False
                    self._offer(states[event.source.input], event, batches)
                    self._on_frames(1)
                elif isinstance(event, Ended):
                    state = states.pop(event.input.key)
                    self._check_end(state, event)
                    self._put(self._encode_queue, End(state, event.input, event.info, event.frames))
                elif isinstance(event, Unreadable):
                    state = states.pop(event.input.key)
                    self._put(
                        self._encode_queue, End(state, event.input, None, 0, event.error, event.retriable)
                    )
            for name, batch in batches.items():
                self._flush(name, batch)
        finally:
            reader.close()
            if exports is not None:
                exports.close()
        self._put(self._encode_queue, None)

    def _offer(self, state: UnitState, pixels: Pixels, batches: dict[str, Batch]) -> None:
        key = pixels.source.input
        if self._sheets:
            state.thumbnails.offer(pixels.source, pixels.image)
        for name, task in state.tasks.items():
            if key not in task.work.predict or not task.is_open(key):
                continue
            batch = batches[name]
            batch.pixels.append((task, pixels))
            if len(batch.pixels) >= self._setups[name].model.batch_size:
                self._flush(name, batch)

    def _check_end(self, state: UnitState, event: Ended) -> None:
        """Labels may be of frames that a video does not have."""
        key = event.input.key
        for name, task in state.tasks.items():
            if event.input.kind == "image" or key not in task.work.predict:
                continue
            try:
                self._setups[name].model.check_end(key, event.frames)
            except ModelError as error:
                self._put(self._encode_queue, TaskFailed(task, key, f"task '{name}', {key}: {error}"))

    def _flush(self, name: str, batch: Batch) -> None:
        pixels = [(task, one) for task, one in batch.pixels if task.is_open(one.source.input)]
        batch.pixels = []
        if not pixels:
            return
        results = self._ask(name, pixels)
        if results:
            self._put(self._encode_queue, Results(results))

    def _ask(
        self, name: str, pixels: list[tuple[TaskState, Pixels]]
    ) -> list[tuple[TaskState, Source, Result]]:
        """Results of a batch; where the model fails, without those of the input that it failed on."""
        model = self._setups[name].model
        start = time.perf_counter()
        try:
            answers = model.predict([one.image for _, one in pixels], [one.source for _, one in pixels])
        except ModelError as error:
            keys = {one.source.input for _, one in pixels}
            # One input: it is to blame. Several: each is asked alone, so that only the bad one fails.
            if len(keys) == 1:
                task = pixels[0][0]
                message = f"task '{name}', {error}"
                self._put(self._encode_queue, TaskFailed(task, keys.pop(), message))
                return []
            found = []
            for key in sorted(keys):
                found += self._ask(name, [pair for pair in pixels if pair[1].source.input == key])
            return found
        seconds = (time.perf_counter() - start) / len(pixels)
        for task, _ in pixels:
            task.outcome.predict_seconds += seconds
            task.outcome.predicted += 1
        return [(task, one.source, answer) for (task, one), answer in zip(pixels, answers, strict=True)]

    # Encode

    def _encode(self) -> None:
        while (item := self._get(self._encode_queue)) is not None:
            if isinstance(item, Results):
                for task, rows in _by_task(item.rows):
                    self._take(task, rows, predicted=True)
                    self._settle(task.unit)
            elif isinstance(item, End):
                self._end(item)
            elif isinstance(item, TaskFailed):
                item.state.outcome.failed.setdefault(item.key, item.error)
                self._settle(item.state.unit)
            elif isinstance(item, Begin):
                self._begin(item.state)
        self._put(self._publish_queue, None)

    def _begin(self, state: UnitState) -> None:
        for task in state.tasks.values():
            if task.work.encode:
                self._encode_again(task)
        self._settle(state)

    def _encode_again(self, task: TaskState) -> None:
        """Encode stored predictions with the settings of today."""
        for stored, keys in self._warehouse.stored_predictions(task.setup.name, task.work.encode).items():
            try:
                with self._warehouse.open(stored) as path:
                    stored_rows = read_predictions(path, task.setup.config.task_type, keys)
                    while rows := list(islice(stored_rows, _ENCODED_AT_ONCE)):
                        self._take(task, rows, predicted=False)
            except TableLost:
                task.unit.outcome.lost.setdefault((task.setup.name, stored), set()).update(keys)
                for key in keys:
                    task.outcome.failed[key] = (
                        f"'{key}': the stored predictions of task '{task.setup.name}' are gone; "
                        "materialise its predictions again."
                    )
        for key in task.work.encode:
            task.expected[key] = task.seen[key]
            if not task.seen[key] and key not in task.outcome.failed:
                task.outcome.failed[key] = (
                    f"'{key}': no predictions of task '{task.setup.name}' are stored; materialise them first."
                )

    def _take(self, task: TaskState, rows: list[tuple[Source, Result]], *, predicted: bool) -> None:
        """Store and encode what a model said about some images."""
        rows = self._packed(task, rows)
        encoded: list[Encoded | None] = [None] * len(rows)
        if rows and (task.work.encodes or not predicted):
            sizes = [(source.width, source.height) for source, _ in rows]
            try:
                encoded = [*encode_batch([result for _, result in rows], task.setup.settings, sizes)]
            except ResultError as error:
                # Only the input that it is about fails; the others are taken without it.
                self._fail(task, rows[error.index or 0][0], error)
                return self._take(task, rows, predicted=predicted)
        for (source, result), one in zip(rows, encoded, strict=True):
            if predicted:
                task.predictions.add(source, result)
            if one is not None:
                self._write_singletons(task, source, one)
            task.seen[source.input] += 1
        return None

    def _packed(self, task: TaskState, rows: list[tuple[Source, Result]]) -> list[tuple[Source, Result]]:
        """Results in their stored form, of inputs that still matter."""
        packed: list[tuple[Source, Result]] = []
        for source, result in rows:
            if not task.is_open(source.input):
                continue
            try:
                packed.append((source, pack(result)))
            except BadValue as error:
                self._fail(task, source, error)
        return [row for row in packed if task.is_open(row[0].input)]

    def _fail(self, task: TaskState, source: Source, error: BadValue) -> None:
        task.outcome.failed[source.input] = f"task '{task.setup.name}', {source}: {error}"

    def _write_singletons(self, task: TaskState, source: Source, encoded: Encoded) -> None:
        count = len(encoded.singletons)
        task.singletons.add(Row(source, count, singletons_bytes(encoded.singletons)))
        outcome = task.outcome
        outcome.encoded += 1
        outcome.singletons += count
        outcome.clipped += encoded.clipped
        outcome.dropped += encoded.dropped
        task.per_input[source.input].add(encoded)
        for one in encoded.singletons:
            outcome.categories[task.setup.schema.names[one["category_id"]]] += 1
        if self._sheets and task.unit.thumbnails.shows(source):
            task.shown[source] = encoded.singletons

    def _end(self, end: End) -> None:
        state, key = end.state, end.input.key
        state.waiting.discard(key)
        state.outcome.decoded += end.frames
        if end.error is not None:
            state.outcome.failed[key] = end.error
            if end.retriable:
                state.outcome.retriable.add(key)
        else:
            assert end.info is not None
            state.outcome.frames[key] = self._frame_record(end.input, end.info, end.frames)
            for task in state.tasks.values():
                if key in task.work.predict:
                    task.expected[key] = end.frames
        self._settle(state)

    def _frame_record(self, one: Input, info: VideoInfo, frames: int) -> InputRecord:
        return InputRecord(
            fingerprint=one.entry.fingerprint,
            decode=decode_version(self._warehouse.project, one.kind),
            frames=frames if one.kind == "video" else None,
            width=info.width or 0,
            height=info.height or 0,
            container_frames=info.container_frames,
            rotation=info.rotation,
            codec=info.codec,
            errors=info.errors,
        )

    def _settle(self, state: UnitState) -> None:
        """Hand on the tasks of a unit that are complete, and the unit once all its inputs are read."""
        for task in state.tasks.values():
            if not task.finished and task.is_complete:
                if task.shown:
                    task.outcome.sheet = sheet(state.thumbnails, task.shown, task.setup.schema)
                self._hand_on(state, task.close())
        if not (state.waiting or state.closed) and all(task.finished for task in state.tasks.values()):
            self._hand_on(state, None)

    def _hand_on(self, state: UnitState, result: TaskResult | None) -> None:
        state.hand_on(last=result is None)
        self._put(self._publish_queue, (state, result))

    # Store and publish

    def _publish(self) -> None:
        while (item := self._get(self._publish_queue)) is not None:
            state, result = item
            if result is not None:
                self._warehouse.store_task(state.outcome, result)
                state.outcome.tasks[result.setup.name] = result.outcome
            if state.is_published():
                self._end_unit(state)
        self._put(self._publish_queue, None)  # for the other publishers
        self._outcomes.put(None)

    def _end_unit(self, state: UnitState) -> None:
        self._warehouse.store_frames(state.outcome)
        shutil.rmtree(state.folder, ignore_errors=True)
        state.outcome.seconds = time.monotonic() - state.started
        self._outcomes.put(state.outcome)


def _export(exports: FrameExports, event: Event) -> None:
    if isinstance(event, Pixels):
        exports.add(event.source, event.image)
    else:
        exports.end(event.input.key, event.info if isinstance(event, Ended) else None)


def _by_task(
    rows: list[tuple[TaskState, Source, Result]],
) -> Iterator[tuple[TaskState, list[tuple[Source, Result]]]]:
    """Rows of a batch, which may hold images of several units, unit by unit."""
    for _, same in groupby(rows, key=lambda row: id(row[0])):
        group = list(same)
        yield group[0][0], [(source, result) for _, source, result in group]


class _Stopped(Exception):  # noqa: N818 - control flow, never leaves this module
    """Another thread has failed, or nobody wants more."""
