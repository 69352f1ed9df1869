"""Tables: on a terminal coloured and as wide as it is, elsewhere plain lines."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lightly_assets.commands import shared

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_COLOURS = {
    "ok": "green", "fine": "green",
    "error": "bold red", "failed": "bold red", "ERROR": "bold red",
    "warning": "yellow", "stale": "yellow", "waiting": "yellow", "quarantined": "yellow", "orphans": "yellow",
    "new": "cyan",
}  # fmt: skip


def show_facts(rows: Sequence[tuple[str, str]]) -> None:
    """What there is to say, a line each: a name and its value."""
    if shared.is_quiet():
        return
    width = max((len(name) for name, _ in rows), default=0)
    if not sys.stdout.isatty():
        for name, value in rows:
            shared.say(f"{name:<{width}}  {value}")
        return
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(_text(name), _text(value))
    _print(table)


def show_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str] = (), title: str = ""
) -> None:
    """A table for a terminal; columns called in ``numbers`` are set to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, show_edge=False)
    for name in columns:
        if name in numbers:
            table.add_column(name, justify="right", no_wrap=True)
        else:
            table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_text(one) for one in row))
    _print(table)


def for_terminal() -> bool:
    """Whether a person looks at standard output, on a terminal."""
    return sys.stdout.isatty() and not shared.is_quiet()


def _text(value: str) -> "Text":
    from rich.text import Text

    return Text(shared.shown(value), style=_COLOURS.get(value, ""))


def _print(table: "Table") -> None:
    from rich.console import Console

    Console(highlight=False).print(table)
