"""The last threads: store and publish what is complete, and say what came of each unit."""

from __future__ import annotations

import queue
import shutil
import time

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
                if message.picture is not None:
                    result.outcome.sheet = message.picture()
                self._warehouse.store_task(state.outcome, result)
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
