"""An event log that answers for many partitions at once, so that the web UI stays quick.

Dagster works out the state of a partitioned check anew for every page, and asks the database for each
partition by itself whether it exists: minutes for 50,000 partitions. Here membership is one query, and what
was worked out is kept; only partitions with newer events are looked at again. The rows are Dagster's own, so
an instance can be switched to this class and back at any time. In the instance's ``dagster.yaml``:

.. code-block:: yaml

    event_log_storage:
      module: lightly_assets.graph.event_log
      class: SqliteEventLog
      config: {}
"""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import dagster as dg
from sqlalchemy import ColumnElement, Select, and_, exists, func, select

from lightly_assets.graph.dagster_private import (
    FINISHED_STATUSES,
    AssetCheckExecutionsTable,
    AssetCheckState,
    AssetEventTagsTable,
    ConfigurableClassData,
    DynamicPartitionsTable,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
    SqlPollingEventWatcher,
    can_store_events_once,
    knows_checks_of_partitions,
)
from lightly_assets.graph.dagster_private import (
    AssetCheckExecutionResolvedStatus as Status,
)
from lightly_assets.graph.keys import PLAIN, Names
from lightly_assets.graph.known_checks import KnownCheck, RowsRead

if TYPE_CHECKING:
    _Base = SqlEventLogStorage
else:
    _Base = object

if TYPE_CHECKING or knows_checks_of_partitions():
    _Checks = AssetCheckExecutionsTable.c
    _Events = SqlEventLogStorageTable.c
    _Partitions = DynamicPartitionsTable.c
_OF_PARTITIONS = tuple(
    kind.value
    for kind in (
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        dg.DagsterEventType.ASSET_OBSERVATION,
        dg.DagsterEventType.ASSET_FAILED_TO_MATERIALIZE,
    )
)
_MATERIALIZATION = dg.DagsterEventType.ASSET_MATERIALIZATION.value

# How long the keys of a definition may be taken for known. Keys that are not among them are always asked for.
_MEMBERS_SECONDS = 2.0
# Transactions may commit in another order than their ids: so many events before the last are looked at again.
_OVERLAP = 1_000
# More changed partitions than that are read with all others, in one query.
_FEW = 500

# Of an asset: the latest materialisation of each partition; the latest of all if that is of none, else 0.
_Made = tuple[Mapping[str, int], int]


@dataclass
class _Members:
    """The keys of a definition."""

    read: float
    mark: tuple[object, ...] | None
    """Of the rows that they were read from; None where Dagster's table is not as it was."""
    keys: frozenset[str]


class ManyPartitions(_Base):
    """Mixed into an event log of Dagster's that keeps its events in SQL."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._members: dict[str, _Members] = {}
        self._checks: dict[dg.AssetCheckKey, KnownCheck] = {}
        self._checks_lock = threading.Lock()
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether a partition exists: from one query for all of them, or one for a key that is new."""
        if partition_key in self._members_of(partitions_def_name):
            return True
        return super().has_dynamic_partition(partitions_def_name, partition_key)

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Forget a partition, its materialisations and verdicts: a key that comes back starts anew."""
        super().delete_dynamic_partition(partitions_def_name, partition_key)
        self._members.pop(partitions_def_name, None)
        if partitions_def_name.endswith(PLAIN.partitions) and knows_checks_of_partitions():
            names = Names(partitions_def_name.removesuffix(PLAIN.partitions).rstrip("_"))
            self._forget_events(partition_key, names)

    def _forget_events(self, partition: str, names: Names) -> None:
        """What Dagster works out the state of a partition from; the logs of its runs stay."""
        everything: Sequence[dg.AssetKey] = self.all_asset_keys()  # type: ignore[no-untyped-call]
        # Another project, or an asset of somebody else's, may have a partition of that name.
        assets = [asset for asset in everything if names.has_partitioned(asset)]
        with self.index_connection() as connection:
            for asset in assets:
                name = asset.to_string()
                events = (_Events.asset_key == name, _Events.dagster_event_type.in_(_OF_PARTITIONS))
                connection.execute(
                    SqlEventLogStorageTable.delete().where(*events, _Events.partition == partition)
                )
                checks = (_Checks.asset_key == name, _Checks.partition == partition)
                connection.execute(AssetCheckExecutionsTable.delete().where(*checks))
        for asset in assets:
            self.wipe_asset_cached_status(asset)

    def forget_runs(self, run_ids: Sequence[str]) -> int:
        """Delete the events of runs, but for the latest of their kind of an asset and partition; how many.

        What pages of assets show stays: materialisations, plans that failed, verdicts. Logs of the runs go.
        """
        latest = select(func.max(_Events.id).label("id")).where(
            _Events.dagster_event_type.in_(_OF_PARTITIONS)
        )
        of_runs = and_(
            _Events.run_id.in_(run_ids),
            _is_none_of(_Events.id, latest, _Events.asset_key, _Events.dagster_event_type, _Events.partition),
        )
        verdicts = select(func.max(_Checks.id).label("id"))
        replaced = _is_none_of(_Checks.id, verdicts, _Checks.asset_key, _Checks.check_name, _Checks.partition)
        tagged = AssetEventTagsTable.c.event_id.in_(select(_Events.id).where(of_runs))
        with self.index_transaction() as connection:
            connection.execute(AssetEventTagsTable.delete().where(tagged))
            gone = [
                connection.execute(SqlEventLogStorageTable.delete().where(of_runs)),
                connection.execute(
                    AssetCheckExecutionsTable.delete().where(_Checks.run_id.in_(run_ids), replaced)
                ),
            ]
        return sum(one.rowcount for one in gone)

    def _members_of(self, name: str) -> frozenset[str]:
        known = self._members.get(name)
        if known is not None and known.keys and time.monotonic() - known.read <= _MEMBERS_SECONDS:
            return known.keys
        mark = self._mark(name)
        if known is None or known.mark != mark or mark is None:
            known = _Members(0.0, mark, frozenset(self.get_dynamic_partitions(name)))
        known.read = time.monotonic()
        self._members[name] = known
        return known.keys

    def _mark(self, name: str) -> tuple[object, ...] | None:
        """What changes with the keys of a definition; 50,000 of them are read in a tenth of a second."""
        if not knows_checks_of_partitions():
            return None
        ids = _Partitions.id
        query = select(func.count(), func.max(ids), func.sum(ids), func.max(_Partitions.create_timestamp))
        with self.index_connection() as connection:
            return tuple(connection.execute(query.where(_Partitions.partitions_def_name == name)).one())

    def get_asset_check_state(
        self, keys: Sequence[tuple[dg.AssetCheckKey, dg.PartitionsDefinition[Any] | None]]
    ) -> Mapping[dg.AssetCheckKey, AssetCheckState]:
        """The state of checks; the same as Dagster's own."""
        if not knows_checks_of_partitions():
            return super().get_asset_check_state(keys)
        ours = {key: one for key, one in keys if isinstance(one, dg.DynamicPartitionsDefinition) and one.name}
        others = [(key, one) for key, one in keys if key not in ours]
        found = dict(super().get_asset_check_state(others)) if others else {}
        if ours:
            with self._checks_lock:
                self._update(list(ours))
                self._end_runs(list(ours))
                found |= {key: self._state(key, one) for key, one in ours.items()}
        return found

    def _update(self, keys: Sequence[dg.AssetCheckKey]) -> None:
        """Take in what happened since the last time."""
        cursor = self._last_event()
        made: dict[dg.AssetKey, _Made] = {}
        for key in keys:
            known = self._checks.get(key)
            if known is not None and known.cursor == cursor and self._is_whole(key, known):
                continue
            changed = None if known is None else self._changed(key, known)
            rows = self._rows(key, cursor)
            if known is None or changed is None or len(changed) > _FEW:
                known = self._checks[key] = KnownCheck(cursor, rows)
                if key.asset_key not in made:
                    made[key.asset_key] = self._made(key.asset_key)
                self._read_all(key, known, made[key.asset_key])
            elif changed:
                partitions = sorted(changed)
                known.take_in(self.get_asset_check_partition_info([key], partition_keys=partitions))
            known.cursor, known.rows = cursor, rows

    def _made(self, asset: dg.AssetKey) -> _Made:
        """The latest materialisation of each partition, and of the asset as a whole."""
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        whole = self._get_latest_unpartitioned_materialization_storage_ids([asset]).get(asset)
        return self.get_latest_storage_id_by_partition(asset, kind), whole or 0

    def _read_all(self, key: dg.AssetCheckKey, known: KnownCheck, made: _Made) -> None:
        """The latest verdict of each partition, as Dagster works it out, but in a third of its time."""
        of_partitions, of_whole = made
        evaluated = (*_of_check(key), _Checks.evaluation_event_storage_id.is_not(None))
        latest = select(func.max(_Checks.id).label("id")).where(*evaluated).group_by(_Checks.partition)
        ids = latest.subquery()
        query = select(
            _Checks.partition,
            _Checks.execution_status,
            _Checks.materialization_event_storage_id,
            _Checks.run_id,
        ).join_from(AssetCheckExecutionsTable, ids, _Checks.id == ids.c.id)
        with self.index_connection() as connection:
            for partition, recorded, about, run in connection.execute(query).all():
                if partition is not None:
                    now = max(of_partitions.get(partition, 0), of_whole)
                    known.note(partition, recorded, is_current=not now or now == about, run=run)

    def _changed(self, key: dg.AssetCheckKey, known: KnownCheck) -> set[str] | None:
        """Partitions with newer events; None where all of the check is to be read."""
        if not self._is_whole(key, known):
            return None
        after = max(0, known.cursor - _OVERLAP)
        evaluated = (
            select(_Checks.partition)
            .distinct()
            .where(*_of_check(key), _Checks.evaluation_event_storage_id > after)
            .where(_Checks.partition.is_not(None))
        )
        made = select(_Events.partition).distinct().where(*_of_asset(key), _Events.id > after)
        with self.index_connection() as connection:
            found = {row[0] for query in (evaluated, made) for row in connection.execute(query)}
        return None if None in found else found

    def _is_whole(self, key: dg.AssetCheckKey, known: KnownCheck) -> bool:
        """Whether nothing of what was read has been deleted, as wiping an asset does."""
        return self._rows(key, known.cursor, known.rows.last) == known.rows

    def _rows(self, key: dg.AssetCheckKey, cursor: int, last: int | None = None) -> RowsRead:
        with self.index_connection() as connection:
            if last is None:
                newest = select(func.max(_Checks.id)).where(*_of_check(key))
                last = int(connection.execute(newest).scalar() or 0)
            evaluations = select(func.count()).where(*_of_check(key), _Checks.id <= last)
            made = select(func.count()).where(*_of_asset(key), _Events.id <= cursor)
            counts = [connection.execute(query).scalar_one() for query in (evaluations, made)]
        return RowsRead(last, *counts)

    def _last_event(self) -> int:
        with self.index_connection() as connection:
            return int(connection.execute(select(func.max(_Events.id))).scalar() or 0)

    def _end_runs(self, keys: Sequence[dg.AssetCheckKey]) -> None:
        """What was in progress in runs that have ended."""
        runs = {run for key in keys for run in self._checks[key].runs.values()}
        if not runs:
            return
        filters = dg.RunsFilter(run_ids=sorted(runs), statuses=list(FINISHED_STATUSES))
        ended = {run.run_id: run.status for run in self._instance.get_runs(filters=filters)}
        for key in keys:
            known = self._checks[key]
            for partition, run in list(known.runs.items()):
                if run in ended:
                    failed = ended[run] is dg.DagsterRunStatus.FAILURE
                    known.end_run(partition, Status.EXECUTION_FAILED if failed else Status.SKIPPED)

    def _state(self, key: dg.AssetCheckKey, partitions: dg.DynamicPartitionsDefinition) -> AssetCheckState:
        told = self._checks[key].tell(key, partitions, self._members_of(partitions.name or ""))
        return AssetCheckState(
            latest_storage_id=self._checks[key].cursor, subsets=told.subsets, in_progress_runs=told.runs
        )


def _of_check(key: dg.AssetCheckKey) -> tuple[ColumnElement[bool], ...]:
    return _Checks.asset_key == key.asset_key.to_string(), _Checks.check_name == key.name


def _is_none_of(row: ColumnElement[int], latest: Select[Any], *of: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a row is not the latest of its group; as a join, which databases are quick with."""
    ids = latest.group_by(*of).subquery()
    return ~exists().where(ids.c.id == row)


def _of_asset(key: dg.AssetCheckKey) -> tuple[ColumnElement[bool], ...]:
    """Its materialisations."""
    return (
        _Events.asset_key == key.asset_key.to_string(),
        _Events.dagster_event_type == _MATERIALIZATION,
    )


class SqliteEventLog(ManyPartitions, SqliteEventLogStorage):
    """Dagster's SQLite event log, quick with many partitions, and with each event once.

    Dagster keeps a database of each run, and what concerns assets a second time in one of all runs. Here that
    one holds everything; a run that has a database of its own, from before, keeps it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._watching: Any = None
        super().__init__(*args, **kwargs)

    def _has_its_own(self, run_id: str | None) -> bool:
        if not can_store_events_once():
            return True
        return bool(run_id) and Path(self.path_for_shard(str(run_id))).exists()

    def run_connection(self, run_id: str | None = None) -> Any:
        """To the database with the events of a run."""
        return super().run_connection(run_id) if self._has_its_own(run_id) else self.index_connection()

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event, once."""
        if self._has_its_own(event.run_id):
            super().store_event(event)
        else:
            SqlEventLogStorage.store_event(self, event)

    def forget_runs(self, run_ids: Sequence[str]) -> int:
        """Delete the events of runs, and the databases of those that have one of their own."""
        for run_id in run_ids:
            if self._has_its_own(run_id):
                Path(self.path_for_shard(run_id)).unlink(missing_ok=True)
        return super().forget_runs(run_ids)

    def get_event_records(
        self, event_records_filter: Any, limit: int | None = None, ascending: bool = False
    ) -> Sequence[dg.EventLogRecord]:
        """Events of all runs, from the database of all."""
        if not can_store_events_once():
            return super().get_event_records(event_records_filter, limit, ascending)
        return SqlEventLogStorage.get_event_records(self, event_records_filter, limit, ascending)

    @property
    def is_run_sharded(self) -> bool:
        """Whether a run has a database to itself."""
        return not can_store_events_once()

    def watch(self, run_id: str, cursor: str | None, callback: Any) -> None:
        """Tell of a run's events as they come: by asking, as the file changes for other runs, too."""
        if self._has_its_own(run_id):
            super().watch(run_id, cursor, callback)
            return
        if self._watching is None:
            self._watching = SqlPollingEventWatcher(self)
        self._watching.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: Any) -> None:
        """Tell no more of them."""
        if self._watching is not None and self._watching.has_run_id(run_id):
            self._watching.unwatch_run(run_id, handler)
        else:
            super().end_watch(run_id, handler)

    def dispose(self) -> None:
        """Let go of what watches."""
        if self._watching is not None:
            self._watching.close()
            self._watching = None
        super().dispose()

    @classmethod
    def config_type(cls) -> Any:
        """``base_dir`` may be left out: then it is where Dagster keeps its events by default."""
        return {"base_dir": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Made by Dagster from ``dagster.yaml``."""
        base, home = config_value.get("base_dir"), os.environ.get("DAGSTER_HOME")
        if not base and not home:
            raise dg.DagsterInvariantViolationError(
                "event_log_storage in dagster.yaml has no base_dir, and DAGSTER_HOME is not set; set one."
            )
        return cls(base or str(Path(home or "").expanduser() / "history" / "runs"), inst_data=inst_data)
