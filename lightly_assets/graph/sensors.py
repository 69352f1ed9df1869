"""The sensor ``new_input``: sees what is new, changed, removed or stale, and asks for runs."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg

from lightly_assets.config import Project
from lightly_assets.graph.checks.up_to_date import stale_verdict
from lightly_assets.graph.checks.verdicts import latest
from lightly_assets.graph.dead_runs import end_dead_runs, instance_mark
from lightly_assets.graph.keys import PLAIN, Names
from lightly_assets.graph.partitions import partition_of, partitions_definition
from lightly_assets.graph.resources import ProjectResource
from lightly_assets.pipeline.roots import Roots
from lightly_assets.pipeline.watching.look import Look, RunState, Watch
from lightly_assets.pipeline.watching.model_versions import ModelVersions

_MODEL_SECONDS = 15.0
# Dagster keeps the cursor that it has where a tick returns an empty one. No key begins with a slash.
_BEGINNING = "/"
_RUN_KEY = "dagster/run_key"
# What a run that died has left is asked for again by the next tick; a retry by Dagster would be a second run.
_ONCE = {"dagster/max_retries": "0"}
# What has just come goes before backfills, which have none.
_FIRST = {"dagster/priority": "1"}


def build_sensor(project: Project, job: Any, names: Names) -> dg.SensorDefinition:
    """The sensor of a project."""
    models = ModelVersions()
    tasks = looked_after(project)
    settings, resource = project.sensor, ProjectResource.of(project)

    @dg.sensor(
        name=names.new_input,
        job=job,
        minimum_interval_seconds=settings.interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.running else dg.DefaultSensorStatus.STOPPED,
        description="Asks for runs over inputs that are new, changed, or stale because of other settings.",
    )
    def new_input(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return tick(context, resource.load(), tasks, models, names)

    return new_input


def looked_after(project: Project) -> tuple[str, ...]:
    """Tasks, and what records call embeddings."""
    return (*(task.name for task in project.tasks), *project.embedding_names)


def tick(
    context: dg.SensorEvaluationContext,
    project: Project,
    tasks: tuple[str, ...],
    models: ModelVersions,
    names: Names = PLAIN,
) -> dg.SensorResult:
    """One look; ``tasks`` are those of the loaded graph, which only a reload changes.

    Raises:
        StorageError: a root is out of reach.
        ModelError: a model cannot be loaded.
    """
    found = looked_after(project)
    if sorted(found) != sorted(tasks):
        return dg.SensorResult(
            skip_reason=f"{project.path} has other tasks ({', '.join(found)}) than the graph that is loaded "
            f"({', '.join(tasks)}): reload the code location.",
            cursor=context.cursor,
        )
    end_dead_runs(context.instance, Roots(project).state, names)
    versions = models.get(project, _MODEL_SECONDS)
    if versions is None:
        return dg.SensorResult(
            skip_reason="The models are being loaded to see their versions; the next tick goes on.",
            cursor=context.cursor,
        )
    mark = instance_mark(context.instance, names)
    with Watch(project, partition_of, preview=_is_preview(context), instance=mark) as watch:
        cursor = "" if context.cursor in (None, _BEGINNING) else context.cursor
        look = watch.look(cursor, versions, partial(_run_state, context.instance, names))
        events = list(_stale_events(context.instance, watch, look, names))
    return _result(context, look, events, names)


def _is_preview(context: dg.SensorEvaluationContext) -> bool:
    """Whether this is the UI's "Preview tick result": the daemon has a sensor started before it ticks."""
    return context.last_sensor_start_time is None and context.last_tick_completion_time is None


def _result(
    context: dg.SensorEvaluationContext, look: Look, events: list[dg.AssetCheckEvaluation], names: Names
) -> dg.SensorResult:
    runs = [
        dg.RunRequest(
            run_key=one.run_key,
            run_config=_run_config(names, one.partitions, one.inputs),
            tags={"lightly_assets/inputs": str(len(one.inputs))} | _ONCE | _FIRST,
        )
        for one in look.requests
    ]
    if look.tidy:
        runs.append(dg.RunRequest(run_key=look.tidy, run_config=_run_config(names, (), ()), tags=_ONCE))
    seen = look.changes
    context.log.info(
        f"Listed {seen.listed:,}: {seen.new:,} new, {seen.changed:,} changed, {seen.gone:,} gone. "
        f"{look.sentence()}"
    )
    definition = partitions_definition(names)
    requests: list[Any] = []
    wanted = dict.fromkeys(partition for one in look.requests for partition in one.partitions)
    if wanted:
        requests.append(definition.build_add_request(list(wanted)))
    there = [
        one for one in look.empty_partitions if context.instance.has_dynamic_partition(names.partitions, one)
    ]
    if there:
        requests.append(definition.build_delete_request(there))
    return dg.SensorResult(
        run_requests=runs or None,
        skip_reason=None if runs else look.sentence(),
        cursor=look.cursor or _BEGINNING,
        dynamic_partitions_requests=requests,
        asset_events=events,
    )


def _run_config(names: Names, partitions: tuple[str, ...], inputs: tuple[str, ...]) -> dict[str, Any]:
    return {"ops": {names.chain: {"config": {"partitions": list(partitions), "inputs": list(inputs)}}}}


def _run_state(instance: dg.DagsterInstance, names: Names, run_key: str) -> RunState:
    asked = dg.RunsFilter(job_name=names.predictions_job, tags={_RUN_KEY: run_key})
    runs = instance.get_runs(asked, limit=1)
    if not runs:
        return "unknown"
    if runs[0].status == dg.DagsterRunStatus.CANCELED:
        return "cancelled"
    return "ended" if runs[0].is_finished else "open"


def _stale_events(
    instance: dg.DagsterInstance, watch: Watch, look: Look, names: Names
) -> Iterator[dg.AssetCheckEvaluation]:
    """Verdicts of the tasks in which something else is stale than before."""
    for task, staleness in look.staleness.items():
        text = staleness.text or ""
        told = watch.seen_inputs.fact(f"stale in {task}")
        if told is None and not text and latest(instance, names.stage(task, "task_folder")) is None:
            continue  # nothing of it is made yet
        if text != told:
            watch.seen_inputs.note(f"stale in {task}", text)
            yield stale_verdict(instance, task, staleness, names)
