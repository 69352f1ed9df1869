"""Long steps on a terminal: a bar for each step that is under way, with rate and time left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO

from lightly_assets.commands import shared
from lightly_assets.tracking import listening

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

# What is over sooner is not shown at all.
_PATIENCE_SECONDS = 0.5


@contextmanager
def followed(*, as_json: bool = False) -> Iterator[None]:
    """Shows the steps of the block, on a terminal and unless ``--quiet`` or ``--json`` was said."""
    if as_json or shared.is_quiet() or not shared.is_terminal():
        yield
        return
    steps = Steps()
    try:
        with listening(steps):
            yield
    finally:
        steps.close()


class Steps:
    """Bars for steps, the parts of a step below it."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file
        self._bars: Bars | None = None
        self._opened = time.monotonic()
        self._steps: dict[int, tuple[str, int | None, float, int]] = {}
        """Number → what, total, when it began, how many are done."""
        self._shown: dict[int, int] = {}
        self._next = 0

    def begin(self, what: str, total: int | None) -> int:
        self._next += 1
        self._steps[self._next] = (what, total, time.monotonic(), 0)
        self._show(self._next)
        return self._next

    def advance(self, step: int, count: int) -> None:
        what, total, began, done = self._steps[step]
        self._steps[step] = (what, total, began, done + count)
        self._show(step)

    def expect(self, step: int, total: int) -> None:
        what, _, began, done = self._steps[step]
        self._steps[step] = (what, total, began, done)
        self._show(step)

    def end(self, step: int) -> None:
        self._steps.pop(step, None)
        shown = self._shown.pop(step, None)
        if self._bars is not None and shown is not None:
            self._bars.remove_task(shown)  # type: ignore[arg-type]

    def close(self) -> None:
        """No bar is left on the screen."""
        if self._bars is not None:
            self._bars.stop()

    def _show(self, step: int) -> None:
        if self._bars is None:
            if time.monotonic() - self._opened < _PATIENCE_SECONDS:
                return
            self._bars = bars(self._file)
            self._bars.start()
        for number in self._steps:
            if number not in self._shown:
                what = "  " * len(self._shown) + self._steps[number][0]
                self._shown[number] = self._bars.add_task(shared.shown(what), total=None, text="")
        what, total, began, done = self._steps[step]
        self._bars.update(
            self._shown[step],  # type: ignore[arg-type]
            completed=done,
            total=total,
            text=pace(done, total, time.monotonic() - began),
        )


def pace(done: float, total: float | None, seconds: float) -> str:
    """``12,000 of 30,000, 812 a second, 0:00:22 left``."""
    of = f" of {total:,.0f}" if total is not None else ""
    rate = done / max(seconds, 0.001)
    parts = [f"{done:,.0f}{of}"]
    if done:
        parts.append(f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second")
    if done and total is not None:
        parts.append(f"{timedelta(seconds=round(max(total - done, 0) / rate))} left")
    return ", ".join(parts)


def bars(file: TextIO | None = None) -> "Bars":
    """Bars on standard error, or in a file that is a terminal, which leave nothing behind."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    # The rate is ours: rich forgets it whenever the estimated total changes.
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True)),
        TimeElapsedColumn(),
        console=Console(file=file) if file is not None else Console(stderr=True),
        transient=True,
        expand=True,
    )
