"""``lightly-assets select``: the selection of ``worker_run``, run on this machine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightly_assets.commands.following import followed
from lightly_assets.commands.shared import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    errors_for_people,
    open_project,
    print_json,
    read_names,
    root_of,
    say,
    wrong_use,
)

if TYPE_CHECKING:
    from lightly_assets.config import Project
    from lightly_assets.selection.run import Selected
    from lightly_assets.selection.vectors import VectorSource

_NOTHING: dict[str, Any] = {"ok": False, "of": 0, "selected": [], "strategies": []}


def select_command(
    config: ConfigOption = DEFAULT_CONFIG,
    number: Annotated[
        int | None,
        typer.Option("--n", min=0, help="How many frames.", show_default="what worker_run says"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the lists and the page.", show_default="selection, beside the project file"
        ),
    ] = None,
    datapool: Annotated[
        Path | None,
        typer.Option(help="Names of frames selected earlier, one a line: new ones are different from them."),
    ] = None,
    similar_to: Annotated[
        Path | None,
        typer.Option(
            help="What SIMILARITY compares with: names of frames, one a line, or a folder of pictures."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the selection_config of worker_run here, with lightly-mundig: which frames are worth a label."""
    project = open_project(config, as_json=as_json, document=_NOTHING)
    selection = (project.worker_run or {}).get("selection_config")
    if not isinstance(selection, Mapping):
        wrong_use(_what_is_missing(project), _NOTHING, as_json=as_json)
    with errors_for_people(as_json=as_json, document=_NOTHING), followed(as_json=as_json):
        folder = out or Path(project.base_dir) / "selection"
        pool = [] if datapool is None else read_names(datapool)
        selected, files = select_here(project, selection, folder, number, pool, _similar(similar_to))
    document = selected.document()
    if as_json:
        print_json(document)
        return
    say(f"{len(selected.chosen):,} of {document['of']:,} frames selected.")
    for row, strategy in zip(document["strategies"], selected.strategies, strict=True):
        say(f"  {strategy.name}: wanted {_shown(row['wanted'])}, achieved {_shown(row['achieved'])}")
    for note in selected.notes:
        say(f"Note: {note}")
    say("Written: " + ", ".join(str(file) for file in files))


def _what_is_missing(project: "Project") -> str:
    """With a section that can be written as it stands."""
    task = project.tasks[0].name if project.tasks else "people"
    strategy = (
        f"{{input: {{type: SCORES, task: {task}, score: uncertainty_entropy}}, strategy: {{type: WEIGHTS}}}}"
    )
    section = f"{{dataset: my frames, input_type: videos, selection_config: {{strategies: [{strategy}]}}}}"
    return (
        f"{project.path}: worker_run.selection_config is missing; it says what to select, such as "
        f"worker_run: {section}"
    )


def select_here(
    project: "Project",
    selection: Mapping[str, Any],
    folder: Path,
    number: int | None = None,
    datapool: Sequence[str] = (),
    similar_to: Path | Sequence[str] = (),
) -> tuple["Selected", list[Path]]:
    """Selects, and writes the lists and the page.

    Raises:
        SelectionError: it cannot be done.
        StorageError: a root is out of reach.
    """
    from lightly_assets.selection.output import write_selection
    from lightly_assets.selection.run import Request, run_selection

    lightly, input, state = (root_of(project, name) for name in ("lightly", "input", "state"))
    with _vectors(project) as vectors:
        request = Request(selection, lightly, input, state, number, datapool, similar_to, vectors=vectors)
        selected = run_selection(request)
    return selected, write_selection(selected, folder, lightly, input)


@contextmanager
def _vectors(project: "Project") -> Iterator["VectorSource | None"]:
    """The embeddings that are stored; None where a project has no such section."""
    if project.embeddings is None:
        yield None
        return
    from lightly_assets.pipeline.embeddings import StoredVectors
    from lightly_assets.pipeline.session import Session

    with Session(project) as session:
        yield StoredVectors(session)


def _similar(given: Path | None) -> "Path | list[str]":
    """A folder of pictures, or names of frames."""
    if given is None:
        return []
    return given if given.is_dir() else read_names(given)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    return f"{value:.3f}" if isinstance(value, float) else str(value)
