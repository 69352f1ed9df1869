"""Units on their way through the streaming pass, and what its threads tell each other about them."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lightly_assets.encoding.rows import EncodedRow
from lightly_assets.encoding.statistics import Tally
from lightly_assets.media import VideoInfo
from lightly_assets.models.protocol import Source
from lightly_assets.models.results import Result
from lightly_assets.pictures.thumbnails import Thumbnails
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.pipeline.inputs.pixels import Pixels
from lightly_assets.pipeline.planning.embedding_setup import AnySetup, EmbeddingSetup
from lightly_assets.pipeline.planning.plan import TaskWork, UnitWork
from lightly_assets.pipeline.planning.task_setup import TaskSetup
from lightly_assets.pipeline.running.commit import TaskResult
from lightly_assets.pipeline.running.of_boxes.found import BoxesOf
from lightly_assets.pipeline.running.outcome import TaskOutcome, UnitOutcome
from lightly_assets.pipeline.state.tables import PredictionsWriter, SingletonsWriter
from lightly_assets.pipeline.state.vector_tables import VectorsWriter


class UnitState:
    """A unit on its way through the threads."""

    def __init__(self, work: UnitWork, folder: Path, setups: dict[str, AnySetup]) -> None:
        self.work = work
        self.folder = folder
        self.started = time.monotonic()
        self.outcome = UnitOutcome(work.unit, sorted(work.inputs))
        self.waiting = {one.key for one in work.decode}
        """Inputs that are not read to their end yet."""
        # In the order of the setups: objects come behind the task that they are of.
        self.tasks = {
            name: TaskState(self, setup, work.tasks[name], folder)
            for name, setup in setups.items()
            if name in work.tasks
        }
        for task in self.tasks.values():
            task.follow(self.tasks)
        self.thumbnails = Thumbnails()
        self.closed = False
        """Nothing more goes to the publishers."""
        self._unpublished = 0
        self._lock = threading.Lock()

    def hand_on(self, *, last: bool) -> None:
        """Something goes to a publisher.

        After the last nothing more comes. Tasks are let go of: what refers to each other is freed late.
        """
        with self._lock:
            self._unpublished += 1
            if last:
                self.closed = True
                self.tasks = {}

    def is_published(self) -> bool:
        """A publisher is done with something; whether it was the last one of the unit."""
        with self._lock:
            self._unpublished -= 1
            return self.closed and not self._unpublished


class TaskState:
    """One task of a unit, or its embeddings: its results so far."""

    def __init__(self, unit: UnitState, setup: AnySetup, work: TaskWork, folder: Path) -> None:
        self.unit = unit
        self.any_setup = setup
        self.work = work
        self.outcome = TaskOutcome(setup.name)
        self.expected: dict[str, int] = {}
        """Images of each input, once it was read to its end."""
        self.seen: Counter[str] = Counter()
        self.per_input: dict[str, Tally] = defaultdict(Tally)
        self.shown: dict[Source, bytes] = {}
        """The text of the predictions of frames that may be in a picture: masks are smaller so."""
        """Predictions of the frames that are kept for a picture."""
        self.base: BoxesOf | None = None
        """Of work on the objects of a task: where they come."""
        self.followers: list[BoxesOf] = []
        """Who needs the objects of this task."""
        self._vectors: VectorsWriter | None = None
        self._predictions: PredictionsWriter | None = None
        self._singletons: SingletonsWriter | None = None
        self._folder = folder
        self.finished = False

    @property
    def setup(self) -> TaskSetup:
        """Of a task."""
        assert isinstance(self.any_setup, TaskSetup)
        return self.any_setup

    @property
    def embedding(self) -> EmbeddingSetup:
        """Of embeddings."""
        assert isinstance(self.any_setup, EmbeddingSetup)
        return self.any_setup

    def follow(self, others: dict[str, TaskState]) -> None:
        """Work on the objects of a task takes the boxes of that task."""
        if self.any_setup.of is None:
            return
        self.base = BoxesOf(self.any_setup.of.name, self.work.predict)
        if self.any_setup.of.name in others:
            others[self.any_setup.of.name].followers.append(self.base)

    @property
    def vectors(self) -> VectorsWriter:
        if self._vectors is None:
            path = self._folder / f"{self.any_setup.name}.vectors.parquet"
            self._vectors = VectorsWriter(path, objects=self.base is not None)
        return self._vectors

    @property
    def predictions(self) -> PredictionsWriter:
        if self._predictions is None:
            path = self._folder / f"{self.setup.name}.predictions.parquet"
            self._predictions = PredictionsWriter(path, self.setup.config.task_type)
        return self._predictions

    @property
    def singletons(self) -> SingletonsWriter:
        if self._singletons is None:
            self._singletons = SingletonsWriter(self._folder / f"{self.setup.name}.singletons.parquet")
        return self._singletons

    def is_open(self, key: str) -> bool:
        """Whether results of an input still matter."""
        return not self.finished and key not in self.outcome.failed and key not in self.unit.outcome.failed

    @property
    def is_complete(self) -> bool:
        """Whether all that is to come has come."""
        if self.unit.waiting & self.work.predict - self.outcome.failed.keys():
            return False
        return all(self.seen[key] == count for key, count in self.expected.items() if self.is_open(key))

    def close(self) -> TaskResult:
        self.finished = True
        if self.base is not None:
            self.base.close()
        predictions, singletons = _closed(self._predictions), _closed(self._singletons)
        statistics = {key: tally.statistics for key, tally in self.per_input.items()}
        if self._vectors is not None:
            self._vectors.close()
            predictions = self._vectors.path if self._vectors.rows else None
        counts = {} if self._vectors is None else self._vectors.counts
        return TaskResult(
            self.any_setup, self.work, self.outcome, predictions, singletons, statistics, self._folder, counts
        )


def _closed(writer: PredictionsWriter | SingletonsWriter | None) -> Path | None:
    if writer is None:
        return None
    writer.close()
    return writer.table.path if writer.table.rows else None


@dataclass
class Batch:
    """Images that wait for the model of a task."""

    pixels: list[tuple[TaskState, Pixels]] = field(default_factory=list)
    wanted: int | None = None
    """How many images a call is worth, as far as that is known: more, where one with fewer took no time."""

    def learn(self, size: int, *, brisk: bool) -> None:
        """A call with so many images took no time, or some."""
        self.wanted = max(self.wanted or 1, 2 * size if brisk else 1)


@dataclass
class Results:
    """What a model said about some images."""

    rows: list[tuple[TaskState, Source, Result]]
    encoded: list[EncodedRow] | None = None
    """Of each row, where the thread that called the model has packed and encoded it already."""


@dataclass
class End:
    """An input has no more images."""

    state: UnitState
    input: Input
    info: VideoInfo | None
    frames: int
    error: str | None = None
    retriable: bool = False


@dataclass
class Begin:
    """A unit begins; where no pixels are needed, it also ends."""

    state: UnitState


@dataclass
class TaskFailed:
    """A model failed on an input."""

    state: TaskState
    key: str
    error: str


@dataclass
class ToPublish:
    """A task of a unit is complete; without one, the unit has no more."""

    state: UnitState
    result: TaskResult | None
    picture: Callable[[], bytes | None] | None = None
    """Draws some frames with their predictions."""


ToEncode = Begin | Results | TaskFailed | End
"""What the encoder is told."""
