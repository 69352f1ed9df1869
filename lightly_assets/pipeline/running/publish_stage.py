"""The last threads: store and publish what is complete, and say what came of each unit."""

from __future__ import annotations

import queue
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from lightly_assets.pipeline.running.commit import Warehouse
from lightly_assets.pipeline.running.outcome import UnitOutcome
from lightly_assets.pipeline.running.pipe import Pipe
from lightly_assets.pipeline.running.unit_state import ToPublish, UnitState


class PublishStage:
    """Stores and publishes tasks of units; several threads may share the work of one pipe."""

    def __init__(
        self, warehouse: Warehouse, publish: Pipe[ToPublish], outcomes: queue.SimpleQueue[UnitOutcome | None]
    ) -> None:
        self._warehouse, self._publish, self._outcomes = warehouse, publish, outcomes

    def run(self) -> None:
        """Work until nothing more comes."""
        while (message := self._publish.get()) is not None:
            state, result = message.state, message.result
            if result is not None:
                with _beside(message.picture) as picture:
                    self._warehouse.store_task(state.outcome, result)
                result.outcome.sheet = picture()
                state.outcome.tasks[result.setup.name] = result.outcome
            if state.is_published():
                self._end_unit(state)
        self._publish.close()  # for the other publishers
        self._outcomes.put(None)

    def _end_unit(self, state: UnitState) -> None:
        self._warehouse.store_frames(state.outcome)
        shutil.rmtree(state.folder, ignore_errors=True)
        state.outcome.seconds = time.monotonic() - state.started
        self._outcomes.put(state.outcome)


@contextmanager
def _beside(picture: Callable[[], bytes | None] | None) -> Iterator[Callable[[], bytes | None]]:
    """Makes a picture meanwhile, on a core that the end of a video leaves idle; gives what waits for it."""
    if picture is None:
        yield lambda: None
        return
    with ThreadPoolExecutor(1, "picture") as pool:
        yield pool.submit(picture).result
