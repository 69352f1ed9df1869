"""SQLite databases that can be made anew: opened in one way, by several processes and threads."""

import fcntl
import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lightly_assets.storage import Unavailable


@dataclass(frozen=True, slots=True)
class Tables:
    """What a database holds."""

    format: int
    """Raise it when the tables change: those of another format are dropped."""
    names: Collection[str]
    schema: str
    """SQL that makes what is missing."""


def open_database(path: Path, tables: Tables) -> sqlite3.Connection:
    """A connection for any thread, in autocommit mode. A file that is no database is made anew.

    Raises:
        Unavailable: the disk is full or read-only.
    """
    with database_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(path.parent):
            return _open(path, tables)


def _open(path: Path, tables: Tables) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # Losing the last rows in a power cut is fine: they can be made again.
        connection.execute("PRAGMA synchronous = OFF")
        if connection.execute("PRAGMA user_version").fetchone()[0] != tables.format:
            for table in tables.names:
                connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(f"PRAGMA user_version = {tables.format}")
        connection.executescript(tables.schema)
    except sqlite3.OperationalError:  # the disk's fault, not the file's
        connection.close()
        raise
    except sqlite3.DatabaseError:
        # What can be made anew is not worth a failure.
        connection.close()
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _open(path, tables)
    return connection


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """A disk that is full or read-only, in one sentence."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Unavailable(f"{path} cannot be written: {reason}; is the disk full?") from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let no other process make a database in a folder meanwhile: SQLite locks only what is made."""
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks of folders
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
