"""How far a run is: bars with rate and time left on a terminal, a line now and then elsewhere."""

import os
import time
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lightly_assets.commands import shared
from lightly_assets.commands.following import bars, pace

if TYPE_CHECKING:
    from rich.progress import TaskID

    from lightly_assets.pipeline.planning.plan import Plan
    from lightly_assets.pipeline.running.outcome import RunSummary, UnitOutcome

_LINE_SECONDS = 10.0
# Until the first video has told: bytes of a compressed frame.
_BYTES_PER_FRAME = 20_000.0
# Bars below the one of all frames: what is read just now.
_MOST_INPUTS = 4


class Progress:
    """Watches a run of the chain. How many frames there will be is estimated from the sizes of the files."""

    def __init__(self, *, quiet: bool = False) -> None:
        from lightly_assets.pipeline.running.outcome import RunSummary

        self.summary: RunSummary | None = None
        """What the whole run did, once it has ended."""
        self.so_far = RunSummary()
        """What was done, also by a run that breaks off."""
        self._quiet = quiet or shared.is_quiet()
        # Dagster redirects standard error into its logs while a step works; what people watch stays here.
        self._file = os.fdopen(os.dup(2), "w", buffering=1)
        self._bar = None if self._quiet or not shared.is_terminal() else bars(self._file)
        self._task = None if self._bar is None else self._bar.add_task("Looking", total=None, text="")
        self._lock = Lock()
        self._sizes: dict[str, int] = {}
        self._reading: dict[str, tuple[TaskID, float, int]] = {}
        """Input → its bar, when it began, frames so far."""
        self._left = 0.0
        self._read_bytes, self._read_frames = 0.0, 0
        self._frames = self._units = self._inputs = 0
        self._started = self._said = time.monotonic()

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
        self._file.close()

    def planned(self, plan: "Plan") -> None:
        for unit in plan.units:
            # An image is one frame, however large.
            sizes = {
                one.key: one.entry.size if one.kind == "video" else int(_BYTES_PER_FRAME)
                for one in unit.decode
            }
            self._sizes |= sizes
        self._left = float(sum(self._sizes.values()))
        self._inputs = len(plan.inputs)
        self._show()

    def frames(self, key: str, count: int) -> None:
        self._frames += count
        if self._bar is None:
            return
        with self._lock:
            self._show_input(key, count)
            self._show()

    def done(self, outcome: "UnitOutcome") -> None:
        with self._lock:
            self.so_far.add(outcome)
            self._units += len(outcome.inputs)
            for key in outcome.inputs:
                size = self._sizes.pop(key, 0)
                self._left -= size
                self._read_bytes += size
                bar = self._reading.pop(key, None)
                if bar is not None and self._bar is not None:
                    self._bar.remove_task(bar[0])
            self._read_frames += outcome.decoded
            self._show()
        now = time.monotonic()
        if self._bar is None and not self._quiet and now - self._said > _LINE_SECONDS:
            self._said = now
            inputs = f"{self._units:,} of {self._inputs:,} inputs"
            frames = pace(self._frames, self._expected(), now - self._started)
            print(f"{inputs}; frames: {frames}.", file=self._file)

    def ended(self, summary: "RunSummary") -> None:
        self.summary = summary

    def _per_frame(self) -> float:
        return max(self._read_bytes / self._read_frames if self._read_frames else _BYTES_PER_FRAME, 1.0)

    def _expected(self) -> float:
        return max(float(self._frames), self._read_frames + self._left / self._per_frame())

    def _show(self) -> None:
        if self._bar is None or self._task is None:
            return
        total = self._expected()
        self._bar.update(
            self._task,
            description=f"Frames of {self._units:,}/{self._inputs:,} inputs",
            completed=self._frames,
            total=total,
            text=pace(self._frames, total, time.monotonic() - self._started),
        )

    def _show_input(self, key: str, count: int) -> None:
        """A bar for each video that is read just now; an image is over before anybody sees it."""
        assert self._bar is not None
        if key not in self._reading:
            if len(self._reading) >= _MOST_INPUTS or self._sizes.get(key, 0) <= _BYTES_PER_FRAME:
                return
            bar = self._bar.add_task(f"  {shared.shown(key)}", total=None, text="")
            self._reading[key] = (bar, time.monotonic(), 0)
        bar, began, frames = self._reading[key]
        frames += count
        self._reading[key] = (bar, began, frames)
        total = max(float(frames), self._sizes.get(key, 0) / self._per_frame())
        self._bar.update(
            bar, completed=frames, total=total, text=pace(frames, total, time.monotonic() - began)
        )
