"""``lightly-assets evaluate``: how good predictions are, by labels."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from lightly_assets.commands.completion import tasks_of_project
from lightly_assets.commands.following import followed
from lightly_assets.commands.shared import (
    JsonOption,
    errors_for_people,
    print_json,
    say,
    wrong_use,
)

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_NOTHING: dict[str, Any] = {
    "ok": False, "task": None, "images": 0, "map": None, "map50": None, "per_category": [],
}  # fmt: skip


def evaluate_command(
    root: Annotated[
        str, typer.Argument(help="The Lightly datasource: the folder or URL that holds .lightly.")
    ],
    task: Annotated[
        str,
        typer.Option(
            "--task", help="The task whose predictions are judged.", autocompletion=tasks_of_project
        ),
    ],
    labels: Annotated[str, typer.Option(help="A COCO annotation file, or another task of ROOT.")],
    input: Annotated[
        str | None, typer.Option(help="The input datasource: sizes of images that a COCO file lacks.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--score", min=0, max=1, help="Count predictions from this score on.", show_default="the best F1"
        ),
    ] = None,
    sigmas: Annotated[
        str | None,
        typer.Option(help="Of keypoints, separated by commas.", show_default="COCO's for 17, else 1/K each"),
    ] = None,
    all_categories: Annotated[
        bool, typer.Option("--all-categories", help="Labels of categories that the task lacks are missed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge a task's predictions by labels: average precision, mIoU or accuracy, and the worst frames."""
    nothing = _NOTHING | {"task": task}
    for name, folder in (("ROOT", root), ("--input", input)):
        if folder is not None and not _URL.match(folder) and not Path(folder).expanduser().is_dir():
            wrong_use(f"{name}: the folder '{folder}' does not exist.", nothing, as_json=as_json)
    with errors_for_people(as_json=as_json, document=nothing), followed(as_json=as_json):
        from lightly_assets.checker.check import listed_tasks
        from lightly_assets.evaluation.document import document, text
        from lightly_assets.evaluation.evaluate import evaluate, is_task_name

        listed = listed_tasks(root)
        for name in (task, labels) if is_task_name(labels) else (task,):
            if name not in listed:
                known = ", ".join(f"'{one}'" for one in listed) or "none"
                file = "" if name == task else f", and there is no file '{labels}'"
                wrong_use(
                    f"tasks.json does not list '{name}'{file}; it lists {known}.", nothing, as_json=as_json
                )
        found = evaluate(
            root,
            task,
            labels,
            input=input,
            threshold=threshold,
            sigmas=_numbers(sigmas, nothing, as_json),
            all_categories=all_categories,
        )
        result = document(found)
    if as_json:
        print_json(result)
    else:
        say(text(result))


def _numbers(sigmas: str | None, nothing: dict[str, Any], as_json: bool) -> tuple[float, ...] | None:
    if sigmas is None:
        return None
    try:
        values = tuple(float(one) for one in sigmas.split(","))
    except ValueError:
        values = ()
    if not values or not all(0 < one < float("inf") for one in values):
        wrong_use(f"--sigmas: '{sigmas}' is no list of numbers above 0.", nothing, as_json=as_json)
    return values
