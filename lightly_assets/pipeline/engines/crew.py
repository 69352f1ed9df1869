"""What a run needs of workers, wherever they are."""

from __future__ import annotations

import queue
from typing import Protocol

from lightly_assets.pipeline.engines.messages import Gone, Group, Report

Event = tuple[int, Report | Gone]
"""The number of a worker, and what it says or what has become of it."""


class Crew(Protocol):
    """Workers of one kind. They are numbered in the order in which they are started."""

    events: queue.SimpleQueue[Event]

    @property
    def most(self) -> int:
        """How many workers there can be."""

    def hire(self) -> int:
        """Begin to start another worker; its number. It says Ready, or Failed, or is Gone."""

    def give(self, worker: int, group: Group) -> None:
        """Hand a group to a worker that is ready. One that has just died is Gone soon."""

    def close(self) -> bool:
        """End all workers within seconds, in good order where that is possible; whether it was."""

    def hint(self) -> str:
        """Why no worker has come up yet, as far as that is known."""
