"""Help: commands in groups, examples, colours on a terminal. Without rich, for speed."""

import functools
import inspect
import re
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from lightly_assets.commands.examples import EXAMPLES, ROOMS
from lightly_assets.commands.shared import be_quiet, has_colours

PROGRAM = "lightly-assets"
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing but errors, and what was asked for as JSON.")
]


_HEADING = re.compile(r"^([A-Z][\w ]*:)", re.MULTILINE)
_NAME = re.compile(r"^  (-[\w-]+(?:, --?[\w-]+)*|[a-z]+(?:-[a-z]+)*)(?=\s)", re.MULTILINE)


class Command(TyperCommand):
    """A command whose help ends with examples."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        examples = EXAMPLES.get(self.name or "", ())
        if not examples:
            return
        with formatter.section("Examples"):
            for line, what in examples:
                formatter.write(f"  {PROGRAM} {line}\n")
                if what:
                    formatter.write(f"      {what}\n")

    def get_help(self, ctx: Any) -> str:
        return coloured(super().get_help(ctx))


class Group(TyperGroup):
    """All commands, in groups."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        left = {name: command for name, command in self.commands.items() if not command.hidden}
        rooms = [(title, [name for name in names if name in left]) for title, names in ROOMS]
        for _, names in rooms:
            for name in names:
                del left[name]
        if left:
            rooms.append(("More", list(left)))
        width = max(len(name) for name in self.commands)
        for title, names in rooms:
            with formatter.section(title):
                rows = [(name, self.commands[name].get_short_help_str(200)) for name in names]
                formatter.write_dl([(f"{name:<{width}}", text) for name, text in rows])

    def get_help(self, ctx: Any) -> str:
        return coloured(super().get_help(ctx))


def with_quiet(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with an option ``--quiet``."""

    @functools.wraps(command)
    def called(*, quiet: bool = False, **options: Any) -> None:
        be_quiet(quiet)
        command(**options)

    signature = inspect.signature(command)
    quiet = inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=QuietOption)
    called.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), quiet]
    )
    called.__annotations__ = command.__annotations__ | {"quiet": QuietOption}
    return called


def coloured(text: str) -> str:
    """Headings and names of options in colours, where standard output has some."""
    if not has_colours(sys.stdout):
        return text
    text = _HEADING.sub(lambda one: typer.style(one[1], bold=True, fg="yellow"), text)
    return _NAME.sub(lambda one: "  " + typer.style(one[1], fg="cyan"), text)
