"""The memory of Dagster's real daemon and of its code server, while a sensor looks at a project.

Part of ``python -m benchmarks.graph.tick``.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.projects import SmallProject

_PATIENCE = 600.0
_LOOKS = 3


def daemon_memory(small: SmallProject) -> tuple[float, float]:
    """The most megabytes that the daemon, and its code server, have held after some looks.

    ``DAGSTER_HOME`` names the instance.
    """
    small.write(sensor=small.settings["sensor"] | {"running": True, "interval_seconds": 1})
    log = small.folder / "daemon.log"
    environment = os.environ | {"LIGHTLY_ASSETS_CONFIG": str(small.config)}
    environment["PYTHONPATH"] = os.environ.get("PYTHONPATH", ".")
    command = [Path(sys.executable).with_name("dagster-daemon"), "run", "-m", "lightly_assets.definitions"]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as daemon,
    ):
        try:
            until = time.monotonic() + _PATIENCE
            while len(re.findall(r"inputs known", log.read_text())) < 2 * _LOOKS:  # each is told twice
                assert daemon.poll() is None and time.monotonic() < until, log.read_text()[-2000:]
                time.sleep(0.5)
            below = max(_most(child) for child in _children(daemon.pid))
            return _most(daemon.pid), below
        finally:
            daemon.terminate()


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _most(pid: int) -> float:
    """Megabytes; Linux counts kilobytes."""
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found) * 1024 / 1e6
