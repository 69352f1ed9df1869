"""The event log of :mod:`~lightly_assets.graph.event_log` on PostgreSQL; needs the extra ``postgres``.

.. code-block:: yaml

    event_log_storage:
      module: lightly_assets.graph.postgres_event_log
      class: PostgresEventLog
      config: {postgres_url: {env: DAGSTER_POSTGRES_URL}}
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import Any, Self, TypeVar

from dagster_postgres.event_log.event_log import PostgresEventLogStorage
from dagster_postgres.utils import (
    DagsterPostgresException,
    create_pg_engine,
    get_token_provider_from_config,
    pg_url_from_config,
)
from sqlalchemy import Connection, Engine, text
from sqlalchemy.event import listen
from sqlalchemy.exc import OperationalError

from lightly_assets.graph.dagster_private import SHARED, ConfigurableClassData, Connect, Store
from lightly_assets.graph.event_log import ManyPartitions

# Transactions of several runs go one after the other: materialisations of an asset appear in the order of
# their ids, as whoever remembers the last one that he has seen expects, and none waits for the other's rows
# crosswise. A machine that vanishes in one holds up the others for as long as the server waits.
_BEGIN = text(
    "SELECT set_config('idle_in_transaction_session_timeout', '30s', true), "
    "pg_advisory_xact_lock(hashtext('lightly_assets'), hashtext(current_schema()))"
)

PATIENCE_SECONDS = 120.0
"""How long a run waits for a server that is started anew, or hands over to another one."""
_TRY_AGAIN_SECONDS = 1.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class PostgresEventLog(ManyPartitions, PostgresEventLogStorage):
    """Dagster's PostgreSQL event log, quick with many partitions; its settings are those of Dagster's own."""

    def for_recording(self) -> "_Recorded":
        """How events that belong together are recorded in one transaction."""
        return _Recorded(self, self._connect, self._store_asset_event)

    @contextmanager
    def replaced(self, connect: Connect, store_asset_event: Store) -> Iterator[None]:
        """The event log with other methods, until the block ends: attributes hide those of the class."""
        others = {
            "_connect": lambda: connect(SHARED),
            "has_table": cache(self.has_table),
            "_store_asset_event": store_asset_event,
        }
        vars(self).update(others)
        try:
            yield
        finally:
            for name in others:
                vars(self).pop(name, None)

    def own_engine(self) -> Engine:
        """For a connection that is asked whether it still lives before each use, else opened patiently."""
        engine = create_pg_engine(
            self.postgres_url,
            self._token_provider,
            isolation_level="READ COMMITTED",
            pool_size=1,
            pool_pre_ping=True,
        )

        def connect(dialect: Any, _: object, arguments: list[Any], options: dict[str, Any]) -> object:
            return _patiently(
                lambda: dialect.connect(*arguments, **options), dialect.loaded_dbapi.OperationalError
            )

        listen(engine, "do_connect", connect)
        return engine

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Made by Dagster from ``dagster.yaml``."""
        return cls(
            pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )


class _Recorded:
    """The event log as a recording sees it; all of its events are in one database."""

    stays_open = False

    def __init__(
        self,
        storage: PostgresEventLog,
        connect: Callable[[], AbstractContextManager[Connection]],
        store_asset_event: Store,
    ) -> None:
        self._storage = storage
        self._connect = connect
        self.store_asset_event: Store = store_asset_event

    @contextmanager
    def connect(self, _: str) -> Iterator[Connection]:
        """As Dagster's own, which gives up after 6 seconds."""
        with ExitStack() as opened:
            yield _patiently(
                lambda: opened.enter_context(self._connect()), DagsterPostgresException, OperationalError
            )

    def replaced(self, connect: Connect, store_asset_event: Store) -> AbstractContextManager[None]:
        return self._storage.replaced(connect, store_asset_event)

    def engine(self, _: str) -> Engine:
        return self._storage.own_engine()

    def begun(self, connection: Connection) -> None:
        connection.execute(_BEGIN)


def _patiently(action: Callable[[], T], *errors: type[Exception]) -> T:
    """Try again while a server is away. What is under way when it goes is not tried again: it may be done."""
    began, told = time.monotonic(), False
    while True:
        try:
            return action()
        except errors as error:
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise
            if not told:
                log.warning("Waiting for the PostgreSQL server: %s.", str(error).strip().partition("\n")[0])
                told = True
        time.sleep(_TRY_AGAIN_SECONDS)
