"""What of Dagster is used that it does not promise to keep: each name, why, and what happens without it.

Nothing else in this package may touch a name of Dagster that begins with an underscore, or a module of one
(a test looks for them). Names are looked up when the graph is loaded: where a release has none of them any
more, or has given a method other parameters, the public way is taken, which is slower or shows less. What is
made and recorded stays the same.
"""

import inspect
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import dagster as dg
from sqlalchemy import Connection, Engine, NullPool, create_engine

log = logging.getLogger(__name__)

_LATEST = ("asset_key", "event_type", "partitions", "after_cursor")
_KEYS = ("keys", "after_storage_id", "partition_keys")
_SQL = "dagster._core.storage.event_log.sql_event_log"
_RECORDS = "dagster._core.storage.asset_check_execution_record"
_SQLITE = "dagster._core.storage.event_log.sqlite.sqlite_event_log"
_RECORDING = "events are recorded one by one, which takes several times as long"
_RUNNING = "a run of the command line keeps all of its events in memory until it ends"
_PLANNED = "a partition that failed in a run of many shows its failed checks, but not as failed itself"
_MANY = "pages of the UI take as long as Dagster needs: minutes for tens of thousands of partitions"
_CONTEXT = "dagster._core.execution.context.system"
_INPUT = "the asset of the input shows no partitions"
_BEHIND = "what is behind the chain is left out of a run that makes both, and has to be asked for alone"
_ONCE = "each event of an asset is stored twice: in a database of its run, and in that of all"
_TARGET = "verdicts of partitions are recorded, but the UI does not show them beside the partition"


@dataclass(frozen=True, slots=True)
class PrivateName:
    """A name that Dagster may take away."""

    module: str
    name: str
    """In the module; ``Class.method`` for a method."""
    reason: str
    """What it is needed for."""
    without: str
    """What is lost where it is gone."""
    parameters: tuple[str, ...] | None = None
    """Of a method that is replaced or called, without ``self``."""

    def find(self) -> Any:
        """What it names; None where it is gone, or takes other parameters."""
        try:
            found: Any = import_module(self.module)
            for part in self.name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            return None
        if self.parameters is not None and _parameters(found) != self.parameters:
            return None
        return found


def _parameters(function: Any) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(function).parameters if name != "self")


NAMES = (
    PrivateName(_SQLITE, "SqliteEventLogStorage", "the event log whose transactions are joined", _RECORDING),
    PrivateName(
        _SQLITE,
        "SqliteEventLogStorage._connect",
        "opens, commits and closes a database for every statement: replaced by an open connection",
        _RECORDING,
        ("shard",),
    ),
    PrivateName(
        _SQLITE,
        "SqliteEventLogStorage.has_table",
        "opens one more database for every event: its answer is kept",
        _RECORDING,
        ("table_name",),
    ),
    PrivateName(
        _SQLITE,
        "SqliteEventLogStorage._has_asset_key_index_cols_on_connection",
        "asks for the columns of a table for every event: its answer is kept",
        _RECORDING,
        ("conn",),
    ),
    PrivateName(
        _SQLITE,
        "SqliteEventLogStorage.has_asset_key_index_cols",
        "the answer that is kept",
        _RECORDING,
        (),
    ),
    PrivateName(
        _SQLITE,
        "SqliteEventLogStorage._store_asset_event",
        "tells which id a materialisation got, which a verdict on it names; asking costs milliseconds",
        _RECORDING,
        ("conn", "event", "event_id"),
    ),
    PrivateName(
        _SQLITE,
        "SqliteEventLogStorage.conn_string_for_shard",
        "where the database lies that is kept open",
        _RECORDING,
        ("shard_name",),
    ),
    PrivateName(
        "dagster._core.storage.sqlite",
        "SQLITE_BUSY_TIMEOUT_SECONDS",
        "how long Dagster waits for a database that another process writes to",
        _RECORDING,
    ),
    PrivateName(
        "dagster._core.events",
        "AssetMaterializationPlannedData",
        "a run that is told its partitions by its configuration plans none, and none shows as failed",
        _PLANNED,
    ),
    PrivateName(
        "dagster._core.definitions.asset_checks.asset_check_evaluation",
        "AssetCheckEvaluationTargetMaterializationData",
        "what a verdict is about: the only way to say it in a run of many partitions",
        _TARGET,
    ),
    PrivateName(_CONTEXT, "StepExecutionContext", "of our own step, where what follows is replaced", _INPUT),
    PrivateName(
        _CONTEXT,
        "StepExecutionContext.has_asset_partitions_for_input",
        "asks a run for its partitions once another asset has made the input, and fails where it was told "
        "them by its configuration: our own step has none then",
        _INPUT,
        ("input_name",),
    ),
    PrivateName(
        "dagster._core.definitions.source_asset",
        "SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION",
        "marks an output whose event is recorded already: it lets the steps behind it begin",
        _BEHIND,
    ),
    PrivateName(
        "dagster._core.definitions.job_base",
        "InMemoryJob",
        "a run in this process whose events come one by one",
        _RUNNING,
    ),
    PrivateName(
        "dagster._core.execution.api",
        "execute_run_iterator",
        "a run in this process whose events come one by one",
        _RUNNING,
        ("job", "dagster_run", "instance", "resume_from_failure"),
    ),
    *(
        PrivateName(
            module, name, "the state of the checks of many partitions, kept between pages", _MANY, given
        )
        for module, name, given in (
            ("dagster._core.asset_graph_view.serializable_entity_subset", "SerializableEntitySubset", None),
            (_RECORDS, "AssetCheckExecutionRecordStatus", None),
            (_RECORDS, "AssetCheckExecutionResolvedStatus", None),
            (_RECORDS, "AssetCheckPartitionInfo", None),
            ("dagster._core.storage.asset_check_state", "AssetCheckState", None),
            ("dagster._core.storage.dagster_run", "FINISHED_STATUSES", None),
            ("dagster._core.storage.event_log.schema", "AssetCheckExecutionsTable", None),
            ("dagster._core.storage.event_log.schema", "AssetEventTagsTable", None),
            ("dagster._core.storage.event_log.schema", "DynamicPartitionsTable", None),
            ("dagster._core.storage.event_log.schema", "SqlEventLogStorageTable", None),
            (_SQL, "SqlEventLogStorage", None),
            (_SQL, "SqlEventLogStorage.get_asset_check_state", ("keys",)),
            (_SQL, "SqlEventLogStorage.get_asset_check_partition_info", _KEYS),
            (_SQL, "SqlEventLogStorage.get_latest_storage_id_by_partition", _LATEST),
            (_SQL, "SqlEventLogStorage._get_latest_unpartitioned_materialization_storage_ids", ("keys",)),
            (_SQL, "SqlEventLogStorage.index_connection", ()),
            (_SQL, "SqlEventLogStorage.index_transaction", ()),
            (_SQL, "SqlEventLogStorage._instance", None),
        )
    ),
    *(
        PrivateName(module, name, "one database for the events of all runs", _ONCE, given)
        for module, name, given in (
            (_SQL, "SqlEventLogStorage.store_event", ("event",)),
            (_SQL, "SqlEventLogStorage.get_event_records", ("event_records_filter", "limit", "ascending")),
            (_SQLITE, "SqliteEventLogStorage.run_connection", ("run_id",)),
            (_SQLITE, "SqliteEventLogStorage.path_for_shard", ("run_id",)),
            (_SQLITE, "SqliteEventLogStorage.watch", ("run_id", "cursor", "callback")),
            (_SQLITE, "SqliteEventLogStorage.end_watch", ("run_id", "handler")),
            ("dagster._core.storage.event_log.polling_event_watcher", "SqlPollingEventWatcher", None),
        )
    ),
    PrivateName(
        "dagster._serdes",
        "ConfigurableClassData",
        "names the type of what dagster.yaml says of a storage",
        "nothing: it is only an annotation",
    ),
)


@cache
def _found() -> dict[str, Any]:
    """All names that are there. Those that are not are told once."""
    found = {one.name: one.find() for one in NAMES}
    for without in dict.fromkeys(one.without for one in NAMES if found[one.name] is None):
        gone = [one.name for one in NAMES if found[one.name] is None and one.without == without]
        log.warning("Dagster %s has no %s as it was: %s.", dg.__version__, ", ".join(gone), without)
    return found


def check_names() -> list[PrivateName]:
    """The names that are gone; each is told in a warning the first time."""
    return [one for one in NAMES if _found()[one.name] is None]


def _all_there(without: str) -> bool:
    return all(_found()[one.name] is not None for one in NAMES if one.without == without)


# Checks of many partitions

if TYPE_CHECKING:
    from dagster._core.asset_graph_view.serializable_entity_subset import (
        SerializableEntitySubset as SerializableEntitySubset,
    )
    from dagster._core.storage.asset_check_execution_record import (
        AssetCheckExecutionRecordStatus as AssetCheckExecutionRecordStatus,
    )
    from dagster._core.storage.asset_check_execution_record import (
        AssetCheckExecutionResolvedStatus as AssetCheckExecutionResolvedStatus,
    )
    from dagster._core.storage.asset_check_execution_record import (
        AssetCheckPartitionInfo as AssetCheckPartitionInfo,
    )
    from dagster._core.storage.asset_check_state import AssetCheckState as AssetCheckState
    from dagster._core.storage.dagster_run import FINISHED_STATUSES as FINISHED_STATUSES
    from dagster._core.storage.event_log.polling_event_watcher import (
        SqlPollingEventWatcher as SqlPollingEventWatcher,
    )
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as AssetCheckExecutionsTable
    from dagster._core.storage.event_log.schema import AssetEventTagsTable as AssetEventTagsTable
    from dagster._core.storage.event_log.schema import DynamicPartitionsTable as DynamicPartitionsTable
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as SqlEventLogStorageTable
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage as SqlEventLogStorage
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
        SqliteEventLogStorage as SqliteEventLogStorage,
    )
    from dagster._serdes import ConfigurableClassData as ConfigurableClassData


def __getattr__(name: str) -> Any:
    """A name of the table by itself; None where it is gone."""
    if any(one.name == name for one in NAMES):
        return _found()[name]
    raise AttributeError(f"module {__name__} has no attribute {name}")


def knows_checks_of_partitions() -> bool:
    """Whether all is there that the state of the checks of many partitions is worked out with."""
    return _all_there(_MANY)


def can_store_events_once() -> bool:
    """Whether all is there with which the events of all runs lie in one SQLite database."""
    return _all_there(_ONCE)


# Recording

Connect = Callable[[str], AbstractContextManager[Connection]]
Store = Callable[[Connection, dg.EventLogEntry, int], None]


# Dagster's name of the database that all runs share.
SHARED = "index"


class EventLog(Protocol):
    """An event log, as far as a recording reaches into it."""

    connect: Connect
    """Opens a database (``shard``), makes it where there is none, and commits at the end."""
    store_asset_event: Store
    stays_open: bool
    """Whether a connection is kept for the whole recording; else for one transaction."""

    def replaced(self, connect: Connect, store_asset_event: Store) -> AbstractContextManager[None]:
        """The event log with other methods, until the block ends."""
        ...

    def engine(self, shard: str) -> Engine:
        """For connections of the recording's own; the database is there."""
        ...

    def begun(self, connection: Connection) -> None:
        """Called where a transaction for events that belong together has begun."""
        ...


class SqliteEventLog:
    """Dagster's event log in SQLite files."""

    stays_open = True

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self.connect: Connect = storage._connect
        self.store_asset_event: Store = storage._store_asset_event

    @classmethod
    def of(cls, instance: dg.DagsterInstance) -> "SqliteEventLog | None":
        """That of an instance; None for another kind of event log, and where names that it needs are gone."""
        storage = instance.event_log_storage
        if not _all_there(_RECORDING) or not isinstance(storage, _found()["SqliteEventLogStorage"]):
            return None
        return cls(storage)

    @contextmanager
    def replaced(self, connect: Connect, store_asset_event: Store) -> Iterator[None]:
        """The event log with other methods, until the block ends.

        Attributes of the object hide the methods of its class until they are removed.
        """
        there = self._storage.has_asset_key_index_cols()
        others = {
            "_connect": connect,
            "has_table": cache(self._storage.has_table),
            "_has_asset_key_index_cols_on_connection": lambda _: there,
            "_store_asset_event": store_asset_event,
        }
        vars(self._storage).update(others)
        try:
            yield
        finally:
            for name in others:
                vars(self._storage).pop(name, None)

    def engine(self, shard: str) -> Engine:
        """For a connection that stays open."""
        with self.connect(shard):  # makes the database where there is none
            pass
        return create_engine(
            self._storage.conn_string_for_shard(shard),
            poolclass=NullPool,
            connect_args={"timeout": _found()["SQLITE_BUSY_TIMEOUT_SECONDS"]},
        )

    def begun(self, connection: Connection) -> None:
        """Nothing: a SQLite file has one writer at a time by itself."""


# Events


def report_planned(
    instance: dg.DagsterInstance, run: dg.DagsterRun, step: str, asset: dg.AssetKey, partition: str
) -> None:
    """Note that a run was to make an asset for a partition, and did not: so it shows as failed."""
    if not _all_there(_PLANNED):
        return
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value,
        job_name=run.job_name,
        step_key=step,
        event_specific_data=_found()["AssetMaterializationPlannedData"](asset, partition=partition),
        message=f"{asset.to_user_string()} was not made for {partition}.",
    )
    instance.report_dagster_event(event, run.run_id)


def verdict_target(record: dg.EventLogRecord | None) -> Any:
    """What a verdict is about: a materialisation."""
    if record is None or not _all_there(_TARGET):
        return None
    return _found()["AssetCheckEvaluationTargetMaterializationData"](
        storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
    )


# Inputs that others make

_BY_CONFIGURATION = "lightly_assets/partitions"


def partitions_by_configuration() -> dict[str, str] | None:
    """Tags of an operation whose runs may be told their partitions by their configuration.

    Dagster notes which version of each input a run has read. Where something has made an input that has
    partitions, it asks the run for its own, and the run fails where it has none: every run of the sensor and
    of the command line, once another asset reports on the videos. None where Dagster cannot be told
    otherwise: then what is read may have no partitions.
    """
    if not _all_there(_INPUT):
        return None
    context = _found()["StepExecutionContext"]
    theirs = context.has_asset_partitions_for_input
    if not hasattr(theirs, "__wrapped__"):

        @wraps(theirs)
        def has_partitions(self: Any, input_name: str) -> bool:
            if _BY_CONFIGURATION in self.op_def.tags and not self.has_partitions:
                return False
            return bool(theirs(self, input_name))

        context.has_asset_partitions_for_input = has_partitions
    return {_BY_CONFIGURATION: "by configuration"}


# Outputs


def has_other_steps(context: dg.AssetExecutionContext) -> bool:
    """Whether a run makes more than what this step makes."""
    return len(context.op_execution_context.job_def.nodes) > 1


def let_others_begin(context: dg.AssetExecutionContext, keys: Collection[dg.AssetKey]) -> Iterator[Any]:
    """Outputs of assets whose materialisations are recorded already: what is behind them is not skipped.

    An output would be recorded as a materialisation of every partition of the run, whatever became of it.
    None where the run has no other step: they would be recorded for nothing.
    """
    if not has_other_steps(context) or not _all_there(_BEHIND):
        return
    marked = {_found()["SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION"]: True}
    for name, key in context.assets_def.keys_by_output_name.items():
        if key in keys:
            yield dg.Output(None, output_name=name, metadata=marked)


# Running


def run_here(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    *,
    run_config: Mapping[str, Any],
    tags: Mapping[str, str],
    together: AbstractContextManager[object] | None = None,
) -> Iterator[dg.DagsterEvent]:
    """A run of a job in this process: its events as they come; what it plans is noted in ``together``.

    ``execute_in_process`` does the same, but keeps all events until the end, pictures and all: 150 kB of
    memory for every video.
    """
    if not _all_there(_RUNNING):
        result = job.execute_in_process(
            instance=instance,
            run_config=dict(run_config),
            tags=dict(tags),
            raise_on_error=False,
        )
        yield from result.all_events
        return
    with together or nullcontext():
        run = instance.create_run_for_job(
            job_def=job,
            run_config=dict(run_config),
            tags={**job.run_tags, **tags},
        )
    yield from _found()["execute_run_iterator"](_found()["InMemoryJob"](job), run, instance)
