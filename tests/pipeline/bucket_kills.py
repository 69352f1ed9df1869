"""Runs that are killed at a write request, all three roots in a bucket behind the fault proxy."""

from __future__ import annotations

import os
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.pipeline.buckets import Template, assert_whole, heals, work
from tests.processes import processes
from tests.projects import SmallProject
from tests.storage.proxy import Fault, FaultProxy, no_faults

_WRITES = ("PUT", "POST", "DELETE")
_ENDLESS = 1_000_000


def count_writes(made: Template, folder: Path, proxy: FaultProxy) -> int:
    """How many write requests the run of a scenario has."""
    small = made.copy(folder)
    assert not killed_at(small, proxy, _ENDLESS, done=False, collects=made.collects)
    return sum(method in _WRITES for method, _ in proxy.requests)


def survives_kill(made: Template, folder: Path, proxy: FaultProxy, deadly: int, *, done: bool) -> bool:
    """Kill a run at its write ``deadly``, which is still carried out if ``done``; look; run again.

    False where the run ended before that write.

    Raises:
        AssertionError: something is wrong that must not be.
    """
    small = made.copy(folder)
    killed = killed_at(small, proxy, deadly, done=done, collects=made.collects)
    assert_whole(made, small)
    heals(made, small)
    return killed


def killed_at(small: SmallProject, proxy: FaultProxy, deadly: int, *, done: bool, collects: bool) -> bool:
    writes = 0
    shot = False
    child: BaseProcess | None = None

    def script(method: str, path: str) -> Fault | None:
        nonlocal writes, shot
        writes += method in _WRITES
        if writes < deadly or child is None or child.pid is None:
            return None
        # What other threads of it have under way arrives or not, as it happens. It is not asked whether it is
        # alive: two threads that ask at once can lose its exit code.
        if not shot:
            shot = True
            os.kill(child.pid, signal.SIGKILL)
        return None if done else "reset"

    small.write(storage={"endpoint": f"http://127.0.0.1:{proxy.port}"})
    proxy.reset()
    proxy.script = script
    child = processes.Process(target=_work, args=(small.folder, dict(os.environ), collects))
    child.start()
    child.join(60)
    proxy.script = no_faults
    del small.settings["storage"]
    small.write()
    assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    return child.exitcode != 0


def _work(folder: Path, environment: dict[str, str], collects: bool) -> None:
    os.environ.update(environment)
    assert work(SmallProject.at(folder), collects=collects) == []
