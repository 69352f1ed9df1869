"""Everything that Dagster loads: ``dagster dev`` finds ``defs`` here."""

from pathlib import Path

import dagster as dg

from lightly_assets.config import Project, load_project
from lightly_assets.graph.assets.chain import build_chain
from lightly_assets.graph.assets.selection import build_selection
from lightly_assets.graph.assets.specs import videos_spec
from lightly_assets.graph.checks.evaluated import build_evaluated
from lightly_assets.graph.checks.up_to_date import build_up_to_date
from lightly_assets.graph.dagster_private import check_names
from lightly_assets.graph.jobs import build_job, build_worker_jobs
from lightly_assets.graph.partitions import partitions_definition
from lightly_assets.graph.resources import ProjectResource, config_path
from lightly_assets.graph.sensors import build_sensor


def build_definitions(config: Project | Path | str) -> dg.Definitions:
    """The asset graph of a project, from its file or what was read from it.

    Runs work in one process: one for every step would cost seconds each.

    Raises:
        ConfigError: the project file is wrong.

    >>> definitions = build_definitions("lightly.yaml")
    >>> definitions.resolve_job_def("predictions").name
    'predictions'
    """
    check_names()
    project = config if isinstance(config, Project) else load_project(config)
    partitions_def = partitions_definition()
    chain = build_chain(project, partitions_def)
    job = build_job(chain)
    return dg.Definitions(
        assets=[videos_spec(partitions_def), chain, *build_selection(project)],
        asset_checks=[build_up_to_date(project), *build_evaluated(project)] if project.tasks else [],
        jobs=[job, *build_worker_jobs(chain)],
        sensors=[build_sensor(project, job)],
        resources={"project": ProjectResource(path=str(project.path))},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The graph of the project file that the environment or the folder names."""
    return build_definitions(config_path())
