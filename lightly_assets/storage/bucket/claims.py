"""A lock on an object store that has no conditional writes: Lamport's bakery, with objects for the registers.

It needs what every S3 server gives since 2020: a write is seen by the next read and listing. Who wants the
lock shows a ``choosing`` object, takes the number after the largest claim in sight, shows it as a ``claim``
and waits until nobody chooses and no smaller claim is left. (Listings read ``choosing-`` before ``claim-``:
nobody who changes from one to the other can be overlooked.) A claim older than ``EXPIRY`` by the store's own
clock belongs to a dead process and is removed. What remains is a process that is stopped for longer than that
between its last look and its write; ``docs/storage.md`` says so.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

from lightly_assets.storage.store import OWN_FOLDER, Entry, Unavailable

LOCKS = f"{OWN_FOLDER}/locks"
EXPIRY = timedelta(seconds=90)
_PATIENCE = timedelta(seconds=240)
_SAFE = timedelta(seconds=45)  # with one write that is cut off after 30 s still well below EXPIRY


class Registers(Protocol):
    """What the lock needs of a store."""

    def write(self, key: str, data: bytes) -> None: ...
    def list(self, prefix: str = "") -> Iterator[Entry]: ...
    def delete_many(self, keys: Iterable[str]) -> int: ...


class Claim:
    """A held lock."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._since = time.monotonic()

    def check(self) -> None:
        """Raises Unavailable when the lock has been held for so long that others may take it soon."""
        if time.monotonic() - self._since > _SAFE.total_seconds():
            raise Unavailable(f"The store was too slow while {self._key} was locked; try again later.")


@contextmanager
def claimed(store: Registers, key: str) -> Iterator[Claim]:
    """Hold the lock of ``key``. Raises Unavailable when it is not free for minutes."""
    folder = f"{LOCKS}/{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    deadline = time.monotonic() + _PATIENCE.total_seconds()
    mine = None
    try:
        while mine is None:
            mine = _take_number(store, folder)
            if not _wait_for_turn(store, folder, mine, deadline):
                mine = None  # taken for dead and removed: from the start
            if time.monotonic() > deadline:
                raise Unavailable(f"The lock of {key} is held by another process; try again later.")
        yield Claim(key)
    finally:
        if mine is not None:
            store.delete_many([mine])


def _take_number(store: Registers, folder: str) -> str:
    token = uuid4().hex
    choosing = f"{folder}/choosing-{token}"
    store.write(choosing, b"")
    try:
        number = 1 + max((_number(entry.key) for entry in store.list(folder)), default=0)
        mine = f"{folder}/claim-{number:012d}-{token}"
        store.write(mine, b"")
    finally:
        store.delete_many([choosing])
    return mine


def _wait_for_turn(store: Registers, folder: str, mine: str, deadline: float) -> bool:
    """True when it is this claim's turn, False when it has been removed."""
    shown = time.monotonic()
    while time.monotonic() < deadline:
        entries = {entry.key: entry.modified for entry in store.list(folder)}
        if mine not in entries:
            return False
        # The store's present, without any clock of ours: when it saw our claim, plus the time since.
        now = entries[mine] + timedelta(seconds=time.monotonic() - shown)
        ahead = [key for key in entries if key != mine and (_number(key) == 0 or key < mine)]
        dead = [key for key in ahead if _is_dead(entries[key], now)]
        if len(dead) == len(ahead):
            if dead:
                store.delete_many(dead)
            return True
        # The next in line looks often, the last one seldom.
        time.sleep(random.uniform(0.5, 1) * min(0.01 * len(ahead), 0.3))  # noqa: S311 - jitter
    return True  # the caller looks at the deadline too, and removes the claim


def _is_dead(modified: datetime, now: datetime) -> bool:
    return now - modified > EXPIRY


def _number(key: str) -> int:
    """The number of a claim; 0 for one that is still choosing."""
    name = key.rpartition("/")[2]
    return int(name.split("-")[1]) if name.startswith("claim-") else 0
