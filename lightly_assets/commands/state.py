"""Commands about what is remembered: ``status``, ``gc``, ``pause``, ``resume``."""

from typing import Annotated

import typer

from lightly_assets.commands.run import DryRunOption
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
)

_MOST_SHOWN = 20


def status_command(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show what is new, stale, failed, orphaned and quarantined. Changes nothing."""
    project = open_project(config, as_json=as_json)
    with errors_for_people(as_json=as_json):
        from lightly_assets.pipeline.run import Session
        from lightly_assets.pipeline.status import project_status

        with Session(project) as session:
            status = project_status(session)
    if as_json:
        print_json(status.to_json())
    else:
        for line in status.to_lines(_MOST_SHOWN):
            say(line)
    raise typer.Exit(0 if not status.failed else FAILED)


def gc_command(
    config: ConfigOption = DEFAULT_CONFIG, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Delete prediction files that belong to no input, and what is stored about them."""
    project = open_project(config, as_json=as_json)
    with errors_for_people(as_json=as_json):
        from lightly_assets.pipeline.collect import collect
        from lightly_assets.pipeline.run import Session

        with Session(project) as session:
            collected = collect(session, dry_run=dry_run)
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
    say(f"{counted(len(collected.files), 'orphaned prediction file')} {verb}.")


def pause_command(
    key: Annotated[str, typer.Argument(help="Key of an input.")],
    config: ConfigOption = DEFAULT_CONFIG,
    reason: Annotated[str, typer.Option(help="Why; shown by status.")] = "paused by hand",
) -> None:
    """Leave an input alone until it is resumed; what is published of it stays."""
    project = open_project(config)
    with errors_for_people():
        from lightly_assets.pipeline.run import Session

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
        from lightly_assets.pipeline.run import Session

        with Session(project) as session:
            try:
                session.resume(key)
            except KeyError:
                say(f"Error: '{key}' is not paused.", error=True)
                raise typer.Exit(WRONG_USE) from None
    say(f"'{key}' is part of the next run.")
