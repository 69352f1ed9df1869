"""Names of our temporary files, from which one can tell whether their writer still lives.

``.lightly-assets-tmp-HOME-PID-START-N``: HOME is the machine's boot and process name space (a process id
means nothing outside of it), START the process's start time in clock ticks (process ids are used again).
"""

from __future__ import annotations

import itertools
import os
import re
import time
from functools import cache

from lightly_assets.storage.disk.processes import home, started

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
    if match["home"] == home():
        return started(int(match["pid"])) != int(match["start"])
    return time.time() - modified >= older_than


@cache
def _prefix(pid: int) -> str:
    return f"{MARK}{home()}-{pid}-{started(pid) or 0}-"
