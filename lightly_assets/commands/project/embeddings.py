"""``lightly-assets embeddings``: the vectors of frames as a file in Lightly's format."""

from pathlib import Path
from typing import Annotated

import typer

from lightly_assets.commands.shared import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    counted,
    errors_for_people,
    open_project,
    print_json,
    say,
)


def embeddings_command(
    config: ConfigOption = DEFAULT_CONFIG,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The CSV file to write.",
            show_default=".lightly/embeddings/embeddings.csv in the Lightly datasource",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the embeddings of all frames and images as Lightly's CSV; the file is replaced as a whole."""
    nothing = {"ok": False, "vectors": 0}
    project = open_project(config, as_json=as_json, document=nothing)
    with errors_for_people(as_json=as_json, document=nothing):
        from lightly_assets.pipeline.embeddings import publish_csv
        from lightly_assets.pipeline.session import Session

        with Session(project) as session:
            written = publish_csv(session, out)
    if as_json:
        print_json({"ok": True, "vectors": written.vectors, "out": written.where})
    else:
        say(f"{written.where}: {counted(written.vectors, 'vector')}.")
