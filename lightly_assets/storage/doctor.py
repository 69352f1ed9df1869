"""Says what is wrong with access to a root before a run does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lightly_assets.storage.bucket.claims import LOCKS
from lightly_assets.storage.disk.local import LocalStore
from lightly_assets.storage.disk.temporary import MARK, temporary_name
from lightly_assets.storage.store import OWN_FOLDER, Conflict, Denied, NotFound, StorageError, Store

if TYPE_CHECKING:
    from lightly_assets.storage.bucket.objects import ObjectStore

_OWN_NAME = re.compile(rf"/locks/{re.escape(MARK)}[\w-]+")
_SKEW_SECONDS = 300.0  # S3 refuses requests of clocks that are 15 minutes off


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was tried."""

    name: str
    ok: bool
    message: str
    """One sentence: what was found, and what to do where it is not ok."""
    hopeless: bool = False
    """Not a matter of rights: nothing else can work either."""


def diagnose(store: Store, *, writable: bool) -> list[Diagnosis]:
    """Try everything that a run needs of a root. Never raises StorageError.

    ``writable`` is False for an input, which is only read. Otherwise files of our own are written and removed
    again below ``.lightly/lightly_assets/``; nothing else is touched. What cannot work after a failure is not
    tried any more.
    """
    # Writing comes first: it makes a folder that does not exist yet.
    written = _try("write and delete", lambda: _write(store)) if writable else None
    if written is not None and written.hopeless:
        return [written]
    results = [_try("list", lambda: _list(store, writable))]
    if results[0].ok:
        results.append(_try("read a range", lambda: _read_range(store)))
    if written is None:
        return results
    results.append(written)
    if not written.ok:
        return results
    results.append(_try("compare and swap", lambda: _swap(store)))
    if isinstance(store, LocalStore):
        results.append(_try("durable writes", lambda: _sync(store)))
    else:
        from lightly_assets.storage.bucket.objects import ObjectStore

        if isinstance(store, ObjectStore):
            results.append(_try("clock", lambda: _clock(store)))
            results.append(_try("versioning", lambda: _versioning(store)))
    return results


def _try(name: str, check: Callable[[], str]) -> Diagnosis:
    try:
        return Diagnosis(name, True, check())
    except StorageError as error:
        # The name of the file of our own that was tried tells nobody anything.
        message = _OWN_NAME.sub("", str(error))
        return Diagnosis(name, False, message, hopeless=not isinstance(error, Denied))


def _list(store: Store, writable: bool) -> str:
    if next(store.list(), None) is not None:
        return f"{store.url} can be listed."
    return f"{store.url} can be listed, and is empty" + (
        "." if writable else "; is this the folder you mean?"
    )


def _read_range(store: Store) -> str:
    first = next((entry for entry in store.list() if entry.size), None)
    if first is None:
        return "There is no file yet whose reading could be tried."
    if len(store.read_range(first.key, 0, 1)) != 1:
        raise StorageError(f"{store.url}: reading one byte of {first.key} gave another length.")
    return "A part of a file can be read."


def _write(store: Store) -> str:
    key = _own_key()
    store.write(key, b"doctor")
    try:
        if store.read(key) != b"doctor":
            raise StorageError(f"{store.url}: what was just written reads back as something else.")
    finally:
        store.delete_many([key])
    if store.stat(key) is not None:
        raise StorageError(f"{store.url}: a file that was deleted is still there.")
    return f"Files below {OWN_FOLDER}/ can be written and deleted."


def _swap(store: Store) -> str:
    key = _own_key()
    try:
        version = store.put_if(key, b"1", None)
        store.put_if(key, b"2", version)
        try:
            store.put_if(key, b"3", version)
        except Conflict:
            pass
        else:
            raise StorageError(f"{store.url}: two writers could overwrite each other's tasks.json.")
    finally:
        store.delete_many([key])
    if not getattr(store, "has_conditional_writes", True):
        return "The server ignores conditional writes; a lock object is used instead, which is slower."
    return "Concurrent writers of one file cannot overwrite each other."


def _sync(store: LocalStore) -> str:
    store.sync()
    return "The disk confirms that writes are durable."


def _clock(store: ObjectStore) -> str:
    skew = (datetime.now(UTC) - store.clock()).total_seconds()
    if abs(skew) > _SKEW_SECONDS:
        raise StorageError(f"This machine's clock is {skew:+.0f} s off the store's: set it.")
    return "This machine's clock agrees with the store's."


def _versioning(store: ObjectStore) -> str:
    try:
        if store.keeps_old_versions:
            return "The bucket keeps old versions: a lifecycle rule should expire those of .lightly/."
    except NotFound:
        raise StorageError(
            f"{store.url}: the bucket does not exist; create it or correct its name."
        ) from None
    return "The bucket keeps no old versions."


def _own_key() -> str:
    # Where and how runs look for what processes that were killed have left.
    return f"{LOCKS}/{temporary_name()}"
