"""Python processes that work for this one, and are talked to by a socket."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Environment of a process whose libraries shall not start threads of their own."""
_IGNORE = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from {module} import main; main(int(sys.argv[2]))"
)


def start_child(
    module: str,
    environment: Mapping[str, str],
    *,
    site: bool = True,
    silent: bool = True,
    interruptible: bool = True,
) -> "tuple[subprocess.Popen[bytes], socket.socket]":
    """Start a process that calls ``main(fd)`` of a module with its end of a socket; and our end of that.

    It finds what this process finds. ``multiprocessing`` would import this one's main module in it, which
    may be Dagster's.

    Args:
        environment: all of it.
        site: whether it looks for installed packages by itself, too, as libraries may need.
        silent: whether what it prints is thrown away.
        interruptible: whether Ctrl+C, which the terminal sends to both, ends it.

    Raises:
        OSError: it cannot be started.
    """
    boot = ("" if interruptible else _IGNORE) + _BOOT.format(module=module)
    ours, theirs = socket.socketpair()
    with theirs:
        path = json.dumps([entry or os.getcwd() for entry in sys.path])  # noqa: PTH109
        flags = ["-I"] if site else ["-I", "-S"]
        try:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, *flags, "-c", boot, path, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if silent else None,
                env=environment,
            )
        except OSError:
            ours.close()
            raise
    return process, ours
