"""A process that packs and encodes results for another one, until that is gone."""

import os
import pickle
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from lightly_assets.encoding.rows import encode_rows
from lightly_assets.encoding.task_settings import TaskSettings
from lightly_assets.errors import BadValue


def main(fd: int) -> None:
    """Work for the process at the other end of the socket ``fd``; never returns."""
    with suppress(EOFError, OSError):
        _work(Connection(fd))
    os._exit(0)


def _work(parent: "Connection[Any, Any]") -> None:
    settings: dict[str, TaskSettings] = parent.recv()
    parent.send_bytes(b"")  # it is ready
    while True:
        name, results, sizes, encodes = parent.recv()
        try:
            found = [
                row.without_masks for row in encode_rows(results, sizes, settings[name] if encodes else None)
            ]
        except BadValue:
            # What is wrong is told where they are written.
            parent.send(None)
            continue
        parent.send_bytes(pickle.dumps(found, pickle.HIGHEST_PROTOCOL))
