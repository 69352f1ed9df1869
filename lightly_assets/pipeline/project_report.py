"""The report of a project, beside its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightly_assets.config import Project
from lightly_assets.evaluation.evaluate import is_task_name
from lightly_assets.folders.read import Root
from lightly_assets.report.gather import Request, gather
from lightly_assets.report.page import page
from lightly_assets.storage import open_store

FILE = "report.html"
_FIGURES = ("map", "miou", "accuracy", "precision", "recall")


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """What was written, and a few numbers of each task."""

    path: Path
    bytes: int
    files: int
    errors: int
    frames: int
    """Frames that are shown."""
    tasks: dict[str, dict[str, float]]
    notes: list[str]


def page_path(project: Project) -> Path:
    """Where the page is."""
    return (project.base_dir / FILE).resolve()


def shared_labels(project: Project) -> str | None:
    """The labels that tasks are judged by, where all of those that are judged have the same."""
    found = {task.evaluate.labels for task in project.tasks if task.evaluate is not None}
    if len(found) != 1:
        return None
    labels = found.pop()
    path = project.base_dir / labels
    return labels if is_task_name(labels) and not path.is_file() else str(path.resolve())


def report_project(project: Project, progress: Callable[[str], None] = lambda _: None) -> ProjectReport:
    """Reads what is published, and writes the page; without pictures where the project has none.

    Raises:
        ReportError: there is no task to report on.
        EvaluationError: the labels cannot be read.
        StorageError: a root is out of reach.
    """
    shown = project.pictures
    request = Request(
        _root(project, "lightly"),
        _root(project, "input") if shown else None,
        shared_labels(project),
        [task.name for task in project.tasks],
        pictures=shown,
        progress=progress,
    )
    gathered = gather(request)
    data, path = page(gathered), page_path(project)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
    errors = sum(group.count for group in gathered.report.groups if group.severity == "error")
    names = [task["name"] for task in gathered.figures["tasks"]]
    tasks = {
        name: _numbers(figures, judged)
        for name, figures, judged in zip(names, gathered.figures["tasks"], gathered.evaluations, strict=True)
    }
    return ProjectReport(
        path, len(data), gathered.report.files, errors, len(gathered.frames), tasks, gathered.notes
    )


def _numbers(figures: dict[str, Any], judged: dict[str, Any] | None) -> dict[str, float]:
    numbers = {"predictions per frame": figures["predictions"] / max(1, figures["files"])}
    if judged is not None:
        numbers |= {name: judged[name] for name in _FIGURES if judged.get(name) is not None}
    return {name: round(float(value), 4) for name, value in numbers.items()}


def _root(project: Project, name: Any) -> Root:
    """A folder, which is read faster as such, or a store with the project's settings."""
    root = project.root(name)
    return open_store(root, options=project.storage_of(name)) if "://" in root else root
