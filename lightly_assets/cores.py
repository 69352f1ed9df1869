"""How many cores there are to work with."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

_OF_THIS_PROCESS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def cores() -> int:
    """How many processor cores this process may use: no more than its containers are granted the time of."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([there, *(max(1, math.ceil(share)) for share in _granted())])


def usable_cores() -> int:
    """The cores that this process may use.

    Workers that share a machine are told their part of it in the variable that OpenMP reads.
    """
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if told.isdigit() and int(told):
        return int(told)
    return cores()


def _granted() -> Iterator[float]:
    """Cores that Linux grants the time of, by control groups of this process; none where nothing limits it.

    Kubernetes, Docker, Slurm and systemd limit a process so; it still sees all cores of the machine.
    """
    try:
        lines = _OF_THIS_PROCESS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        place = PurePosixPath(path)
        # A container sees its own group as the root, and may be told the path that it has outside.
        for group in (place, *place.parents):
            folder = _GROUPS / ("cpu" if controllers else "") / group.relative_to("/")
            quota, period = _quota(folder, second=not controllers)
            # The second version says "max", the first -1.
            if quota.isdigit() and period.isdigit() and int(period):
                yield int(quota) / int(period)


def _quota(folder: Path, *, second: bool) -> tuple[str, str]:
    """Microseconds of a core that a control group is granted in each period of so many; "" where none."""
    names = ["cpu.max"] if second else ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
    with suppress(OSError):
        words = " ".join((folder / name).read_text() for name in names).split()
        if len(words) == 2:
            return words[0], words[1]
    return "", ""
