"""Partitions whose records Dagster was not told of, because a run broke off."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import dagster as dg

from lightly_assets.config.sections.embeddings import is_embeddings, objects_of
from lightly_assets.graph.dead_runs import instance_mark
from lightly_assets.graph.keys import Names
from lightly_assets.graph.partitions import add_partitions, inputs_by_partition
from lightly_assets.graph.reporting.left_partitions import state_of
from lightly_assets.graph.reporting.partition_report import (
    STAGE_FIELD,
    PartitionState,
    frames_version,
    stage_version,
)
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.state.index import Indexed
from lightly_assets.pipeline.watching.untold import told, untold_runs

_DATA_VERSION = "dagster/data_version"


def states_untold(
    instance: dg.DagsterInstance,
    session: Session,
    selected: Collection[dg.AssetKey],
    waiting: Collection[str],
    names: Names,
) -> Iterator[PartitionState]:
    """The partitions of which something else is recorded than what Dagster knows.

    They are looked for after a run has broken off only, by a run of all tasks that knows all records: one
    query for each asset. Once whoever reports on them asks for no more, it is forgotten that one has.
    """
    assets = _assets(session, names)
    state = session.warehouse.state
    all_of_it = session.knows_all and assets.keys() <= set(selected)
    notes = untold_runs(state, instance_mark(instance, names)) if all_of_it else []
    if not notes:
        return
    known = inputs_by_partition(session.scan)
    problems = session.failures() | {key: {"": text} for key, text in session.scan.problems.items()}
    partitions = {key: partition for partition, keys in known.items() for key in keys}
    found: set[str] = set()
    for asset, (task, field) in assets.items():
        if field == STAGE_FIELD["task_folder"] and task in waiting:
            continue
        rows: dict[str, list[Indexed]] = defaultdict(list)
        for row in session.warehouse.index.entries(task):
            if row.input in partitions and (not field or getattr(row, field)):
                rows[partitions[row.input]].append(row)
        there = instance.event_log_storage.get_latest_tags_by_partition(
            asset, dg.DagsterEventType.ASSET_MATERIALIZATION, [_DATA_VERSION]
        )
        for partition, some in rows.items():
            if len(some) == len(known[partition]) and not _fails(known[partition], task, problems):
                version = stage_version(some, field) if field else frames_version(some)
                if there.get(partition, {}).get(_DATA_VERSION) != version:
                    found.add(partition)
    add_partitions(instance, sorted(found), names)
    for partition in sorted(found):
        if one := state_of(session, partition, known[partition], problems):
            yield one
    told(state, notes)


def _assets(session: Session, names: Names) -> dict[dg.AssetKey, tuple[str, str]]:
    """All partitioned assets: the task of each, and the field of its records that says what was made."""
    found = {names.frames: ("", "")}
    for task in session.all_setups:
        if is_embeddings(task):
            found[names.embeddings(objects_of(task))] = (task, STAGE_FIELD["predictions"])
        else:
            found |= {names.stage(task, stage): (task, field) for stage, field in STAGE_FIELD.items()}
    return found


def _fails(inputs: Collection[str], task: str, problems: Mapping[str, Mapping[str, str]]) -> bool:
    return any(problems[key].keys() & {"", task} for key in inputs if key in problems)
