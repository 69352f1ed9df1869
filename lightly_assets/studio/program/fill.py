"""Fills LightlyStudio's databases from what was handed over, and says in ``result.json`` what it did."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

from .errors import RefusedError

VERSIONS = "1.2."
COUNTED = ("images", "videos", "frames", "objects", "changed", "removed", "selected", "vectors")


def main(folder: Path) -> None:
    """``folder`` holds ``handover.json``, ``frames.jsonl`` and vectors; an empty one is for the versions."""
    result: dict[str, Any] = {"ok": True}
    try:
        _check_version()
        if (folder / "handover.json").exists():
            result |= _fill(folder)
    except RefusedError as error:
        result = {"ok": False, "error": str(error)}
    part = folder / ".result.json.part"
    part.write_text(json.dumps(result))
    part.replace(folder / "result.json")


def _fill(folder: Path) -> dict[str, Any]:
    # Nothing is reported to anybody unless the user has said so; read while the package is imported.
    os.environ.setdefault("LIGHTLY_STUDIO_ANALYTICS_ENABLED", "false")
    from lightly_studio.database import db_manager

    from .dataset import Filler

    handover = json.loads((folder / "handover.json").read_text())
    counts: Counter[str] = Counter()
    notes: list[str] = []
    for kind, database in handover["databases"].items():
        here = sum(one["kind"] == kind for one in handover["media"])
        if not here and not Path(database).exists():
            continue
        _connect(database)
        counts[f"{kind}s"] = here
        filler = Filler(kind, database, handover, folder)
        counts.update(filler.run())
        notes += filler.notes
        db_manager.close()
    return {"counts": {name: counts[name] for name in COUNTED}, "notes": notes}


def _check_version() -> None:
    try:
        found = metadata.version("lightly-studio")
    except metadata.PackageNotFoundError:
        raise RefusedError(
            f"LightlyStudio is not installed for {sys.executable}: pip install 'lightly-assets[studio]', or "
            "name with --python the Python of an environment that has lightly-studio 1.2."
        ) from None
    if not found.startswith(VERSIONS):
        raise RefusedError(
            f"lightly-studio is {found}, and only {VERSIONS}x is known: pip install 'lightly-studio==1.2.*'."
        )


def _connect(database: str) -> None:
    from lightly_studio.database import db_manager

    try:
        db_manager.connect(db_file=database)
    except RuntimeError as error:
        if "another process" not in str(error):
            raise
        raise RefusedError(
            f"'{database}' is open in another program, such as 'lightly-studio gui'; end that one first."
        ) from None
