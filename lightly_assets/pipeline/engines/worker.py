"""The worker's side: the same flow as in a run of one process, on groups of units that come one by one.

A worker writes to the stores what belongs to a unit: tables, files, records. It never lists a task, and has
an index of its own that holds no more than what its units need.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

from lightly_assets.config import Project
from lightly_assets.config.sections.embeddings import is_embeddings
from lightly_assets.format.schema import Schema
from lightly_assets.pipeline.engines.errors import EngineError
from lightly_assets.pipeline.engines.messages import (
    Alive,
    Done,
    Ended,
    Failed,
    Frames,
    Group,
    Note,
    Order,
    Over,
    Ready,
    Report,
    Written,
    portable,
)
from lightly_assets.pipeline.planning.embedding_setup import AnySetup, embedding_setups
from lightly_assets.pipeline.planning.task_setup import task_setups
from lightly_assets.pipeline.running.commit import Warehouse
from lightly_assets.pipeline.running.flow import Flow
from lightly_assets.pipeline.running.pipe import Stopped
from lightly_assets.pipeline.state.records import Record
from lightly_assets.pulse import last_beat

_OURS = "lightly_assets"


class WorkerHouse(Warehouse):
    """A project's roots as a worker sees them; what it writes is noted for whoever began the run."""

    def __init__(self, project: Project, folder: Path) -> None:
        super().__init__(project, folder)
        self._lock = threading.Lock()
        self._written = Written()

    def note_record(self, record: Record, version: str) -> None:
        self.index.put(record, None)
        with self._lock:
            self._written.records.append((record, version))

    def list_task(self, task: str, schema: Schema) -> None:  # noqa: ARG002 - who began the run lists it
        with self._lock:
            self._written.published.add(task)

    def written(self) -> Written:
        """What was written since this was asked the last time."""
        with self._lock:
            written, self._written = self._written, Written()
        written.replaced = self.garbage.give()
        return written


class Worker:
    """Works on groups of units, one after the other; any thread may tell it something or ask it."""

    def __init__(self, order: Order, folder: Path, name: str) -> None:
        self._order, self._folder = order, folder
        self.name = f"{name}@{socket.gethostname()}"
        self._groups: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._frames: Counter[str] = Counter()
        self._beat = last_beat()
        self._flow: Flow | None = None
        self._stopped = False

    def give(self, group: Group) -> None:
        """Work on a group once what was given before is done."""
        self._groups.put(group)

    def stop(self) -> None:
        """End soon, whatever is being done."""
        with self._lock:
            self._stopped = True
            if self._flow is not None:
                self._flow.stop()
        self._groups.put(None)

    def reports(self, seconds: float) -> list[Report]:
        """What there is to say, as soon as there is anything; nothing after so many seconds."""
        found: list[Report] = []
        try:
            found.append(self._reports.get(timeout=seconds))
            while len(found) < 1000:
                found.append(self._reports.get_nowait())
        except queue.Empty:
            pass
        with self._lock:
            frames, self._frames = self._frames, Counter()
            alive, self._beat = last_beat() != self._beat, last_beat()
        if frames:
            return [Frames(frames), *found]
        return [Alive(), *found] if alive and not found else found

    def run(self) -> None:
        """Work until there is no more, or :meth:`stop` was called."""
        handler = _Handler(self)
        logging.getLogger().addHandler(handler)
        logging.getLogger(_OURS).setLevel(logging.INFO)
        try:
            self._run()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the run was begun
            self.say(Failed(portable(error)))
        finally:
            logging.getLogger().removeHandler(handler)
        self.say(Over())

    def say(self, report: Report) -> None:
        self._reports.put(report)

    def _run(self) -> None:
        tasks = task_setups(self._order.project)
        known: dict[str, AnySetup] = {**tasks, **embedding_setups(self._order.project, tasks)}
        setups = {name: setup for name, setup in known.items() if name in self._order.versions}
        self._check(setups)
        with closing(WorkerHouse(self._order.project, self._folder)) as house:
            self.say(Ready(self.name))
            number = 0
            while (group := self._groups.get()) is not None:
                self._work(house, setups, group, self._folder / f"group-{number}")
                number += 1

    def _check(self, setups: dict[str, AnySetup]) -> None:
        """Whether it would make the same here: the same models, in sight of the same folders."""
        visible = self._order.visible
        if visible is not None and not Path(visible).is_dir():
            raise EngineError(
                f"The worker {self.name} does not see {visible}, though engine.shared says that the folders "
                "of datasource are the same on every host; mount them there, or use a bucket."
            )
        for name, (model, settings) in self._order.versions.items():
            setup = setups[name]
            if name in self._order.known:
                setup.meet(self._order.known[name])
            if (setup.model_version, setup.settings_hash) != (model, settings):
                what = "Embeddings" if is_embeddings(name) else f"Task '{name}'"
                raise EngineError(
                    f"{what}: the model is another one on the worker {self.name} than where the run "
                    "was begun (another device, package or file beside it), so its results could differ; "
                    "make both alike, or set the model's version or providers."
                )

    def _work(self, house: WorkerHouse, setups: dict[str, AnySetup], group: Group, folder: Path) -> None:
        house.index.read_units(group.records, house.records)
        numbers = {(work.unit, *sorted(work.inputs)): number for number, work in group.units.items()}
        order = self._order
        flow = Flow(house, setups, folder, limits=order.limits, on_frames=self._count, sheets=order.sheets)
        with self._lock:
            if self._stopped:
                raise Stopped
            self._flow = flow
        for outcome in flow.run(list(group.units.values())):
            self.say(Done(numbers[(outcome.unit, *outcome.inputs)], outcome, house.written()))
        self.say(Ended())

    def _count(self, key: str, frames: int) -> None:
        with self._lock:
            self._frames[key] += frames


class _Handler(logging.Handler):
    """Sends lines of the log to where the run was begun, with the worker's name."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(logging.INFO)
        self._worker, self._process = worker, os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        ours = record.name.partition(".")[0] == _OURS
        if ours or record.levelno >= logging.WARNING:
            self._worker.say(Note(record.levelno, f"{self._worker.name}: {record.getMessage()}"))
