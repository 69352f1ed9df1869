"""Commands to begin with: ``init``, ``demo``, ``ui``."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightly_assets.commands.following import followed
from lightly_assets.commands.project.instance import open_instance, use_instance
from lightly_assets.commands.project.serving import programs, serve
from lightly_assets.commands.shared import (
    DEFAULT_CONFIG,
    FAILED,
    ConfigOption,
    JsonOption,
    errors_for_people,
    is_quiet,
    open_project,
    print_json,
    program,
    say,
)

if TYPE_CHECKING:
    from lightly_assets.config import Project


def demo_command(
    out: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path("demo"),
    as_json: JsonOption = False,
) -> None:
    """Run the whole chain on built-in footage: five tasks, five real models."""
    from lightly_assets.commands.project.run import run_project
    from lightly_assets.demo import write_demo

    if not as_json and not is_quiet() and not (out / "input").exists():
        say(f"Footage and models are written to {out}/ …", error=True)
    with followed(as_json=as_json):
        written = write_demo(out)
    project = open_project(written)
    with errors_for_people(as_json=as_json):
        done = run_project(project, quiet=as_json)
    if as_json:
        print_json(done.document)
    else:
        done.show()
        say()
        if done.ok:
            _look(out, project)
        say("Next: make ui            the graph and its pictures, on 127.0.0.1")
        say(f"      {program()} check {out}/lightly --input {out}/input")
        say(f"      {program()} status -c {out}/lightly.yaml")
    raise typer.Exit(0 if done.ok else FAILED)


def _look(out: Path, project: "Project") -> None:
    """The demo's predictions beside what is known about its footage, and what would be worth a label."""
    say(f"Look: {_report(out)} in a browser: the frames with the most faults are on its first page.")
    selection = (project.worker_run or {}).get("selection_config")
    if selection is None:  # a project file that somebody has changed, or of an earlier version
        return
    if find_spec("lightly_mundig") is None:
        say(f"      {_pip()} install 'lightly-assets[select]'")
        say(f"      {program()} select -c {out}/lightly.yaml")
        say("      says which frames are worth a label (docs/select.md speaks of that package's licence).")
        return
    from lightly_assets.commands.project.select import select_here

    with errors_for_people(), followed():
        selected, _ = select_here(project, selection, out / "selection")
    frames = f"{len(selected.chosen):,} of {len(selected.samples):,} frames"
    say(f"      {out}/selection/selection.html: {frames} that are worth a label.")


def _report(out: Path) -> Path:
    from lightly_assets.demo.labels import write_demo_labels
    from lightly_assets.report.gather import Request, gather
    from lightly_assets.report.page import page

    page_file, labels = out / "report.html", out / "labels.json"
    with errors_for_people():
        write_demo_labels(labels)
        page_file.write_bytes(page(gather(Request(str(out / "lightly"), str(out / "input"), str(labels)))))
    return page_file


def _pip() -> str:
    """How packages are installed beside this program."""
    called = Path(program())
    return f"{called.with_name('python')} -m pip" if called.parent.name else "pip"


def ui_command(
    config: ConfigOption = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address; anything but loopback lets others in, unasked.")
    ] = "127.0.0.1",
) -> None:
    """Dagster's web UI and daemon for a project, on loopback."""
    project = open_project(config)
    with errors_for_people():
        home = use_instance(project)
    os.environ["LIGHTLY_ASSETS_CONFIG"] = str(project.path)
    try:
        commands = programs(host, port)
    except FileNotFoundError as error:
        say(
            f"Error: {error} is not installed, which is part of Dagster's web UI: {_pip()} install "
            "'lightly-assets[ui]' (make ui in a checkout).",
            error=True,
        )
        raise typer.Exit(FAILED) from None
    say(f"The graph: http://{host}:{port}/asset-groups (instance: {home}); Ctrl+C ends it.", error=True)
    with errors_for_people():
        _prepare(project)
    raise typer.Exit(serve(commands, home))


def _prepare(project: object) -> None:
    """So that inputs can be chosen by hand before the first run, and no dead run holds up the queue."""

    from lightly_assets.config import Project
    from lightly_assets.graph.dead_runs import end_dead_runs
    from lightly_assets.graph.partitions import add_partitions, inputs_by_partition
    from lightly_assets.pipeline.inputs.days import days_of
    from lightly_assets.pipeline.inputs.listing import scan_input
    from lightly_assets.storage import StorageError, open_store

    assert isinstance(project, Project)
    try:
        state = open_store(project.root("state"), options=project.storage_of("state"))
        with open_instance() as instance:
            end_dead_runs(instance, state)
        store = open_store(project.root("input"), options=project.storage_of("input"))
        scan = scan_input(store, project)
        scan.days = days_of(state, project, [*scan.inputs.values(), *scan.blocked.values()])
        partitions = inputs_by_partition(scan)
    except StorageError as error:
        say(f"The input cannot be listed: {error}", error=True)
        return
    with open_instance() as instance:
        add_partitions(instance, partitions)
