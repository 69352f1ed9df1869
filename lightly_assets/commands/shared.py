"""What several commands need: options, errors for people, one JSON document on standard output."""

import errno
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TextIO

import typer

from lightly_assets.errors import LightlyAssetsError

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
DATABASE_PROBLEM = "A database of the project cannot be used: {}; is its disk full, or read-only?"
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)


_COLOURS = {"Error:": "red", "Failed:": "red", "Warning:": "yellow", "Waiting:": "yellow", "Note:": "cyan"}
_quiet = False


def be_quiet(quiet: bool) -> None:
    """From now on only errors are said, and what was asked for as JSON."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Whether ``--quiet`` was said."""
    return _quiet


def say(text: str = "", *, error: bool = False) -> None:
    """A line for people; errors go to standard error, and are said even with ``--quiet``."""
    if _quiet and not error:
        return
    text = shown(text)
    head = text.partition(" ")[0]
    if head in _COLOURS and has_colours(sys.stderr if error else sys.stdout):
        text = typer.style(head, fg=_COLOURS[head], bold=True) + text[len(head) :]
    typer.echo(text, err=error)


def shown(text: str) -> str:
    """A text without what would steer a terminal: names of files are anybody's."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode() for one in text
    )


def has_colours(stream: TextIO) -> bool:
    """Whether what is written there may be coloured: to a terminal, unless ``NO_COLOR`` is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def complain(problem: str, document: dict[str, Any] | None = None, *, as_json: bool = False) -> None:
    """An error for people, or inside of the JSON document."""
    if as_json:
        print_json((document or {}) | {"ok": False, "error": problem})
    else:
        say(f"Error: {problem}", error=True)


def wrong_use(problem: str, document: dict[str, Any] | None = None, *, as_json: bool = False) -> NoReturn:
    """Ends the command: it was called in a way that cannot be."""
    complain(problem, document, as_json=as_json)
    raise typer.Exit(WRONG_USE)


def print_json(document: Any) -> None:
    """The one JSON document of a command."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def open_project(config: Path, *, as_json: bool = False, document: dict[str, Any] | None = None) -> "Project":
    """The project of a command. Ends the command where its file is wrong."""
    from lightly_assets.config import ConfigError, load_project

    try:
        return load_project(config)
    except ConfigError as error:
        complain(f"{error}{_elsewhere(config)}", document, as_json=as_json)
        raise typer.Exit(WRONG_USE) from None


def program() -> str:
    """How this program can be called again from here."""
    name = "lightly-assets"
    called = Path(sys.argv[0])
    if shutil.which(name) or called.name != name:
        return name
    return shlex.quote(min(os.path.relpath(called), str(called.absolute()), key=len))


def old_names(project: "Project") -> dict[str, str]:
    """What of the project file is called otherwise now: by key, with the command that renames it."""
    path = shlex.quote(min(os.path.relpath(project.path), str(project.path), key=len))
    return {
        f"sensor.{old}": f"Note: sensor.{old} is called sensor.{new} now; this renames it: "
        f"sed -i.bak s/{old}/{new}/ {path}"
        for old, new in project.sensor.old_names.items()
    }


def say_old_names(project: "Project") -> None:
    """All of that, to somebody who asks how the project is."""
    for text in old_names(project).values():
        say(text)


def _elsewhere(config: Path) -> str:
    """Where a project lies that was perhaps meant: ``init`` has made a folder for it."""
    if config != DEFAULT_CONFIG or config.exists():
        return ""
    found = sorted(islice(Path().glob(f"*/{DEFAULT_CONFIG}"), 10))
    return f" There is one here: -c {shlex.quote(str(found[0].parent))}" if found else ""


@contextmanager
def errors_for_people(*, as_json: bool = False, document: dict[str, Any] | None = None) -> Iterator[None]:
    """Errors of the package as one sentence and exit code 1, with ``--json`` inside of the document."""
    try:
        yield
    except Exception as error:
        text = str(error) if isinstance(error, LightlyAssetsError) else about_outside(error)
        if text is None:
            raise
        complain(text, document, as_json=as_json)
        raise typer.Exit(FAILED) from None


def about_outside(error: Exception) -> str | None:
    """What is no fault of the package's: a disk, or the database that Dagster's instance is in."""
    return _about_disk(error) or _about_postgres(error)


def _about_postgres(error: Exception) -> str | None:
    """What is wrong with the PostgreSQL server of Dagster's instance. Nothing of its URL is repeated."""
    if isinstance(error, ModuleNotFoundError) and error.name in ("psycopg", "psycopg2", "dagster_postgres"):
        return (
            f"Dagster's instance is in PostgreSQL, and the module {error.name} is not installed; install "
            "'lightly-assets[postgres]', and let the URL in dagster.yaml start with postgresql+psycopg2://."
        )
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__module__.startswith("psycopg") and type(seen).__name__ == "OperationalError":
            return (
                f"The PostgreSQL server of Dagster's instance does not answer: {str(seen).splitlines()[0]}."
            )
        seen = seen.__cause__ or seen.__context__
    return None


def _about_disk(error: Exception) -> str | None:
    """What a disk says that is full or read-only, through a file or a database, such as Dagster's."""
    import sqlite3

    cause = getattr(error, "orig", error)
    if isinstance(cause, sqlite3.OperationalError):
        return DATABASE_PROBLEM.format(cause)
    if isinstance(cause, OSError) and cause.errno in _DISK_ERRORS:
        return f"{cause.filename or 'The disk'}: {os.strerror(cause.errno).lower()}."
    return None


def read_names(path: Path) -> list[str]:
    """Names of images and frames, one a line, as ``selected.txt`` has them.

    Raises:
        BadValue: the file cannot be read.
    """
    from lightly_assets.errors import BadValue

    try:
        return [line for line in path.read_text(errors="surrogateescape").splitlines() if line]
    except OSError as error:
        raise BadValue(f"'{path}' cannot be read: {error.strerror}.") from None


def root_of(project: "Project", name: Literal["lightly", "input", "state"]) -> Any:
    """A folder, or a store with the project's settings."""
    from lightly_assets.storage import open_store

    root = project.root(name)
    return open_store(root, options=project.storage_of(name)) if "://" in root else root


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
