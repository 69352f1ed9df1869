"""How far a run is: a bar with rate and time left on a terminal, a line now and then elsewhere."""

import os
import time
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from lightly_assets.commands.shared import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from lightly_assets.pipeline.planning.plan import Plan
    from lightly_assets.pipeline.running.outcome import RunSummary, UnitOutcome

_LINE_SECONDS = 10.0
# Until the first video has told: bytes of a compressed frame.
_BYTES_PER_FRAME = 20_000.0


class Progress:
    """Watches a run of the chain. How many frames there will be is estimated from the sizes of the files."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.summary: RunSummary | None = None
        self._quiet = quiet
        # Dagster redirects standard error into its logs while a step works; what people watch stays here.
        self._file = os.fdopen(os.dup(2), "w", buffering=1)
        self._bar = None if quiet or not is_terminal() else _bar(self._file)
        self._task = None if self._bar is None else self._bar.add_task("Looking", total=None, text="")
        self._sizes: dict[str, int] = {}
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

    def frames(self, count: int) -> None:
        self._frames += count
        self._show()

    def done(self, outcome: "UnitOutcome") -> None:
        self._units += len(outcome.inputs)
        for key in outcome.inputs:
            size = self._sizes.pop(key, 0)
            self._left -= size
            self._read_bytes += size
        self._read_frames += outcome.decoded
        self._show()
        now = time.monotonic()
        if self._bar is None and not self._quiet and now - self._said > _LINE_SECONDS:
            self._said = now
            rate = self._frames / (now - self._started)
            inputs, frames = f"{self._units} of {self._inputs} inputs", f"{self._frames:,} frames"
            print(f"{inputs}, {frames}, {rate:.0f} a second.", file=self._file)

    def ended(self, summary: "RunSummary") -> None:
        self.summary = summary

    def _show(self) -> None:
        if self._bar is None or self._task is None:
            return
        per_frame = self._read_bytes / self._read_frames if self._read_frames else _BYTES_PER_FRAME
        total = max(float(self._frames), self._read_frames + self._left / max(per_frame, 1.0))
        rate = self._frames / max(time.monotonic() - self._started, 0.001)
        left = timedelta(seconds=round((total - self._frames) / rate)) if self._frames else "?"
        self._bar.update(
            self._task,
            description="Frames",
            completed=self._frames,
            total=total,
            text=f"{rate:.0f} frames/s, {self._units} of {self._inputs} inputs, {left} left",
        )


def _bar(file: TextIO) -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    # The rate is ours: rich forgets it whenever the estimated total changes.
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
        console=Console(file=file),
        transient=True,
    )
