"""What a look at the input saw, and what was asked for because of it: a table that costs nothing to lose.

It lies beside the index, so that what is stale is one query over both. Without it every input is seen anew,
and asked for again only if the records say that it needs work.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lightly_assets.format.names.suffixes import InputKind
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.pipeline.state.database import Tables, open_database
from lightly_assets.pipeline.state.failures import FailureNote
from lightly_assets.pipeline.state.records import STAGES, Stage
from lightly_assets.pipeline.state.stale_rule import (
    UP_TO_DATE,
    first_of_predictions,
    first_stage,
    has_frames,
)
from lightly_assets.storage import Entry

_SCHEMA = """
CREATE TABLE IF NOT EXISTS inputs (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified REAL NOT NULL,
    since REAL NOT NULL,           -- when this fingerprint was seen first
    stable INTEGER NOT NULL,       -- 1: nobody is writing it any more
    partition TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS inputs_of_partition ON inputs (partition);
CREATE INDEX IF NOT EXISTS unstable ON inputs (stable) WHERE NOT stable;
-- Keys of a look that takes several ticks.
CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (key TEXT PRIMARY KEY, partition TEXT NOT NULL, told INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
    key TEXT PRIMARY KEY, want TEXT NOT NULL, attempts INTEGER NOT NULL, batch TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (run_key TEXT PRIMARY KEY, asked REAL NOT NULL);
CREATE TABLE IF NOT EXISTS failures (
    note TEXT NOT NULL, fingerprint TEXT NOT NULL, key TEXT NOT NULL, task TEXT NOT NULL,
    made_of TEXT NOT NULL, blocked INTEGER NOT NULL, PRIMARY KEY (key, task)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_TABLES = Tables(1, ("inputs", "seen", "gone", "requests", "batches", "failures", "facts"), _SCHEMA)

CAME_BACK = "came back"
"""The fact that inputs are there again that a run has called gone."""

PartitionsOf = Callable[[Collection[Input]], Mapping[str, str]]
"""From inputs to the partition of each, by key."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What a task's results must be made with to be up to date."""

    model: str
    settings: str
    schema: str
    encoded: bool = True
    """Whether anything follows on predictions; nothing does on embeddings."""


@dataclass(frozen=True, slots=True)
class Stale:
    """An input that needs work."""

    input: Input
    partition: str
    stages: dict[str, Stage]
    """Task (``""``: the frames) → the first stage that must be done."""
    known: bool
    """Whether anything was published of it before."""


@dataclass(slots=True)
class Changes:
    """What a look found out, in numbers."""

    listed: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0


class SeenInputs:
    """The table. One process at a time writes it: the daemon runs a sensor's ticks one after the other."""

    def __init__(self, path: Path, index: Path) -> None:
        self._connection = open_database(path, _TABLES)
        self._index = index
        self._attach()

    def _attach(self) -> None:
        self._connection.execute("ATTACH DATABASE ? AS known", (str(self._index),))
        self._connection.execute("PRAGMA temp_store = MEMORY")

    def only_try(self) -> None:
        """Go on with a copy in memory: what is noted from here on is forgotten."""
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._connection.backup(copy)
        self._connection.close()
        self._connection = copy
        self._attach()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    # Facts

    def fact(self, name: str) -> str | None:
        """Something small that is remembered from tick to tick."""
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def note(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def forget_inputs(self) -> None:
        """Begin anew: partitions are cut otherwise than before."""
        with self._writing() as connection:
            for table in ("inputs", "seen"):
                connection.execute(f"DELETE FROM {table}")

    # A look at the input

    def take(
        self,
        inputs: Iterable[tuple[str, InputKind, Entry]],
        *,
        first: bool,
        complete: Callable[[], bool],
        now: float,
        trusted_age: float,
        partitions_of: PartitionsOf,
    ) -> Changes:
        """Take over what a listing saw, from its beginning (``first``) or from where it was broken off.

        ``complete`` tells, once ``inputs`` is used up, whether the listing has come to its end: only then it
        is known what is gone. A file is stable when it is ``trusted_age`` seconds old, or the same as when it
        was seen before; in object storage, where nothing half written can be seen, at once.
        """
        connection = self._connection
        connection.execute("DROP TABLE IF EXISTS temp.listed")
        connection.execute(
            "CREATE TEMP TABLE listed (key TEXT PRIMARY KEY, kind TEXT, fingerprint TEXT, size INTEGER, "
            "modified REAL) WITHOUT ROWID"
        )
        changes = Changes()
        with self._writing():
            connection.executemany(
                "INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?, ?)",
                (
                    (key, kind, one.fingerprint, one.size, one.modified.timestamp())
                    for key, kind, one in inputs
                ),
            )
            changes.listed = connection.execute("SELECT count(*) FROM listed").fetchone()[0]
            self._take_changed(changes, now, trusted_age, partitions_of)
            if first:
                connection.execute("DELETE FROM seen")
            if not complete():
                connection.execute("INSERT OR IGNORE INTO seen SELECT key FROM listed")
            else:
                self._take_gone(changes, every=first)
        connection.execute("DROP TABLE listed")
        return changes

    def _take_changed(
        self, changes: Changes, now: float, trusted_age: float, partitions_of: PartitionsOf
    ) -> None:
        connection = self._connection
        rows = connection.execute(
            "SELECT l.key, l.kind, l.fingerprint, l.size, l.modified, i.fingerprint FROM listed l "
            "LEFT JOIN inputs i ON i.key = l.key "
            "WHERE i.key IS NULL OR i.fingerprint != l.fingerprint OR NOT i.stable"
        ).fetchall()
        differing = [_input(*row[:5]) for row in rows if row[5] != row[2]]
        partitions = partitions_of(differing)
        changed, same = [], []
        for key, kind, fingerprint, size, modified, before in rows:
            if before == fingerprint:
                same.append((key,))
                continue
            changes.new += before is None
            changes.changed += before is not None
            stable = fingerprint.startswith("etag:") or now - modified >= trusted_age
            changed.append((key, kind, fingerprint, size, modified, now, int(stable), partitions[key]))
        connection.executemany("INSERT OR REPLACE INTO inputs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", changed)
        connection.executemany("UPDATE inputs SET stable = 1 WHERE key = ?", same)
        told = "SELECT count(*) FROM gone WHERE told"
        (before,) = connection.execute(told).fetchone()
        connection.executemany("DELETE FROM gone WHERE key = ?", ((row[0],) for row in changed))
        if connection.execute(told).fetchone()[0] < before:
            self.note(CAME_BACK, "1")

    def _take_gone(self, changes: Changes, *, every: bool) -> None:
        connection = self._connection
        gone = connection.execute(
            "SELECT key, partition FROM inputs WHERE key NOT IN (SELECT key FROM listed) "
            "AND (:every OR key NOT IN (SELECT key FROM seen))",
            {"every": every},
        ).fetchall()
        connection.executemany("INSERT OR REPLACE INTO gone VALUES (?, ?, 0)", gone)
        connection.executemany("DELETE FROM inputs WHERE key = ?", ((key,) for key, _ in gone))
        connection.execute("DELETE FROM seen")
        changes.gone = len(gone)

    def count(self, what: str = "1") -> int:
        """How many inputs there are; ``unstable``: that may still be written."""
        where = {"1": "", "unstable": "WHERE NOT stable"}[what]
        return int(self._connection.execute(f"SELECT count(*) FROM inputs {where}").fetchone()[0])

    # What is stale

    def stale(self, tasks: Mapping[str, Versions], decode: Mapping[InputKind, str]) -> Iterator[Stale]:
        """The stable inputs that need work, by key."""
        values: dict[str, Any] = {f"decode_{kind}": version for kind, version in decode.items()}
        frames = f"CASE WHEN {has_frames('i.fingerprint', _DECODE)} THEN {UP_TO_DATE} ELSE 0 END"
        columns = [_best(frames, "''")]
        for number, (name, versions) in enumerate(tasks.items()):
            values |= {f"t{number}": name, f"m{number}": versions.model, f"s{number}": versions.settings}
            made_of = "i.fingerprint", _DECODE, f":m{number}"
            stage = (
                first_stage(*made_of, f":s{number}") if versions.encoded else first_of_predictions(*made_of)
            )
            columns.append(_best(stage, f":t{number}"))
        names = [f"c{number}" for number in range(len(columns))]
        selected = ", ".join(f"{text} AS {name}" for text, name in zip(columns, names, strict=True))
        query = f"""SELECT * FROM (
            SELECT i.key, i.kind, i.fingerprint, i.size, i.modified, i.partition, {selected}
            FROM inputs i WHERE i.stable)
            WHERE {" OR ".join(f"ifnull({name}, 0) < {UP_TO_DATE}" for name in names)} ORDER BY key"""
        for key, kind, fingerprint, size, modified, partition, frames, *found in self._connection.execute(
            query, values
        ):
            stages = {
                name: STAGES[stage or 1]
                for name, stage in zip(tasks, found, strict=True)
                if (stage or 0) < UP_TO_DATE
            }
            if (frames or 0) < UP_TO_DATE and not stages:
                stages[""] = "frames"
            known = frames is not None or any(stage is not None for stage in found)
            yield Stale(_input(key, kind, fingerprint, size, modified), partition, stages, known)

    def recovered(self, stale: Collection[str]) -> Iterator[Stale]:
        """The stable inputs that failed the last time, but are not stale any more."""
        for key, *seen, partition in self._connection.execute(
            """SELECT i.key, i.kind, i.fingerprint, i.size, i.modified, i.partition
            FROM (SELECT DISTINCT key FROM failures) f CROSS JOIN inputs i ON i.key = f.key
            WHERE i.stable ORDER BY i.key"""
        ).fetchall():
            if key not in stale:
                yield Stale(_input(key, *seen), partition, {}, True)

    def not_encoded(self, task: str, versions: Versions, decode: Mapping[InputKind, str]) -> int:
        """Where the schema of a task changes: published inputs that are not encoded with the new one yet."""
        stage = first_stage("i.fingerprint", _DECODE, ":model", ":settings")
        (count,) = self._connection.execute(
            f"""SELECT count(*) FROM known.entries e LEFT JOIN inputs i ON i.key = e.input
            WHERE e.task = :task AND e.published_from != '' AND e.schema != :schema
                AND (i.key IS NULL OR {stage} < {STAGES.index("task_folder")})""",
            {
                "task": task,
                "schema": versions.schema,
                "model": versions.model,
                "settings": versions.settings,
                **{f"decode_{kind}": version for kind, version in decode.items()},
            },
        ).fetchone()
        return int(count)

    # What was asked for

    def under_way(self) -> list[tuple[str, float]]:
        """Batches that were asked for and have not ended: run key, and when."""
        return self._connection.execute("SELECT run_key, asked FROM batches ORDER BY asked").fetchall()

    def ended(self, run_key: str, *, for_good: bool) -> None:
        """A batch has ended. What is still stale may be asked for again, unless it ended ``for_good``."""
        with self._writing() as connection:
            connection.execute("DELETE FROM batches WHERE run_key = ?", (run_key,))
            self.note("ended", run_key)
            if for_good:
                connection.execute("UPDATE requests SET attempts = 99 WHERE batch = ?", (run_key,))

    def asked_for(self, run_key: str) -> list[tuple[str, InputKind]]:
        """The inputs of a batch: key and kind."""
        query = "SELECT i.key, i.kind FROM requests r JOIN inputs i ON i.key = r.key WHERE r.batch = ?"
        return self._connection.execute(query, (run_key,)).fetchall()

    def images_below(self, folder: str) -> int:
        """How many images there are in a folder (``./``: the root) and those in it."""
        below = "" if folder == "./" else folder
        query = "SELECT count(*) FROM inputs WHERE kind = 'image' AND key BETWEEN ? AND ?"
        (count,) = self._connection.execute(query, (below, below + "\U0010ffff")).fetchone()
        return int(count)

    def requested(self) -> dict[str, tuple[str, int, bool]]:
        """What was asked for: key → what was wanted, how often, whether that is under way."""
        rows = self._connection.execute(
            "SELECT r.key, r.want, r.attempts, b.run_key IS NOT NULL FROM requests r "
            "LEFT JOIN batches b ON b.run_key = r.batch"
        )
        return {key: (want, attempts, bool(open_)) for key, want, attempts, open_ in rows}

    def ask(self, run_key: str, wants: Mapping[str, tuple[str, int]], now: float) -> None:
        """Remember a batch: key → what is wanted, and for the how-manieth time."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO batches VALUES (?, ?)", (run_key, now))
            connection.executemany(
                "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)",
                ((key, want, attempts, run_key) for key, (want, attempts) in wants.items()),
            )

    def drop_requests(self, keys: Collection[str]) -> None:
        """Forget requests that were fulfilled."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM requests WHERE key = ?", ((key,) for key in keys))

    # What is gone

    def gone(self) -> list[tuple[str, str, bool]]:
        """Inputs that were there: key, partition, whether a run was asked to look after what they left."""
        rows = self._connection.execute("SELECT key, partition, told FROM gone ORDER BY key")
        return [(key, partition, bool(told)) for key, partition, told in rows]

    def has_inputs(self, partition: str) -> bool:
        """Whether an input of a partition is there."""
        query = "SELECT 1 FROM inputs WHERE partition = ? LIMIT 1"
        return self._connection.execute(query, (partition,)).fetchone() is not None

    def told(self, keys: Collection[str]) -> None:
        with self._writing() as connection:
            connection.executemany("UPDATE gone SET told = 1 WHERE key = ?", ((key,) for key in keys))

    def told_nobody(self) -> None:
        """A run that was asked for was never started: perhaps it was to look after what is gone."""
        self._connection.execute("UPDATE gone SET told = 0")

    def left_nothing(self) -> list[tuple[str, str]]:
        """Of what is gone, inputs that nothing is recorded of any more, and their partitions if now empty."""
        return self._connection.execute(
            """SELECT key, CASE WHEN EXISTS (SELECT 1 FROM inputs i WHERE i.partition = gone.partition)
                OR EXISTS (SELECT 1 FROM gone other WHERE other.partition = gone.partition
                    AND EXISTS (SELECT 1 FROM known.entries e WHERE e.input = other.key
                        AND e.task IN (SELECT DISTINCT task FROM known.entries)))
                THEN '' ELSE partition END
            FROM gone WHERE told AND NOT EXISTS (
                SELECT 1 FROM (SELECT DISTINCT task FROM known.entries) t
                JOIN known.entries e ON e.task = t.task AND e.input = gone.key)"""
        ).fetchall()

    def forget_gone(self, keys: Collection[str]) -> None:
        with self._writing() as connection:
            connection.executemany("DELETE FROM gone WHERE key = ?", ((key,) for key in keys))

    # Failures

    def known_notes(self) -> dict[str, str]:
        """The failure notes that were read: their place in the state, and fingerprint."""
        return dict(self._connection.execute("SELECT DISTINCT note, fingerprint FROM failures"))

    def take_failures(self, read: Iterable[tuple[str, str, FailureNote]], gone: Collection[str]) -> None:
        """Take over notes, each with its place in the state root and its fingerprint."""
        with self._writing() as connection:
            for place, fingerprint, note in read:
                connection.execute("DELETE FROM failures WHERE note = ?", (place,))
                connection.executemany(
                    "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                    [
                        (place, fingerprint, note.input, task, tried, int(note.blocked))
                        for task, tried in note.tried.items()
                    ],
                )
            connection.executemany("DELETE FROM failures WHERE note = ?", ((note,) for note in gone))

    def failures(self) -> dict[str, dict[str, tuple[str, bool]]]:
        """Input → task → what it failed with, and whether other inputs were to blame."""
        found: dict[str, dict[str, tuple[str, bool]]] = {}
        for key, task, made_of, blocked in self._connection.execute(
            "SELECT key, task, made_of, blocked FROM failures"
        ):
            found.setdefault(key, {})[task] = made_of, bool(blocked)
        return found


def _input(key: str, kind: InputKind, fingerprint: str, size: int, modified: float) -> Input:
    return Input(key, kind, Entry(key, size, fingerprint, datetime.fromtimestamp(modified, UTC)))


# How an input ``i`` is decoded, by its kind.
_DECODE = "CASE i.kind WHEN 'video' THEN :decode_video ELSE :decode_image END"


def _best(stage: str, task: str) -> str:
    """The stage of an input ``i`` in a task: the fresher where two records speak of it; NULL without any."""
    return f"(SELECT max({stage}) FROM known.entries e WHERE e.task = {task} AND e.input = i.key)"
