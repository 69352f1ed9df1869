"""Names of our temporary files, from which one can tell whether their writer still lives.

``.lightly-assets-tmp-HOME-PID-START-N``: HOME is the machine's boot and process name space (a process id
means nothing outside of it), START the process's start time in clock ticks (process ids are used again).
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import time
from functools import cache
from pathlib import Path

MARK = ".lightly-assets-tmp-"
_NAME = re.compile(re.escape(MARK) + r"(?P<home>[0-9a-f]{12})-(?P<pid>\d+)-(?P<start>\d+)-\d+")
_counter = itertools.count()


def temporary_name() -> str:
    """A new file name of this process, short enough for any folder; never ends in ``.json``."""
    return f"{_prefix(os.getpid())}{next(_counter)}"


def is_temporary(name: str) -> bool:
    """Whether a file name is one that ``temporary_name`` gives."""
    return name.startswith(MARK) and _NAME.fullmatch(name) is not None


def is_abandoned(name: str, modified: float, *, older_than: float) -> bool:
    """Whether the writer of the temporary file ``name`` is dead.

    ``modified`` is the file's mtime in seconds since the epoch. Where the writer belongs to another machine
    or container, dead means that the file is at least ``older_than`` seconds old.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return False
    if match["home"] == _home():
        return _started(int(match["pid"])) != int(match["start"])
    return time.time() - modified >= older_than


@cache
def _prefix(pid: int) -> str:
    return f"{MARK}{_home()}-{pid}-{_started(pid) or 0}-"


@cache
def _home() -> str:
    parts = [os.uname().nodename]
    for source in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            parts.append(str(Path(source).readlink()) if "/ns/" in source else Path(source).read_text())
        except OSError:  # not Linux: the host name has to do
            continue
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _started(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None if it is dead; 0 where /proc is missing."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None if Path("/proc/self/stat").exists() or not _signalable(pid) else 0
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def _signalable(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
