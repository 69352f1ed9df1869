"""The check ``evaluated``: how good a task's published predictions are, by the labels of ``evaluate:``.

It is not part of a run of the chain: all of a task's files are read, however few have changed. Ask for it by
hand, or by a schedule of your own.
"""

from pathlib import Path
from typing import Any, Literal

import dagster as dg

from lightly_assets.config import Project
from lightly_assets.config.evaluation import EvaluationSettings
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.evaluation.document import document
from lightly_assets.evaluation.evaluate import evaluate, is_task_name
from lightly_assets.graph.keys import Names
from lightly_assets.graph.resources import project_of
from lightly_assets.pipeline.project_report import page_path
from lightly_assets.storage import Store, open_store

EVALUATED = "evaluated"
_SHOWN = ("map", "map50", "miou", "accuracy", "precision", "recall")
_BY_DEFAULT = ("map", "miou", "accuracy")


def build_evaluated(project: Project, names: Names) -> list[dg.AssetChecksDefinition]:
    """The check, for the tasks that have ``evaluate:``; none where no task has."""
    settings = {task.name: task.evaluate for task in project.tasks if task.evaluate is not None}
    if not settings:
        return []
    specs = [
        dg.AssetCheckSpec(
            EVALUATED,
            asset=names.stage(name, "task_folder"),
            description=f"Judged by {one.labels}: at least {one.floor:g}. Asked for by hand.",
        )
        for name, one in settings.items()
    ]

    @dg.multi_asset_check(
        name=names.name(EVALUATED), specs=specs, can_subset=True, required_resource_keys={names.project}
    )
    def evaluated(context: dg.AssetCheckExecutionContext):  # type: ignore[no-untyped-def]
        loaded = project_of(context.resources, names.project)
        selected = {key.asset_key.path[-2] for key in context.op_execution_context.selected_asset_check_keys}
        for task in loaded.tasks:
            if task.name in selected and task.evaluate is not None:
                yield _verdict(loaded, task.name, task.evaluate, names.stage(task.name, "task_folder"))

    return [evaluated]


def _verdict(
    project: Project, task: str, settings: EvaluationSettings, asset: dg.AssetKey
) -> dg.AssetCheckResult:
    try:
        figures = document(_evaluate(project, task, settings))
    except LightlyAssetsError as error:
        return _result(asset, passed=False, text=str(error))
    page = page_path(project)
    by_default = [one for one in _BY_DEFAULT if figures[one] is not None]
    name: str = settings.figure or (by_default[0] if by_default else _BY_DEFAULT[0])
    value = figures[name]
    if value is None:
        text = f"{name} cannot be computed: the labels have nothing of it."
        return _result(asset, passed=False, text=text, figures=figures, page=page)
    text = f"{name} {value:.4f}, floor {settings.floor:g}."
    return _result(asset, passed=value >= settings.floor, text=text, figures=figures, page=page)


def _evaluate(project: Project, task: str, settings: EvaluationSettings) -> Any:
    labels = settings.labels
    if not is_task_name(labels) or (project.base_dir / labels).is_file():
        labels = str(project.base_dir / labels)
    return evaluate(_root(project, "lightly"), task, labels, input=_root(project, "input"))


def _root(project: Project, name: Literal["input", "lightly"]) -> str | Store:
    """A folder, which is read faster as such, or a store with the project's settings."""
    root = project.root(name)
    return open_store(root, options=project.storage_of(name)) if "://" in root else root


def _result(
    asset: dg.AssetKey,
    *,
    passed: bool,
    text: str,
    figures: dict[str, Any] | None = None,
    page: Path | None = None,
) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue] = {}
    if figures is not None:
        metadata = {
            name: dg.MetadataValue.float(figures[name]) for name in _SHOWN if figures[name] is not None
        }
        metadata["images"] = dg.MetadataValue.int(figures["images"])
        if page is not None and page.is_file():
            metadata["report"] = dg.MetadataValue.path(str(page))
        if figures["worst"]:
            metadata["worst"] = dg.MetadataValue.json(figures["worst"][:5])
        if figures["warnings"]:
            metadata["notes"] = dg.MetadataValue.json(figures["warnings"])
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=asset,
        check_name=EVALUATED,
        severity=dg.AssetCheckSeverity.ERROR,
        description=text,
        metadata=metadata,
    )
