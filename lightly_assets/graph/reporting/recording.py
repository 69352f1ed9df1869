"""Events that belong together are recorded together.

Dagster's event logs open a database, commit and close it again several times for every single event, which
costs more than all else that they do. While a :class:`Recording` is open, this thread's connections stay
open, and what is yielded in :meth:`Recording.together` is one transaction of each database. The rows are the
same, but for what is said more than once in an event, and pictures, which are stored once. It works with
Dagster's event log in SQLite files, and with ours on PostgreSQL; others are left as they are.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Self, cast

import dagster as dg
from sqlalchemy import Connection, Engine
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError

from lightly_assets.graph.checks.verdicts import latest
from lightly_assets.graph.dagster_private import SHARED, EventLog, SqliteEventLog
from lightly_assets.graph.reporting.small_events import small

_WRITES_EVENTS = re.compile(r"(?:INSERT INTO|UPDATE) (event_logs|asset_check_executions)\b")
_PICTURE = re.compile(r"!\[[^\]]*\]\(data:image/[a-z]+;base64,[A-Za-z0-9+/=]*\)")
_ELSEWHERE = "The asset's own page shows the picture."


class Recording:
    """Use it in a ``with`` block, by one thread."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._event_log = _event_log_of(instance)
        self._connections: dict[str, Connection] = {}
        self._in_use: set[str] = set()
        self._engines: dict[str, Engine] = {}
        self._open = ExitStack()
        self._owner = threading.get_ident()
        self._together = False
        self._made: dict[tuple[dg.AssetKey, str | None], dg.EventLogRecord] = {}

    def __enter__(self) -> Self:
        if self._event_log is not None:
            here = _Methods(self, self._event_log)
            self._open.enter_context(self._event_log.replaced(here.connect, here.store_asset_event))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._open.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Record what is yielded in this block at its end, whatever ends it. Keep it short: others wait."""
        self._together = True
        try:
            yield
        except BaseException:
            with suppress(DBAPIError):  # a full disk, for one: what ended the block says so
                self._commit()
            raise
        self._commit()

    def _commit(self) -> None:
        self._together = False
        self._made.clear()
        for shard, connection in list(self._connections.items()):
            connection.commit()
            self._let_go(shard)

    def latest(self, asset: dg.AssetKey, partition: str) -> dg.EventLogRecord | None:
        """The latest materialisation of a partition: one of this block, without asking the database."""
        return self._made.get((asset, partition)) or latest(self._instance, asset, partition)

    def note(self, event: dg.EventLogEntry, event_id: int) -> None:
        """Keep what was made while things are recorded together: a verdict about it follows."""
        found = event.dagster_event
        if self._together and found and found.is_step_materialization and found.asset_key:
            self._made[found.asset_key, found.partition] = dg.EventLogRecord(event_id, event)

    @contextmanager
    def connection(self, shard: str, event_log: EventLog) -> Iterator[Connection]:
        """A connection that is open already, in a transaction; for other threads, as usual.

        Dagster asks for one inside of a block that has one: it is the same, and the outermost block ends it.
        """
        if threading.get_ident() != self._owner:
            with event_log.connect(shard) as connection:
                yield connection
            return
        connection = self._connections.get(shard) or self._new(shard, event_log)
        if not connection.in_transaction():
            connection.begin()
            if self._together:
                event_log.begun(connection)
        ends_it = not self._together and shard not in self._in_use
        if ends_it:
            self._in_use.add(shard)
        try:
            yield connection
        except BaseException:
            if ends_it:
                connection.rollback()
            raise
        else:
            if ends_it:
                connection.commit()
        finally:
            if ends_it:
                self._in_use.discard(shard)
                self._let_go(shard)

    def _new(self, shard: str, event_log: EventLog) -> Connection:
        engine = self._engines.get(shard)
        if engine is None:
            engine = self._engines[shard] = event_log.engine(shard)
            listen(engine, "before_cursor_execute", _smaller, retval=True)
            if shard != SHARED:
                listen(engine, "before_cursor_execute", _without_pictures, retval=True)
            self._open.callback(engine.dispose)
        self._connections[shard] = engine.connect()
        return self._connections[shard]

    def _let_go(self, shard: str) -> None:
        """A file stays open; a connection to a server may break in between, and is tried before its use."""
        if self._event_log is not None and not self._event_log.stays_open:
            self._connections.pop(shard).close()


def _event_log_of(instance: dg.DagsterInstance) -> EventLog | None:
    """What is recorded together: SQLite files, and event logs that say how themselves."""
    says = getattr(instance.event_log_storage, "for_recording", None)
    return SqliteEventLog.of(instance) if says is None else cast(EventLog | None, says())


def _smaller(
    _connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object
) -> tuple[str, Any]:
    """Events with the least that says the same."""
    found = _WRITES_EVENTS.match(statement)
    if found is None:
        return statement, parameters

    def smaller(one: Any) -> Any:
        return small(one, passed_in_short=found[1] == "event_logs") if isinstance(one, str) else one

    if isinstance(parameters, dict):
        return statement, {name: smaller(one) for name, one in parameters.items()}
    return statement, tuple(smaller(one) for one in parameters)


@contextmanager
def recorded_together(instance: dg.DagsterInstance) -> Iterator[None]:
    """Events of this block, a short one, are recorded in one transaction of each database."""
    with Recording(instance) as recording, recording.together():
        yield


def _without_pictures(
    _connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object
) -> tuple[str, Any]:
    """The database of a run holds everything that the shared one does; pictures only that one."""
    if isinstance(parameters, tuple) and statement.startswith("INSERT INTO event_logs"):
        parameters = tuple(
            _PICTURE.sub(_ELSEWHERE, one) if isinstance(one, str) and "(data:image/" in one else one
            for one in parameters
        )
    return statement, parameters


class _Methods:
    """What the event log does instead of its own while a recording is open."""

    def __init__(self, recording: Recording, event_log: EventLog) -> None:
        self._recording, self._event_log = recording, event_log

    def connect(self, shard: str) -> AbstractContextManager[Connection]:
        return self._recording.connection(shard, self._event_log)

    def store_asset_event(self, connection: Connection, event: dg.EventLogEntry, event_id: int) -> None:
        self._event_log.store_asset_event(connection, event, event_id)
        self._recording.note(event, event_id)
