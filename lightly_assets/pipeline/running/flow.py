"""The streaming pass: decode, predict, encode, store and publish, each in a thread, all at the same time.

Every input is decoded at most once, whatever the number of tasks. Batches fill across frames, images and
short videos. Between two threads there is a bounded pipe, so that the slowest part sets the pace and memory
stays flat. An input that fails takes nothing else with it.

    pixels (PixelReader) → PredictStage (Lanes: models) → EncodeStage → PublishStage, one or more → outcomes
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lightly_assets.media import Limits
from lightly_assets.pipeline.planning.embedding_setup import AnySetup
from lightly_assets.pipeline.planning.plan import UnitWork
from lightly_assets.pipeline.running.commit import Warehouse
from lightly_assets.pipeline.running.encode_stage import EncodeStage
from lightly_assets.pipeline.running.outcome import UnitOutcome
from lightly_assets.pipeline.running.pipe import Pipe, Stop, Stopped
from lightly_assets.pipeline.running.predict_stage import PredictStage
from lightly_assets.pipeline.running.publish_stage import PublishStage
from lightly_assets.pipeline.running.tuning import (
    PATIENCE_SECONDS,
    PUBLISHERS_IN_BUCKETS,
    PUBLISHERS_ON_DISK,
    TURN_SECONDS,
    WAITING_BATCHES,
    WAITING_UNITS,
)
from lightly_assets.pipeline.running.unit_state import ToEncode, ToPublish
from lightly_assets.storage import Unavailable


class Flow:
    """Runs units of work; iterate over :meth:`run` for what comes of each."""

    def __init__(
        self,
        warehouse: Warehouse,
        setups: dict[str, AnySetup],
        folder: Path,
        *,
        limits: Limits | None = None,
        on_frames: Callable[[str, int], None] | None = None,
        on_pace: Callable[[str], None] | None = None,
        sheets: bool = True,
    ) -> None:
        self._folder = folder
        self._on_pace = on_pace
        self._stop = Stop()
        self._error: BaseException | None = None
        self._outcomes: queue.SimpleQueue[UnitOutcome | None] = queue.SimpleQueue()
        encode: Pipe[ToEncode] = Pipe(WAITING_BATCHES, self._stop)
        publish: Pipe[ToPublish] = Pipe(WAITING_UNITS, self._stop)
        self._predict = PredictStage(
            warehouse,
            setups,
            folder,
            encode,
            self._stop,
            limits=limits,
            on_frames=on_frames or (lambda _, __: None),
            sheets=sheets,
        )
        self._encode = EncodeStage(warehouse, encode, publish, sheets=sheets)
        on_disk = warehouse.lightly.local_root is not None and warehouse.state.local_root is not None
        self._publishers = [
            PublishStage(warehouse, publish, self._outcomes)
            for _ in range(PUBLISHERS_ON_DISK if on_disk else PUBLISHERS_IN_BUCKETS)
        ]

    def run(self, units: Sequence[UnitWork]) -> Iterator[UnitOutcome]:
        """What came of each unit, as soon as it is done.

        Raises:
            StorageError: a store is out of reach; what was published stays.
        """
        works: list[tuple[str, Callable[[], None]]] = [
            ("predict", lambda: self._predict.run(units)),
            ("encode", self._encode.run),
            *(("publish", one.run) for one in self._publishers),
        ]
        threads = [
            threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
            for name, work in works
        ]
        with _short_turns():
            yield from self._outcomes_of(threads)
        if self._error is not None:
            raise self._error
        if self._on_pace is not None and (said := self._predict.pace_sentence()):
            self._on_pace(said)

    def _outcomes_of(self, threads: Sequence[threading.Thread]) -> Iterator[UnitOutcome]:
        for thread in threads:
            thread.start()
        deadline = None
        try:
            working = len(self._publishers)
            while working:
                if (outcome := self._outcomes.get()) is not None:
                    yield outcome
                else:
                    working = working - 1 if self._error is None else 0
            if isinstance(self._error, Stopped):
                raise self._error
        except BaseException:
            # Whoever interrupts a run does not wait for a slow model's answer, which nobody needs any more.
            deadline = time.monotonic() + PATIENCE_SECONDS
            raise
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        """Have :meth:`run` raise Stopped soon; for another thread than the one that runs."""
        self._error = self._error or Stopped()
        self._stop.set()
        self._outcomes.put(None)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by run()
            if isinstance(error, OSError):
                reason = f"{error.filename or self._folder}: {error.strerror or error}"
                error = Unavailable(f"{reason}; free some space and run again.")
            if self._error is None:
                self._error = error
            self._stop.set()
            self._outcomes.put(None)


@contextmanager
def _short_turns() -> Iterator[None]:
    """Threads hand Python on sooner; this is the whole process's."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, TURN_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
