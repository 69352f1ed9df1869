"""Make what was written survive a power cut."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path


def flush_path(path: Path, root: Path) -> None:
    """Flush one file, if it still exists, and the folders from it up to ``root``."""
    _flush(path)
    for folder in path.parents:
        _flush(folder)
        if folder == root:
            return


def flush_file_system(folder: Path) -> None:
    """Flush everything on the file system of ``folder``: one barrier for any number of files."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


def _flush(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
