"""The asset chain: one multi-asset, because all tasks share one decode of each input.

``frames`` and the three assets of every task are partitioned and can be chosen one by one; ``tasks_json`` is
not partitioned and written whatever is chosen. A run works on many partitions in one process and reports on
each of them, also on those that were up to date: Dagster would take them for failed otherwise.
"""

import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from contextvars import ContextVar
from typing import Any, Protocol, cast

import dagster as dg
from pydantic import Field

from lightly_assets.config import Project
from lightly_assets.config.sections.embeddings import objects_of
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.graph.assets.specs import chain_specs
from lightly_assets.graph.assets.worker_run import worker_run_event, worker_run_specs
from lightly_assets.graph.checks.check_specs import chain_check_specs
from lightly_assets.graph.checks.up_to_date import report_up_to_date
from lightly_assets.graph.dagster_private import (
    let_others_begin,
    partitions_by_configuration,
    report_planned,
)
from lightly_assets.graph.dead_runs import instance_mark, sign, signs_of_life
from lightly_assets.graph.jobs import task_assets
from lightly_assets.graph.keys import Names
from lightly_assets.graph.partitions import add_partitions, inputs_by_partition
from lightly_assets.graph.reporting.left_partitions import states_left
from lightly_assets.graph.reporting.partition_report import (
    PartitionState,
    Reporter,
    any_class_missing,
    class_events,
    tasks_json_events,
)
from lightly_assets.graph.reporting.recording import Recording
from lightly_assets.graph.reporting.untold_partitions import states_untold
from lightly_assets.graph.resources import project_of
from lightly_assets.pipeline.gc import collect_by_policy
from lightly_assets.pipeline.planning.embedding_setup import AnySetup
from lightly_assets.pipeline.planning.plan import EMBEDDING_STAGES, TASK_STAGES, Plan, Selection
from lightly_assets.pipeline.running.outcome import RunSummary, UnitOutcome
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.watching.untold import noted_if_broken_off

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.Output[None]

_LOG_SECONDS = 30.0
_MOST_NAMED = 20
_PICTURE = dg.MarkdownMetadataValue


class Watcher(Protocol):
    """Whoever runs the chain in its own process may watch it."""

    def planned(self, plan: Plan) -> None:
        """What there is to do."""

    def frames(self, key: str, count: int) -> None:
        """Frames of an input that were read, from another thread; an image is one."""

    def done(self, outcome: UnitOutcome) -> None:
        """A unit is finished."""

    def ended(self, summary: RunSummary) -> None:
        """All of it is."""


watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)
loaded: ContextVar[Collection[AnySetup]] = ContextVar("loaded", default=())
"""Tasks whose models whoever runs the chain in its own process has loaded for its plan."""


class ChainConfig(dg.Config):
    """What a run works on where it has no partitions of its own."""

    partitions: list[str] = Field(default_factory=list)
    """Partition keys, for those that are no neighbours: a range would take in all between them."""
    everything: bool = False
    """All partitions that there are, named or not."""
    inputs: list[str] = Field(default_factory=list)
    """Only these inputs of the partitions; all where empty."""
    tasks: list[str] = Field(default_factory=list)
    """Only these tasks; all where empty. A run that selects their assets would fail in Dagster: what is not
    selected counts as input then, and has partitions, which a run that is told them here has not."""


def build_chain(
    project: Project, partitions_def: dg.PartitionsDefinition[str], names: Names
) -> dg.AssetsDefinition:
    """The chain for the tasks of a project.

    Raises:
        ConfigError: two task names differ too little to be told apart by Dagster.
    """
    tasks = [*(task.name for task in project.tasks), *project.embedding_names]

    @dg.multi_asset(
        name=names.chain,
        specs=[*chain_specs(project, partitions_def, names), *worker_run_specs(project, names)],
        check_specs=chain_check_specs(tasks, partitions_def, names),
        required_resource_keys={names.project},
        can_subset=True,
        op_tags=partitions_by_configuration(),
        pool=project.dagster.pool,
        backfill_policy=dg.BackfillPolicy.multi_run(100),
    )
    def chain(context: dg.AssetExecutionContext, config: ChainConfig) -> Iterator[Event]:
        try:
            yield from _run(context, config, project_of(context.resources, names.project), names)
        except LightlyAssetsError as error:
            raise dg.Failure(str(error), allow_retries=error.retriable) from error

    return chain


class _Batch:
    """The partitions that a run works on."""

    def __init__(self, session: Session, partitions: Sequence[str], only: Collection[str]) -> None:
        scan = session.scan
        known = inputs_by_partition(scan)
        self._known = known
        self._partition_of = {key: one for one, keys in known.items() for key in keys}
        # Of a partition without inputs, which were removed meanwhile, there is nothing to say.
        self.states = {one: PartitionState(one, sorted(known[one])) for one in partitions if one in known}
        self._of = {key: state for state in self.states.values() for key in state.inputs}
        self.keys = [key for key in self._of if not only or key in only]

    @property
    def all_inputs(self) -> Collection[str]:
        """Of its partitions, whether they are worked on or not."""
        return self._of.keys()

    def fail(self, problems: Mapping[str, dict[str, str]]) -> None:
        """Note what is wrong with inputs."""
        for key, by_task in problems.items():
            if key in self._of:
                self._of[key].problems[key] = by_task

    def take_in(self, keys: Iterable[str]) -> None:
        """Other partitions are reported on too: those that are published with a schema that has changed."""
        for partition in dict.fromkeys(self._partition_of[key] for key in keys if key not in self._of):
            state = self.states[partition] = PartitionState(partition, sorted(self._known[partition]))
            self._of |= dict.fromkeys(state.inputs, state)

    def partitions_of(self, keys: Iterable[str]) -> list[PartitionState]:
        """The partitions that inputs belong to, each once."""
        found = {state.partition: state for key in keys if (state := self._of.get(key))}
        return list(found.values())


def _selection(selected: set[dg.AssetKey], session: Session, names: Names) -> Selection:
    """The stages whose assets (not only their checks) are selected."""
    stages = {
        task: frozenset(stage for stage in TASK_STAGES if names.stage(task, stage) in selected)
        for task in session.setups
    }
    for name in session.embeddings:
        if names.embeddings(objects_of(name)) in selected:
            stages[name] = EMBEDDING_STAGES
    return Selection({task: some for task, some in stages.items() if some}, frames=names.frames in selected)


def _selected(
    context: dg.AssetExecutionContext, config: ChainConfig, names: Names
) -> tuple[set[dg.AssetKey], set[dg.AssetCheckKey]]:
    selected, checks = set(context.selected_asset_keys), set(context.selected_asset_check_keys)
    if config.tasks:
        wanted = set(task_assets(config.tasks, names))
        return selected & wanted, {one for one in checks if one.asset_key in wanted}
    return selected, checks


def _configured(context: dg.AssetExecutionContext, config: ChainConfig, session: Session) -> list[str]:
    """The partitions that a run is told by its configuration."""
    if config.everything:
        return list(inputs_by_partition(session.scan))
    if not config.partitions:
        context.log.info(
            "No partitions are named: what there is to publish is published, and no input is looked at. The "
            "configuration 'everything: true' brings all inputs up to date."
        )
    return config.partitions


def _run(
    context: dg.AssetExecutionContext, config: ChainConfig, project: Project, names: Names
) -> Iterator[Event]:
    selected, checks = _selected(context, config, names)
    ranged = context.has_partition_key or context.has_partition_key_range
    sign(context.instance, context.run)
    mark = instance_mark(context.instance, names)
    with (
        Session(project, some=ranged or bool(config.inputs), loaded=loaded.get()) as session,
        signs_of_life(session.warehouse.state, context.run, mark),
        Recording(context.instance) as recording,
    ):
        partitions = list(context.partition_keys) if ranged else _configured(context, config, session)
        batch = _Batch(session, partitions, set(config.inputs))
        if not ranged:
            add_partitions(context.instance, batch.states, names)
        session.focus(batch.all_inputs)
        plan = session.plan(_selection(selected, session, names), batch.keys)
        batch.fail(plan.problems)
        if config.inputs:
            # Others of the same partitions may have failed before: the verdict is about all of them.
            batch.fail({key: why for key, why in session.failures().items() if key not in config.inputs})
        batch.take_in(key for unit in plan.units for key in unit.inputs)
        for unit in plan.units:
            for state in batch.partitions_of(unit.inputs):
                state.waiting += 1
        summary = RunSummary(inputs=len(batch.keys), unchanged=len(plan.unchanged))
        summary.fail(plan.problems)
        reporter = _reporter(context, recording, session, plan, names, (selected, checks))
        for state in batch.states.values():
            if not state.waiting:
                yield from _recorded(recording, reporter.report(state))
        for state in _others(context.instance, session, selected, plan, names):
            if state.partition not in batch.states:
                yield from _recorded(recording, reporter.report(state))
        progress = _Progress(context, plan)
        broken_off = noted_if_broken_off(session.warehouse.state, context.run.run_id, mark)
        with broken_off, closing(progress.follow(session, plan)) as outcomes:
            for outcome in outcomes:
                summary.add(outcome)
                batch.fail(outcome.problems())
                for state in batch.partitions_of(outcome.inputs):
                    state.outcomes.append(outcome)
                    state.waiting -= 1
                    if not state.waiting:
                        yield from _recorded(recording, reporter.report(state))
                        state.outcomes.clear()
        if not ranged:
            _plan_failed(context, batch.states.values(), reporter, names)
        for task, text in plan.waiting.items():
            context.log.warning(text)
            summary.waiting.append(text)
            if task in plan.stuck:
                summary.failed.append({"input": None, "task": task, "error": text})
        yield from _finish(context, session, selected, checks, summary, names)
        if names.worker_run in selected and summary.ok:
            session.take_over()
            yield worker_run_event(session, context.log, names)
    progress.ended(summary)
    if summary.failed:
        raise dg.Failure(_failed_text(summary), allow_retries=False, metadata={"failed": summary.failed})
    yield from let_others_begin(context, selected if summary.ok else selected - {names.worker_run})


def _others(
    instance: dg.DagsterInstance, session: Session, selected: set[dg.AssetKey], plan: Plan, names: Names
) -> Iterator[PartitionState]:
    """Partitions that need no work, and of which there is something to say all the same."""
    yield from states_left(session, session.gone_failures() if session.knows_all else ())
    yield from states_untold(instance, session, selected, plan.waiting, names)


def _reporter(
    context: dg.AssetExecutionContext,
    recording: Recording,
    session: Session,
    plan: Plan,
    names: Names,
    selected: tuple[set[dg.AssetKey], set[dg.AssetCheckKey]],
) -> Reporter:
    index, scan = session.warehouse.index, session.scan
    reporter = Reporter(recording, index, scan, session.all_setups, *selected, plan.waiting, names)
    reporter.code_versions = {spec.key: spec.code_version for spec in context.assets_def.specs}
    return reporter


def _recorded(recording: Recording, events: Iterable[Event]) -> Iterator[Event]:
    """Events that are recorded together. Dagster keeps them until the run ends; their pictures are let go."""
    with recording.together():
        for event in events:
            yield event
            metadata = cast(dict[str, dg.MetadataValue[Any]], event.metadata)
            for name in [name for name, value in metadata.items() if isinstance(value, _PICTURE)]:
                del metadata[name]


def _finish(
    context: dg.AssetExecutionContext,
    session: Session,
    selected: set[dg.AssetKey],
    checks: set[dg.AssetCheckKey],
    summary: RunSummary,
    names: Names,
) -> Iterator[Event]:
    """tasks.json, last; and what is left of inputs that are gone."""
    problems = session.finish()
    collected, kept = collect_by_policy(session)
    summary.files_deleted += len(collected.files)
    orphans = {}
    if dg.AssetCheckKey(names.tasks_json, "no_orphans") in checks:
        orphans = {name: _orphans(session, name) for name in session.setups}
    yield from tasks_json_events(
        context.instance, session.warehouse.listing.tasks(), problems, orphans, kept, selected, checks, names
    )
    schemas = {name: setup.schema for name, setup in session.setups.items()}
    if not session.knows_all and any_class_missing(session.warehouse.index, schemas, checks, names):
        session.take_over()  # what is predicted nowhere, only all records tell
    yield from class_events(context.instance, session.warehouse.index, schemas, checks, names)
    if session.knows_all and {names.stage(name, "task_folder") for name in session.setups} <= selected:
        report_up_to_date(context.instance, session, names)
    for task, problem in problems.items():
        context.log.error(problem)
        summary.failed.append({"input": None, "task": task, "error": problem})


def _orphans(session: Session, task: str) -> list[str]:
    """Files of no input; in a run of some inputs, those of inputs that are known here and gone."""
    return session.orphans(task) if session.knows_all else sorted(session.gone_files(task))


def _plan_failed(
    context: dg.AssetExecutionContext, states: Iterable[PartitionState], reporter: Reporter, names: Names
) -> None:
    """Make partitions that failed show as failed.

    Dagster counts what a run had planned and did not make. For a range it plans by itself; a run that was
    told its partitions by its configuration has planned nothing.
    """
    for state in states:
        for key in reporter.not_made(state) if state.problems else ():
            report_planned(context.instance, context.run, names.chain, key, state.partition)


def _failed_text(summary: RunSummary) -> str:
    some = "; ".join(one["error"] for one in summary.failed[:_MOST_NAMED])
    more = f"; and {len(summary.failed) - _MOST_NAMED} more" if len(summary.failed) > _MOST_NAMED else ""
    return f"{len(summary.failed)} of {summary.inputs} inputs failed: {some}{more}"


class _Progress:
    """Says how far the run is: to whoever watches, else a line in the log now and then."""

    def __init__(self, context: dg.AssetExecutionContext, plan: Plan) -> None:
        self._context = context
        self._watcher = watcher.get()
        self._frames = 0
        self._started = self._said = time.monotonic()
        if self._watcher:
            self._watcher.planned(plan)

    def follow(self, session: Session, plan: Plan) -> Generator[UnitOutcome, None, None]:
        """Do the work. Raises as :meth:`Session.run` does."""
        log = self._context.log
        for outcome in session.run(plan, on_frames=self.frames, on_pace=log.info, on_note=log.log):
            self.done(outcome)
            yield outcome

    def frames(self, key: str, count: int) -> None:
        self._frames += count
        if self._watcher:
            self._watcher.frames(key, count)

    def done(self, outcome: UnitOutcome) -> None:
        if self._watcher:
            return self._watcher.done(outcome)
        now = time.monotonic()
        if now - self._said > _LOG_SECONDS:
            self._said = now
            rate = self._frames / (now - self._started)
            self._context.log.info("%d frames and images read, %.1f a second.", self._frames, rate)
        return None

    def ended(self, summary: RunSummary) -> None:
        if self._watcher:
            self._watcher.ended(summary)
