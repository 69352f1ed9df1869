"""The gate of a project: what its records know is told to the check, and nothing is taken on trust."""

from collections.abc import Collection

import orjson

from lightly_assets.checker.expected import VideoSize
from lightly_assets.pipeline.session import Session
from lightly_assets.worker import WorkerConfigError, WorkerRunSettings
from lightly_assets.worker.gate import WorkerRun, start_worker_run


def run_worker(session: Session) -> WorkerRun:
    """Check everything now; then write the request, and schedule it where the package and a token are there.

    Raises:
        WorkerConfigError: ``lightly.yaml`` has no section ``worker_run``, or it is wrong.
        GateShut: something is not right; nothing was written and nobody was asked.
        WorkerRunError: the platform refused; the written request stays.
        ModelError: a model cannot be loaded, so that nobody knows what is stale.
        StorageError: a store is out of reach.
    """
    project = session.project
    if project.worker_run is None:
        raise WorkerConfigError(f"{project.path} has no section worker_run.")
    settings = WorkerRunSettings.parse(project.worker_run)
    schemas = {name: setup.schema for name, setup in session.setups.items()}
    return start_worker_run(
        settings,
        schemas,
        session.warehouse.lightly,
        session.warehouse.input,
        inputs=[*session.scan.inputs, *session.scan.problems],
        failed=not_up_to_date(session, settings.selected(schemas)),
        sizes=known_sizes(session),
        on_damage=project.on_damage,
    )


def not_up_to_date(session: Session, names: Collection[str]) -> dict[str, str]:
    """Inputs whose published files of some tasks are not of today, each with one sentence."""
    plan = session.plan(verify=False)
    failures = session.failures()
    found: dict[str, str] = {}
    for key, by_task in plan.problems.items():
        if error := by_task.get("") or next((by_task[name] for name in by_task if name in names), None):
            found[key] = error
    for unit in plan.units:
        for key in unit.inputs:
            stages = {
                name: stage
                for name, work in unit.tasks.items()
                if name in names and (stage := work.first_stage(key))
            }
            if not stages:
                continue
            why = failures.get(key, {})
            known = why.get("") or next((why[name] for name in stages if name in why), None)
            text = ", ".join(f"{stage} of {name}" for name, stage in stages.items())
            found[key] = known or f"it is new or has changed ({text}); run it first."
    return found


def known_sizes(session: Session) -> dict[str, VideoSize]:
    inputs = session.scan.inputs
    return {
        row.input: VideoSize(row.frames, row.width, row.height, orjson.loads(row.sizes or "[]"))
        for row in session.warehouse.index.entries("")
        if row.frames is not None
        and row.input in inputs
        and inputs[row.input].entry.fingerprint == row.fingerprint
    }
