"""Open folders of a root by descriptor, so that no link on the way can lead a write elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT = 64


class OpenFolders:
    """Descriptors of the folders that one operation works in, kept until it ends. Thread-safe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, int] = {}
        self._stale: list[int] = []
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in [*self._open.values(), *self._stale]:
            os.close(descriptor)

    def open(self, folder: str, *, create: bool) -> int:
        """The descriptor of ``folder``, ``""`` for the root. Raises OSError, also for a link on the way."""
        with self._lock:
            if folder not in self._open:
                self._open[folder] = self._descend(folder, create)
            return self._open[folder]

    def create_file(self, folder: str, name: str) -> tuple[int, int]:
        """Make a new file; descriptors of its folder and of the file, which the caller closes."""
        for attempt in range(5):
            descriptor = self.open(folder, create=True)
            try:
                return descriptor, os.open(name, _NEW_FILE, 0o666, dir_fd=descriptor)
            except FileNotFoundError:  # the folder was empty and somebody removed it
                if attempt == 4:
                    raise
                self._forget(folder)
        raise AssertionError("the loop returns or raises")

    def _forget(self, folder: str) -> None:
        with self._lock:
            descriptor = self._open.pop(folder, None)
            if descriptor is not None:
                self._stale.append(descriptor)

    def _descend(self, folder: str, create: bool) -> int:
        if create:
            self._root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._root, _FOLDER)
        for name in folder.split("/") if folder else ():
            above = descriptor
            try:
                descriptor = _enter(above, name, create)
            finally:
                os.close(above)
        return descriptor


def _enter(above: int, name: str, create: bool) -> int:
    while True:
        try:
            return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
        except FileNotFoundError:
            if not create:
                raise
        try:
            os.mkdir(name, dir_fd=above)
        except FileExistsError:
            continue
