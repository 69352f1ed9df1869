"""``lightly-assets check``: whether a prediction folder is right, whoever wrote it."""

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from lightly_assets.commands.shared import (
    FAILED,
    OK,
    WRONG_USE,
    JsonOption,
    errors_for_people,
    print_json,
    say,
)

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def check_command(
    root: Annotated[
        str, typer.Argument(help="The Lightly datasource: the folder or URL that holds .lightly.")
    ],
    input: Annotated[
        str | None,
        typer.Option(help="The input datasource: also find missing and orphaned files, and compare sizes."),
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", help="Only this task; repeatable.")] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many share a large folder.", show_default="all cores")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the files of all listed tasks against the format's rules. Changes nothing."""
    nothing: dict[str, Any] = {"ok": False, "files": 0, "findings": []}
    for name, folder in (("ROOT", root), ("--input", input)):
        if folder is not None and not _URL.match(folder) and not Path(folder).expanduser().is_dir():
            _wrong_use(f"{name}: the folder '{folder}' does not exist.", nothing, as_json)
    with errors_for_people(as_json=as_json, document=nothing):
        from lightly_assets.checker.check import check, listed_tasks

        unlisted = [name for name in task or () if name not in listed_tasks(root)]
        if unlisted:
            listed = ", ".join(f"'{name}'" for name in listed_tasks(root)) or "none"
            _wrong_use(f"tasks.json does not list '{unlisted[0]}'; it lists {listed}.", nothing, as_json)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        report = check(root, input, tasks=task or None, processes=processes or cores)
    if as_json:
        print_json(report.to_json())
    else:
        say(report.to_text())
    raise typer.Exit(OK if report.ok else FAILED)


def _wrong_use(problem: str, document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document | {"error": problem})
    else:
        say(f"Error: {problem}", error=True)
    raise typer.Exit(WRONG_USE)
