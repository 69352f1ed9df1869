"""A root in object storage: S3 and compatible servers; Google and Azure by the same client, untested here."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError, InvalidPathError

from lightly_assets.pulse import beat
from lightly_assets.storage.bucket import s3_listing
from lightly_assets.storage.bucket.claims import EXPIRY, LOCKS, claimed
from lightly_assets.storage.bucket.native_errors import GivenUpEarly, translated
from lightly_assets.storage.bucket.reading import PART, read_range, save
from lightly_assets.storage.cache import DownloadCache
from lightly_assets.storage.connect import connect, endpoint_of
from lightly_assets.storage.keys import check_folder, check_key
from lightly_assets.storage.parallel import Slots, for_each
from lightly_assets.storage.pruning import Pruning
from lightly_assets.storage.settings import StorageSettings
from lightly_assets.storage.store import (
    Change,
    Changed,
    Conflict,
    Entry,
    NotFound,
    Skip,
    StorageError,
    Unavailable,
)

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode, PutResult, UpdateVersion

P = ParamSpec("P")
R = TypeVar("R")

_BATCH = 1000  # keys of one listing page and of one delete request, the most that S3 takes
_PATIENCE_SECONDS = 240.0
_SETTINGS = {
    "s3": "`storage:` and the AWS variables of the environment",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS and the other Google variables of the environment",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and the other Azure variables of the environment",
}
_INVALID: Sequence[ObjectMeta] = []  # instead of a page with a key that the native client refuses
# What the native client raises; credential providers and path checks use the built-in ones.
_NATIVE_ERRORS = (BaseError, OSError, ValueError, RuntimeError)


class _Process:
    """Whether the native client can work in this process."""

    used = False
    lost = False

    @classmethod
    def check(cls) -> None:
        cls.used = True
        if cls.lost:
            raise StorageError(
                "This process was forked from one that had used object storage, which the client does not "
                "survive: start processes with the method 'spawn'."
            )

    @classmethod
    def after_fork(cls) -> None:
        cls.lost = cls.used


os.register_at_fork(after_in_child=_Process.after_fork)


class ObjectStore:
    """A bucket and prefix as a ``Store``. Nothing is contacted before the first call.

    After ``os.fork`` the native client's threads are gone and a call would wait forever: it raises
    StorageError instead. Processes started by spawn or exec are fine.
    """

    def __init__(
        self, scheme: str, bucket: str, prefix: str, options: StorageSettings, cache_dir: Path | None
    ) -> None:
        self._url = f"{scheme}://{bucket}/{prefix}/" if prefix else f"{scheme}://{bucket}/"
        self._scheme, self._bucket, self._prefix = scheme, bucket, prefix
        self._options = options
        self._in_flight = Slots(options.concurrency)
        self._cache = DownloadCache(cache_dir, options.cache_bytes)
        try:
            self._native = connect(scheme, bucket, prefix, options)
            self._single = connect(scheme, bucket, prefix, options, single_try=True)
            return
        except StorageError:
            raise
        except _NATIVE_ERRORS:
            pass  # its text can hold what is wrong, such as half of a key
        raise StorageError(f"{self._url} cannot be used as it is set up: check {_SETTINGS[scheme]}.")

    @property
    def url(self) -> str:
        return self._url

    @property
    def local_root(self) -> None:
        return None

    def __repr__(self) -> str:
        return f"ObjectStore({self._url!r})"

    # Reading

    def list(self, prefix: str = "", *, skip: Skip = (), after: str | None = None) -> Iterator[Entry]:
        folder = check_folder(prefix)
        if not skip:
            yield from self._entries(folder, after)
            return
        pruning = Pruning(skip)
        while True:
            jump = None
            for entry in self._entries(folder, after):
                jump = pruning.jump_from(entry.key)
                if jump is not None:
                    break
                if not pruning.is_skipped:
                    yield entry
            if jump is None:
                return
            after = jump

    def names(self, prefix: str = "") -> Iterator[str]:
        for page in self._pages(check_folder(prefix), None):
            for found in page:
                yield found["path"]

    def stat(self, key: str) -> Entry | None:
        try:
            return _entry(self._ask(key, obstore.head, self._native, check_key(key)))
        except NotFound:
            return None

    def read(self, key: str) -> bytes:
        return self._ask(key, lambda: bytes(obstore.get(self._native, check_key(key)).bytes()))

    def read_range(self, key: str, start: int, length: int) -> bytes:
        if length <= 0:
            return b""
        check_key(key)
        return self._ask(key, read_range, self._native, key, start, length)

    def read_versioned(self, key: str) -> tuple[bytes, str]:
        def get() -> tuple[bytes, str]:
            found = obstore.get(self._single, check_key(key))
            return bytes(found.bytes()), _token(found.meta)

        # The client resumes a reply that was cut off, which must fail when the file was changed meanwhile.
        return self._retry(key, get)

    def fingerprint_of(self, key: str, version: str) -> str:  # noqa: ARG002 - a disk needs it
        return _fingerprint(json.loads(version))

    def local_file(self, entry: Entry) -> AbstractContextManager[Path]:
        self._check_unchanged(entry)
        name = f"{self._url}\n{entry.key}\n{entry.fingerprint}"
        suffix = Path(entry.key).suffix
        return self._cache.file(name, suffix, entry.size, lambda target: self._download(entry, target))

    # Writing

    def write(self, key: str, data: bytes) -> None:
        self._ask(key, obstore.put, self._native, check_key(key), data, chunk_size=PART, max_concurrency=4)

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> int:
        stream, most = iter(items), self._options.concurrency
        first = list(islice(stream, most))
        with self._in_flight.some(len(first)):
            return for_each(lambda item: self.write(*item), chain(first, stream), threads=most)

    def put_if(self, key: str, data: bytes, version: str | None) -> str:
        check_key(key)
        if self.has_conditional_writes:
            return self._put_conditionally(key, data, version)
        with claimed(self, key) as claim:
            if self._read_or_none(key)[1] != version:
                raise self._conflict(key)
            claim.check()
            return self._version_of(key, self._retry(key, self._put_once, key, data, None))

    def update(self, key: str, change: Change) -> str | None:
        if self.has_conditional_writes:
            return self._update_conditionally(key, change)
        with claimed(self, key) as claim:
            content, version = self._read_or_none(key)
            wanted = change(content)
            if wanted is None or wanted == content:
                return version
            claim.check()
            return self._version_of(key, self._retry(key, self._put_once, key, wanted, None))

    def upload(self, key: str, path: Path) -> None:
        if not path.is_file():
            raise StorageError(f"{path} is not a file, so it cannot be uploaded.")
        self._ask(key, obstore.put, self._native, check_key(key), path, chunk_size=PART, max_concurrency=4)

    def delete_many(self, keys: Iterable[str]) -> int:
        stream = iter(keys)
        batches = iter(lambda: list(islice(stream, _BATCH)), [])
        return sum(self._delete(batch) for batch in batches)

    def sync(self) -> None:
        """Nothing to wait for: a request that was answered is durable."""

    def sweep(self, prefix: str = "", *, older_than: float) -> int:
        """Claims of dead processes on stores without conditional writes; uploads leave nothing visible."""
        folder = check_folder(prefix)
        if folder and not f"{LOCKS}/".startswith(f"{folder}/") and not f"{folder}/".startswith(f"{LOCKS}/"):
            return 0
        left = list(self.list(LOCKS))
        if not left:
            return 0
        alive = self.clock() - max(EXPIRY, timedelta(seconds=older_than))
        return self.delete_many([entry.key for entry in left if entry.modified < alive])

    # What the doctor asks

    @cached_property
    def has_conditional_writes(self) -> bool:
        """Whether the store honours If-Match and If-None-Match: known, configured, or tried out."""
        if self._options.conditional_writes is not None:
            return self._options.conditional_writes
        if self._scheme != "s3" or endpoint_of(self._options) is None:
            return True
        return self.probe_conditional_writes()

    def probe_conditional_writes(self) -> bool:
        """Try both conditions on an object of our own, which is removed again."""
        key = f"{LOCKS}/probe-{uuid4().hex}"
        try:
            self._retry(key, self._put_once, key, b"1", None)
            return self._is_refused(key, "create") and self._is_refused(key, {"e_tag": f'"{uuid4().hex}"'})
        finally:
            self.delete_many([key])

    def clock(self) -> datetime:
        """The store's present time, by the modification time of an object of our own, removed again."""
        key = f"{LOCKS}/clock-{uuid4().hex}"
        try:
            self.write(key, b"")
            found = self.stat(key)
        finally:
            self.delete_many([key])
        if found is None:
            raise StorageError(f"{self._url}: an object that was written cannot be read.")
        return found.modified

    @property
    def keeps_old_versions(self) -> bool:
        """Whether the bucket is versioned, by the version that a write returns."""
        key = f"{LOCKS}/version-{uuid4().hex}"
        try:
            return self._retry(key, self._put_once, key, b"", None)["version"] not in (None, "null")
        finally:
            self.delete_many([key])

    # Inside

    def _call(self, key: str, action: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        _Process.check()
        try:
            found = action(*args, **kwargs)
            beat()
            return found
        except StorageError:
            raise
        except _NATIVE_ERRORS as error:
            problem = translated(error, f"{self._url}{key}")
        raise problem  # out here, so that the original, with the server's reply in it, is not its context

    def _entries(self, folder: str, after: str | None) -> Iterator[Entry]:
        for page in self._pages(folder, after):
            for found in page:
                yield _entry(found)

    def _pages(self, folder: str, after: str | None) -> Iterator[Sequence[ObjectMeta]]:
        """What lies below ``folder``, from the first key after ``after``, a page at a time."""
        last = after
        prefix = f"{folder}/" if folder else None
        pages: Iterator[Sequence[ObjectMeta]] | None = None

        def next_page() -> Sequence[ObjectMeta] | None:
            nonlocal pages
            # A listing that broke off is over for the client: a new one goes on behind the last key.
            pages = pages or obstore.list(self._single, prefix=prefix, offset=last, chunk_size=_BATCH)
            try:
                return next(pages, None)
            except InvalidPathError:
                return _INVALID
            except _NATIVE_ERRORS:
                pages = None
                raise

        while (page := self._retry("", next_page)) is not None:
            if page is _INVALID:
                yield from self._pages_with_strange_names(folder, last)
                return
            yield page
            last = page[-1]["path"] if page else last

    def _pages_with_strange_names(self, folder: str, after: str | None) -> Iterator[Sequence[ObjectMeta]]:
        """The native client gives up on keys that it finds invalid; one hostile upload must not stop us."""
        if self._scheme != "s3":
            raise StorageError(f"{self._url}: a key holds control characters or empty segments; rename it.")
        return s3_listing.pages(self._bucket, self._prefix, folder, after, self._options)

    def _check_unchanged(self, entry: Entry) -> None:
        found = self.stat(entry.key)
        if found is None or found.fingerprint != entry.fingerprint:
            raise Changed(f"{self._url}{entry.key} was replaced since it was listed; try again later.")

    def _download(self, entry: Entry, target: Path) -> None:
        wanted = entry.fingerprint.removeprefix("etag:")

        def fetch() -> None:
            found = obstore.get(self._native, entry.key, options={"if_match": f'"{wanted}"'})
            # Servers that ignore the condition say in the reply which version it is.
            if _fingerprint(found.meta) == entry.fingerprint:
                save(found, target)

        with suppress(Conflict, NotFound):  # the check below says it better
            self._ask(entry.key, fetch)
        self._check_unchanged(entry)

    def _delete(self, keys: Sequence[str]) -> int:
        for key in keys:
            check_key(key)
        if self._scheme == "s3":
            # The client does not repeat the batch request by itself; deleting twice does no harm.
            self._retry(keys[0], obstore.delete, self._single, keys)
        else:
            for_each(self._delete_present, keys, threads=self._options.concurrency)
        return len(keys)

    def _delete_present(self, key: str) -> None:
        try:
            self._ask(key, obstore.delete, self._native, key)
        except NotFound:
            return

    def _put_once(self, key: str, data: bytes, mode: PutMode | None) -> PutResult:
        return obstore.put(self._single, key, data, mode=mode, use_multipart=False)

    def _is_refused(self, key: str, mode: PutMode) -> bool:
        try:
            self._retry(key, self._put_once, key, b"2", mode)
        except (Conflict, NotFound):
            return True
        return False

    def _put_conditionally(self, key: str, data: bytes, version: str | None) -> str:
        mode: PutMode = "create" if version is None else cast("UpdateVersion", json.loads(version))
        tries = 0

        def put() -> PutResult:
            nonlocal tries
            tries += 1
            return self._put_once(key, data, mode)

        try:
            return self._version_of(key, self._retry(key, put))
        except (Conflict, NotFound) as error:
            if isinstance(error, NotFound) and version is None:
                raise
        # After a lost reply, it may be ourselves who changed it.
        stored, found = self._read_or_none(key)
        if tries > 1 and stored == data and found is not None:
            return found
        raise self._conflict(key)

    def _update_conditionally(self, key: str, change: Change) -> str | None:
        ends = time.monotonic() + _PATIENCE_SECONDS
        for attempt in count():
            content, version = self._read_or_none(key)
            wanted = change(content)
            if wanted is None or wanted == content:
                return version
            try:
                return self.put_if(key, wanted, version)
            except Conflict:
                if time.monotonic() > ends:
                    raise Unavailable(f"{self._url}{key}: others change it without pause.") from None
            time.sleep(_pause(attempt, longest=1.0))
        raise AssertionError("count() has no end")

    def _ask(self, key: str, action: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """For requests that the client repeats by itself, unless the reply that breaks off is an error's."""
        return self._repeat(GivenUpEarly, key, action, *args, **kwargs)

    def _retry(self, key: str, action: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """For requests that the client does not repeat by itself, or not in the way that is needed."""
        return self._repeat(Unavailable, key, action, *args, **kwargs)

    def _repeat(
        self,
        after: type[Unavailable],
        key: str,
        action: Callable[P, R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        ends = time.monotonic() + self._options.retry_seconds
        for attempt in range(self._options.max_retries):
            try:
                return self._call(key, action, *args, **kwargs)
            except after:
                if time.monotonic() > ends:
                    raise
            time.sleep(_pause(attempt, longest=15.0))
        return self._call(key, action, *args, **kwargs)

    def _read_or_none(self, key: str) -> tuple[bytes, str] | tuple[None, None]:
        try:
            return self.read_versioned(key)
        except NotFound:
            return None, None

    def _conflict(self, key: str) -> Conflict:
        return Conflict(f"{self._url}{key} was changed by somebody else meanwhile.")

    def _version_of(self, key: str, written: PutResult) -> str:
        return _token(written) if written["e_tag"] else self.read_versioned(key)[1]


def _entry(found: ObjectMeta) -> Entry:
    return Entry(found["path"], found["size"], _fingerprint(found), found["last_modified"])


def _fingerprint(found: ObjectMeta | dict[str, str]) -> str:
    # Servers disagree with themselves on the quotes between listing and reading.
    tag = found.get("e_tag") or ""
    return f"etag:{tag.removeprefix('W/').strip(chr(34))}" if '"' in tag else f"etag:{tag}"


def _token(found: ObjectMeta | PutResult) -> str:
    return json.dumps({name: value for name in ("e_tag", "version") if (value := found[name])})


def _pause(attempt: int, *, longest: float) -> float:
    """Seconds: exponential, with full jitter."""
    return random.uniform(0, min(longest, 0.1 * 2**attempt))  # noqa: S311
