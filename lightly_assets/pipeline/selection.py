"""The selection of a project, behind the same gate as a Worker run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lightly_assets.pipeline.embeddings import StoredVectors
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.worker_run import known_sizes, not_up_to_date
from lightly_assets.selection.output import write_selection
from lightly_assets.selection.run import Request, Selected, run_selection
from lightly_assets.worker import WorkerConfigError, WorkerRunSettings
from lightly_assets.worker.gate import Gate, require_ready

FOLDER = "selection"
"""Beside the project file."""


@dataclass(frozen=True, slots=True)
class ProjectSelection:
    """What was selected behind an open gate, and the files that say so."""

    gate: Gate
    selected: Selected
    files: list[Path]


def select_frames(session: Session, progress: Callable[[str], None] = lambda _: None) -> ProjectSelection:
    """Check everything now; then select as ``worker_run.selection_config`` says, and write the lists.

    Raises:
        WorkerConfigError: ``lightly.yaml`` has no section ``worker_run``, or it is wrong.
        GateShut: something is not right; nothing was written.
        SelectionError: the configuration cannot be run here.
        StorageError: a store is out of reach.
    """
    project = session.project
    if project.worker_run is None:
        raise WorkerConfigError(f"{project.path} has no section worker_run.")
    settings = WorkerRunSettings.parse(project.worker_run)
    schemas = {name: setup.schema for name, setup in session.setups.items()}
    warehouse = session.warehouse
    verdict = require_ready(
        settings,
        schemas,
        warehouse.lightly,
        warehouse.input,
        inputs=[*session.scan.inputs, *session.scan.problems],
        failed=not_up_to_date(session, settings.selected(schemas)),
        sizes=known_sizes(session),
        on_damage=project.on_damage,
    )
    # A folder is read faster as such than through a store.
    lightly, input = (
        root if "://" not in root else store
        for root, store in (
            (project.root("lightly"), warehouse.lightly),
            (project.root("input"), warehouse.input),
        )
    )
    vectors = StoredVectors(session) if session.embeddings else None
    request = Request(
        settings.selection_config, lightly, input, warehouse.state, progress=progress, vectors=vectors
    )
    selected = run_selection(request)
    files = write_selection(selected, Path(project.base_dir) / FOLDER, lightly, input)
    return ProjectSelection(verdict, selected, files)
