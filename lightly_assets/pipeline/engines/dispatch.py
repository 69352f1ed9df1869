"""The run's side: gives units to workers, notes what they have written, and starts others for dead ones."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from lightly_assets.pipeline.engines.board import Board
from lightly_assets.pipeline.engines.crew import Crew
from lightly_assets.pipeline.engines.errors import EngineError
from lightly_assets.pipeline.engines.messages import (
    Done,
    Ended,
    Failed,
    Frames,
    Gone,
    Group,
    Note,
    Ready,
    Report,
    Written,
)
from lightly_assets.pipeline.planning.embedding_setup import AnySetup
from lightly_assets.pipeline.planning.plan import UnitWork
from lightly_assets.pipeline.planning.task_setup import TaskSetup
from lightly_assets.pipeline.running.commit import Warehouse
from lightly_assets.pipeline.running.outcome import UnitOutcome

# Workers that die one after the other before they are ready: another one would, too.
_FRUITLESS = 3
_SAY_SECONDS = 30.0
# Hosts that are only now being added to a cluster take minutes.
_START_SECONDS = 900.0
# A worker has another group at hand while it works on one, if both are so short that nobody waits for them.
_SHORT = 64 << 20


class Dispatch:
    """Units of a run over the workers of a crew. Workers stay between two calls of :meth:`run`."""

    def __init__(
        self,
        crew: Crew,
        house: Warehouse,
        setups: Mapping[str, AnySetup],
        *,
        on_frames: Callable[[str, int], None],
        on_note: Callable[[int, str], None],
    ) -> None:
        self._crew, self._house, self._setups = crew, house, setups
        self._on_frames, self._on_note = on_frames, on_note
        seconds = house.project.engine.stall_seconds
        self._stalled = f"was ended, as nothing came of it for {spelled(seconds)}"
        self._names: dict[int, str] = {}
        """Of the workers that are ready."""
        self._starting: set[int] = set()
        self._groups: dict[int, deque[tuple[Group, set[int]]]] = {}
        """What each worker has: groups, the oldest first, with the numbers of what is not done yet."""
        self._fruitless = 0
        self._heard = self._waiting_since = time.monotonic()
        self.deaths = 0

    def run(self, units: Sequence[UnitWork]) -> Iterator[UnitOutcome]:
        """What came of each unit, as soon as it is known.

        Raises:
            EngineError: no worker can be kept up.
            StorageError: a store is out of reach; what was published stays.
        """
        board = Board(units, self._crew.most, self._records)
        while not board.finished:
            self._hire(board)
            self._hand_out(board)
            event = self._crew.watch.get()
            for worker in self._crew.watch.stalled():
                self._crew.end(worker, self._stalled)
            if event is not None:
                self._heard = time.monotonic()
                yield from self._take(board, *event)
            elif time.monotonic() - self._heard > _SAY_SECONDS:
                self._heard = time.monotonic()
                self._wait()

    def _hire(self, board: Board) -> None:
        if self._names and self._fruitless >= _FRUITLESS:
            return  # where the next one would be put, none comes up; those that work go on
        wanted = min(self._crew.most, board.size)
        while len(self._names) + len(self._starting) < wanted:
            self._starting.add(self._crew.hire())

    def _hand_out(self, board: Board) -> None:
        """Idle workers first; then those that can have a short group at hand."""
        for busy in (0, 1):
            for worker in self._names:
                groups = self._groups.setdefault(worker, deque())
                if len(groups) != busy or (groups and (groups[0][0].weight > _SHORT or groups[0][0].alone)):
                    continue
                group = board.take(beside=bool(groups))
                if group is not None:
                    groups.append((group, set(group.units)))
                    self._crew.watch.given(worker)
                    self._crew.give(worker, group)

    def _records(self, units: Sequence[UnitWork]) -> list[tuple[str, str]]:
        """The records that speak of the inputs of units: their own, and others that are to forget them."""
        found: dict[tuple[str, str], None] = {}
        for work in units:
            # The boxes of objects are those of their task.
            bases = [of.name for task in work.tasks if (of := self._setups[task].of)]
            for task in dict.fromkeys(("", *work.tasks, *bases)):
                found[task, work.unit] = None
                for row in self._house.index.entries(task, sorted(work.inputs)):
                    found[task, row.unit] = None
        return list(found)

    def _take(self, board: Board, worker: int, report: Report | Gone) -> Iterator[UnitOutcome]:
        match report:
            case Done(number, outcome, written):
                self._note(written)
                groups = self._groups.get(worker, ())
                for _, open_numbers in groups:
                    open_numbers.discard(number)
                if (whole := board.done(number, outcome)) is not None:
                    yield whole
            case Ended():
                groups = self._groups[worker]
                if groups:
                    groups.popleft()
            case Ready(name):
                self._starting.discard(worker)
                self._names[worker] = name
                self._fruitless = 0
                self._on_note(logging.INFO, f"The worker {name} is ready.")
            case Frames(counts):
                for key, count in counts.items():
                    self._on_frames(key, count)
            case Note(level, text):
                self._on_note(level, text)
            case Failed(error):
                raise error
            case Gone():
                yield from self._bury(board, worker, report)
            case _:
                pass

    def _note(self, written: Written) -> None:
        """Data and records are in the stores: now the index, and last the listing."""
        for record, version in written.records:
            self._house.note_record(record, version)
        self._house.garbage.take(written.replaced)
        for task in sorted(written.published):
            setup = self._setups[task]
            assert isinstance(setup, TaskSetup)
            self._house.list_task(task, setup.schema)

    def _bury(self, board: Board, worker: int, gone: Gone) -> Iterator[UnitOutcome]:
        self.deaths += 1
        name = self._names.pop(worker, None)
        self._starting.discard(worker)
        if name is None:
            self._fruitless += 1
            told = f"{self._fruitless} of them ended while they loaded their models, the last one {gone.how}"
            if self._fruitless >= _FRUITLESS and not self._names:
                raise EngineError(f"No worker comes up: {told}.")
            if self._fruitless == _FRUITLESS:
                self._on_note(logging.WARNING, f"No more workers are started: {told}.")
            return
        if not self._names:
            self._waiting_since, self._fruitless = time.monotonic(), 0
        groups = [(group, numbers) for group, numbers in self._groups.pop(worker, ()) if numbers]
        self._on_note(logging.WARNING, f"The worker {name} {gone.how}; what it had is done by others.")
        for _, numbers in groups[1:]:
            board.untouched(sorted(numbers))
        if groups:
            yield from board.died(sorted(groups[0][1]), gone.how, innocent=gone.innocent)

    def _wait(self) -> None:
        """Nothing was heard for a while: say so while there is no worker at all."""
        now = time.monotonic()
        if self._names:
            self._waiting_since = now
        elif now - self._waiting_since > _START_SECONDS:
            raise EngineError(
                f"No worker has come up for {_START_SECONDS / 60:.0f} minutes: {self._crew.hint()}."
            )
        elif self._starting:
            self._on_note(logging.WARNING, f"Waiting for a worker to come up: {self._crew.hint()}.")


def spelled(seconds: float) -> str:
    """A time as people say it: ``30 minutes``, ``2.5 seconds``."""
    count, unit = (seconds, "second") if seconds < 120 else (seconds / 60, "minute")
    return f"{count:g} {unit}{'' if count == 1 else 's'}"
