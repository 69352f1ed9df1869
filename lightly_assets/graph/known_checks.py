"""What is known of the checks of many partitions: the latest verdict of each, kept between pages."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from lightly_assets.graph.dagster_private import (
    AssetCheckExecutionRecordStatus as Recorded,
)
from lightly_assets.graph.dagster_private import (
    AssetCheckExecutionResolvedStatus as Status,
)
from lightly_assets.graph.dagster_private import (
    AssetCheckPartitionInfo,
    SerializableEntitySubset,
    knows_checks_of_partitions,
)

if TYPE_CHECKING or knows_checks_of_partitions():
    # As they stand in the database.
    _PLANNED = Recorded.PLANNED.value
    _VERDICTS = {
        Recorded.SUCCEEDED.value: Status.SUCCEEDED,
        Recorded.FAILED.value: Status.FAILED,
    }


@dataclass
class RowsRead:
    """How much of a check was read: where rows that were read are gone, all of it is read anew."""

    last: int
    """The last evaluation by row, as rows of a running check get a newer event."""
    evaluations: int
    materializations: int


@dataclass
class KnownCheck:
    """What was worked out of a check."""

    cursor: int
    """Events up to here are part of it."""
    rows: RowsRead
    status: dict[str, Status] = field(default_factory=dict)
    """Of each partition that has one."""
    runs: dict[str, str] = field(default_factory=dict)
    """Partitions that are in progress, and the run of each."""
    told: "Told | None" = None
    """What was told the last time; nothing has changed since."""

    def note(self, partition: str, recorded: str, *, is_current: bool, run: str) -> None:
        """The latest verdict of a partition; in progress, its run. An old one is none."""
        self.told = None
        self.runs.pop(partition, None)
        if recorded == _PLANNED:
            self.status[partition], self.runs[partition] = Status.IN_PROGRESS, run
        elif is_current and recorded in _VERDICTS:
            self.status[partition] = _VERDICTS[recorded]
        else:
            self.status.pop(partition, None)

    def take_in(self, infos: Collection[AssetCheckPartitionInfo]) -> None:
        """What Dagster says of some partitions."""
        for info in infos:
            if info.partition_key is not None:
                self.note(
                    info.partition_key,
                    info.latest_execution_status.value,
                    is_current=info.is_current,
                    run=info.latest_planned_run_id,
                )

    def end_run(self, partition: str, status: Status) -> None:
        """The run of a partition that was in progress has ended without a verdict."""
        self.status[partition] = status
        del self.runs[partition]
        self.told = None

    def tell(
        self, key: dg.AssetCheckKey, partitions: dg.DynamicPartitionsDefinition, members: frozenset[str]
    ) -> "Told":
        """The partitions by their state, of those that there are; worked out again only after news."""
        if self.told and self.told.partitions == partitions.name and self.told.members is members:
            return self.told
        by_status: dict[Status, set[str]] = defaultdict(set)
        for partition, status in self.status.items():
            if partition in members:
                by_status[status].add(partition)
        by_run: dict[str, set[str]] = defaultdict(set)
        for partition, run in self.runs.items():
            if partition in members:
                by_run[run].add(partition)

        def subset(some: Iterable[str]) -> SerializableEntitySubset[dg.AssetCheckKey]:
            return SerializableEntitySubset(key, partitions.subset_with_partition_keys(some))

        self.told = Told(
            partitions.name,
            members,
            {status: subset(by_status[status]) for status in Status},
            {run: subset(some) for run, some in by_run.items()},
        )
        return self.told


@dataclass
class Told:
    """The partitions of a check by their state, as Dagster has them."""

    partitions: str | None
    members: frozenset[str]
    subsets: Mapping[Status, "SerializableEntitySubset[dg.AssetCheckKey]"]
    runs: Mapping[str, "SerializableEntitySubset[dg.AssetCheckKey]"]
