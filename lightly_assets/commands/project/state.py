"""Commands about what is remembered: ``status``, ``gc``, ``pause``, ``resume``."""

from typing import TYPE_CHECKING, Annotated

import typer

from lightly_assets.commands.project.instance import (
    forget_gone_partitions,
    has_instance,
    open_instance,
    use_instance,
)
from lightly_assets.commands.project.run import DryRunOption
from lightly_assets.commands.shared import (
    DEFAULT_CONFIG,
    FAILED,
    WRONG_USE,
    ConfigOption,
    JsonOption,
    counted,
    errors_for_people,
    open_project,
    print_json,
    say,
    say_old_names,
)
from lightly_assets.commands.tables import for_terminal, show_table

if TYPE_CHECKING:
    from lightly_assets.config import Project
    from lightly_assets.pipeline.status import Status

_MOST_SHOWN = 20
_FEW_SHOWN = 5
_ALWAYS = ("inputs", "up to date")


def status_command(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show what is new, stale, failed, orphaned and quarantined. Changes nothing."""
    project = open_project(config, as_json=as_json)
    with errors_for_people(as_json=as_json):
        from lightly_assets.pipeline.session import Session
        from lightly_assets.pipeline.status import project_status

        with Session(project) as session:
            status = project_status(session)
    if as_json:
        print_json(status.to_json())
    elif for_terminal():
        _show_status(status)
    else:
        for line in status.to_lines(_MOST_SHOWN):
            say(line)
    if not as_json:
        say_old_names(project)
    raise typer.Exit(0 if not status.failed else FAILED)


def _show_status(status: "Status") -> None:
    """What there is of each kind with examples, then what is published."""
    kinds = [
        ("inputs", status.inputs, []),
        ("up to date", status.unchanged, []),
        *((name, len(items), items) for name, items in status.examples()),
        ("left out", sum(status.skipped.values()), [f"{n:,} × {kind}" for kind, n in status.skipped.items()]),
    ]
    rows = [[name, f"{count:,}", _some(items)] for name, count, items in kinds if count or name in _ALWAYS]
    show_table(("", "how many", ""), rows, numbers=("how many",))
    say()
    show_table(
        ("task", "inputs", "files", "predictions", ""),
        [
            [task, *(f"{counts[what]:,}" for what in ("inputs", "files", "predictions")), status.remark(task)]
            for task, counts in status.tasks.items()
        ],
        numbers=("inputs", "files", "predictions"),
    )
    for line in status.notes():
        say(line)


def _some(items: list[str]) -> str:
    more = [f"… and {len(items) - _FEW_SHOWN:,} more"] if len(items) > _FEW_SHOWN else []
    return "\n".join(items[:_FEW_SHOWN] + more)


def gc_command(
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: DryRunOption = False,
    empty_input: Annotated[
        bool, typer.Option("--empty-input", help="Delete everything where the input holds nothing any more.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete prediction files that belong to no input, and what is stored about them."""
    project = open_project(config, as_json=as_json)
    with errors_for_people(as_json=as_json):
        from lightly_assets.pipeline.gc import collect
        from lightly_assets.pipeline.session import Session

        with Session(project) as session:
            collected = collect(session, dry_run=dry_run, empty_input=empty_input)
            if not dry_run:
                gone = {*collected.inputs, *session.gone_failures()}
                session.forget_gone_failures()
                forget_gone_partitions(session, gone, {})
        if collected.files and not dry_run:
            _tell_dagster(project)
        forgotten = 0 if dry_run else _forget_old_runs(project)
    if as_json:
        print_json(collected.to_json())
        return
    for name in collected.files[:_MOST_SHOWN]:
        say(name)
    if len(collected.files) > _MOST_SHOWN:
        say(f"… and {len(collected.files) - _MOST_SHOWN} more.")
    for task in collected.tasks:
        say(
            f"Task {task} {'would leave' if dry_run else 'has left'} tasks.json: lightly.yaml has none of it."
        )
    verb = "would be deleted" if dry_run else "deleted"
    if collected.lists:
        say(f"{counted(len(collected.lists), 'old list')} of relevant filenames {verb}.")
    if forgotten:
        say(f"{counted(forgotten, 'event')} of runs that are long over deleted.")
    say(f"{counted(len(collected.files), 'orphaned prediction file')} {verb}.")


def _forget_old_runs(project: "Project") -> int:
    """Where ``dagster.keep_days`` says so."""
    if project.dagster.keep_days is None or not has_instance(project):
        return 0
    use_instance(project)

    from lightly_assets.graph.reporting.retention import forget_old_runs

    with open_instance() as instance:
        return forget_old_runs(instance, project.dagster.keep_days)


def _tell_dagster(project: "Project") -> None:
    """The check ``no_orphans`` holds now, which the next run would say; without an instance nobody looks."""
    if not has_instance(project):
        return
    use_instance(project)
    import dagster as dg

    from lightly_assets.graph.checks.verdicts import latest, verdict
    from lightly_assets.graph.keys import PLAIN

    with open_instance() as instance:
        about = latest(instance, PLAIN.tasks_json)
        event = verdict(
            PLAIN.tasks_json,
            "no_orphans",
            None,
            None,
            about=about,
            warning=True,
            metadata={"files": dg.MetadataValue.int(0)},
        )
        instance.report_runless_asset_event(event)


def pause_command(
    key: Annotated[str, typer.Argument(help="Key of an input.")],
    config: ConfigOption = DEFAULT_CONFIG,
    reason: Annotated[str, typer.Option(help="Why; shown by status.")] = "paused by hand",
) -> None:
    """Leave an input alone until it is resumed; what is published of it stays."""
    project = open_project(config)
    with errors_for_people():
        from lightly_assets.pipeline.session import Session

        with Session(project) as session:
            if key not in session.scan.inputs and key not in session.scan.problems:
                say(f"Error: there is no input '{key}'.", error=True)
                raise typer.Exit(WRONG_USE)
            session.pause(key, reason)
    say(f"'{key}' is left alone from now on: {reason}.")


def resume_command(
    key: Annotated[str, typer.Argument(help="Key of a paused input.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take a paused input up again with the next run."""
    project = open_project(config)
    with errors_for_people():
        from lightly_assets.pipeline.session import Session

        with Session(project) as session:
            try:
                session.resume(key)
            except KeyError:
                say(f"Error: '{key}' is not paused.", error=True)
                raise typer.Exit(WRONG_USE) from None
    say(f"'{key}' is part of the next run.")
