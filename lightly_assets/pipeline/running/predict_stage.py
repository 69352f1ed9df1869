"""The first threads: one reads pixels, one hands them to the models, and others call those that allow it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self, cast

from lightly_assets.config.sections.embeddings import is_embeddings
from lightly_assets.encoding.encoder_pool import EncoderPool
from lightly_assets.media import Limits
from lightly_assets.models.protocol import Model, ModelError, Source
from lightly_assets.models.results import Result
from lightly_assets.pipeline.inputs.frame_export import FrameExports
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.pipeline.inputs.pixels import Ended, Event, PixelReader, Pixels, Unreadable
from lightly_assets.pipeline.planning.embedding_setup import AnySetup
from lightly_assets.pipeline.planning.frame_size import wanted_fit
from lightly_assets.pipeline.planning.plan import UnitWork
from lightly_assets.pipeline.planning.task_setup import TaskSetup
from lightly_assets.pipeline.running.commit import Warehouse
from lightly_assets.pipeline.running.encode_stage import encoded_beside
from lightly_assets.pipeline.running.lanes import Lanes
from lightly_assets.pipeline.running.pace import Pace, Part
from lightly_assets.pipeline.running.pipe import Pipe, Stop
from lightly_assets.pipeline.running.tuning import BRISK_SECONDS
from lightly_assets.pipeline.running.unit_state import (
    Batch,
    Begin,
    End,
    Results,
    TaskFailed,
    TaskState,
    ToEncode,
    UnitState,
)

# Frames whose objects are needed, where their boxes are known already.
_FRAMES_AT_ONCE = 4


class UnitFeed:
    """The inputs of units, one after the other, as the thread that reads pixels asks for them.

    That thread iterates; the one that predicts asks for the state of the input that it has pixels of.
    """

    def __init__(
        self,
        units: Sequence[UnitWork],
        folder: Path,
        setups: dict[str, AnySetup],
        encode: Pipe[ToEncode],
        *,
        exporting: bool,
    ) -> None:
        self._units = enumerate(units)
        self._folder, self._setups, self._encode = folder, setups, encode
        self._exporting = exporting
        self._inputs: Iterator[tuple[Input, bool]] = iter(())
        self._states: dict[str, UnitState] = {}
        self._lock = threading.Lock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Input, bool]:
        """The next input, and whether its pixels are wanted; units where none is are begun on the way."""
        while True:
            following = next(self._inputs, None)
            if following is not None:
                return following
            number, work = next(self._units)
            self._begin(number, work)

    def _begin(self, number: int, work: UnitWork) -> None:
        folder = self._folder / f"{number}"
        folder.mkdir(parents=True)
        state = UnitState(work, folder, self._setups)
        with self._lock:
            self._states |= {one.key: state for one in work.decode}
        self._encode.put(Begin(state))
        predicted = set().union(*(task.predict for task in work.tasks.values()))
        self._inputs = iter([(one, self.exports(work, one) or one.key in predicted) for one in work.decode])

    def exports(self, work: UnitWork, one: Input) -> bool:
        """Whether the frames of an input are to be files."""
        return self._exporting and one.kind == "video" and one.key in work.frames

    def state(self, key: str) -> UnitState:
        """The unit that an input is being read for."""
        with self._lock:
            return self._states[key]

    def end(self, key: str) -> UnitState:
        """The same, for the last time."""
        with self._lock:
            return self._states.pop(key)


class PredictStage:
    """Shows pixels to the models of all tasks, in batches that fill across inputs and units."""

    def __init__(
        self,
        warehouse: Warehouse,
        setups: dict[str, AnySetup],
        folder: Path,
        encode: Pipe[ToEncode],
        stop: Stop,
        *,
        limits: Limits | None,
        on_frames: Callable[[str, int], None],
        sheets: bool,
    ) -> None:
        self._warehouse, self._setups, self._folder = warehouse, setups, folder
        self._encode, self._stop = encode, stop
        self._limits, self._on_frames, self._sheets = limits, on_frames, sheets
        self._batches: dict[str, Batch] = {name: Batch() for name in setups}
        self._followers = {
            base: [name for name, setup in setups.items() if setup.of is not None and setup.of.name == base]
            for base in setups
        }
        """Who works on the objects of a task."""
        # The thread that writes asks their models.
        self._behind: Part = "models" if any(self._followers.values()) else "writing"
        self._lanes: Lanes[list[Answer]] = Lanes(stop)
        self._encoders = EncoderPool(
            {name: setup.settings for name, setup in setups.items() if isinstance(setup, TaskSetup)}
        )
        self._pace = Pace()
        self._callers = 1
        self._asked = False
        exporting = warehouse.project.frames.export == "png"
        self._exports = FrameExports(warehouse.state, folder) if exporting else None

    def run(self, units: Sequence[UnitWork]) -> None:
        """Work until all units are read."""
        project, exports = self._warehouse.project, self._exports
        feed = UnitFeed(units, self._folder, self._setups, self._encode, exporting=exports is not None)
        reader = PixelReader(
            self._warehouse.input,
            feed,
            project.on_damage,
            self._limits,
            project.images.sixteen_bit,
            fit=wanted_fit(self._setups.values()),
        )
        try:
            for event in self._timed(reader):
                self._stop.check()
                if isinstance(event, Pixels):
                    self._take(feed, event)
                elif isinstance(event, Ended):
                    self._end(feed, event)
                else:
                    self._give_up(feed, event)
                del event
            for name in self._batches:
                self._flush(name)
            self._hand_on(0)
        finally:
            self._lanes.close()
            self._encoders.close()
            reader.close()
            if exports is not None:
                exports.close()
        self._encode.close()

    def pace_sentence(self) -> str | None:
        """What was waited for longest; None where no model was asked."""
        return self._pace.sentence(self._callers) if self._asked else None

    def _timed(self, reader: PixelReader) -> Iterator[Event]:
        events = iter(reader)
        while True:
            with self._pace.waiting("decoding"):
                event = next(events, None)
            if event is None:
                return
            yield event
            del event

    def _take(self, feed: UnitFeed, pixels: Pixels) -> None:
        state = feed.state(pixels.source.input)
        if self._exports is not None:
            one = state.work.inputs[pixels.source.input]
            if feed.exports(state.work, one) and not pixels.source.index:
                self._exports.begin(one)
            self._exports.add(pixels.source, pixels.image)
        if self._exports is not None or len(state.work.tasks) > 1:
            # A model may write to its images, and others want the same ones.
            pixels.image.flags.writeable = False
        self._offer(state, pixels)
        self._on_frames(pixels.source.input, 1)

    def _end(self, feed: UnitFeed, event: Ended) -> None:
        if self._exports is not None:
            self._exports.end(event.input.key, event.info)
        state = feed.end(event.input.key)
        self._check_end(state, event)
        self._encode.put(End(state, event.input, event.info, event.frames))

    def _give_up(self, feed: UnitFeed, event: Unreadable) -> None:
        if self._exports is not None:
            self._exports.end(event.input.key, None)
        state = feed.end(event.input.key)
        self._encode.put(End(state, event.input, None, 0, event.error, event.retriable))

    def _offer(self, state: UnitState, pixels: Pixels) -> None:
        key = pixels.source.input
        if self._sheets:
            state.thumbnails.offer(pixels.source, pixels.image, pixels.claimed)
        # For all tasks the same, as those that pre-process in the same way share the input of a batch.
        wanted = min((one.wanted for one in self._batches.values() if one.wanted), default=1)
        for name, task in state.tasks.items():
            if key not in task.work.predict or not task.is_open(key):
                continue
            batch = self._batches[name]
            batch.pixels.append((task, pixels))
            if len(batch.pixels) >= self._most(name, wanted):
                self._flush(name)

    def _most(self, name: str, wanted: int) -> int:
        """Images that are shown to a model at once; those whose objects are needed wait for boxes."""
        root = self._root(name)
        setup = self._setups[root]
        if setup.of is not None:
            return _FRAMES_AT_ONCE
        # One more than the model that comes first, whose full batch takes them along.
        return batch_size(setup.model, wanted) + (root != name)

    def _root(self, name: str) -> str:
        """What looks at the frames first, of those that work on each other's objects."""
        while (of := self._setups[name].of) is not None and of.name in self._batches:
            name = of.name
        return name

    def _check_end(self, state: UnitState, event: Ended) -> None:
        """Labels may be of frames that a video does not have."""
        key = event.input.key
        for name, task in state.tasks.items():
            if event.input.kind == "image" or key not in task.work.predict:
                continue
            try:
                self._setups[name].model.check_end(key, event.frames)
            except ModelError as error:
                self._encode.put(TaskFailed(task, key, f"{_called(name)}, {key}: {error}"))

    def _flush(self, name: str) -> None:
        """Show a batch to a model. Frames whose objects are needed go behind their boxes."""
        name = self._root(name)
        if self._setups[name].of is None:
            self._send(name)
        else:
            self._send_frames(name)
        self._send_followers(name)

    def _send_followers(self, name: str) -> None:
        for follower in self._followers[name]:
            self._send_frames(follower)
            self._send_followers(follower)

    def _send_frames(self, name: str) -> None:
        """Boxes are known once their task's results are read: the next thread cuts them out."""
        batch = self._batches[name]
        rows = [(task, one.source, cast(Result, one.image)) for task, one in batch.pixels]
        batch.pixels = []
        if rows:
            self._lanes.begin(partial(_as_they_are, rows), 1)
            self._hand_on(self._callers)

    def _send(self, name: str) -> None:
        batch = self._batches[name]
        pixels = [(task, one) for task, one in batch.pixels if task.is_open(one.source.input)]
        batch.pixels = []
        if not pixels:
            return
        model = self._setups[name].model
        self._asked = True
        self._callers = max(self._callers, model.callers)
        with self._pace.waiting("models"):
            self._lanes.begin(partial(ask, self._encoders, name, model, batch, pixels), model.callers)
        del pixels
        self._hand_on(self._callers)

    def _hand_on(self, most: int) -> None:
        """Hand on answers, in the order of the questions, until no more than ``most`` are to come."""
        answers = self._lanes.answers(most)
        while True:
            with self._pace.waiting("models"):
                found = next(answers, None)
            if found is None:
                return
            for answer in found:
                with self._pace.waiting(self._behind):
                    self._encode.put(answer.message)
                for task in answer.tasks:
                    task.outcome.predict_seconds += answer.seconds
                    task.outcome.predicted += 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking a model."""

    message: Results | TaskFailed
    tasks: list[TaskState] = field(default_factory=list)
    """The task of each image."""
    seconds: float = 0.0
    """What each image took."""


def batch_size(model: Model, wanted: int) -> int:
    """How many images a model is shown at once: its portion, or more where they are wanted.

    What all of its calls have in memory together stays a batch where that is possible.
    """
    most = max(model.portion, model.batch_size // max(1, model.callers - 1))
    return min(max(model.portion, wanted), most)


def ask(
    encoders: EncoderPool, name: str, model: Model, batch: Batch, pixels: list[tuple[TaskState, Pixels]]
) -> list[Answer]:
    """Results of a batch; where the model fails, without those of the input that it failed on."""
    start = time.perf_counter()
    try:
        answers = model.predict([one.image for _, one in pixels], [one.source for _, one in pixels])
    except ModelError as error:
        keys = {one.source.input for _, one in pixels}
        # One input: it is to blame. Several: each is asked alone, so that only the bad one fails.
        if len(keys) == 1:
            return [Answer(TaskFailed(pixels[0][0], keys.pop(), f"{_called(name)}, {error}"))]
        alone = ([pair for pair in pixels if pair[1].source.input == key] for key in sorted(keys))
        return [answer for some in alone for answer in ask(encoders, name, model, batch, some)]
    seconds = time.perf_counter() - start
    batch.learn(len(pixels), brisk=seconds < BRISK_SECONDS)
    rows = [(task, one.source, answer) for (task, one), answer in zip(pixels, answers, strict=True)]
    # Where there is one such thread, the one that encodes works beside it.
    beside = model.callers > 1 and not is_embeddings(name)
    results = encoded_beside(encoders, rows) if beside else Results(rows)
    return [Answer(results, [task for task, _ in pixels], seconds / len(pixels))]


def _as_they_are(rows: list[tuple[TaskState, Source, Result]]) -> list[Answer]:
    return [Answer(Results(rows))]


def _called(name: str) -> str:
    return "embeddings" if is_embeddings(name) else f"task '{name}'"
