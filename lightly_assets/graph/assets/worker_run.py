"""``worker_run``: a Lightly Worker run, started only when everything that it would read is right now.

It belongs to the chain's operation, at its end: so one run can do both, and it never begins where an input
has failed. Chosen alone, nothing else is done.
"""

import dagster as dg

from lightly_assets.config import ConfigError, Project
from lightly_assets.graph.assets.spec_details import Details
from lightly_assets.graph.keys import Names
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.worker_run import run_worker
from lightly_assets.worker import WorkerConfigError, WorkerRunSettings
from lightly_assets.worker.gate import WorkerRun


def worker_run_specs(project: Project, names: Names) -> list[dg.AssetSpec]:
    """The asset; none where the project has no section ``worker_run``.

    Raises:
        ConfigError: the section is wrong.
    """
    if project.worker_run is None:
        return []
    try:
        WorkerRunSettings.parse(project.worker_run)
    except WorkerConfigError as error:
        raise ConfigError(f"{project.path}: {error}") from None
    details = Details(project)
    spec = dg.AssetSpec(
        names.worker_run,
        deps=[names.tasks_json],
        skippable=True,
        group_name=names.output_group,
        **details.of_all(),
        kinds={"lightly"},
        description="Checks everything again, now; then asks the platform for a Lightly Worker run, or, "
        "without a token or the package, writes the request that would be sent.",
    )
    return [spec]


def worker_run_event(session: Session, log: dg.DagsterLogManager, names: Names) -> dg.AssetMaterialization:
    """Ask for a Worker run.

    Raises:
        WorkerRunError: the gate is shut, or the platform refused.
        WorkerConfigError: the section ``worker_run`` does not fit the project.
        StorageError: a store is out of reach.
    """
    session.look_again()
    done = run_worker(session)
    if done.not_scheduled:
        log.warning(f"Nothing was sent: {done.not_scheduled}")
    return dg.AssetMaterialization(
        names.worker_run, metadata=_metadata(done, session.warehouse.lightly.url.rstrip("/"))
    )


def _metadata(done: WorkerRun, root: str) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "gate": dg.MetadataValue.text(done.gate.message),
        "inputs": dg.MetadataValue.int(len(done.gate.inputs)),
        "files": dg.MetadataValue.int(done.gate.report.files),
        "request": dg.MetadataValue.path(f"{root}/{done.written.request}"),
        "relevant_filenames": dg.MetadataValue.path(f"{root}/{done.written.relevant_filenames}"),
        "scheduled": dg.MetadataValue.bool(done.scheduled is not None),
    }
    if done.gate.notes:
        metadata["notes"] = dg.MetadataValue.json(list(done.gate.notes))
    if done.not_scheduled:
        metadata["not_scheduled"] = dg.MetadataValue.text(done.not_scheduled)
    if done.scheduled:
        metadata["run_id"] = dg.MetadataValue.text(done.scheduled.id)
        if done.scheduled.url:
            metadata["platform"] = dg.MetadataValue.url(done.scheduled.url)
    return metadata
