"""``lightly-assets import-coco``: COCO annotations and results as prediction files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lightly_assets.commands.shared import JsonOption, counted, errors_for_people, print_json, say

if TYPE_CHECKING:
    from lightly_assets.pipeline.publishing.coco_import import Imported

_TYPES = Literal[
    "classification",
    "object-detection",
    "keypoint-detection",
    "instance-segmentation",
    "semantic-segmentation",
]


def import_coco_command(
    file: Annotated[Path, typer.Argument(help="COCO annotations, or results (a JSON list).")],
    task: Annotated[str, typer.Option(help="The name of the task to write.")],
    lightly: Annotated[str, typer.Option(help="The Lightly datasource: a folder or URL.")],
    input: Annotated[
        str | None, typer.Option(help="The input datasource: images that are not there are errors.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="For results: the annotation file of their images and categories.")
    ] = None,
    task_type: Annotated[
        _TYPES | None, typer.Option(help="The kind of task.", show_default="found from the annotations")
    ] = None,
    default_score: Annotated[
        float, typer.Option(min=0, max=1, help="The score of annotations that have none.")
    ] = 1.0,
    boxes: Annotated[
        Literal["clip", "strict"],
        typer.Option(help="Cut boxes to their image, or refuse those that leave it."),
    ] = "clip",
    as_json: JsonOption = False,
) -> None:
    """Write a task's schema and one prediction file for each image, and list the task in tasks.json."""
    nothing = {"task": task, "files": 0, "predictions": 0, "clipped": 0, "dropped": 0, "skipped": 0}
    with errors_for_people(as_json=as_json, document={"ok": False, **nothing, "problems": []}):
        from lightly_assets.pipeline.publishing.coco_import import import_coco

        imported = import_coco(
            file,
            lightly,
            task,
            input=input,
            images=images,
            task_type=task_type,
            default_score=default_score,
            boxes=boxes,
        )
    if as_json:
        print_json(_document(task, imported))
    else:
        _show(task, imported)


def _document(task: str, imported: "Imported") -> dict[str, Any]:
    return {
        "ok": True,
        "task": task,
        "task_type": str(imported.task_type),
        "files": imported.files,
        "predictions": imported.predictions,
        "clipped": imported.clipped,
        "dropped": imported.dropped,
        "skipped": imported.skipped,
        "problems": imported.problems,
    }


def _show(task: str, imported: "Imported") -> None:
    files, predictions = counted(imported.files, "file"), counted(imported.predictions, "prediction")
    say(f"'{task}' ({imported.task_type}): {files} with {predictions}.")
    if imported.clipped or imported.dropped:
        say(
            f"{counted(imported.clipped, 'box', 'boxes')} cut to their image, "
            f"{counted(imported.dropped, 'object')} without a pixel left out."
        )
    for problem in imported.problems:
        say(f"Left out: {problem}")
    if (more := imported.skipped - len(imported.problems)) > 0:
        say(f"Left out: {counted(more, 'more annotation')}.")
