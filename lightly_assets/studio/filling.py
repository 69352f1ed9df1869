"""The program that fills LightlyStudio's database, in whichever environment LightlyStudio is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightly_assets.studio.errors import StudioError
from lightly_assets.studio.handover import Request, databases, hand_over

# LightlyStudio wants other versions of much that is here, and brings gigabytes: it may live elsewhere.
_PROGRAM = (
    "import pathlib, sys; sys.path.insert(0, sys.argv[1]); from program.fill import main; "
    "main(pathlib.Path(sys.argv[2]))"
)


@dataclass(frozen=True, slots=True)
class Filled:
    """What is in the databases now: of images and of videos, where there are some."""

    databases: list[Path]
    counts: dict[str, int]
    notes: list[str]


def fill_studio(request: Request, python: str | None = None, *, quiet: bool = True) -> Filled:
    """Brings LightlyStudio's databases to what is published.

    Args:
        python: the interpreter of an environment with LightlyStudio; this one by default.

    Raises:
        StudioError: LightlyStudio is not there, or it or the predictions do not fit.
        StorageError: a root is out of reach.
    """
    request.out.mkdir(parents=True, exist_ok=True)
    folder = request.out / ".handover"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        _run(python or sys.executable, folder, quiet=quiet)  # whether it is there, before anything is read
        notes = hand_over(request, folder)
        request.progress("filling LightlyStudio's database")
        result = _run(python or sys.executable, folder, quiet=quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # there is something in it, as there should be
            request.out.rmdir()
    there = [path for path in databases(request.out).values() if path.exists()]
    return Filled(there, result["counts"], [*notes, *result["notes"]])


def _run(python: str, folder: Path, *, quiet: bool) -> dict[str, Any]:
    arguments = [python, "-c", _PROGRAM, str(Path(__file__).parent), str(folder.resolve())]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the user names the interpreter
            arguments,
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            check=False,
        )
    except OSError as error:
        raise StudioError(f"--python: '{python}' cannot be started: {error.strerror}.") from None
    result = folder / "result.json"
    if not result.exists():
        raise RuntimeError(
            f"The program that fills LightlyStudio ended with {done.returncode}:\n{done.stderr or ''}"
        )
    found: dict[str, Any] = json.loads(result.read_text())
    result.unlink()
    if not found["ok"]:
        raise StudioError(found["error"])
    return found
