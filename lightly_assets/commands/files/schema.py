"""``lightly-assets schema``: what ``lightly.yaml`` and the ``--json`` documents look like, as JSON Schema."""

from importlib.resources import files
from typing import Annotated

import typer

from lightly_assets.commands.shared import say, wrong_use


def _names() -> list[str]:
    found = (one.name for one in files("lightly_assets").joinpath("documents", "schemas").iterdir())
    return sorted(name.removesuffix(".json") for name in found if name.endswith(".json"))


def schema_command(
    command: Annotated[
        str | None,
        typer.Argument(help="A command, or lightly.yaml.", show_default="lists those that have one"),
    ] = None,
) -> None:
    """Print the JSON Schema of what a command prints with --json, or of lightly.yaml, which editors go by."""
    names = _names()
    if command is None:
        for name in names:
            say(name)
        return
    if command not in names:
        wrong_use(f"'{command}' prints no JSON document; these do: {', '.join(names)}.")
    typer.echo(
        files("lightly_assets").joinpath("documents", "schemas", f"{command}.json").read_text("utf-8"),
        nl=False,
    )
