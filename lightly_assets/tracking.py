"""Long steps say how far they are, to whoever listens: the command line does, on a terminal."""

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")


class Listener(Protocol):
    """Is told of steps; those that begin before another one has ended are its parts."""

    def begin(self, what: str, total: int | None) -> int:
        """A step begins; how many items it has, where that is known. Returns a number for the step."""

    def advance(self, step: int, count: int) -> None:
        """So many more items of a step are done."""

    def expect(self, step: int, total: int) -> None:
        """It is known now how many items a step has."""

    def end(self, step: int) -> None:
        """A step is over, whether done or not."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Steps that this thread takes inside of the block are told to the listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def step(what: str, total: int | None = None) -> Iterator["Step"]:
    """One step; its block says by ``done`` how far it is."""
    listener = _listener.get()
    if listener is None:
        yield Step(None, 0)
        return
    number = listener.begin(what, total)
    try:
        yield Step(listener, number)
    finally:
        listener.end(number)


class Step:
    """A step that is under way."""

    def __init__(self, listener: Listener | None, number: int) -> None:
        self._listener, self._number = listener, number

    def done(self, count: int = 1) -> None:
        """So many more items are done."""
        if self._listener is not None:
            self._listener.advance(self._number, count)

    def expect(self, total: int) -> None:
        """It is known now how many items there are."""
        if self._listener is not None:
            self._listener.expect(self._number, total)


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """The items themselves; each counts as done once the next one is asked for."""
    if _listener.get() is None:
        yield from items
        return
    known = total if total is not None else len(items) if isinstance(items, Sized) else None
    with step(what, known) as current:
        for item in items:
            yield item
            current.done()
