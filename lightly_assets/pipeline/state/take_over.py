"""Between the index of this machine and the segments in the state root: what is taken over and stored."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import orjson

from lightly_assets.pipeline.state.segments import MOST, Segment, Segments

# So many records to read make it worth looking into segments; so many that are in none, making another one.
WORTH_LOOKING = 100
WORTH_A_SEGMENT = 1000

Alone = Callable[[], AbstractContextManager[sqlite3.Connection]]
"""The connection of an index, for one thread."""

_SAME_TABLES = (
    "CREATE TABLE new.records AS SELECT key, fingerprint FROM main.records WHERE {chosen}",
    "CREATE TABLE new.entries AS "
    "SELECT e.* FROM new.records r JOIN main.entries e ON e.record = r.key ORDER BY r.key",
    "CREATE UNIQUE INDEX new.records_by_key ON records (key)",
    "CREATE INDEX new.entries_by_record ON entries (record)",
)


class Copies:
    """Segments that are open beside the index."""

    def __init__(self, alone: Alone, names: Mapping[str, str]) -> None:
        self._alone, self._names = alone, names

    def take(self, wanted: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
        """Take over the rows of records (key → fingerprint) from the segments; those that are in none.

        ``known`` are the fingerprints that the index had: of what its writer has put since, nothing is taken.
        """
        left = dict(wanted)
        for name, segment in self._names.items():
            if left:
                left = self._take(name, segment, left, known)
        return left

    def _take(
        self, name: str, segment: str, wanted: Mapping[str, str], known: Mapping[str, str]
    ) -> dict[str, str]:
        asked = orjson.dumps([[key, made, known.get(key, "")] for key, made in wanted.items()]).decode()
        with self._alone() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            rows = connection.execute(
                f"""SELECT r.key FROM json_each(?) w
                JOIN {name}.records r ON r.key = json_extract(w.value, '$[0]')
                    AND r.fingerprint = json_extract(w.value, '$[1]')
                LEFT JOIN main.records m ON m.key = r.key
                WHERE coalesce(m.fingerprint, '') = json_extract(w.value, '$[2]')""",  # noqa: S608 - ours
                (asked,),
            ).fetchall()
            keys = (orjson.dumps([key for (key,) in rows]).decode(),)
            these = "(SELECT value FROM json_each(?))"
            for statement, values in (
                (f"DELETE FROM main.entries WHERE record IN {these}", keys),  # noqa: S608 - ours
                (
                    "INSERT OR REPLACE INTO main.entries "  # noqa: S608 - ours
                    f"SELECT * FROM {name}.entries WHERE record IN {these}",
                    keys,
                ),
                (
                    "INSERT OR REPLACE INTO main.records "  # noqa: S608 - ours
                    f"SELECT key, fingerprint, ? FROM {name}.records WHERE key IN {these}",
                    (segment, *keys),
                ),
            ):
                connection.execute(statement, values)
        found = {key for (key,) in rows}
        return {key: made for key, made in wanted.items() if key not in found}


@contextmanager
def opened_copies(segments: Segments, alone: Alone) -> Iterator[Copies]:
    """The segments that are stored, open for :class:`Copies`; none of those that are damaged.

    Where another machine has just put one in the place of all of them, that one.
    """
    with ExitStack() as opened:
        found = segments.there()[:MOST]
        paths = [(one, opened.enter_context(segments.opened(one))) for one in found]
        if found and not any(path for _, path in paths):
            paths = [(one, opened.enter_context(segments.opened(one))) for one in segments.there()[:MOST]]
        names = {}
        for number, (segment, path) in enumerate(paths):
            if path is not None:
                opened.enter_context(_attached(alone, path, f"segment{number}"))
                names[f"segment{number}"] = segment.key
        yield Copies(alone, names)


@contextmanager
def _attached(alone: Alone, path: Path, name: str) -> Iterator[None]:
    with alone() as connection:
        connection.execute(f"ATTACH ? AS {name}", (str(path),))
    try:
        yield
    finally:
        with alone() as connection:
            connection.execute(f"DETACH {name}")


def compact(segments: Segments, alone: Alone, *, thoroughly: bool) -> int:
    """See ``Index.compact``. The new segment is stored before the old ones go: a kill between leaves both."""
    there = segments.there()
    good = [one for one in there if segments.is_whole(one)] if thoroughly else there
    names = orjson.dumps([one.key for one in good]).decode()
    outside = "segment NOT IN (SELECT value FROM json_each(:names))"
    with alone() as connection:
        count = f"SELECT count(*) FROM records WHERE {outside}"  # noqa: S608 - ours
        (missing,) = connection.execute(count, {"names": names}).fetchone()
        (everything,) = connection.execute("SELECT count(*) FROM records").fetchone()
    # Old versions and removed records are dead weight, which everybody reads.
    heavy = sum(one.records for one in good) > 2 * (everything - missing) + WORTH_A_SEGMENT
    whole = len(good) >= MOST or (thoroughly and (len(good) > 1 or heavy or good != there))
    if not whole and missing < WORTH_A_SEGMENT:
        return 0
    known = "fingerprint != ''"
    made = _store(segments, alone, known if whole else f"{known} AND {outside}", names)
    if whole:
        segments.delete([one for one in there if made is None or one.key != made.key])
    return made.records if made else 0


def _store(segments: Segments, alone: Alone, chosen: str, names: str) -> Segment | None:
    """Store the records that an SQL condition chooses as one segment."""
    with segments.new() as path:
        with alone() as connection:
            connection.execute("ATTACH ? AS new", (str(path),))
            try:
                with connection:  # both tables of one moment
                    connection.execute("BEGIN")
                    for statement in _SAME_TABLES:
                        connection.execute(statement.format(chosen=chosen), {"names": names})
                (count,) = connection.execute("SELECT count(*) FROM new.records").fetchone()
            finally:
                connection.execute("DETACH new")
        if not count:
            return None
        made = segments.store(path, count)
        with _attached(alone, path, "made"), alone() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "UPDATE main.records SET segment = ? WHERE EXISTS (SELECT 1 FROM made.records r "
                "WHERE r.key = main.records.key AND r.fingerprint = main.records.fingerprint)",
                (made.key,),
            )
        return made
