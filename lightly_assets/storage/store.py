"""What a root can do, wherever it lies, and the closed set of errors it can raise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeAlias

from lightly_assets.errors import LightlyAssetsError

# Whatever this layer needs beside the data (locks, probes) lies here, outside of every task folder.
OWN_FOLDER = ".lightly/lightly_assets"

Skip: TypeAlias = Callable[[str], bool] | tuple[str, ...]
"""Folders that a listing leaves out: keys such as ``".lightly/"``, or a predicate of such a key."""

Change: TypeAlias = Callable[[bytes | None], bytes | None]
"""From the stored content, None where there is none, to what it should be."""


class StorageError(LightlyAssetsError):
    """Something about a root went wrong; the message is one sentence for people and holds no secrets."""


class NotFound(StorageError):  # noqa: N818 - reads as what happened
    """There is nothing under this key, or no such bucket."""


class BadKey(StorageError):  # noqa: N818 - reads as what happened
    """Nothing can lie under this key: it is too long or has a forbidden name, or something is in its way."""


class Conflict(StorageError):  # noqa: N818 - reads as what happened
    """``put_if``: what is stored is not the version that the caller has seen. Read, merge, try again."""


class Changed(StorageError):  # noqa: N818 - reads as what happened
    """The content is not the version that was listed: it was replaced, or is still being written."""

    retriable = True


class Denied(StorageError):  # noqa: N818 - reads as what happened
    """Access refused: wrong, missing or expired credentials, missing rights, a read-only disk."""


class Unavailable(StorageError):  # noqa: N818 - reads as what happened
    """The store did not answer, or has no room, after all bounded retries."""

    retriable = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored file as a listing saw it."""

    key: str
    """POSIX path relative to the root, without a leading slash."""
    size: int
    """Bytes."""
    fingerprint: str
    """``etag:…`` in object storage, ``stat:size-mtime_ns`` on disk: another one means other content."""
    modified: datetime
    """UTC, by the store's clock; for people, never for deciding what is stale."""


class Store(Protocol):
    """A root on disk or in object storage. All methods are safe to call from several threads."""

    @property
    def url(self) -> str:
        """The root, for people and logs. Never contains secrets."""

    @property
    def local_root(self) -> Path | None:
        """The folder, for a root on this machine's disk; None in object storage."""

    def list(self, prefix: str = "", *, skip: Skip = (), after: str | None = None) -> Iterator[Entry]:
        """All files below the folder ``prefix``, streaming, in an order that does not vary between calls.

        With ``after``, only those behind that key: a listing can be broken off and taken up again.
        Links to folders are not entered, links out of the root are left out. A missing folder is empty;
        a missing root is ``NotFound``.
        """

    def names(self, prefix: str = "") -> Iterator[str]:
        """Only the keys below the folder ``prefix``, in any order, as cheaply as possible."""

    def stat(self, key: str) -> Entry | None:
        """The entry of one key, or None where there is none."""

    def read(self, key: str) -> bytes:
        """The whole content. Raises NotFound."""

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """At most ``length`` bytes from offset ``start``. Raises NotFound."""

    def read_versioned(self, key: str) -> tuple[bytes, str]:
        """The content and the version of it that ``put_if`` takes. Raises NotFound."""

    def fingerprint_of(self, key: str, version: str) -> str:
        """The fingerprint that a listing gives ``key`` while it is of this version; empty where it is not."""

    def local_file(self, entry: Entry) -> AbstractContextManager[Path]:
        """A local path that holds exactly the version of ``entry`` while the context is open.

        On disk the file itself, checked on entering and again on leaving; from object storage a download
        into the bounded cache. Raises Changed if it is another version now, or became one meanwhile.
        """

    def write(self, key: str, data: bytes) -> None:
        """Replace the content atomically: readers see the old or the new bytes, never a part."""

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> int:
        """Write all items in parallel, each atomically, holding only those in flight; how many were written.

        Items are drawn one at a time, from several threads in turn. The first error stops the drawing and is
        raised once what was in flight has ended.
        """

    def put_if(self, key: str, data: bytes, version: str | None) -> str:
        """Compare and swap: write only if the stored version is still ``version`` (None: nothing is stored).

        Returns the new version; raises Conflict. On disk the content is durable on return.
        """

    def update(self, key: str, change: Change) -> str | None:
        """Replace the content of ``key`` by ``change(content)``, losing nobody's update; its version.

        ``change`` gets None where nothing is stored. It may be called again with newer content when somebody
        else was faster, so it must be harmless to apply twice. It returns None, or what it was given, to
        leave everything as it is; what it raises is passed on. Raises Unavailable when others hold on for
        minutes.
        """

    def upload(self, key: str, path: Path) -> None:
        """Publish a local file atomically under ``key``."""

    def delete_many(self, keys: Iterable[str]) -> int:
        """Delete keys; missing ones are fine, folders left empty go too. How many keys were asked for."""

    def sync(self) -> None:
        """Return when everything written so far through this store survives a power cut."""

    def clock(self) -> datetime:
        """The present time by the clock that ``Entry.modified`` goes by."""

    def sweep(self, prefix: str = "", *, older_than: float) -> int:
        """Remove temporary files of ours below ``prefix`` whose process is dead; how many.

        A process of another machine or container counts as dead when its file is ``older_than`` seconds old.
        """
