"""The check ``up_to_date``: which inputs are stale in a task, and from which stage on.

It is no check of the chain, whose runs look at some inputs only: a run that looks at all of them reports it
at its end, the sensor does where something becomes stale, and it can be asked for by hand. It is one verdict
for a task and not one for each partition, because Dagster keeps only one verdict without a run for each
partition, for ever.
"""

import dagster as dg

from lightly_assets.config import Project
from lightly_assets.config.sections.embeddings import is_embeddings, objects_of
from lightly_assets.graph.checks.verdicts import latest, verdict
from lightly_assets.graph.keys import Names
from lightly_assets.graph.partitions import partition_of_key
from lightly_assets.graph.resources import project_of
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.watching.stale_summary import Staleness

UP_TO_DATE = "up_to_date"


def build_up_to_date(project: Project, names: Names) -> dg.AssetChecksDefinition:
    """The check, for the task folders of a project."""
    specs = [
        dg.AssetCheckSpec(
            UP_TO_DATE,
            asset=asset,
            description="Made from the present content, with the present model and settings. Reported by "
            "runs of all inputs, and by the sensor where that changes. 'lightly-assets run' does what is "
            "stale.",
        )
        for asset in _assets(project, names).values()
    ]

    @dg.multi_asset_check(
        name=names.name(UP_TO_DATE), specs=specs, can_subset=True, required_resource_keys={names.project}
    )
    def up_to_date(context: dg.AssetCheckExecutionContext):  # type: ignore[no-untyped-def]
        selected = {key.asset_key for key in context.op_execution_context.selected_asset_check_keys}
        with Session(project_of(context.resources, names.project)) as session:
            for task, staleness in stale_inputs(session).items():
                asset = _asset(task, names)
                if asset in selected:
                    yield dg.AssetCheckResult(
                        passed=staleness.text is None,
                        asset_key=asset,
                        check_name=UP_TO_DATE,
                        severity=dg.AssetCheckSeverity.WARN,
                        description=staleness.text,
                        metadata=_metadata(staleness),
                    )

    return up_to_date


def _asset(task: str, names: Names) -> dg.AssetKey:
    """What is last made of a task, or of what records call embeddings."""
    if not is_embeddings(task):
        return names.stage(task, "task_folder")
    return names.embeddings(objects_of(task))


def _assets(project: Project, names: Names) -> dict[str, dg.AssetKey]:
    tasks = [*(task.name for task in project.tasks), *project.embedding_names]
    return {task: _asset(task, names) for task in tasks}


def stale_inputs(session: Session) -> dict[str, Staleness]:
    """What is stale now, by task; an input that was never published is new, not stale."""
    plan = session.plan(verify=False)
    index = session.warehouse.index
    published = {task: {row.input for row in index.entries(task)} for task in session.all_setups}
    found = {task: Staleness() for task in session.all_setups}
    for unit in plan.units:
        for task, work in unit.tasks.items():
            for key in unit.inputs:
                stage = work.first_stage(key)
                if stage and key in published[task]:
                    found[task].add(key, partition_of_key(key, session.scan), stage)
    return found


def report_up_to_date(instance: dg.DagsterInstance, session: Session, names: Names) -> None:
    """Report it of all tasks, without a run."""
    for task, staleness in stale_inputs(session).items():
        instance.report_runless_asset_event(stale_verdict(instance, task, staleness, names))


def stale_verdict(
    instance: dg.DagsterInstance, task: str, staleness: Staleness, names: Names
) -> dg.AssetCheckEvaluation:
    """The verdict that the sensor and runs of all inputs report."""
    key = _asset(task, names)
    return verdict(
        key,
        UP_TO_DATE,
        None,
        staleness.text,
        about=latest(instance, key),
        warning=True,
        metadata=_metadata(staleness),
    )


def _metadata(staleness: Staleness) -> dict[str, dg.MetadataValue]:
    rows = [
        dg.TableRecord({"input": key, "partition": partition, "stale from": str(stage)})
        for key, partition, stage in staleness.examples
    ]
    columns = [dg.TableColumn(name) for name in ("input", "partition", "stale from")]
    metadata: dict[str, dg.MetadataValue] = {"stale": dg.MetadataValue.int(staleness.stages.total())}
    if rows:
        metadata["inputs"] = dg.MetadataValue.table(rows, dg.TableSchema(columns=columns))
    return metadata
