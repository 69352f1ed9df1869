"""A table of all records that can be queried, and made anew from them at any time.

Which inputs are stale is a question to this table: a set difference in SQL, which takes as long for a million
inputs as reading the table does.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from lightly_assets.pipeline.state.records import STAGES, InputRecord, Record, Stage, record_key
from lightly_assets.storage import Store, Unavailable

_FORMAT = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    task TEXT NOT NULL,            -- '' for what is known about the frames, without a task
    input TEXT NOT NULL,
    unit TEXT NOT NULL,
    record TEXT NOT NULL,          -- key of the record in the state root
    fingerprint TEXT NOT NULL,
    decode TEXT NOT NULL,
    model TEXT NOT NULL,
    settings TEXT NOT NULL,
    predictions_version TEXT NOT NULL,
    singletons_from TEXT NOT NULL,
    singletons_version TEXT NOT NULL,
    published_from TEXT NOT NULL,
    schema TEXT NOT NULL,          -- hash of the schema of the published files
    frames INTEGER,                -- NULL for an image
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    container_frames INTEGER,
    rotation INTEGER NOT NULL,
    damage TEXT NOT NULL,          -- what was kept of a damaged video in spite of, with on_damage: keep
    predictions INTEGER NOT NULL,  -- how many singletons
    categories TEXT NOT NULL,      -- ids that were predicted, such as ,0,3,
    odd TEXT NOT NULL,             -- what a person should look at; of images, with one for many
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (task, input, record)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_of_record ON entries (record);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_COLUMNS = 24
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Indexed:
    """One row: an input in a task (or, with ``task=""``, its frames)."""

    task: str
    input: str
    unit: str
    record: str
    fingerprint: str
    decode: str
    model: str
    settings: str
    predictions_version: str
    singletons_from: str
    singletons_version: str
    published_from: str
    schema: str
    frames: int | None
    width: int
    height: int
    container_frames: int | None
    rotation: int
    damage: str
    predictions: int
    categories: str
    odd: str
    files: int
    bytes: int


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let no other process make a database in a folder meanwhile: SQLite locks only what is made."""
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks of folders
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


class Index:
    """The table, in a SQLite file on this machine; several processes may use it."""

    def __init__(self, path: Path, store: Store) -> None:
        self._store = store
        self._path = path
        # Transactions of one connection must not mix, nor rows be looked up in the middle of one.
        self._lock = threading.Lock()
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            with alone_in(path.parent):
                self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # Losing the last rows in a power cut is fine: the records know them.
            connection.execute("PRAGMA synchronous = OFF")
            if connection.execute("PRAGMA user_version").fetchone()[0] != _FORMAT:
                for table in ("records", "entries", "facts"):
                    connection.execute(f"DROP TABLE IF EXISTS {table}")
                connection.execute(f"PRAGMA user_version = {_FORMAT}")
            connection.executescript(_SCHEMA)
        except sqlite3.OperationalError:  # the disk's fault, not the file's
            connection.close()
            raise
        except sqlite3.DatabaseError:
            # A table that can be made anew is not worth a failure.
            connection.close()
            self._path.unlink(missing_ok=True)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            return self._open()
        return connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """A disk that is full or read-only, in one sentence."""
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise Unavailable(f"{self._path} cannot be written: {reason}; is the disk full?") from error

    def close(self) -> None:
        self._connection.close()

    def refresh(self) -> None:
        """Take over what other processes and machines have recorded since.

        Raises:
            ValueError: a record cannot be read.
            StorageError: the state root cannot be read.
        """
        after: str | None = ""
        while after is not None:
            after = self.refresh_some(after, lambda: False)

    def refresh_some(self, after: str, is_over: Callable[[], bool]) -> str | None:
        """A part of :meth:`refresh`: the records behind the key ``after``, until ``is_over``; where to go on.

        What is gone is noticed only where one call takes in everything.
        """
        with self._errors():
            return self._refresh_some(after, is_over)

    def _refresh_some(self, after: str, is_over: Callable[[], bool]) -> str | None:
        connection = self._connection
        (newest,) = connection.execute("SELECT max(rowid) FROM records").fetchone()
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS there (key TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.execute("DELETE FROM there")
        entries = self._store.list("manifests", after=after or None)
        while chunk := list(islice(entries, _AT_ONCE)):
            keys = orjson.dumps([entry.key for entry in chunk]).decode()
            known = dict(
                connection.execute(
                    "SELECT key, fingerprint FROM records WHERE key IN (SELECT value FROM json_each(?))",
                    (keys,),
                )
            )
            connection.execute("INSERT OR IGNORE INTO there SELECT value FROM json_each(?)", (keys,))
            for entry in chunk:
                seen = known.get(entry.key, "")
                if seen != entry.fingerprint:
                    record = Record.parse(self._store.read(entry.key), entry.key)
                    self._put(record, entry.key, entry.fingerprint, seen)
            if is_over():
                return chunk[-1].key
        if not after:
            self._forget_missing(newest or 0)
        return None

    def _forget_missing(self, newest: int) -> None:
        """Forget records that a listing has not seen, but for those that others have added meanwhile."""
        connection = self._connection
        gone = connection.execute(
            "SELECT key FROM records WHERE rowid <= ? AND key NOT IN (SELECT key FROM there)", (newest,)
        ).fetchall()
        if gone:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("DELETE FROM entries WHERE record = ?", gone)
                connection.executemany("DELETE FROM records WHERE key = ?", gone)

    def put(self, record: Record) -> None:
        """Take over a record that was just written."""
        key = record_key(record.task, record.unit)
        entry = self._store.stat(key)
        self._put(record, key, entry.fingerprint if entry else "")

    def _put(self, record: Record, key: str, fingerprint: str, seen: str | None = None) -> None:
        """Take over a record, unless its writer has done so itself since ``seen`` was looked up."""
        rows = [_row(record, key, name, one) for name, one in record.inputs.items()]
        with self._lock, self._errors(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            asked = "SELECT fingerprint FROM records WHERE key = ?"
            if seen is not None and (self._connection.execute(asked, (key,)).fetchone() or ("",))[0] != seen:
                return
            self._connection.execute("DELETE FROM entries WHERE record = ?", (key,))
            self._connection.executemany(
                f"INSERT OR REPLACE INTO entries VALUES ({','.join('?' * _COLUMNS)})",  # noqa: S608 - ours
                rows,
            )
            self._connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?)", (key, fingerprint))

    def entries(self, task: str, keys: Iterable[str] | None = None) -> Iterator[Indexed]:
        """The rows of a task, by input; of some inputs, or of all."""
        if keys is None:
            yield from self._select("WHERE task = ? ORDER BY input", (task,))
            return
        for key in keys:
            with self._lock:
                rows = list(self._select("WHERE task = ? AND input = ?", (task, key)))
            yield from rows

    def _select(self, where: str, values: Sequence[Any]) -> Iterator[Indexed]:
        for row in self._connection.execute(f"SELECT * FROM entries {where}", values):  # noqa: S608 - ours
            yield Indexed(*row)

    def never_predicted(self, task: str, categories: Iterable[int]) -> list[int]:
        """Of the given category ids those that no input has."""
        query = "SELECT 1 FROM entries WHERE task = ? AND instr(categories, ?) LIMIT 1"
        return [
            one
            for one in categories
            if self._connection.execute(query, (task, f",{one},")).fetchone() is None
        ]

    def predictions(self, task: str) -> int:
        """How many singletons a task has."""
        found = self._connection.execute("SELECT sum(predictions) FROM entries WHERE task = ?", (task,))
        return int(found.fetchone()[0] or 0)

    def tasks(self) -> list[str]:
        """The tasks that something is recorded of."""
        rows = self._connection.execute("SELECT DISTINCT task FROM entries WHERE task != '' ORDER BY task")
        return [task for (task,) in rows]

    def empty_records(self) -> list[str]:
        """Keys of records that speak of no input."""
        rows = self._connection.execute(
            "SELECT key FROM records WHERE NOT EXISTS (SELECT 1 FROM entries WHERE record = key) ORDER BY key"
        )
        return [key for (key,) in rows.fetchall()]

    def stale(
        self, task: str, inputs: Iterable[tuple[str, str, str]], model: str, settings: str
    ) -> Iterator[tuple[str, Stage]]:
        """Of the given (key, fingerprint, decode) those that need work, and the first stage that does.

        An input that was never seen needs ``predictions``. Results come by key.
        """
        with self._errors(), closing(self._connection.cursor()) as cursor:
            cursor.execute(
                "CREATE TEMP TABLE IF NOT EXISTS wanted "
                "(input TEXT PRIMARY KEY, fingerprint TEXT, decode TEXT)"
            )
            cursor.execute("BEGIN")
            cursor.execute("DELETE FROM wanted")
            cursor.executemany("INSERT OR REPLACE INTO wanted VALUES (?, ?, ?)", inputs)
            cursor.execute("COMMIT")
            # Where two records speak of an input, because its folder has grown, the fresher one counts.
            rows = cursor.execute(
                """
                SELECT w.input, MAX(CASE
                    WHEN e.input IS NULL OR e.fingerprint != w.fingerprint OR e.decode != w.decode
                        OR e.model != :model THEN 1
                    WHEN e.singletons_from != e.predictions_version OR e.settings != :settings THEN 2
                    WHEN e.published_from != e.singletons_version THEN 3
                    ELSE 4 END) AS stage
                FROM wanted w LEFT JOIN entries e ON e.task = :task AND e.input = w.input
                GROUP BY w.input HAVING stage < 4 ORDER BY w.input
                """,
                {"task": task, "model": model, "settings": settings},
            ).fetchall()
        yield from ((key, STAGES[stage]) for key, stage in rows)


def _row(record: Record, key: str, name: str, one: InputRecord) -> tuple[Any, ...]:
    return (
        record.task,
        name,
        record.unit,
        key,
        one.fingerprint,
        one.decode,
        one.model,
        one.settings,
        one.predictions_version,
        one.singletons_from,
        one.singletons_version,
        one.published_from,
        one.schema,
        one.frames,
        one.width,
        one.height,
        one.container_frames,
        one.rotation,
        "; ".join(one.errors),
        int(one.statistics.get("singletons", 0)),
        "".join(f",{category}" for category in one.statistics.get("counts", {})) + ",",
        one.statistics.get("odd", ""),
        len(one.hashes),
        one.size,
    )
