"""Run one action over a stream of items with a few threads, bounded by construction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Generic, TypeVar

T = TypeVar("T")


def for_each(action: Callable[[T], object], items: Iterable[T], *, threads: int) -> int:
    """Call ``action`` on every item from up to ``threads`` threads; how many were done.

    Never more than one item a thread is held. The first exception, of an action or of the iterator, stops
    the drawing of items and is raised after all threads have ended.
    """
    stream = iter(items)
    first = list(islice(stream, threads))
    work = _Work(action, chain(first, stream))
    workers = [threading.Thread(target=work.run, daemon=True) for _ in first[1:]]
    for worker in workers:
        worker.start()
    try:
        work.run()
    finally:
        work.stop = True
        for worker in workers:
            worker.join()
    if work.error is not None:
        raise work.error
    return work.done


class Slots:
    """A number that several callers of :func:`for_each` share, so that together they have no more threads.

    Who comes first is served first; few slots do not overtake many.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._turn = threading.Lock()
        self._returned = threading.Condition()

    @contextmanager
    def some(self, wanted: int) -> Iterator[None]:
        """Wait for as many slots, which must not be more than there are, and hold them."""
        with self._turn, self._returned:
            self._returned.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._returned:
                self._free += wanted
                self._returned.notify_all()


class _Work(Generic[T]):
    def __init__(self, action: Callable[[T], object], items: Iterable[T]) -> None:
        self.action = action
        self.items = iter(items)
        self.lock = threading.Lock()
        self.stop = False
        self.done = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        done = 0
        try:
            while not self.stop:
                with self.lock:
                    item = next(self.items)
                self.action(item)
                done += 1
        except StopIteration:
            self.stop = True
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread, which raises it
            self.stop = True
            self.error = self.error or error
        with self.lock:
            self.done += done
