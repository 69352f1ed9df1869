"""A bounded folder of downloads, shared by all processes of a user."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lightly_assets.storage.disk.temporary import is_abandoned, is_temporary, temporary_name
from lightly_assets.storage.store import Denied, StorageError, Unavailable

_OTHER_MACHINE_SECONDS = 24 * 3600.0


class DownloadCache:
    """Files by the name of what they hold. A file in use is locked and never removed by anybody."""

    def __init__(self, folder: Path | None, bound: int) -> None:
        self._folder = folder or default_folder()
        self._bound = bound

    @contextmanager
    def file(self, name: str, suffix: str, size: int, download: Callable[[Path], None]) -> Iterator[Path]:
        """The path of the cached content ``name``, downloaded first where it is missing.

        ``size`` is the content's length in bytes, which a download must have, else Unavailable. The suffix is
        kept because media libraries look at it.
        """
        safe = suffix if suffix.isascii() and suffix[1:].isalnum() and len(suffix) < 16 else ""
        path = self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}{safe}"
        with _errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = _open_shared(path, size)
        if lock is None:
            lock = self._fetch(path, size, download)
        try:
            yield path
        finally:
            os.close(lock)
            with contextlib.suppress(OSError):
                self._make_room(0)

    def _fetch(self, path: Path, size: int, download: Callable[[Path], None]) -> int:
        temporary = self._folder / temporary_name()
        try:
            with _errors(self._folder):
                self._make_room(size)
                temporary.touch(mode=0o600)
            with _errors(self._folder):
                download(temporary)
                if temporary.stat().st_size != size:
                    raise Unavailable(f"A download of {size} bytes was cut off; try again later.")
                return self._put_in_place(temporary, path, size)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _put_in_place(self, temporary: Path, path: Path, size: int) -> int:
        """Give a download its name, unless another process was faster: its file may be in use already."""
        with self._alone():
            lock = _open_shared(path, size)
            if lock is not None:
                temporary.unlink()
                return lock
            lock = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_SH)
            temporary.replace(path)
            return lock

    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _make_room(self, size: int) -> None:
        """Remove the least recently used files until ``size`` more bytes keep to the bound."""
        files = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    found = entry.stat()
                    files.append((found.st_atime, found.st_mtime, found.st_size, Path(entry.path)))
        total = size + sum(length for _, _, length, _ in files)
        for _, modified, length, path in sorted(files):
            if is_temporary(path.name):
                if is_abandoned(path.name, modified, older_than=_OTHER_MACHINE_SECONDS):
                    path.unlink(missing_ok=True)
                    total -= length
            elif total > self._bound and _remove_unused(path):
                total -= length


def default_folder() -> Path:
    """Where downloads go unless told otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "lightly-assets"


def _open_shared(path: Path, size: int) -> int | None:
    """A descriptor that keeps the file in the cache; None where it is missing or not whole."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    fcntl.flock(lock, fcntl.LOCK_SH)
    status = os.fstat(lock)
    if status.st_nlink == 0 or status.st_size != size:  # removed while we waited, or damaged
        os.close(lock)
        return None
    # By the mtime, readers see whether it changes: only the atime may tell when it was used last.
    os.utime(lock, ns=(time.time_ns(), status.st_mtime_ns))
    return lock


def _remove_unused(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


@contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise Denied(f"The download cache {folder}: {reason}.") from None
        raise Unavailable(f"The download cache {folder}: {reason}.") from None
