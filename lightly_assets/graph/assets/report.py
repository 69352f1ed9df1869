"""``report``: one page about all that is published, which other assets lead to.

It is an operation of its own, asked for by hand or by a schedule of the user's: it reads every prediction
file, and decodes the frames that it shows.
"""

import shlex
from typing import Any

import dagster as dg

from lightly_assets.config import Project
from lightly_assets.graph.assets.spec_details import Details
from lightly_assets.graph.keys import Names
from lightly_assets.graph.resources import project_of
from lightly_assets.pipeline.project_report import ProjectReport, page_path, report_project, shared_labels


def build_report(project: Project, names: Names) -> list[dg.AssetsDefinition]:
    """The asset; none where there is nothing to report on."""
    if not project.tasks:
        return []

    details = Details(project)

    @dg.asset(
        key=names.report,
        deps=[names.tasks_json],
        group_name=names.output_group,
        owners=details.owners,
        tags=details.tags,
        kinds={"lightly"},
        required_resource_keys={names.project},
        description="One page about all predictions: figures, and the frames that are worth a look. "
        "Asked for by hand.",
        metadata=report_link(project) | details.links(),
    )
    def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        done = report_project(project_of(context.resources, names.project), context.log.info)
        return dg.MaterializeResult(metadata=_metadata(done))

    return [report]


def report_link(project: Project) -> dict[str, dg.MetadataValue[Any]]:
    """Where the page is once it is written, and how to look at frames in full size."""
    lightly, source = project.root("lightly"), project.root("input")
    words = ["lightly-assets", "report", lightly, "--input", source]
    if (labels := shared_labels(project)) is not None:
        words += ["--labels", labels]
    return {
        "report": dg.MetadataValue.path(str(page_path(project))),
        "look closer": dg.MetadataValue.md(f"`{shlex.join([*words, '--serve'])}`"),
    }


def _metadata(done: ProjectReport) -> dict[str, dg.MetadataValue[Any]]:
    metadata: dict[str, dg.MetadataValue[Any]] = {
        "page": dg.MetadataValue.path(str(done.path)),
        "bytes": dg.MetadataValue.int(done.bytes),
        "files": dg.MetadataValue.int(done.files),
        "errors": dg.MetadataValue.int(done.errors),
        "frames": dg.MetadataValue.int(done.frames),
    }
    for task, numbers in done.tasks.items():
        for name, value in numbers.items():
            metadata[f"{task} {name}"] = dg.MetadataValue.float(value)
    if done.notes:
        metadata["notes"] = dg.MetadataValue.json(done.notes)
    return metadata
