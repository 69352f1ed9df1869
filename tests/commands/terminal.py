"""Programs on a real pseudo terminal of a given width."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.processes import processes, program, run_in


def on_terminal(
    arguments: Sequence[str], folder: Path, *, width: int = 80, env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit code, and all that was written to the terminal, standard error included."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DAGSTER_HOME", "NO_COLOR", "COLUMNS")
    }
    used = kept | {"TERM": "xterm-256color"} | dict(env or {})
    terminal: Connection[Any, Any] = Connection(slave)
    process = processes.Process(target=_on_terminal, args=(terminal, str(folder), used, list(arguments)))
    process.start()
    terminal.close()
    data = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        data += piece
    os.close(master)
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode, data.decode().replace("\r\n", "\n")


def _on_terminal(
    terminal: "Connection[Any, Any]", folder: str, env: dict[str, str], arguments: list[str]
) -> None:
    for stream in (0, 1, 2):
        os.dup2(terminal.fileno(), stream)
    terminal.close()
    sys.stdin = open(0)  # noqa: SIM115 - it was nothing
    run_in(folder, env, program, *arguments)


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
