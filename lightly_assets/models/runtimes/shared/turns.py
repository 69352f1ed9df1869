"""How models on CPUs share the cores: several calls at once, and what each of them needs for itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from lightly_assets.cores import usable_cores

T = TypeVar("T")

PORTION = 2
"""Images of a call on CPUs: a larger batch is slower for each image, and more of it waits at the end.

One would be two: see `Reader`, which makes results the same in every batch.
"""


def default_threads() -> int:
    """Of a model that is called once at a time: one less than the cores, so that decoding keeps one."""
    return max(1, usable_cores() - 1)


def calls_at_once(threads: int, batch_size: int) -> int:
    """How many calls share so many threads: no more than have a batch's images in memory."""
    return min(threads, max(batch_size, PORTION))


class Turns(Generic[T]):
    """Tools that one call at a time may use each, made when a call finds none free.

    Args:
        most: of them there are no more; who comes later waits.
        first: one that is there already.
    """

    def __init__(self, make: Callable[[], T], most: int, first: T) -> None:
        self._make, self._free = make, [first]
        self._places = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()

    @contextmanager
    def take(self) -> Iterator[T]:
        """One of them, for the time of a call."""
        with self._places:
            with self._lock:
                # The last one that was used: what it needs may still be in a cache.
                tool = self._free.pop() if self._free else None
            if tool is None:
                tool = self._make()
            try:
                yield tool
            finally:
                with self._lock:
                    self._free.append(tool)
