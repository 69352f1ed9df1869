"""Partitions that inputs have left which failed and are gone: what is true of the inputs that remain.

Such a partition would stay failed for ever, since nothing of it needs work.
"""

from collections.abc import Collection, Iterator, Mapping

import dagster as dg

from lightly_assets.config.sections.embeddings import objects_of
from lightly_assets.graph.checks.check_specs import chain_check_specs
from lightly_assets.graph.keys import PLAIN, Names
from lightly_assets.graph.partitions import inputs_by_partition, partitions_definition, partitions_left
from lightly_assets.graph.reporting.partition_report import PartitionState, Reporter
from lightly_assets.graph.reporting.recording import Recording
from lightly_assets.pipeline.inputs.days import known_days
from lightly_assets.pipeline.planning.plan import TASK_STAGES
from lightly_assets.pipeline.session import Session


def states_left(session: Session, gone: Collection[str]) -> Iterator[PartitionState]:
    """The partitions that the inputs ``gone`` have shared with others, and what is wrong with those.

    Partitions with an input that nothing is known of yet are left to the run that works on it.
    """
    if not gone:
        return
    scan, known = session.scan, inputs_by_partition(session.scan)
    problems = session.failures() | {key: {"": text} for key, text in scan.problems.items()}
    days = known_days(session.warehouse.state, session.project, gone)
    for partition in partitions_left(scan, gone, days):
        if state := state_of(session, partition, known[partition], problems):
            yield state


def state_of(
    session: Session, partition: str, inputs: Collection[str], problems: Mapping[str, dict[str, str]]
) -> PartitionState | None:
    """A partition that needs no work; None where nothing is known yet of one of its inputs."""
    state = PartitionState(partition, sorted(inputs))
    state.problems = {key: problems[key] for key in state.inputs if key in problems}
    read = {row.input for row in session.warehouse.index.entries("", state.inputs)}
    return state if all(key in read or key in problems for key in state.inputs) else None


def report_left(
    instance: dg.DagsterInstance,
    session: Session,
    gone: Collection[str],
    waiting: Mapping[str, str],
    names: Names = PLAIN,
) -> None:
    """Record what is true of those partitions now, without a run. ``waiting`` is that of a plan."""
    tasks = [task.name for task in session.project.tasks]
    selected = {names.frames, *(names.stage(task, stage) for task in tasks for stage in TASK_STAGES)}
    selected |= {names.embeddings(objects_of(name)) for name in session.embeddings}
    tasks += session.embeddings
    checks = {spec.key for spec in chain_check_specs(tasks, partitions_definition(names), names)}
    with Recording(instance) as recording:
        index = session.warehouse.index
        reporter = Reporter(recording, index, session.scan, tasks, selected, checks, waiting, names)
        for state in states_left(session, gone):
            for event in reporter.report(state):
                instance.report_runless_asset_event(event)
