"""Events that belong together are recorded together.

Dagster's SQLite event log opens a database, commits and closes it again several times for every single
event, which costs more than all else that it does. While a :class:`Recording` is open, this thread's
connections stay open, and what is yielded in :meth:`Recording.together` is one transaction of each database.
The rows are the same. Other event logs (PostgreSQL, say) are left as they are.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache, partial
from types import TracebackType
from typing import Self

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, NullPool, create_engine

from lightly_assets.graph.checks import latest

_Connect = Callable[[str], AbstractContextManager[Connection]]
_Store = Callable[[Connection, dg.EventLogEntry, int], None]
_REPLACED = "_connect", "has_table", "_has_asset_key_index_cols_on_connection", "_store_asset_event"


class Recording:
    """Use it in a ``with`` block, by one thread."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        storage = instance.event_log_storage
        self._storage = storage if isinstance(storage, SqliteEventLogStorage) else None
        self._connections: dict[str, Connection] = {}
        self._open = ExitStack()
        self._owner = threading.get_ident()
        self._together = False
        self._made: dict[tuple[dg.AssetKey, str | None], dg.EventLogRecord] = {}

    def __enter__(self) -> Self:
        if self._storage is not None:
            # Attributes of the object hide the methods of its class until __exit__ removes them.
            usual: _Connect = self._storage._connect
            there = self._storage.has_asset_key_index_cols()
            vars(self._storage).update(
                _connect=lambda shard: self._connect(shard, usual),
                has_table=cache(self._storage.has_table),
                _has_asset_key_index_cols_on_connection=lambda _: there,
                _store_asset_event=partial(self._store, self._storage._store_asset_event),
            )
            self._open.callback(self._restore, self._storage)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Record what is yielded in this block at its end, whatever ends it. Keep it short: others wait."""
        self._together = True
        try:
            yield
        finally:
            self._together = False
            self._made.clear()
            for connection in self._connections.values():
                connection.commit()

    def latest(self, asset: dg.AssetKey, partition: str) -> dg.EventLogRecord | None:
        """The latest materialisation of a partition: one of this block, without asking the database."""
        return self._made.get((asset, partition)) or latest(self._instance, asset, partition)

    def _store(self, usual: _Store, connection: Connection, event: dg.EventLogEntry, event_id: int) -> None:
        """In place of the storage's own: notes what was made while things are recorded together."""
        usual(connection, event, event_id)
        found = event.dagster_event
        if self._together and found and found.is_step_materialization and found.asset_key:
            self._made[found.asset_key, found.partition] = dg.EventLogRecord(event_id, event)

    @contextmanager
    def _connect(self, shard: str, usual: _Connect) -> Iterator[Connection]:
        """In place of the storage's own: a connection that is open already, in a transaction."""
        if threading.get_ident() != self._owner:
            with usual(shard) as connection:
                yield connection
            return
        connection = self._connections.get(shard) or self._new(shard, usual)
        if not connection.in_transaction():
            connection.begin()
        try:
            yield connection
        except BaseException:
            if not self._together:
                connection.rollback()
            raise
        if not self._together:
            connection.commit()

    def _new(self, shard: str, usual: _Connect) -> Connection:
        assert self._storage is not None
        with usual(shard):  # makes the database where there is none
            pass
        engine = create_engine(
            self._storage.conn_string_for_shard(shard),
            poolclass=NullPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
        )
        self._open.callback(engine.dispose)
        self._connections[shard] = self._open.enter_context(engine.connect())
        return self._connections[shard]

    @staticmethod
    def _restore(storage: SqliteEventLogStorage) -> None:
        for name in _REPLACED:
            vars(storage).pop(name, None)
