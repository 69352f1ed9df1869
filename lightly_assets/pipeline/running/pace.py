"""What a run waits for, measured while it runs: its slowest part sets the pace."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from lightly_assets.cores import cores

Part = Literal["decoding", "models", "writing"]
_PARTS: tuple[Part, ...] = ("decoding", "models", "writing")


class Pace:
    """Seconds that the thread in the middle, which takes pixels and hands on results, waits for others."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._waited: dict[Part, float] = defaultdict(float)

    @contextmanager
    def waiting(self, part: Part) -> Iterator[None]:
        """What happens here is a wait for one part of the run."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._waited[part] += time.perf_counter() - start

    def slowest(self) -> Part:
        """What was waited for longest."""
        return max(_PARTS, key=lambda part: self._waited[part])

    def sentence(self, callers: int) -> str:
        """What was found, for the log."""
        seconds = max(time.perf_counter() - self._started, 1e-9)
        shares = ", ".join(f"{part} {self._waited[part] / seconds:.0%}" for part in _PARTS)
        return (
            f"Of {seconds:.1f} s on {cores()} cores this was waited for: {shares}; {self.slowest()} set the "
            f"pace, with models called from {callers} thread{'s' if callers > 1 else ''}."
        )
