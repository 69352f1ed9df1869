"""``lightly-assets import-coco``: COCO annotations and results as prediction files."""

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lightly_assets.commands.following import followed
from lightly_assets.commands.label_options import (
    AllowPartialOption,
    BoxesOption,
    BoxOnlyOption,
    CategoryMapOption,
    DefaultScoreOption,
    ExifOption,
    FirstFrameOption,
    FrameStepOption,
    LeftoversOption,
    NamePatternOption,
    NamesOption,
    RenamesOption,
    RotatedOption,
    StartFrameOption,
    StripOption,
    TaskTypeOption,
    UnlistedOption,
    VideoOption,
    name_settings,
    parse_category_map,
)
from lightly_assets.commands.shared import JsonOption, counted, errors_for_people, print_json, say

if TYPE_CHECKING:
    from lightly_assets.pipeline.publishing.coco_import import Imported


def import_coco_command(
    file: Annotated[Path, typer.Argument(help="COCO annotations, or results (a JSON list).")],
    task: Annotated[str, typer.Option(help="The name of the task to write.")],
    lightly: Annotated[str, typer.Option(help="The Lightly datasource: a folder or URL.")],
    input: Annotated[
        str | None, typer.Option(help="The input datasource: names and sizes are compared with it.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="For results: the annotation file of their images and categories.")
    ] = None,
    task_type: TaskTypeOption = None,
    default_score: DefaultScoreOption = 1.0,
    boxes: BoxesOption = "clip",
    box_only: BoxOnlyOption = None,
    rotated: RotatedOption = "refuse",
    ignored: Annotated[
        Literal["drop", "keep"], typer.Option(help="Objects that are marked as ignored or outside.")
    ] = "drop",
    box_format: Annotated[
        Literal["xywh", "xyxy"], typer.Option(help="What the four numbers of bbox are.")
    ] = "xywh",
    category_map: CategoryMapOption = None,
    names: NamesOption = "exact",
    strip: StripOption = "",
    renames: RenamesOption = None,
    video: VideoOption = None,
    first_frame: FirstFrameOption = None,
    frame_step: FrameStepOption = 1,
    start_frame: StartFrameOption = 0,
    name_pattern: NamePatternOption = None,
    unlisted: UnlistedOption = None,
    exif: ExifOption = "refuse",
    leftovers: LeftoversOption = "report",
    allow_partial: AllowPartialOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a task's schema and one prediction file for each image, and list the task in tasks.json."""
    nothing = {"task": task, "files": 0, "predictions": 0, "clipped": 0, "dropped": 0, "skipped": 0}
    failed = {"ok": False, **nothing, "problems": []}
    with errors_for_people(as_json=as_json, document=failed), followed(as_json=as_json):
        from lightly_assets.labels.coco.settings import CocoSettings
        from lightly_assets.pipeline.publishing.coco_import import ImportSettings, import_coco

        gc.freeze()  # what was imported stays: looking through it again and again costs a tenth of the time
        numbers = (first_frame, frame_step, start_frame)
        coco = CocoSettings(
            default_score=default_score,
            box_only=box_only,
            rotated=rotated,
            ignored=ignored,
            box_format=box_format,
            category_map=parse_category_map(category_map),
            allow_partial=allow_partial,
            names=name_settings(names, strip, renames, video, numbers, name_pattern),
        )
        imported = import_coco(
            file,
            lightly,
            task,
            input=input,
            images=images,
            task_type=task_type,
            boxes=boxes,
            settings=ImportSettings(coco, unlisted, exif, leftovers),
        )
    if as_json:
        print_json(imported_document(task, imported))
    else:
        show_imported(task, imported)


def imported_document(task: str, imported: "Imported") -> dict[str, Any]:
    """What ``--json`` prints about an import."""
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
        "leftovers": len(imported.leftovers),
        "report": imported.report.to_json(),
    }


def show_imported(task: str, imported: "Imported") -> None:
    """What an import did, for people."""
    files, predictions = counted(imported.files, "file"), counted(imported.predictions, "prediction")
    say(f"'{task}' ({imported.task_type}): {files} with {predictions}.")
    if imported.clipped:
        say(f"{counted(imported.clipped, 'box', 'boxes')} cut to their image.")
    for line in imported.report.lines():
        say(line)
