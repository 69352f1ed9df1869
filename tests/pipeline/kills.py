"""Runs that are killed at their n-th write on disk, without any warning, as with ``kill -9``.

Counted are the system calls that make something visible: a file that gets its name, a file that is deleted.
The process dies right before or right after (every other one).
"""

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lightly_assets.config import load_project
from lightly_assets.pipeline.gc import collect
from lightly_assets.pipeline.session import Session
from tests.processes import processes

_SECONDS = 120


class Deadly:
    """Counts calls, and ends the process at one of them."""

    def __init__(self, deadly: int) -> None:
        self.count = 0
        self._deadly = deadly
        self._lock = threading.Lock()

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            # Another thread may count on while this one writes.
            with self._lock:
                self.count += 1
                number = self.count
            if number == self._deadly and number % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*args, **kwargs)
            if number == self._deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted


def run(config: Path, deadly: int, *, collects: bool = False) -> int | None:
    """Run a project in a process of its own; how many writes that had, None where it was killed at one.

    With ``deadly=0`` it lives. ``collects``: it is ``gc`` that runs.
    """
    receiver, sender = processes.Pipe(duplex=False)
    child = processes.Process(target=_run, args=(sender, config, deadly, collects))
    child.start()
    sender.close()
    child.join(_SECONDS)
    with receiver:
        if child.exitcode == -signal.SIGKILL:
            return None
        assert child.exitcode == 0, f"the run ended with {child.exitcode}"
        count: int = receiver.recv()
        return count


def _run(sender: "Connection[int, int]", config: Path, deadly: int, collects: bool) -> None:
    with Session(load_project(config)) as session:
        # Only from here on, so that the numbers are about our own writes.
        counter = Deadly(deadly)
        for name in ("replace", "rename", "unlink"):
            setattr(os, name, counter.around(getattr(os, name)))
        if collects:
            collect(session)
        else:
            for _ in session.run(session.plan(), sheets=False):
                pass
            session.finish()
    sender.send(counter.count)
