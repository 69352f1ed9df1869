"""``lightly-assets metrics``: numbers for Prometheus."""

import typer

from lightly_assets.commands.project.instance import has_instance, open_instance, use_instance
from lightly_assets.commands.shared import DEFAULT_CONFIG, ConfigOption, errors_for_people, open_project


def metrics_command(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Numbers about records and runs in Prometheus' text format, on standard output. Changes nothing."""
    project = open_project(config)
    with errors_for_people():
        from lightly_assets.pipeline.metrics import project_metrics, to_text
        from lightly_assets.pipeline.session import Session

        with Session(project) as session:
            found = project_metrics(session)
        if has_instance(project):
            use_instance(project)

            from lightly_assets.graph.metrics import instance_metrics

            with open_instance() as instance:
                found += instance_metrics(instance)
        typer.echo(to_text(found), nl=False)
