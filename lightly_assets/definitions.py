"""Everything that Dagster loads: ``dg dev`` and the web server find ``defs`` here."""

import os
from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from lightly_assets.config import Project, load_project
from lightly_assets.graph.assets.chain import build_chain
from lightly_assets.graph.assets.report import build_report
from lightly_assets.graph.assets.selection import build_selection
from lightly_assets.graph.assets.specs import videos_spec
from lightly_assets.graph.checks.evaluated import build_evaluated
from lightly_assets.graph.checks.up_to_date import build_up_to_date
from lightly_assets.graph.dagster_private import check_names, partitions_by_configuration
from lightly_assets.graph.jobs import build_job, build_worker_jobs
from lightly_assets.graph.keys import Names
from lightly_assets.graph.partitions import partitions_definition
from lightly_assets.graph.resources import CONFIG_VARIABLE, ProjectResource, config_path
from lightly_assets.graph.sensors import build_sensor


def build_definitions(
    config: Project | Path | str, *, prefix: str = "", upstream: Iterable[str] = ()
) -> dg.Definitions:
    """The asset graph of a project, from its file or what was read from it.

    With a ``prefix`` (a word) all of its names begin with that: asset keys, partitions, jobs and the
    sensor, so that the definitions of several projects can be merged. Without, or with the same one, Dagster
    refuses to merge them: they "have different resources with same key 'lightly_project'".

    ``upstream`` are the keys of assets that write the input, such as ``raw/clips``: the asset ``videos`` is
    shown behind them.

    Runs of its jobs work in one process: another for their only step would cost seconds. The executor of
    everything else stays that of the definitions they are merged with.

    Raises:
        ConfigError: the project file is wrong.

    >>> definitions = build_definitions("lightly.yaml")
    >>> definitions.resolve_job_def("predictions").name
    'predictions'
    """
    check_names()
    project = config if isinstance(config, Project) else load_project(config)
    names = Names(prefix)
    partitions_def = partitions_definition(names)
    chain = build_chain(project, partitions_def, names)
    job = build_job(chain, names)
    partitioned = partitions_by_configuration() is not None
    return dg.Definitions(
        assets=[
            videos_spec(project, partitions_def if partitioned else None, names, upstream),
            chain,
            *build_report(project, names),
            *build_selection(project, names),
        ],
        asset_checks=[build_up_to_date(project, names), *build_evaluated(project, names)]
        if project.tasks or project.embeddings
        else [],
        jobs=[job, *build_worker_jobs(chain, names)],
        sensors=[build_sensor(project, job, names)],
        resources={names.project: ProjectResource.of(project)},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The graph of the project file that the environment or the folder names; else the demo's, to look at."""
    alone = dg.Definitions(executor=dg.in_process_executor)
    path = Path(config_path())
    if CONFIG_VARIABLE in os.environ or path.exists():
        return dg.Definitions.merge(alone, build_definitions(path))
    from lightly_assets.demo.project import DEMO_FILE  # late: its textures take a while

    demo = load_project(DEMO_FILE)
    shown = build_definitions(demo.model_copy(update={"base_dir": Path("demo").absolute()}))
    return dg.Definitions.merge(alone, shown)
