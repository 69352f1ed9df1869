"""``lightly-assets export``: a task's predictions in the format of another tool."""

from pathlib import Path
from typing import Annotated

import typer

from lightly_assets.commands.following import followed
from lightly_assets.commands.label_options import formats_in
from lightly_assets.commands.shared import JsonOption, counted, errors_for_people, print_json, read_names, say


def export_command(
    root: Annotated[str, typer.Argument(help="The Lightly datasource: a folder or URL.")],
    task: Annotated[str, typer.Option(help="The task to export.")],
    format: Annotated[str, typer.Option(help=f"{formats_in('writers')}.")],
    out: Annotated[Path, typer.Option(help="A new file (coco, youtube-vis) or folder (cvat, yolo).")],
    input: Annotated[
        str | None,
        typer.Option(
            help="The input datasource, for sizes and frames.", show_default="the Lightly datasource"
        ),
    ] = None,
    selected: Annotated[
        Path | None, typer.Option(help="Only the frames that this file names, as selected.txt does.")
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(help="Folder for the pictures themselves: frames as PNGs, copies of images."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a task's predictions as another tool reads them, scores included."""
    nothing = {"task": task, "files": 0, "images": 0, "predictions": 0, "lost": {}}
    with errors_for_people(as_json=as_json, document={"ok": False, **nothing}), followed(as_json=as_json):
        from lightly_assets.pipeline.publishing.label_export import export_task

        names = None if selected is None else read_names(selected)
        exported = export_task(root, task, format, out, input=input, selected=names, pictures=frames)
    if as_json:
        counts = {"files": exported.files, "images": exported.images, "predictions": exported.predictions}
        counts |= {"pictures": exported.pictures}
        print_json({"ok": True, "task": task, "out": str(out), **counts, "lost": exported.lost})
        return
    images = counted(exported.images, "image or frame", "images and frames")
    what = f"{counted(exported.predictions, 'prediction')} of {images}"
    say(f"{out}: {what} of '{task}' as {format}, in {counted(exported.files, 'file')}.")
    if frames is not None:
        found = f"{exported.pictures_found:,} of them found" if exported.pictures_found else "all written"
        say(f"{frames}: {counted(exported.pictures, 'picture')}, {found}.")
    for lost, count in exported.lost.items():
        say(f"Not in the files: {lost}, of {counted(count, 'prediction')}; {format} cannot hold it.")
