"""Programs on a real pseudo terminal of a given width."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.processes import PROGRAM


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
    process = subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=folder,
        env=kept | {"TERM": "xterm-256color"} | dict(env or {}),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
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
    return process.wait(), data.decode().replace("\r\n", "\n")


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
