"""``lightly-assets`` alone: how the project of this folder is, and what to type next."""

import os
import shlex
from typing import TYPE_CHECKING, Literal

from lightly_assets.commands.shared import (
    DEFAULT_CONFIG,
    counted,
    errors_for_people,
    open_project,
    program,
    say,
)

if TYPE_CHECKING:
    from lightly_assets.config import Project
    from lightly_assets.pipeline.status import Status

_ROOTS: tuple[Literal["lightly"], Literal["input"]] = ("lightly", "input")
_PURPOSE = (
    "Lightly Assets: videos and models in, a Worker-ready .lightly/predictions folder out. "
    "There is no lightly.yaml here."
)
_BEGINNINGS = {
    "demo": "try it on built-in footage",
    "init --model people.onnx --input ./videos": "a project for a model and a folder",
    "check ./lightly --input ./videos": "look at any prediction folder",
    "--help": "all commands; COMMAND --help explains one, with examples",
}


def show_home() -> None:
    """Says how the project is and what comes next; without one, how to get one."""
    if not DEFAULT_CONFIG.exists():
        say(f"{_PURPOSE}\n")
        width = max(map(len, _BEGINNINGS))
        for words, what_for in _BEGINNINGS.items():
            say(f"  {program()} {words:{width}}  {what_for}")
        return
    project = open_project(DEFAULT_CONFIG)
    with errors_for_people():
        from lightly_assets.pipeline.session import Session
        from lightly_assets.pipeline.status import project_status

        with Session(project) as session:
            status = project_status(session)
    say(_sentence(status))
    say(f"Next: {_next(project, status)}")


def _shown(root: str) -> str:
    """A root as it can be typed here."""
    here = os.path.relpath(root) if "://" not in root else root
    return shlex.quote(here if len(here) < len(root) else root)


def _sentence(status: "Status") -> str:
    counts = [
        (len(status.new), "new"),
        (len(status.stale), "stale"),
        (len(status.failed), "failed"),
        (len(status.quarantined), "paused"),
        (status.unchanged, "up to date"),
    ]
    parts = [f"{count:,} {what}" for count, what in counts if count]
    if status.orphans:
        parts.append(f"{counted(len(status.orphans), 'file')} of no input")
    return f"{counted(status.inputs, 'input')}: {', '.join(parts) or 'nothing to do'}."


def _next(project: "Project", status: "Status") -> str:
    lightly, input = (_shown(project.root(name)) for name in _ROOTS)
    if status.new or status.stale or status.waiting or status.unlisted:
        return f"{program()} run"
    if status.failed:
        return f"{program()} status (says why they failed), then {program()} run"
    if not status.inputs:
        return f"put videos or images into {input}, then {program()} run"
    if status.orphans or status.removed_tasks:
        return f"{program()} gc (deletes what is of no input)"
    return f"{program()} report {lightly} --input {input}, or {program()} ui"
