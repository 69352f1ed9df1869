"""``lightly-assets studio``: predictions and the selection in LightlyStudio."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightly_assets.commands.following import followed
from lightly_assets.commands.shared import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    counted,
    errors_for_people,
    is_quiet,
    is_terminal,
    open_project,
    print_json,
    read_names,
    root_of,
    say,
)

if TYPE_CHECKING:
    from lightly_assets.config import Project
    from lightly_assets.studio.vectors import NamedVectors

_NOTHING: dict[str, Any] = {"ok": False, "databases": [], "notes": []}


def studio_command(
    config: ConfigOption = DEFAULT_CONFIG,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the databases.", show_default="studio, beside the project file"),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Only this task, others stay as they are; repeatable.")
    ] = None,
    selected: Annotated[
        Path | None,
        typer.Option(
            help="Names of the frames that get the tag 'selected', one a line.",
            show_default="selection/selected.txt beside the project file, where it is",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the datasets.", show_default="that of the project's folder")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", help="Leave out the input of this key; repeatable.")
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(help="Python of an environment with lightly-studio 1.2.", show_default="this one"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fill a LightlyStudio dataset with inputs, predictions, scores, vectors and the selection."""
    project = open_project(config, as_json=as_json, document=_NOTHING)
    base = Path(project.base_dir)
    listed = selected or base / "selection" / "selected.txt"
    with errors_for_people(as_json=as_json, document=_NOTHING), followed(as_json=as_json):
        from lightly_assets.studio.filling import fill_studio
        from lightly_assets.studio.handover import Request

        lightly, input, state = (root_of(project, root) for root in ("lightly", "input", "state"))
        names = read_names(listed) if selected is not None or listed.exists() else None
        request = Request(
            lightly, input, state,
            name or base.resolve().name or "project",
            out or base / "studio",
            task or None,
            names,
            skip or (),
            _embedded(project),
            _progress if is_terminal() and not as_json and not is_quiet() else lambda _: None,
        )  # fmt: skip
        filled = fill_studio(request, python)
    if as_json:
        document = {"ok": True, "databases": [str(path) for path in filled.databases]}
        print_json(document | filled.counts | {"notes": filled.notes})
        return
    for note in filled.notes:
        say(f"Note: {note}")
    counts = filled.counts
    what = f"{counted(counts['objects'], 'object')} on {counted(counts['frames'], 'frame')}"
    inputs = f"{counted(counts['images'], 'image')} and {counted(counts['videos'], 'video')}"
    say(f"LightlyStudio has {what} of {inputs}.")
    program = "lightly-studio" if python is None else str(Path(python).with_name("lightly-studio"))
    for path in filled.databases:
        say(f"Look: {shlex.join([program, 'gui', '--db-file', str(path)])}")


def _embedded(project: "Project") -> list["NamedVectors"]:
    """The present embeddings of frames, named after their model and its version."""
    if project.embeddings is None:
        return []
    import numpy as np

    from lightly_assets.config.sections.embeddings import PREFIX
    from lightly_assets.pipeline.embeddings import present_vectors
    from lightly_assets.pipeline.session import Session

    with Session(project) as session:
        setup = session.embeddings[PREFIX]
        parts = list(present_vectors(session, setup))
        name = f"{project.embeddings.model.kind} {setup.model_version[:8]}"
    if not parts:
        return []
    names = [one for part, _, _ in parts for one in part]
    return [(name, names, np.concatenate([vectors for _, _, vectors in parts]))]


def _progress(what: str) -> None:
    say(f"… {what}", error=True)
