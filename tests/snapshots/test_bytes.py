"""Golden hashes: published and stored bytes of every task type change only with a version.

Each task's versions are kept beside its hashes. Where hashes differ and versions do not, existing projects
would keep old bytes beside new ones, as nothing tells them that they are stale.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet

from lightly_assets.config import load_project
from lightly_assets.pipeline.planning.task_setup import decode_version, task_setups
from tests.snapshots.conftest import EARLIER, Made
from tests.snapshots.keep import KEPT, unchanged

NAME = "bytes.json"
VERSIONS = ("frames", "model", "settings")
BYTES = ("published", "predictions", "singletons")


def _hash(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]


def _published(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*.json"))
    assert len(files) == 7, "six images and frames, and the schema"
    return _hash(*(part for path in files for part in (path.name.encode(), path.read_bytes())))


def _stored(folder: Path) -> str:
    """Of the columns: their names, types and values. Parquet's own bytes are those of pyarrow's version."""
    parts = []
    tables = sorted(folder.rglob("*.parquet"), key=lambda path: path.name)
    assert len(tables) == 2, "the video's and the images'"
    for path in tables:
        table = pyarrow.parquet.read_table(path)  # type: ignore[no-untyped-call]
        parts += [str(field).encode() for field in table.schema]
        parts.append(json.dumps(table.to_pylist(), default=_bytes_as_text).encode())
    return _hash(*parts)


def _bytes_as_text(value: Any) -> str:
    assert isinstance(value, bytes), value
    return value.hex()


def hashes(folder: Path) -> dict[str, dict[str, str]]:
    """Versions and hashes of each task of the project."""
    project = load_project(folder)
    found = {}
    for name, setup in task_setups(project).items():
        found[setup.schema.task_type.value] = {
            "frames": f"{decode_version(project, 'video')} {decode_version(project, 'image')}",
            "model": setup.model_version,
            "settings": setup.settings_hash,
            "published": _published(folder / "lightly/.lightly/predictions" / name),
            "predictions": _stored(folder / "state/predictions" / name),
            "singletons": _stored(folder / "state/singletons" / name),
        }
    return found


def _unmarked(kept: dict[str, dict[str, str]], now: dict[str, dict[str, str]]) -> list[str]:
    """Task types whose bytes differ although all versions are the same."""
    return [
        task_type
        for task_type, parts in now.items()
        if all(kept[task_type][part] == parts[part] for part in VERSIONS)
        and any(kept[task_type][part] != parts[part] for part in BYTES)
    ]


def test_bytes_change_only_with_a_version(made: Made) -> None:
    now = hashes(made.folder)
    assert len(now) == 5
    if (KEPT / NAME).exists():
        unmarked = _unmarked(json.loads((KEPT / NAME).read_text()), now)
        assert unmarked == [], f"raise the CODE_VERSION that makes {unmarked} stale, then make snapshots"
    unchanged(NAME, now)


def test_they_are_those_of_the_version_before() -> None:
    """The state of 0.1.0 has the same hashes, so they were not made by the code that they judge."""
    kept = json.loads((KEPT / NAME).read_text())
    assert {task_type: {part: kept[task_type][part] for part in BYTES} for task_type in kept} == {
        task_type: {part: parts[part] for part in BYTES} for task_type, parts in hashes(EARLIER).items()
    }


def test_a_change_without_a_version_is_seen() -> None:
    kept = json.loads((KEPT / NAME).read_text())
    changed = {name: dict(parts) for name, parts in kept.items()}
    changed["classification"]["published"] = "0" * 32
    assert _unmarked(kept, changed) == ["classification"]
    changed["classification"]["settings"] = "0" * 24
    assert _unmarked(kept, changed) == []
