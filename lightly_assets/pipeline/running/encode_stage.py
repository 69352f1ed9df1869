"""The third thread: turns what models said into stored rows and singletons."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from itertools import groupby, islice
from typing import cast

from lightly_assets.encoding.encode import Encoded
from lightly_assets.encoding.encoder_pool import EncoderPool
from lightly_assets.encoding.rows import EncodedRow, encode_rows
from lightly_assets.errors import BadValue
from lightly_assets.media import VideoInfo
from lightly_assets.models.columns import pack
from lightly_assets.models.protocol import Image, Source
from lightly_assets.models.results import Result, ResultError
from lightly_assets.pictures.thumbnails import sheet
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.pipeline.planning.embedding_setup import EmbeddingSetup
from lightly_assets.pipeline.planning.task_setup import decode_version
from lightly_assets.pipeline.running.commit import TaskResult, Warehouse
from lightly_assets.pipeline.running.of_boxes.keypoints import look_into_boxes
from lightly_assets.pipeline.running.pipe import Pipe
from lightly_assets.pipeline.running.tuning import ENCODED_AT_ONCE
from lightly_assets.pipeline.running.unit_state import (
    Begin,
    End,
    Results,
    TaskFailed,
    TaskState,
    ToEncode,
    ToPublish,
    UnitState,
)
from lightly_assets.pipeline.running.vectors import take_vectors
from lightly_assets.pipeline.state.records import InputRecord
from lightly_assets.pipeline.state.tables import Row, TableLost, read_predictions, read_rows


class EncodeStage:
    """Encodes results, those that were stored before included, and hands on the tasks that are complete."""

    def __init__(
        self, warehouse: Warehouse, encode: Pipe[ToEncode], publish: Pipe[ToPublish], *, sheets: bool
    ) -> None:
        self._warehouse = warehouse
        self._encode, self._publish = encode, publish
        self._sheets = sheets

    def run(self) -> None:
        """Work until nothing more comes."""
        while (message := self._encode.get()) is not None:
            match message:
                case Begin(state):
                    self._begin(state)
                case Results(rows, encoded):
                    self._take_results(rows, encoded)
                case TaskFailed(task, key, error):
                    task.outcome.failed.setdefault(key, error)
                    self._settle(task.unit)
                case End():
                    self._end(message)
        self._publish.close()

    def _take_results(
        self, rows: list[tuple[TaskState, Source, Result]], encoded: list[EncodedRow] | None
    ) -> None:
        ready = iter(encoded or ())
        for task, some in _by_task(rows):
            if isinstance(task.any_setup, EmbeddingSetup):
                take_vectors(task, some)
            elif task.base is not None:
                images = cast(list[tuple[Source, Image]], some)
                self._take(task, look_into_boxes(task, task.base, images), predicted=True)
            elif encoded is None:
                self._take(task, some, predicted=True)
            for (source, _), one in zip(some, ready, strict=False):
                if task.is_open(source.input):
                    self._write(task, source, one, predicted=True)
            self._settle(task.unit)

    def _write(self, task: TaskState, source: Source, one: EncodedRow, *, predicted: bool) -> None:
        if predicted:
            task.predictions.add(source, one.result)
        if one.encoded is not None:
            self._write_singletons(task, source, one.encoded, one.data)
        task.seen[source.input] += 1

    def _begin(self, state: UnitState) -> None:
        for task in state.tasks.values():
            if task.work.encode:
                self._encode_again(task)
        for task in state.tasks.values():
            if task.base is not None:
                self._find_boxes(task, state.tasks.get(task.base.task))
        self._settle(state)

    def _find_boxes(self, task: TaskState, base: TaskState | None) -> None:
        """Of inputs whose objects are needed, and are stored already."""
        assert task.base is not None
        made = set() if base is None else base.work.predict | base.work.encode
        missing = task.work.predict - made
        for table, keys in self._warehouse.stored_singletons(task.base.task, missing).items():
            task.base.read_later(table, keys, self._rows(table, keys))

    def _rows(self, table: str, keys: set[str]) -> Generator[Row]:
        """The rows of a stored table, which is opened once the first is asked for. Raises TableLost."""
        with self._warehouse.open(table) as path:
            yield from read_rows(path, keys)

    def _encode_again(self, task: TaskState) -> None:
        """Encode stored predictions with the settings of today."""
        for stored, keys in self._warehouse.stored_predictions(task.setup.name, task.work.encode).items():
            try:
                with self._warehouse.open(stored) as path:
                    stored_rows = read_predictions(path, task.setup.config.task_type, keys)
                    while rows := list(islice(stored_rows, ENCODED_AT_ONCE)):
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
        settings = task.setup.settings if task.work.encodes or not predicted else None
        sizes = [(source.width, source.height) for source, _ in rows]
        try:
            encoded = encode_rows([result for _, result in rows], sizes, settings)
        except ResultError as error:
            # Only the input that it is about fails; the others are taken without it.
            self._fail(task, rows[error.index or 0][0], error)
            return self._take(task, rows, predicted=predicted)
        for (source, _), one in zip(rows, encoded, strict=True):
            self._write(task, source, one, predicted=predicted)
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

    def _write_singletons(self, task: TaskState, source: Source, encoded: Encoded, data: bytes) -> None:
        count = len(encoded.singletons)
        task.singletons.add(Row(source, count, data))
        outcome = task.outcome
        outcome.encoded += 1
        outcome.singletons += count
        outcome.clipped += encoded.clipped
        outcome.dropped += encoded.dropped
        task.per_input[source.input].add(encoded)
        for follower in task.followers:
            follower.add(source, data)
        for one in encoded.singletons:
            outcome.categories[task.setup.schema.names[one["category_id"]]] += 1
        if self._sheets and task.unit.thumbnails.shows(source):
            task.shown[source] = data

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
            sizes=info.sizes,
            notes=info.notes,
        )

    def _settle(self, state: UnitState) -> None:
        """Hand on the tasks of a unit that are complete, and the unit once all its inputs are read."""
        for task in state.tasks.values():
            if not task.finished and task.is_complete:
                picture = None
                if task.shown:
                    picture = partial(sheet, [*state.thumbnails], task.shown, task.setup.schema)
                self._hand_on(state, task.close(), picture)
        if not (state.waiting or state.closed) and all(task.finished for task in state.tasks.values()):
            self._hand_on(state, None)

    def _hand_on(
        self,
        state: UnitState,
        result: TaskResult | None,
        picture: Callable[[], bytes | None] | None = None,
    ) -> None:
        state.hand_on(last=result is None)
        self._publish.put(ToPublish(state, result, picture))


def encoded_beside(encoders: EncoderPool, rows: list[tuple[TaskState, Source, Result]]) -> Results:
    """Results of a batch, packed and encoded by a thread that has called the model, beside other such ones.

    Where one of them cannot be, they are left as they are: what is wrong is told where they are written.
    """
    packed: list[tuple[TaskState, Source, Result]] = []
    encoded: list[EncodedRow] = []
    try:
        for task, some in _by_task(rows):
            sizes = [(source.width, source.height) for source, _ in some]
            results = [result for _, result in some]
            found = encoders.encode(task.setup.name, results, sizes, encodes=task.work.encodes)
            if found is None:
                return Results(rows)
            packed += [(task, source, one.result) for (source, _), one in zip(some, found, strict=True)]
            encoded += found
    except BadValue:
        return Results(rows)
    return Results(packed, encoded)


def _by_task(
    rows: list[tuple[TaskState, Source, Result]],
) -> Iterator[tuple[TaskState, list[tuple[Source, Result]]]]:
    """Rows of a batch, which may hold images of several units, unit by unit."""
    for _, same in groupby(rows, key=lambda row: id(row[0])):
        group = list(same)
        yield group[0][0], [(source, result) for _, source, result in group]
