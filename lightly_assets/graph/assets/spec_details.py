"""What the assets say of themselves beside their names: owners, tags, versions, links, freshness."""

import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from lightly_assets.config import Project, Task
from lightly_assets.pipeline.planning.task_setup import TaskSetup, frames_version
from lightly_assets.pipeline.state.records import Stage, version

_SHORT = 12


class Details:
    """Of the specs of a project's assets."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._settings = project.dagster
        self._lines = _task_lines(project.path)
        self.owners = list(self._settings.owners)
        self.tags = dict(self._settings.tags)

    def of_all(self) -> dict[str, Any]:
        """Owners and tags, as arguments of a spec."""
        return {"owners": self.owners, "tags": self.tags}

    def freshness(self) -> dict[str, Any]:
        """The freshness policy, as an argument of a spec; nothing where there is none."""
        found = self._settings.freshness
        if found is None:
            return {}
        warn = None if found.warn_hours is None else timedelta(hours=found.warn_hours)
        policy = dg.FreshnessPolicy.time_window(
            fail_window=timedelta(hours=found.fail_hours), warn_window=warn
        )
        return {"freshness_policy": policy}

    def frames_code_version(self) -> str:
        """Changes when the same file would be given other frames."""
        return version(*(frames_version(self._project, kind) for kind in ("video", "image")))[:_SHORT]

    def code_version(self, task: Task, stage: Stage) -> str:
        """Changes with the settings that decide what an asset holds; a model's file is part of the data."""
        setup = TaskSetup(task, self._project)
        made_with: dict[Stage, object] = {
            "predictions": (task.model.kind, sorted(task.model.predict_settings().items())),
            "singletons": setup.settings_hash,
            "task_folder": setup.schema.hash(),
        }
        return version(made_with[stage])[:_SHORT]

    def links(self, task: Task | None = None) -> dict[str, Any]:
        """Metadata: where an asset is configured and its model is written, what is published, the report."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)
            references = list(self._references(task))
            found: dict[str, Any] = {
                "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=references)
            }
        if not references:
            found = {}
        if self._settings.report_url:
            found["report"] = dg.MetadataValue.url(self._settings.report_url)
        elif (self._project.base_dir / "report.html").is_file():
            found["report"] = dg.MetadataValue.path(self._project.base_dir / "report.html")
        return found

    def published(self, task: Task | None = None) -> dict[str, Any]:
        """Metadata: where the files lie."""
        root = f"{self._project.root('lightly').rstrip('/')}/.lightly/predictions/"
        return {"published": dg.MetadataValue.path(root + (f"{task.name}/" if task else "tasks.json"))}

    def _references(self, task: Task | None) -> Iterator[Any]:
        line = self._lines.get(task.name) if task else None
        yield from self._reference(self._project.path, line)
        call = getattr(task.model, "call", "") if task else ""
        if isinstance(call, str) and call:
            module = self._project.base_dir / Path(*call.partition(":")[0].split("."))
            for path in (module.with_suffix(".py"), module / "__init__.py"):
                if path.is_file():
                    yield from self._reference(path, None)

    def _reference(self, path: Path, line: int | None) -> Iterator[Any]:
        url = self._settings.code_url
        if url is not None:
            inside = path.relative_to(self._project.base_dir).as_posix()
            at = f"#L{line}" if line else ""
            yield dg.UrlCodeReference(url=f"{url.rstrip('/')}/{inside}{at}", label=path.name)
        elif path.is_file():
            yield dg.LocalFileCodeReference(file_path=str(path), line_number=line, label=path.name)


def _task_lines(path: Path) -> dict[str, int]:
    """On which line each task begins; nothing where the file is not there, or holds no tasks of its own."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, yaml.YAMLError):
        return {}
    found = {}
    for key in ("attributes", "project", "tasks"):  # those of a component lie deeper
        root = _value(root, key) or (root if key != "tasks" else None)
    for node in root.value if isinstance(root, yaml.SequenceNode) else ():
        name = _value(node, "name")
        if isinstance(name, yaml.ScalarNode):
            found[name.value] = node.start_mark.line + 1
    return found


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)
