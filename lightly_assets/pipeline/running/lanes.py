"""Threads that call models, several at once where a model allows it; answers come in the order of the calls.

Nobody says how many cores the models get. A thread that waits takes none, so that a slow model has all of
them as soon as the decoder's places are full, and a fast one leaves them to the decoder.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from lightly_assets.pipeline.running.pipe import Stop
from lightly_assets.pipeline.running.tuning import PATIENCE_SECONDS, POLL_SECONDS, WAITING_ANSWERS
from lightly_assets.pulse import beat

T = TypeVar("T")


class Call(Generic[T]):
    """Work for a lane, and what comes of it."""

    def __init__(self, work: Callable[[], T], progress: threading.Condition) -> None:
        self._work = work
        self._progress = progress
        self.is_done = False
        self._found: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do it, in whichever thread this is."""
        try:
            self._found.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again by result()
            self._error = error
        del self._work  # and the pixels with it
        with self._progress:
            self.is_done = True
            self._progress.notify_all()
        beat()

    def result(self) -> T:
        """Give or raise what came of it, once it is done."""
        if self._error is not None:
            raise self._error
        return self._found[0]


class Lanes(Generic[T]):
    """Threads that are started when there is work for them."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._calls: queue.SimpleQueue[Call[T] | None] = queue.SimpleQueue()
        self._begun: deque[Call[T]] = deque()
        self._progress = threading.Condition()
        self._threads: list[threading.Thread] = []

    def begin(self, work: Callable[[], T], callers: int) -> None:
        """Have something done, by one of at least so many threads; by this one, at once, if one is enough."""
        call = Call(work, self._progress)
        self._begun.append(call)
        if callers < 2:
            return call.run()
        while len(self._threads) < callers:
            # Daemons: whoever interrupts a run does not wait for a slow model's answer.
            name = f"model {len(self._threads) + 1}"
            self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
            self._threads[-1].start()
        self._calls.put(call)
        return None

    def answers(self, most: int) -> Iterator[T]:
        """Answers that are there, and so many more that no more than ``most`` are left to come.

        A slow call does not hold up the threads behind it: what they have done waits for its turn.
        """
        while self._begun:
            if self._begun[0].is_done:
                yield self._begun[0].result()
                self._begun.popleft()
            elif self._to_come <= most and len(self._begun) < WAITING_ANSWERS:
                return
            else:
                self._wait()
                self._stop.check()

    def _wait(self) -> None:
        """Until the first call is done, or one more of the others, for a while."""
        with self._progress:
            left = self._to_come
            self._progress.wait_for(lambda: self._begun[0].is_done or self._to_come < left, POLL_SECONDS)

    @property
    def _to_come(self) -> int:
        return sum(not call.is_done for call in self._begun)

    def close(self) -> None:
        """End the threads once they have done what they do now, and wait for that a while.

        A call that comes back from a library in C++ while Python ends aborts the process.
        """
        for _ in self._threads:
            self._calls.put(None)
        deadline = time.monotonic() + PATIENCE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads = []

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            del call
