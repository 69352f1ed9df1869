"""``lightly-assets import-labels``: labels of other tools as prediction files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lightly_assets.commands.files.import_coco import imported_document, show_imported
from lightly_assets.commands.following import followed
from lightly_assets.commands.label_options import (
    AllowPartialOption,
    BoxesOption,
    BoxOnlyOption,
    CategoryMapOption,
    DefaultScoreOption,
    ExifOption,
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
    formats_in,
    name_settings,
    parse_category_map,
)
from lightly_assets.commands.shared import JsonOption, errors_for_people, print_json, say

if TYPE_CHECKING:
    from lightly_assets.pipeline.publishing.label_import import LabelImportSettings, Prepared

_PAIRS = 5


def import_labels_command(
    path: Annotated[Path, typer.Argument(help="The labels: a file, or a folder of files.")],
    task: Annotated[str, typer.Option(help="The name of the task to write.")],
    lightly: Annotated[str, typer.Option(help="The Lightly datasource: a folder or URL.")],
    input: Annotated[str, typer.Option(help="The input datasource, whose images and videos are labelled.")],
    format: Annotated[str, typer.Option(help=f"auto, {formats_in('formats')}.")] = "auto",
    task_type: TaskTypeOption = None,
    categories: Annotated[
        str | None,
        typer.Option(
            help="The task's categories: a,b,… (numbers from 0), or a file such as data.yaml; also what "
            "numbers mean in labels without names.",
            show_default="the labels' own",
        ),
    ] = None,
    category_map: CategoryMapOption = None,
    video: VideoOption = None,
    first_frame: Annotated[
        int | None,
        typer.Option(
            min=0, help="The number that the labels give to their first frame.", show_default="the format's"
        ),
    ] = None,
    start_frame: StartFrameOption = 0,
    frame_step: FrameStepOption = 1,
    fps: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="Frames in a second as the labels count them.", show_default="the labels' own"
        ),
    ] = None,
    name_pattern: NamePatternOption = None,
    interpolate: Annotated[
        Literal["linear", "none"], typer.Option(help="What lies between key frames of tracks.")
    ] = "linear",
    names: NamesOption = "exact",
    strip: StripOption = "",
    renames: RenamesOption = None,
    default_score: DefaultScoreOption = 1.0,
    boxes: BoxesOption = "clip",
    box_only: BoxOnlyOption = None,
    rotated: RotatedOption = "refuse",
    pixel_origin: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=1,
            help="The number of the first pixel in VOC and MOT.",
            show_default="0, 1 in VOC's own data",
        ),
    ] = None,
    unlisted: UnlistedOption = None,
    exif: ExifOption = "refuse",
    leftovers: LeftoversOption = "report",
    allow_partial: AllowPartialOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing: show the first names, and draw one picture.")
    ] = False,
    picture: Annotated[Path, typer.Option(help="Where --dry-run draws the first image with labels.")] = Path(
        "labels-preview.jpg"
    ),
    as_json: JsonOption = False,
) -> None:
    """Write labels of another tool as a task: a prediction file for each image or frame."""
    nothing = {"task": task, "files": 0, "predictions": 0, "clipped": 0, "dropped": 0, "skipped": 0}
    failed = {"ok": False, **nothing, "problems": []}
    with errors_for_people(as_json=as_json, document=failed), followed(as_json=as_json):
        from lightly_assets.format.schema import TaskType
        from lightly_assets.labels.coco.settings import CocoSettings
        from lightly_assets.pipeline.publishing.label_import import LabelImportSettings, import_labels

        numbers = (first_frame, frame_step, start_frame)
        settings = LabelImportSettings(
            format=format,
            task_type=None if task_type is None else TaskType(task_type),
            categories=_categories(categories),
            objects=CocoSettings(
                default_score=default_score,
                box_only=box_only,
                rotated=rotated,
                category_map=parse_category_map(category_map),
                allow_partial=allow_partial,
                names=name_settings(names, strip, renames, video, numbers, name_pattern),
            ),
            first_frame=first_frame,
            fps=fps,
            interpolate=interpolate,
            pixel_origin=pixel_origin,
            unlisted=unlisted,
            exif=exif,
            leftovers=leftovers,
            boxes=boxes,
        )
        if dry_run:
            _dry_run(path, lightly, task, input, settings, picture, as_json=as_json)
            return
        imported = import_labels(path, lightly, task, input=input, settings=settings)
    if as_json:
        print_json(imported_document(task, imported))
    else:
        show_imported(task, imported)


def _categories(text: str | None) -> dict[int, str] | None:
    """``a,b``, or what a file says."""
    from lightly_assets.labels.errors import LabelsError
    from lightly_assets.labels.files.text import names_of_yaml

    if text is None:
        return None
    if _is_file(text):
        return names_of_yaml(Path(text))
    names = [part.strip() for part in text.split(",")]
    if "" in names:
        raise LabelsError(
            f"--categories '{text}' has an empty name; write names with one comma between them."
        )
    return dict(enumerate(names))


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # a list of names that is longer than any path
        return False


def _dry_run(
    path: Path,
    lightly: str,
    task: str,
    input: str,
    settings: "LabelImportSettings",
    picture: Path,
    *,
    as_json: bool,
) -> None:
    from lightly_assets.pipeline.publishing.label_import import prepare_labels, require_target
    from lightly_assets.pipeline.publishing.label_preview import draw_preview

    with prepare_labels(path, lightly, task, input=input, settings=settings) as prepared:
        require_target(lightly, task, prepared)
        drawn = draw_preview(prepared, picture)
    if as_json:
        print_json(_document(task, prepared, drawn, picture))
        return
    schema = prepared.schema
    names = ", ".join(f"{one.id} {one.name}" for one in schema.categories)
    say(
        f"'{task}' ({schema.task_type}), {prepared.format}: {len(prepared.targets):,} files would be written."
    )
    say(f"Categories: {names}.")
    for name, file_name in prepared.pairs(_PAIRS):
        say(f"  {name} → {file_name}")
    for line in prepared.reader.document.report.lines():
        say(line)
    say("No label is in the first images." if drawn is None else f"{picture} shows '{drawn}'.")


def _document(task: str, prepared: "Prepared", drawn: str | None, picture: Path) -> dict[str, Any]:
    return {
        "ok": True,
        "dry_run": True,
        "task": task,
        "task_type": str(prepared.schema.task_type),
        "format": prepared.format,
        "categories": {one.id: one.name for one in prepared.schema.categories},
        "files": len(prepared.targets),
        "pairs": prepared.pairs(_PAIRS),
        "picture": None if drawn is None else str(picture),
        "drawn": drawn,
        "report": prepared.reader.document.report.to_json(),
    }
