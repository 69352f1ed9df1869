"""``lightly-assets check``: whether a prediction folder is right, whoever wrote it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightly_assets.commands.completion import tasks_of_project
from lightly_assets.commands.files.extract import OnDamage
from lightly_assets.commands.following import followed
from lightly_assets.commands.shared import (
    DEFAULT_CONFIG,
    FAILED,
    OK,
    JsonOption,
    errors_for_people,
    open_project,
    print_json,
    say,
    say_old_names,
    wrong_use,
)
from lightly_assets.commands.tables import for_terminal, show_table
from lightly_assets.cores import cores

if TYPE_CHECKING:
    from lightly_assets.checker.report import Report
    from lightly_assets.config import Project

FILE_NAME = DEFAULT_CONFIG.name
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def check_command(
    root: Annotated[
        str | None,
        typer.Argument(help="The Lightly datasource: the folder or URL that holds .lightly."),
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(help="The input datasource: also find missing and orphaned files, and compare sizes."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="The project file instead of both: its settings count as they do in run."
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", help="Only this task; repeatable.", autocompletion=tasks_of_project),
    ] = None,
    on_damage: Annotated[
        OnDamage | None,
        typer.Option("--on-damage", help="Refuse damaged videos, or count what decodes of them."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many share a large folder.", show_default="all cores")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the files of all listed tasks against the format's rules. Changes nothing."""
    nothing: dict[str, Any] = {"ok": False, "files": 0, "findings": []}
    project = _project(root, input, config, as_json=as_json, nothing=nothing)
    if project is not None:
        root = project.root("lightly")
    assert root is not None
    for name, folder in (("ROOT", root), ("--input", input)) if project is None else ():
        if folder is not None and not _URL.match(folder) and not Path(folder).expanduser().is_dir():
            wrong_use(f"{name}: the folder '{folder}' does not exist.", nothing, as_json=as_json)
    with errors_for_people(as_json=as_json, document=nothing), followed(as_json=as_json):
        from lightly_assets.checker.check import check, listed_tasks

        if project is None:
            unlisted = [name for name in task or () if name not in listed_tasks(root)]
            if unlisted:
                listed = ", ".join(f"'{name}'" for name in listed_tasks(root)) or "none"
                wrong_use(
                    f"tasks.json does not list '{unlisted[0]}'; it lists {listed}.", nothing, as_json=as_json
                )
            damage = on_damage or OnDamage.FAIL
            report = check(root, input, tasks=task, on_damage=damage.value, processes=processes or cores())
        else:
            if on_damage is not None:
                project = project.model_copy(update={"on_damage": on_damage.value})
            report = _check_project(project, task, processes or cores())
    if as_json:
        print_json(report.to_json())
    elif for_terminal():
        _show(report)
    else:
        say(report.to_text())
    if project is not None and not as_json:
        say_old_names(project)
    raise typer.Exit(OK if report.ok else FAILED)


def _show(report: "Report") -> None:
    rows = [
        [group.severity, group.rule, f"{group.count:,}", group.examples[0].message, group.where()]
        for group in report.groups
    ]
    if rows:
        show_table(("", "rule", "times", "what", "where"), rows, numbers=("times",))
    for line in report.last_lines():
        say(line)


def _project(
    root: str | None, input: str | None, config: Path | None, *, as_json: bool, nothing: dict[str, Any]
) -> "Project | None":
    """The project whose settings count: the one that is named, or the one that has these two roots."""
    if config is not None or root is None:
        if config is None and not DEFAULT_CONFIG.exists():
            problem = "Name ROOT, the folder or URL that holds .lightly, or a project file with -c."
            wrong_use(problem, nothing, as_json=as_json)
        project = open_project(config or DEFAULT_CONFIG, as_json=as_json, document=nothing)
        named = {"ROOT": (root, project.root("lightly")), "--input": (input, project.root("input"))}
        for name, (given, own) in named.items():
            if given is not None and _place(given) != _place(own):
                problem = f"{name} is '{given}', and {project.path} says '{own}'; name one of them."
                wrong_use(problem, nothing, as_json=as_json)
        return project
    if input is None:
        return None
    folders = [Path(one).expanduser() for one in (root, input) if not _URL.match(one)]
    places = [Path.cwd(), *(folder for one in folders for folder in (one, one.absolute().parent))]
    for place in dict.fromkeys(place / FILE_NAME for place in places):
        found = _project_of(place, root, input)
        if found is not None:
            if not as_json:
                say(f"As {place} says: what it leaves out is left out here.")
            return found
    return None


def _project_of(file: Path, root: str, input: str) -> "Project | None":
    """The project of a file, where it has these two roots; None also where the file is none."""
    from lightly_assets.config import ConfigError, load_project

    if not file.is_file():
        return None
    try:
        project = load_project(file)
    except ConfigError:
        return None  # nobody has asked for it
    roots = [(root, project.root("lightly")), (input, project.root("input"))]
    return project if all(_place(one) == _place(other) for one, other in roots) else None


def _place(root: str) -> str:
    return root.rstrip("/") if _URL.match(root) else str(Path(root).expanduser().resolve())


def _check_project(project: "Project", tasks: list[str] | None, processes: int) -> "Report":
    from lightly_assets.pipeline.project_check import check_project
    from lightly_assets.pipeline.session import Session

    with Session(project, tuple(tasks) if tasks else None) as session:
        return check_project(session, tasks, processes=processes)
