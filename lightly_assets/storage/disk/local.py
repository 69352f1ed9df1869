"""A root on disk: plain system calls, atomic replacement, and no way out of the root through links."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from time import perf_counter, thread_time

from filelock import FileLock, Timeout

from lightly_assets.pulse import beat
from lightly_assets.storage.disk.durable import flush_file_system, flush_path
from lightly_assets.storage.disk.folders import OpenFolders
from lightly_assets.storage.disk.temporary import is_abandoned, is_temporary, temporary_name
from lightly_assets.storage.keys import check_folder, check_key
from lightly_assets.storage.parallel import for_each
from lightly_assets.storage.store import (
    OWN_FOLDER,
    BadKey,
    Change,
    Changed,
    Conflict,
    Denied,
    Entry,
    NotFound,
    Skip,
    StorageError,
    Unavailable,
)

_log = logging.getLogger(__name__)

# Writing small files is bound by the file system's own locks: more threads than this gain nothing, and on a
# local disk even a second one costs a fifth. It gains where a file waits as long as this with nobody at work,
# as it does on a disk that is far away. The first files tell.
_THREADS = 2
_FIRST_FILES = 16
_WAITING_SECONDS = 1e-3
# Up to this many files are flushed one by one; beyond, one flush of the file system is cheaper.
_FLUSH_SINGLY = 32
_LOCK_SECONDS = 60.0


class LocalStore:
    """A folder as a ``Store``. The folder is made by the first write."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self._inside = os.path.join(self.root, "")  # noqa: PTH118 - keeps the slash at the end
        self._flushed = threading.Condition()
        self._flushing: set[object] = set()
        """What threads flush that is not in the queue any more, a mark for each."""
        self._failures = 0
        """Flushes that went wrong: what they were of is in the queue again."""
        self._unflushed: deque[str] = deque(maxlen=_FLUSH_SINGLY + 1)

    @property
    def url(self) -> str:
        return str(self.root)

    @property
    def local_root(self) -> Path:
        return self.root

    def __repr__(self) -> str:
        return f"LocalStore({self.url!r})"

    # Reading

    def list(self, prefix: str = "", *, skip: Skip = (), after: str | None = None) -> Iterator[Entry]:
        folder = check_folder(prefix)
        if not folder and not self.root.is_dir():
            if self.root.exists():
                raise StorageError(f"{self.url} is a file; a root is the folder that it lies in.")
            raise NotFound(f"The folder {self.url} does not exist; create it or correct its name.")
        skipped = skip if callable(skip) else frozenset(skip).__contains__
        for key, entry in self._walk(folder, skipped, after=after or ""):
            try:
                status = entry.stat()
            except FileNotFoundError:  # gone since the folder was read
                continue
            if S_ISREG(status.st_mode):
                yield _entry(key, status)

    def names(self, prefix: str = "") -> Iterator[str]:
        pending = [check_folder(prefix)]
        while pending:
            folder = pending.pop()
            with self._errors(folder), self._scan(folder) as entries:
                for entry in entries:
                    key = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if self._is_unicode(key, entry.name):
                            pending.append(key)
                    elif self._is_listed(key, entry):
                        yield key

    def stat(self, key: str) -> Entry | None:
        with self._errors(key):
            try:
                status = self._locate(key).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return _entry(key, status) if S_ISREG(status.st_mode) else None

    def read(self, key: str) -> bytes:
        with self._errors(key):
            return self._locate(key).read_bytes()

    def read_range(self, key: str, start: int, length: int) -> bytes:
        with self._errors(key), self._locate(key).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def read_versioned(self, key: str) -> tuple[bytes, str]:
        data = self.read(key)
        return data, _version(data)

    def fingerprint_of(self, key: str, version: str) -> str:
        before = self.stat(key)
        same = before is not None and _version(self.read(key)) == version and self.stat(key) == before
        return before.fingerprint if before is not None and same else ""

    @contextlib.contextmanager
    def local_file(self, entry: Entry) -> Iterator[Path]:
        path = self._locate(entry.key)
        self._check_unchanged(entry)
        try:
            yield path
        except Exception as error:
            # What failed may have failed because the file was replaced: then trying again can help.
            self._check_unchanged(entry, error)
            raise
        self._check_unchanged(entry)

    # Writing

    def write(self, key: str, data: bytes) -> None:
        with OpenFolders(self.root) as folders:
            self._write(folders, key, data)

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> int:
        stream = iter(items)
        done, waited = 0, 0.0
        with OpenFolders(self.root) as folders:
            for item in islice(stream, _FIRST_FILES):
                start, worked = perf_counter(), thread_time()
                self._write(folders, *item)
                waited += perf_counter() - start - (thread_time() - worked)
                done += 1
            threads = _THREADS if waited > done * _WAITING_SECONDS else 1
            return done + for_each(lambda item: self._write(folders, *item), stream, threads=threads)

    def put_if(self, key: str, data: bytes, version: str | None) -> str:
        def replace_if_seen(content: bytes | None) -> bytes:
            if version != (None if content is None else _version(content)):
                raise Conflict(f"{self.url}/{key} was changed by somebody else meanwhile.")
            return data

        return self.update(key, replace_if_seen) or _version(data)

    def update(self, key: str, change: Change) -> str | None:
        check_key(key)
        with self._locked():
            try:
                content = self.read(key)
            except NotFound:
                content = None
            wanted = change(content)
            if wanted is not None and wanted != content:
                with OpenFolders(self.root) as folders:
                    self._write(folders, key, wanted, durable=True)
                content = wanted
        with self._errors(key):
            flush_path(self.root / key, self.root)
        return None if content is None else _version(content)

    def upload(self, key: str, path: Path) -> None:
        with OpenFolders(self.root) as folders, path.open("rb") as source:
            self._write(folders, key, lambda fd: _copy(source.fileno(), fd))

    def delete_many(self, keys: Iterable[str]) -> int:
        asked = 0
        folder = ""
        with OpenFolders(self.root) as folders:
            for key in keys:
                asked += 1
                parent, _, name = check_key(key).rpartition("/")
                if parent != folder:
                    self._remove_empty(folder)
                    folder = parent
                with self._errors(key), contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folders.open(parent, create=False))
                    self._unflushed.append(key)
                    beat()
        self._remove_empty(folder)
        return asked

    def sync(self) -> None:
        with self._errors(""):
            is_flushed = False
            while not is_flushed:
                before = self._failures
                while self._flush_next():
                    pass
                self._wait_for_others()
                is_flushed = self._failures == before

    def _wait_for_others(self) -> None:
        """What this thread has written may be in the hands of those that flush now, and of no later ones."""
        with self._flushed:
            others = set(self._flushing)
            self._flushed.wait_for(lambda: others.isdisjoint(self._flushing))

    def _flush_next(self) -> bool:
        """Flush the next file of the queue; all of them, where they are too many to go one by one."""
        mark = object()
        with self._flushed:
            most = len(self._unflushed) if len(self._unflushed) > _FLUSH_SINGLY else 1
            keys = tuple(self._unflushed.popleft() for _ in range(min(most, len(self._unflushed))))
            if not keys:
                return False
            self._flushing.add(mark)
        try:
            if len(keys) > _FLUSH_SINGLY:
                flush_file_system(self.root)
            else:
                flush_path(self.root / keys[0], self.root)
        except BaseException:
            with self._flushed:
                self._unflushed.extendleft(keys)
                self._failures += 1
            raise
        finally:
            with self._flushed:
                self._flushing.remove(mark)
                self._flushed.notify_all()
        return True

    def clock(self) -> datetime:
        return datetime.now(UTC)

    def sweep(self, prefix: str = "", *, older_than: float) -> int:
        removed = 0
        for key, entry in self._walk(check_folder(prefix), lambda _: False, temporary=True):
            with self._errors(key), contextlib.suppress(FileNotFoundError):
                modified = entry.stat(follow_symlinks=False).st_mtime
                if is_abandoned(entry.name, modified, older_than=older_than):
                    Path(entry.path).unlink()
                    removed += 1
        return removed

    # Inside

    def _walk(
        self, folder: str, skipped: Callable[[str], bool], *, temporary: bool = False, after: str = ""
    ) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Files below ``folder`` in the byte order of their keys; our temporary files, or all the others.

        Those up to the key ``after`` are left out, and folders that hold no others are not even opened.
        """
        pending: list[tuple[str, os.DirEntry[str] | None]] = [(f"{folder}/" if folder else "", None)]
        while pending:
            key, found = pending.pop()
            if found is not None:
                yield key, found
                continue
            children: list[tuple[str, os.DirEntry[str] | None]] = []
            with self._errors(key), self._scan(key.rstrip("/")) as entries:
                for entry in entries:
                    child = key + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        inside = f"{child}/"
                        wanted = (inside > after or after.startswith(inside)) and not skipped(inside)
                        if wanted and self._is_unicode(child, entry.name):
                            children.append((inside, None))
                    elif child <= after:
                        continue
                    elif is_temporary(entry.name) if temporary else self._is_listed(child, entry):
                        children.append((child, entry))
            children.sort(key=lambda item: item[0], reverse=True)
            pending += children

    def _scan(self, folder: str) -> contextlib.AbstractContextManager[Iterator[os.DirEntry[str]]]:
        try:
            # Not only folders whose names every store takes: what lies in them is for its reader to refuse.
            return os.scandir(self._real_path(folder) if folder else self.root)
        except FileNotFoundError:
            return contextlib.nullcontext(iter(()))

    def _is_listed(self, key: str, entry: os.DirEntry[str]) -> bool:
        if is_temporary(entry.name):
            return False
        if not self._is_unicode(key, entry.name):
            return False
        if not entry.is_symlink():
            return True
        target = os.path.realpath(entry.path)
        if target.startswith(self._inside) and os.path.isfile(target):  # noqa: PTH113
            return True
        _log.warning("%s/%s is a link to a folder, to nothing or out of the root: left out.", self.url, key)
        return False

    def _is_unicode(self, key: str, name: str) -> bool:
        if not name.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in name):
            _log.warning("%s: the name %s is not valid Unicode: left out.", self.url, ascii(key))
            return False
        return True

    def _locate(self, key: str) -> Path:
        """The real path of a key. Raises Denied where links lead out of the root."""
        return self._real_path(check_key(key))

    def _real_path(self, key: str) -> Path:
        path = os.path.realpath(self._inside + key)
        if not path.startswith(self._inside):
            raise Denied(f"{self.url}/{key} is a link that leads out of the root: not followed.")
        return Path(path)

    def _write(
        self,
        folders: OpenFolders,
        key: str,
        data: bytes | Callable[[int], None],
        *,
        durable: bool = False,
    ) -> None:
        parent, _, name = check_key(key).rpartition("/")
        with self._errors(key):
            temporary = temporary_name()
            folder, file = folders.create_file(parent, temporary)
            try:
                try:
                    data(file) if callable(data) else _write_all(file, data)
                    if durable:
                        os.fsync(file)
                finally:
                    os.close(file)
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
        self._unflushed.append(key)
        beat()

    def _remove_empty(self, folder: str) -> None:
        while folder:
            parent, _, name = folder.rpartition("/")
            try:
                with OpenFolders(self.root) as folders:
                    os.rmdir(name, dir_fd=folders.open(parent, create=False))
            except OSError:  # not empty, or somebody else was first
                return
            folder = parent

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time on this root; the kernel frees the lock when its owner dies."""
        with self._errors(OWN_FOLDER), OpenFolders(self.root) as folders:
            folders.open(OWN_FOLDER, create=True)
        lock = FileLock(self.root / OWN_FOLDER / "lock", timeout=_LOCK_SECONDS, poll_interval=0.005)
        try:
            lock.acquire()
        except Timeout:
            raise Unavailable(
                f"{lock.lock_file} is held by another process for {_LOCK_SECONDS:.0f} s."
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _check_unchanged(self, entry: Entry, cause: Exception | None = None) -> None:
        found = self.stat(entry.key)
        if found is None or found.fingerprint != entry.fingerprint:
            what = "has gone" if found is None else "was replaced or is still being written"
            raise Changed(f"{self.url}/{entry.key} {what} since it was listed; try again later.") from cause

    @contextlib.contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _translated(error, f"{self._inside}{key}") from error


def _entry(key: str, status: os.stat_result) -> Entry:
    fingerprint = f"stat:{status.st_size}-{status.st_mtime_ns}"
    return Entry(key, status.st_size, fingerprint, datetime.fromtimestamp(status.st_mtime, UTC))


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write_all(file: int, data: bytes) -> None:
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, memoryview(data)[written:])


def _copy(source: int, target: int) -> None:
    with open(source, "rb", closefd=False) as read, open(target, "wb", closefd=False) as write:
        shutil.copyfileobj(read, write, 1 << 20)


def _translated(error: OSError, path: str) -> StorageError:
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    match error.errno:
        case errno.ENOENT:
            return NotFound(f"{path} does not exist.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return Denied(f"{path}: {reason}.")
        case errno.ENOSPC | errno.EDQUOT:
            return Unavailable(f"{path} could not be written: {reason}; free some space and run again.")
        case errno.ENOTDIR | errno.EISDIR | errno.ELOOP | errno.EEXIST:
            return BadKey(f"{path}: a file stands where a folder is needed, the reverse, or a link does.")
        case errno.ENAMETOOLONG:
            return BadKey(f"{path}: the path is too long for this disk.")
    return Unavailable(f"{path}: {reason}.")
