"""What a run needs of workers, wherever they are."""

from __future__ import annotations

from typing import Protocol

from lightly_assets.pipeline.engines.messages import Group
from lightly_assets.pipeline.engines.watch import Watch


class Crew(Protocol):
    """Workers of one kind. They are numbered in the order in which they are started."""

    watch: Watch
    """Hears what they say, and what has become of them."""

    @property
    def most(self) -> int:
        """How many workers there can be."""

    def hire(self) -> int:
        """Begin to start another worker; its number. It says Begun, then Ready, or Failed, or is Gone."""

    def give(self, worker: int, group: Group) -> None:
        """Hand a group to a worker that is ready. One that has just died is Gone soon."""

    def end(self, worker: int, how: str) -> None:
        """End a worker by force, whatever it does. It is Gone at once; how, is said as in Gone."""

    def close(self) -> bool:
        """End all workers within seconds, in good order where that is possible; whether it was."""

    def hint(self) -> str:
        """Why no worker has come up yet, as far as that is known."""
