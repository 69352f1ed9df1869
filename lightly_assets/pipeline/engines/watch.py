"""What workers say, in one queue, and which of them do not get on any more.

A process whose model hangs lives on, and may not even run its own threads; so it is the run that watches. A
worker that has something to do is given so much time from one sign of progress to the next. Lines for the
log are no progress. The time in which the run itself was stopped, or was busy elsewhere, does not count.
"""

from __future__ import annotations

import queue
import threading
import time

from lightly_assets.pipeline.engines.messages import Begun, Ended, Gone, Note, Ready, Report

Event = tuple[int, Report | Gone]
"""The number of a worker, and what it says or what has become of it."""

# Whoever asks for events does so at least as often, or was kept from it.
_TICK_SECONDS = 1.0


class Watch:
    """Events of workers; those that listen to workers put them, the one that leads the run gets them."""

    def __init__(self, patience: float) -> None:
        """``patience``: seconds without progress."""
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._patience = patience
        self._lock = threading.Lock()
        self._awake = 0.0
        """Seconds that were watched."""
        self._ticked = time.monotonic()
        self._heard: dict[int, float] = {}
        """When each that has something to do has got on, in seconds that were watched."""
        self._groups: dict[int, int] = {}
        self._gone: set[int] = set()

    def put(self, worker: int, report: Report | Gone) -> None:
        """A worker says something. Once it is gone, nothing counts that it may still have said."""
        with self._lock:
            if worker in self._gone:
                return
            self._note(worker, report)
            self._events.put((worker, report))

    def _note(self, worker: int, report: Report | Gone) -> None:
        match report:
            case Gone():
                self._gone.add(worker)
                self._heard.pop(worker, None)
            case Note():
                pass
            case Begun():
                self._heard[worker] = self._awake
            case Ready():
                self._heard.pop(worker, None)
            case _:
                if isinstance(report, Ended):
                    self._groups[worker] -= 1
                if self._groups.get(worker):
                    self._heard[worker] = self._awake
                else:
                    self._heard.pop(worker, None)

    def given(self, worker: int) -> None:
        """A worker that is ready has something to do from now on."""
        with self._lock:
            self._groups[worker] = self._groups.get(worker, 0) + 1
            if worker not in self._gone:
                self._heard.setdefault(worker, self._awake)

    def get(self) -> Event | None:
        """The next event; None where there is none for a moment."""
        try:
            return self._events.get(timeout=min(_TICK_SECONDS, self._patience / 4))
        except queue.Empty:
            return None

    def stalled(self) -> list[int]:
        """Workers that have made no progress for too long. To be asked after each :meth:`get`."""
        with self._lock:
            now = time.monotonic()
            self._awake += min(now - self._ticked, 2 * _TICK_SECONDS)
            self._ticked = now
            return [worker for worker, heard in self._heard.items() if self._awake - heard > self._patience]
