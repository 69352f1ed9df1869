"""Whether a process that left its mark somewhere still lives."""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache
from pathlib import Path

_MARK = re.compile(
    r"(?P<machine>[0-9a-f]{12})-(?P<boot>[0-9a-f]{12})-(?P<home>[0-9a-f]{12})-(?P<pid>\d+)-(?P<start>\d+)"
)


@cache
def home() -> str:
    """The machine's boot and process name space: a process id means nothing outside of it."""
    parts = [os.uname().nodename]
    for source in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            parts.append(str(Path(source).readlink()) if "/ns/" in source else Path(source).read_text())
        except OSError:  # not Linux: the host name has to do
            continue
    return _digest(*parts)


def started(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None if it is dead; 0 where /proc is missing.

    Process ids are used again, the pair of both is not.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None if Path("/proc/self/stat").exists() or not _signalable(pid) else 0
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def process_mark() -> str:
    """What ``is_dead`` can tell this process by, on any machine."""
    pid = os.getpid()
    return f"{_machine()}-{_boot()}-{home()}-{pid}-{started(pid) or 0}"


def is_dead(mark: str) -> bool:
    """Whether the process that left a mark is surely gone; of another machine's nothing is known.

    What ran before this machine was started anew is gone.
    """
    match = _MARK.fullmatch(mark)
    if match is None:
        return False
    if match["home"] == home():
        return started(int(match["pid"])) != int(match["start"])
    return match["machine"] == _machine() and match["boot"] != _boot()


def is_of_this_machine(mark: str) -> bool:
    """Whether :func:`is_dead` knows of the process that left a mark whether it lives."""
    match = _MARK.fullmatch(mark)
    return match is not None and match["home"] == home()


@cache
def _machine() -> str:
    """A machine or container: host names alone are often the same."""
    return _digest(os.uname().nodename, _text("/etc/machine-id"))


@cache
def _boot() -> str:
    return _digest(_text("/proc/sys/kernel/random/boot_id"))


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _signalable(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
