"""``selection``: the frames that ``worker_run.selection_config`` selects, found on this machine.

It is an operation of its own, after the chain: it reads all of what is published, and only if all of it is
right. The platform is not asked.
"""

from collections.abc import Iterator
from importlib.util import find_spec

import dagster as dg

from lightly_assets.config import Project
from lightly_assets.graph.assets.spec_details import Details
from lightly_assets.graph.dagster_private import has_other_steps
from lightly_assets.graph.keys import Names
from lightly_assets.graph.resources import project_of
from lightly_assets.pipeline.selection import ProjectSelection, select_frames
from lightly_assets.pipeline.session import Session
from lightly_assets.selection.engine import NOT_INSTALLED

_SHOWN = 50


def build_selection(project: Project, names: Names) -> list[dg.AssetsDefinition]:
    """The asset; none where the project has no section ``worker_run``."""
    if project.worker_run is None:
        return []

    details = Details(project)

    @dg.asset(
        key=names.selection,
        deps=[names.tasks_json],
        group_name=names.output_group,
        owners=details.owners,
        tags=details.tags,
        kinds={"lightly"},
        required_resource_keys={names.project},
        output_required=False,
        description="Checks everything again, now; then selects frames as worker_run says, on this machine "
        "with lightly-mundig. Asked for by hand.",
        metadata=details.links(),
    )
    def selection(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        if has_other_steps(context) and find_spec("lightly_mundig") is None:
            # As worker_run does: whoever asks for all there is gets what this machine can make.
            context.log.warning(f"Nothing was selected: {NOT_INSTALLED}")
            return
        with Session(project_of(context.resources, names.project)) as session:
            done = select_frames(session, context.log.info)
        yield dg.MaterializeResult(metadata=_metadata(done))

    return [selection]


def _metadata(done: ProjectSelection) -> dict[str, dg.MetadataValue]:
    document = done.selected.document()
    metadata: dict[str, dg.MetadataValue] = {
        "gate": dg.MetadataValue.text(done.gate.message),
        "selected": dg.MetadataValue.int(len(document["selected"])),
        "of": dg.MetadataValue.int(document["of"]),
        "strategies": dg.MetadataValue.json(document["strategies"]),
        "first": dg.MetadataValue.json(document["selected"][:_SHOWN]),
        "page": dg.MetadataValue.path(str(next(one for one in done.files if one.suffix == ".html"))),
    }
    if document["notes"]:
        metadata["notes"] = dg.MetadataValue.json(document["notes"])
    return metadata
