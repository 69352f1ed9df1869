"""What several commands need: options, errors for people, one JSON document on standard output."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lightly_assets.config import Project

OK, FAILED, WRONG_USE = 0, 1, 2

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The project file, or its folder.", show_default=True)
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document on standard output.")
]
DEFAULT_CONFIG = Path("lightly.yaml")


def say(text: str = "", *, error: bool = False) -> None:
    """A line for people; errors go to standard error."""
    typer.echo(text, err=error)


def print_json(document: Any) -> None:
    """The one JSON document of a command."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def open_project(config: Path, *, as_json: bool = False, document: dict[str, Any] | None = None) -> "Project":
    """The project of a command. Ends the command where its file is wrong."""
    from lightly_assets.config import ConfigError, load_project

    try:
        return load_project(config)
    except ConfigError as error:
        if as_json:
            print_json((document or {}) | {"ok": False, "error": str(error)})
        else:
            say(f"Error: {error}", error=True)
        raise typer.Exit(WRONG_USE) from None


@contextmanager
def errors_for_people(*, as_json: bool = False, document: dict[str, Any] | None = None) -> Iterator[None]:
    """Known errors as one sentence and exit code 1, with ``--json`` inside of the document."""
    from lightly_assets.media.errors import MediaError
    from lightly_assets.models.protocol import ModelError
    from lightly_assets.pipeline.publish import PublishError
    from lightly_assets.storage import StorageError

    try:
        yield
    except (StorageError, ModelError, MediaError, PublishError, ValueError) as error:
        # What pydantic and others raise below ValueError is a bug, and shows as one.
        if type(error).__module__.startswith("pydantic"):
            raise
        if as_json:
            print_json((document or {}) | {"ok": False, "error": str(error)})
        else:
            say(f"Error: {error}", error=True)
        raise typer.Exit(FAILED) from None


def is_terminal() -> bool:
    """Whether a person watches: progress bars go to standard error."""
    return sys.stderr.isatty()


def shown_bytes(size: int) -> str:
    """``1.2 MB``."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 input``, ``2,000 inputs``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
