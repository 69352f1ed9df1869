"""Bounded queues between the threads of a run, which all end when one of them fails."""

import queue
import threading
from typing import Generic, TypeVar

from lightly_assets.pipeline.running.tuning import POLL_SECONDS
from lightly_assets.pulse import beat

T = TypeVar("T")


class Stopped(Exception):  # noqa: N818 - control flow, never leaves the threads of a run
    """Another thread has failed, or nobody wants more."""


class Stop:
    """Shared by all threads of a run."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def set(self) -> None:
        """All threads are to end."""
        self._stopped.set()

    def check(self) -> None:
        """Raises Stopped where this thread is to end."""
        if self._stopped.is_set():
            raise Stopped


class Pipe(Generic[T]):
    """A queue of messages of one type. Any thread may use either end."""

    def __init__(self, most: int, stop: Stop) -> None:
        self._queue: queue.Queue[T | None] = queue.Queue(most)
        self._stop = stop

    def put(self, message: T) -> None:
        """Wait for room. Raises Stopped."""
        self._put(message)

    def close(self) -> None:
        """Tell one receiver that nothing more comes. Raises Stopped."""
        self._put(None)

    def get(self) -> T | None:
        """The next message; None where nothing more comes. Raises Stopped."""
        while True:
            self._stop.check()
            try:
                return self._queue.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue

    def _put(self, message: T | None) -> None:
        while True:
            self._stop.check()
            try:
                self._queue.put(message, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return beat()
