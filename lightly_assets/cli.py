"""The command line. Starting it imports no more than a command needs."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from lightly_assets.commands.files import (
    check,
    doctor,
    evaluate,
    export,
    extract,
    import_coco,
    import_labels,
    probe,
    report,
    schema,
)
from lightly_assets.commands.garbage import rarely_collect_garbage
from lightly_assets.commands.handing_on import studio
from lightly_assets.commands.help import SETTINGS, Command, Group, with_quiet
from lightly_assets.commands.project import (
    embeddings,
    home,
    init,
    metrics,
    run,
    select,
    start,
    state,
)

# Threads of a run, of which none is left but where somebody has interrupted it.
_WORK = ("model ", "predict", "encode", "publish")

COMMANDS: dict[str, Callable[..., None]] = {
    "init": init.init_command,
    "demo": start.demo_command,
    "run": run.run_command,
    "status": state.status_command,
    "select": select.select_command,
    "embeddings": embeddings.embeddings_command,
    "studio": studio.studio_command,
    "gc": state.gc_command,
    "pause": state.pause_command,
    "resume": state.resume_command,
    "metrics": metrics.metrics_command,
    "check": check.check_command,
    "evaluate": evaluate.evaluate_command,
    "report": report.report_command,
    "probe": probe.probe_command,
    "extract": extract.extract_command,
    "import-coco": import_coco.import_coco_command,
    "import-labels": import_labels.import_labels_command,
    "export": export.export_command,
    "doctor": doctor.doctor_command,
    "ui": start.ui_command,
    "schema": schema.schema_command,
}

app = typer.Typer(
    name="lightly-assets",
    cls=Group,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Videos and models in, a Worker-ready .lightly/predictions folder out.",
    context_settings=SETTINGS,
)


@app.callback()
def _start(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Videos and models in, a Worker-ready .lightly/predictions folder out."""
    if version:
        from lightly_assets import __version__

        typer.echo(__version__)
    elif ctx.invoked_subcommand is None:
        home.show_home()


for _name, _function in COMMANDS.items():
    app.command(_name, cls=Command, context_settings=SETTINGS)(with_quiet(_function))


def main() -> None:
    """The entry point of ``lightly-assets``."""
    rarely_collect_garbage()
    try:
        app()
    except SystemExit as end:
        if any(one.daemon and one.name.startswith(_WORK) for one in threading.enumerate()):
            _end_now(end)
        raise


def _end_now(end: SystemExit) -> NoReturn:
    """End without taking Python down below a model's call that nobody waits for: that would abort."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads any more
            stream.flush()
    os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))


if __name__ == "__main__":
    main()
