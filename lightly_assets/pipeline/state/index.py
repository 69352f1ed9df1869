"""A table of all records that can be queried, and made anew from them at any time.

Which inputs are stale is a question to this table: a set difference in SQL, which takes as long for a million
inputs as reading the table does.

Who may call what: every method of :class:`Index` may be called by any thread at any time, but a refresh by
one at a time. Each holds the lock of the one connection for as long as its transaction or query takes, and
never while a store is asked. What :meth:`Index.entries` yields are rows of several moments where others write
meanwhile. Other processes have connections of their own; SQLite keeps their transactions apart.
"""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from lightly_assets.pipeline.state.database import Tables, database_errors, open_database
from lightly_assets.pipeline.state.records import (
    AT_ONCE,
    STAGES,
    InputRecord,
    Record,
    Records,
    Stage,
    record_key,
)
from lightly_assets.pipeline.state.segments import Segments
from lightly_assets.pipeline.state.stale_rule import (
    IS_PUBLISHED,
    UP_TO_DATE,
    first_of_predictions,
    first_stage,
    has_frames,
    is_encoded,
)
from lightly_assets.pipeline.state.take_over import WORTH_LOOKING, Copies, compact, opened_copies
from lightly_assets.storage import NotFound, Store
from lightly_assets.storage.parallel import for_each

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    segment TEXT NOT NULL          -- the segment that holds this version of it, '' where none is known
);
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
    sizes TEXT NOT NULL,           -- JSON: where a video's size changes
    notes TEXT NOT NULL,           -- JSON: what a person should know of its pictures
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
_TABLES = Tables(5, ("records", "entries", "facts"), _SCHEMA)
_COLUMNS = 26
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
    sizes: str
    notes: str
    predictions: int
    categories: str
    odd: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of an input in a task, whatever is wanted now of its content and its model."""

    predictions: bool
    """There are any."""
    encoded: bool
    """The singletons are those of the predictions, with the settings that were asked about."""
    singletons: bool
    """There are any."""
    published: bool
    """The files are those of the singletons."""


class Index:
    """The table, in a SQLite file on this machine; several processes may use it."""

    def __init__(self, path: Path, store: Store) -> None:
        self._store = store
        self._path = path
        # Transactions of one connection must not mix, nor rows be looked up in the middle of one.
        self._lock = threading.RLock()
        # On a disk the index lies beside the records, for all machines that see them.
        self._segments = (
            None if store.local_root is not None else Segments(store, path.parent, _TABLES.format)
        )
        self._connection = open_database(path, _TABLES)

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread."""
        with self._lock, database_errors(self._path):
            yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction."""
        with self._alone() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def refresh(self) -> None:
        """Take over what other processes and machines have recorded since.

        Raises:
            BadValue: a record cannot be read.
            StorageError: the state root cannot be read.
        """
        after: str | None = ""
        while after is not None:
            after = self.refresh_some(after, lambda: False)

    def refresh_some(self, after: str, is_over: Callable[[], bool]) -> str | None:
        """A part of :meth:`refresh`: the records behind the key ``after``, until ``is_over``; where to go on.

        What is gone is noticed only where one call takes in everything.
        """
        with self._alone() as connection:
            (newest,) = connection.execute("SELECT max(rowid) FROM records").fetchone()
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS there (key TEXT PRIMARY KEY) WITHOUT ROWID")
            connection.execute("DELETE FROM there")
        entries = self._store.list("manifests", after=after or None)
        with ExitStack() as opened:
            copies: Copies | None = None
            while chunk := list(islice(entries, _AT_ONCE)):
                known = self._note_there([entry.key for entry in chunk])
                changed = {
                    entry.key: entry.fingerprint
                    for entry in chunk
                    if known.get(entry.key, "") != entry.fingerprint
                }
                if copies is None and self._segments and len(changed) >= WORTH_LOOKING:
                    copies = opened.enter_context(opened_copies(self._segments, self._alone))
                if copies and changed:
                    changed = copies.take(changed, known)
                self._read(changed, known)
                if is_over():
                    return chunk[-1].key
        if not after:
            self._forget_missing(newest or 0)
        return None

    def _read(self, changed: Mapping[str, str], known: Mapping[str, str]) -> None:
        """Take over records (key → fingerprint as listed), several requests at once."""
        found: list[tuple[Record, str, str, str]] = []

        def read(key: str) -> None:
            with suppress(NotFound):  # removed since it was listed
                if self._segments:  # what they say of a version must be true for ever
                    data, version = self._store.read_versioned(key)
                    fingerprint = self._store.fingerprint_of(key, version)
                else:
                    data, fingerprint = self._store.read(key), changed[key]
                found.append((Record.parse(data, key), key, fingerprint, known.get(key, "")))

        for_each(read, changed, threads=AT_ONCE if self._segments else 1)
        self._put_all(found)

    def read_units(self, units: Collection[tuple[str, str]], records: Records) -> None:
        """Take over the records of some (task, unit), and of no others; those that are gone are forgotten.

        Raises:
            BadValue: a record cannot be read.
            StorageError: the state root cannot be read.
        """
        gone = []
        for record, version in records.read_many(units):
            if version is None:
                gone.append((record_key(record.task, record.unit),))
            else:
                self.put(record, version)
        self._forget(gone)

    def _note_there(self, keys: list[str]) -> dict[str, str]:
        """Note records as seen; the fingerprints of those that are known."""
        given = (orjson.dumps(keys).decode(),)
        with self._alone() as connection:
            connection.execute("INSERT OR IGNORE INTO there SELECT value FROM json_each(?)", given)
            query = "SELECT key, fingerprint FROM records WHERE key IN (SELECT value FROM json_each(?))"
            return dict(connection.execute(query, given).fetchall())

    def _forget_missing(self, newest: int) -> None:
        """Forget records that a listing has not seen, but for those that others have added meanwhile."""
        with self._alone() as connection:
            gone = connection.execute(
                "SELECT key FROM records WHERE rowid <= ? AND key NOT IN (SELECT key FROM there)", (newest,)
            ).fetchall()
        self._forget(gone)

    def _forget(self, keys: Collection[tuple[str]]) -> None:
        if keys:
            with self._writing() as connection:
                connection.executemany("DELETE FROM entries WHERE record = ?", keys)
                connection.executemany("DELETE FROM records WHERE key = ?", keys)

    def put(self, record: Record, version: str | None) -> None:
        """Take over a record that was just written, or read, in this version.

        Without a version, the next refresh reads it again; an index that is never refreshed needs none.
        """
        key = record_key(record.task, record.unit)
        fingerprint = "" if version is None else self._store.fingerprint_of(key, version)
        self._put_all([(record, key, fingerprint, None)])

    def _put_all(self, found: Collection[tuple[Record, str, str, str | None]]) -> None:
        """Take over (record, key, fingerprint, seen), each unless its writer has done so since ``seen``."""
        with self._writing() as connection:
            for record, key, fingerprint, seen in found:
                asked = "SELECT fingerprint FROM records WHERE key = ?"
                if seen is not None and (connection.execute(asked, (key,)).fetchone() or ("",))[0] != seen:
                    continue
                connection.execute("DELETE FROM entries WHERE record = ?", (key,))
                connection.executemany(
                    f"INSERT OR REPLACE INTO entries VALUES ({','.join('?' * _COLUMNS)})",  # noqa: S608 - ours
                    [_row(record, key, name, one) for name, one in record.inputs.items()],
                )
                connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, '')", (key, fingerprint))

    # Segments

    def compact(self, *, thoroughly: bool = False) -> int:
        """Store what no segment holds, once that is much; how many records a new segment holds.

        Call it after a complete :meth:`refresh`. ``thoroughly`` also reads the segments that are there, and
        puts one in the place of many, of damaged ones and of what is old.

        Raises:
            StorageError: the state root is out of reach.
        """
        return compact(self._segments, self._alone, thoroughly=thoroughly) if self._segments else 0

    def entries(self, task: str, keys: Iterable[str] | None = None) -> Iterator[Indexed]:
        """The rows of a task, by input; of some inputs, or of all."""
        if keys is None:
            yield from self._all_entries(task)
            return
        for key in keys:
            with self._alone() as connection:
                rows = connection.execute(
                    "SELECT * FROM entries WHERE task = ? AND input = ?", (task, key)
                ).fetchall()
            for row in rows:
                yield Indexed(*row)

    def published(self, task: str, schema: str) -> tuple[int, list[Indexed]]:
        """How many inputs have published files of a task, and those whose files are of another schema."""
        count, others = 0, []
        for row in self.entries(task):
            if row.published_from:
                count += 1
                if row.schema != schema:
                    others.append(row)
        return count, others

    def _all_entries(self, task: str) -> Iterator[Indexed]:
        """Some at a time, so that neither memory nor whoever writes has to wait for all."""
        query = (
            "SELECT * FROM entries WHERE task = ? AND (input, record) > (?, ?) ORDER BY input, record LIMIT ?"
        )
        behind = ("", "")
        while True:
            with self._alone() as connection:
                rows = connection.execute(query, (task, *behind, _AT_ONCE)).fetchall()
            for row in rows:
                yield Indexed(*row)
            if len(rows) < _AT_ONCE:
                return
            last = Indexed(*rows[-1])
            behind = last.input, last.record

    def stored(self, task: str, key: str, settings: str) -> list[Stored]:
        """What is stored of an input in a task; one for each record that speaks of it."""
        with self._alone() as connection:
            rows = connection.execute(
                f"""SELECT e.model != '', {is_encoded(":settings")},
                    e.singletons_version != '', {IS_PUBLISHED}
                FROM entries e WHERE e.task = :task AND e.input = :input""",  # noqa: S608 - ours
                {"task": task, "input": key, "settings": settings},
            ).fetchall()
        return [Stored(*map(bool, row)) for row in rows]

    def never_predicted(self, task: str, categories: Iterable[int]) -> list[int]:
        """Of the given category ids those that no input has."""
        query = "SELECT 1 FROM entries WHERE task = ? AND instr(categories, ?) LIMIT 1"
        with self._alone() as connection:
            return [
                one for one in categories if connection.execute(query, (task, f",{one},")).fetchone() is None
            ]

    def predictions(self, task: str) -> int:
        """How many singletons a task has."""
        with self._alone() as connection:
            query = "SELECT sum(predictions) FROM entries WHERE task = ?"
            return int(connection.execute(query, (task,)).fetchone()[0] or 0)

    def totals(self, task: str) -> dict[str, int]:
        """Sums over the rows of a task: inputs, published ones, frames, files, bytes, predictions.

        An image is one frame.
        """
        sums = {
            "inputs": "count(DISTINCT input)",
            "published": "count(DISTINCT CASE WHEN published_from != '' THEN input END)",
            "frames": "sum(coalesce(frames, 1))",
        } | {name: f"sum({name})" for name in ("files", "bytes", "predictions")}
        query = f"SELECT {', '.join(sums.values())} FROM entries WHERE task = ?"  # noqa: S608 - ours
        with self._alone() as connection:
            row = connection.execute(query, (task,)).fetchone()
        return {name: int(value or 0) for name, value in zip(sums, row, strict=True)}

    def schemas(self, task: str, model: str) -> list[str]:
        """What records of a task that were made by this version of its model say of their schema."""
        query = "SELECT DISTINCT schema FROM entries WHERE task = ? AND model = ? AND schema != ''"
        with self._alone() as connection:
            return [schema for (schema,) in connection.execute(query, (task, model)).fetchall()]

    def tasks(self) -> list[str]:
        """The tasks that something is recorded of."""
        with self._alone() as connection:
            rows = connection.execute("SELECT DISTINCT task FROM entries WHERE task != '' ORDER BY task")
            return [task for (task,) in rows.fetchall()]

    def empty_records(self) -> list[str]:
        """Keys of records that speak of no input."""
        with self._alone() as connection:
            rows = connection.execute(
                "SELECT key FROM records WHERE NOT EXISTS (SELECT 1 FROM entries WHERE record = key) "
                "ORDER BY key"
            )
            return [key for (key,) in rows.fetchall()]

    def stale(
        self,
        task: str,
        inputs: Iterable[tuple[str, str, str]],
        model: str,
        settings: str,
        *,
        encoded: bool = True,
    ) -> Iterator[tuple[str, Stage]]:
        """Of the given (key, fingerprint, decode) those that need work, and the first stage that does.

        An input that was never seen needs ``predictions``. Results come by key. Without ``encoded`` nothing
        follows on predictions.
        """
        # Where two records speak of an input, because its folder has grown, the fresher one counts.
        made_of = "w.fingerprint", "w.decode", ":model"
        stage = first_stage(*made_of, ":settings") if encoded else first_of_predictions(*made_of)
        rows = self._compared(
            inputs,
            f"""SELECT w.input, MAX({stage}) AS stage
            FROM wanted w LEFT JOIN entries e ON e.task = :task AND e.input = w.input
            GROUP BY w.input HAVING stage < {UP_TO_DATE} ORDER BY w.input""",  # noqa: S608 - ours
            {"task": task, "model": model, "settings": settings},
        )
        yield from ((key, STAGES[stage]) for key, stage in rows)

    def without_frames(self, inputs: Iterable[tuple[str, str, str]]) -> list[str]:
        """Of the given (key, fingerprint, decode) those whose frames are not recorded so, by key."""
        rows = self._compared(
            inputs,
            f"""SELECT w.input FROM wanted w WHERE NOT EXISTS (
                SELECT 1 FROM entries e WHERE e.task = '' AND e.input = w.input
                AND {has_frames("w.fingerprint", "w.decode")}) ORDER BY w.input""",  # noqa: S608 - ours
            {},
        )
        return [key for (key,) in rows]

    def _compared(
        self, inputs: Iterable[tuple[str, str, str]], query: str, values: dict[str, str]
    ) -> list[tuple[Any, ...]]:
        """The rows of a query over ``wanted``, which holds the given (key, fingerprint, decode)."""
        with self._alone() as connection:
            connection.execute(
                "CREATE TEMP TABLE IF NOT EXISTS wanted "
                "(input TEXT PRIMARY KEY, fingerprint TEXT, decode TEXT)"
            )
            connection.execute("BEGIN")
            connection.execute("DELETE FROM wanted")
            connection.executemany("INSERT OR REPLACE INTO wanted VALUES (?, ?, ?)", inputs)
            connection.execute("COMMIT")
            return connection.execute(query, values).fetchall()


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
        orjson.dumps(one.sizes).decode() if one.sizes else "",
        orjson.dumps(one.notes).decode() if one.notes else "",
        int(one.statistics.get("singletons", 0)),
        "".join(f",{category}" for category in one.statistics.get("counts", {})) + ",",
        one.statistics.get("odd", ""),
        len(one.hashes),
        one.size,
    )
