"""How the checker lists and reads: a folder as fast as the disk allows, anything else through a store."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, Protocol

from lightly_assets.format.rules.file_rules import MAX_FILE_SIZE
from lightly_assets.storage import NotFound, StorageError, Store

# Most prediction files are smaller.
_READ = 1 << 14
_THREADS = 16


class Unreadable(NamedTuple):
    """Why a file has no content: the rule and a sentence. ``missing`` where there is none of that name."""

    rule: str
    message: str
    missing: bool = False


PROBLEMS = {
    "link-outside": "The link leads out of the datasource or into itself; it is not followed.",
    "file-unreadable": "It cannot be read, or is neither a file nor a folder.",
    "file-too-large": "The file is larger than 256 MiB.",
}

Listed = tuple[str, str | None]
"""A file as a listing saw it: its key, and the rule that forbids to read it, if any."""

# A folder to scan: its path, its prefix, and the real paths of the folders it lies in.
_Pending = tuple[str, str, frozenset[str]]


class Reader(Protocol):
    """Files under a root, by keys. Can be sent to another process."""

    def walk(self, prefix: str) -> Iterator[Listed]:
        """All files below the folder ``prefix``, in a fixed order."""

    def read(self, key: str) -> bytes | Unreadable:
        """The content of a file that no listing has seen."""

    def read_many(self, keys: Sequence[str]) -> list[bytes | Unreadable]:
        """The content of each; they come from a listing."""

    def read_named(self, keys: Sequence[str]) -> list[bytes | Unreadable]:
        """The content of each; no listing has seen them."""

    def read_start(self, key: str, length: int | None) -> bytes | Unreadable:
        """The first bytes of a file, or all of them."""


@dataclass(frozen=True)
class FolderReader:
    """A folder on disk. Links are followed only to places inside it."""

    root: str

    def walk(self, prefix: str) -> Iterator[Listed]:
        root = os.path.realpath(self.root)
        above = frozenset({root})
        folder = root
        for name in filter(None, prefix.split("/")):
            folder = f"{folder}/{name}"
            real = os.path.realpath(folder)
            if not _is_inside(real, root):
                yield prefix.rstrip("/"), "link-outside"
                return
            above |= {real}
        # A stack instead of recursion: folders can nest deeper than Python's.
        pending = [(folder, prefix, above)]
        while pending:
            yield from self._scan(*pending.pop(), root, pending)

    def _scan(
        self, folder: str, prefix: str, above: frozenset[str], root: str, pending: list[_Pending]
    ) -> Iterator[Listed]:
        """The files of one folder; its folders go to ``pending``."""
        try:
            names, others = _listed(folder)
        except FileNotFoundError:
            return
        except OSError:
            yield prefix.rstrip("/"), "file-unreadable"
            return
        for name in names:
            key = f"{prefix}{name}"
            if name not in others:
                yield key, None
                continue
            path = f"{folder}/{name}"
            target = os.path.realpath(path) if others[name] else path
            kind = _kind(target)
            # What cannot be resolved to the end is a link still: a circle of links.
            if target in above or not _is_inside(target, root) or kind == stat.S_IFLNK:
                yield key, "link-outside"
            elif kind == stat.S_IFDIR:
                pending.append((path, f"{key}/", above | {target}))
            else:
                yield key, None if kind == stat.S_IFREG else "file-unreadable"

    def read(self, key: str) -> bytes | Unreadable:
        target = os.path.realpath(f"{self.root}/{key}")
        kind = _kind(target)
        if not _is_inside(target, os.path.realpath(self.root)) or kind == stat.S_IFLNK:
            return Unreadable("link-outside", PROBLEMS["link-outside"])
        if kind not in (stat.S_IFREG, None):
            # Opening a pipe would wait for its writer for ever.
            return Unreadable("file-unreadable", PROBLEMS["file-unreadable"])
        return self.read_many([key])[0]

    def read_many(self, keys: Sequence[str]) -> list[bytes | Unreadable]:
        # Neighbours share their folder, which is looked up only once.
        contents: list[bytes | Unreadable] = []
        for folder, group in groupby(keys, key=_folder_of):
            names = [key[len(folder) :] for key in group]
            try:
                descriptor = os.open(f"{self.root}/{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                contents += [_unreadable(error)] * len(names)
                continue
            try:
                contents += [_read(name, descriptor) for name in names]
            finally:
                os.close(descriptor)
        return contents

    def read_named(self, keys: Sequence[str]) -> list[bytes | Unreadable]:
        return [self.read(key) for key in keys]

    def read_start(self, key: str, length: int | None) -> bytes | Unreadable:
        if length is None:
            return self.read(key)
        try:
            with Path(self.root, key).open("rb") as file:
                return file.read(length)
        except OSError as error:
            return _unreadable(error)


def _kind(path: str) -> int | None:
    """The type of a file, of a link itself; None where there is nothing to see."""
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except OSError:
        return None


def _folder_of(key: str) -> str:
    """With its slash at the end; "" for the root."""
    return key[: key.rfind("/") + 1]


def _read(name: str, folder: int) -> bytes | Unreadable:
    """The content of a file in an open folder, in as few system calls as possible for a small one."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        return _unreadable(error)
    try:
        data = os.read(descriptor, _READ)
        if len(data) < _READ:
            return data
        size = os.fstat(descriptor).st_size
        if size > MAX_FILE_SIZE:
            return too_large(size)
        parts = [data]
        while part := os.read(descriptor, max(_READ, size)):
            parts.append(part)
        return b"".join(parts)
    except OSError as error:
        return _unreadable(error)
    finally:
        os.close(descriptor)


def _unreadable(error: OSError) -> Unreadable:
    missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    return Unreadable("file-unreadable", f"The file cannot be read: {error.strerror}.", missing)


def too_large(size: int) -> Unreadable:
    """The finding about a file that is not worth reading."""
    return Unreadable("file-too-large", f"The file has {size:,} bytes; 256 MiB are allowed.")


def _listed(folder: str) -> tuple[list[str], dict[str, bool]]:
    """The names in a folder, sorted; and of those that are no plain files, whether they are links.

    A folder may hold a million files, of which no more than their names is kept.
    """
    names: list[str] = []
    others: dict[str, bool] = {}
    with os.scandir(folder) as scan:
        for entry in scan:
            names.append(entry.name)
            if not entry.is_file(follow_symlinks=False):
                others[entry.name] = entry.is_symlink()
    names.sort()
    return names, others


def _is_inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


@dataclass(frozen=True)
class StoreReader:
    """Any store, several reads at a time."""

    store: Store

    def walk(self, prefix: str) -> Iterator[Listed]:
        for entry in self.store.list(prefix.rstrip("/")):
            yield entry.key, "file-too-large" if entry.size > MAX_FILE_SIZE else None

    def read(self, key: str) -> bytes | Unreadable:
        return self._read(key)

    def read_many(self, keys: Sequence[str]) -> list[bytes | Unreadable]:
        with ThreadPoolExecutor(_THREADS) as threads:
            return list(threads.map(self._read, keys))

    def read_named(self, keys: Sequence[str]) -> list[bytes | Unreadable]:
        return self.read_many(keys)

    def read_start(self, key: str, length: int | None) -> bytes | Unreadable:
        return self._read(key, length)

    def _read(self, key: str, length: int | None = None) -> bytes | Unreadable:
        try:
            return self.store.read(key) if length is None else self.store.read_range(key, 0, length)
        except NotFound as error:
            return Unreadable("file-unreadable", str(error), missing=True)
        except StorageError as error:
            # Nothing is known about the folder when its store is out of reach.
            if error.retriable:
                raise
            return Unreadable("file-unreadable", str(error))
