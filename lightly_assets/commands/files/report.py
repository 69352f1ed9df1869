"""``lightly-assets report``: a prediction folder as one page."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from lightly_assets.commands.completion import tasks_of_project
from lightly_assets.commands.following import followed
from lightly_assets.commands.shared import (
    JsonOption,
    counted,
    errors_for_people,
    is_quiet,
    is_terminal,
    print_json,
    say,
    shown_bytes,
    wrong_use,
)

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def report_command(
    root: Annotated[
        str, typer.Argument(help="The Lightly datasource: the folder or URL that holds .lightly.")
    ],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    input: Annotated[
        str | None, typer.Option(help="The input datasource: frames are shown, and files compared with it.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="A COCO annotation file, or a task of ROOT: predictions are judged.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", help="Only this task; repeatable.", autocompletion=tasks_of_project),
    ] = None,
    frames: Annotated[int, typer.Option(min=0, max=5000, help="Frames of each task that are shown.")] = 240,
    against: Annotated[Path | None, typer.Option(help="An earlier report: say what has moved since.")] = None,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Show it on 127.0.0.1 with frames in full size, decoded on demand."),
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="For --serve; 0 takes a free one.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write one page about the predictions: figures, frames worth a look, and what labels say."""
    nothing: dict[str, Any] = {"ok": False, "report": None}
    for name, folder in (("ROOT", root), ("--input", input)):
        if folder is not None and not _URL.match(folder) and not Path(folder).expanduser().is_dir():
            wrong_use(f"{name}: the folder '{folder}' does not exist.", nothing, as_json=as_json)
    with errors_for_people(as_json=as_json, document=nothing), followed(as_json=as_json or serve):
        from lightly_assets.report.gather import Request, earlier_figures, gather
        from lightly_assets.report.page import page

        request = Request(
            root, input, labels, task or None, frames,
            earlier_figures(against) if against is not None else None,
            pictures=not serve,
            progress=_progress if is_terminal() and not as_json and not is_quiet() else lambda _: None,
        )  # fmt: skip
        gathered = gather(request)
        if serve:
            from lightly_assets.report.serve import serve_report

            serve_report(gathered, port, lambda url: say(f"{url} (Ctrl-C ends it)"))
            return
        data = page(gathered)
        _write(out, data)
    shown, files = len(gathered.frames), gathered.report.files
    if as_json:
        document = {"ok": True, "report": str(out), "bytes": len(data), "files": files, "frames": shown}
        print_json(document | {"notes": gathered.notes})
        return
    for note in gathered.notes:
        say(f"Note: {note}")
    say(
        f"{out}: {counted(files, 'prediction file')}, {counted(shown, 'frame')} shown, "
        f"{shown_bytes(len(data))}. Open it in a browser."
    )


def _write(out: Path, data: bytes) -> None:
    temporary = out.with_name(f".{out.name}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(out)
    except OSError as error:
        from lightly_assets.report.gather import ReportError

        temporary.unlink(missing_ok=True)
        raise ReportError(f"'{out}' cannot be written: {error.strerror}.") from None


def _progress(what: str) -> None:
    say(f"… {what}", error=True)
