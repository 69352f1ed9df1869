"""The files that models are made of, as workers on other hosts need them: by content, each host once.

Shipped is what ``lightly.yaml`` names relative to itself: model files with what lies beside them, folders,
and the Python modules beside the project file. An absolute path means the same place on every host.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightly_assets.config import Project
from lightly_assets.models.files import file_hash
from lightly_assets.models.metadata.sidecars import SIDECARS
from lightly_assets.models.runtimes.shared.onnx_graph import read_graph
from lightly_assets.pipeline.engines.errors import EngineError
from lightly_assets.storage.disk.temporary import temporary_name

# Settings of models that name files or folders.
_PATHS = ("path", "images", "renames")
_BASE = "1/2/3/4/project"
_ABOVE = _BASE.count("/")
_MODULES_BYTES = 64 << 20
# What no run has needed for so long is removed from a host.
_KEPT_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class ShippedFile:
    """A file that workers need."""

    place: str
    """Relative to the folder of ``lightly.yaml``; may lead out of it."""
    path: Path
    digest: str


def files_of(project: Project) -> list[ShippedFile]:
    """What the models of a project are made of.

    Raises:
        EngineError: a file cannot be shipped.
    """
    base, found = project.base_dir.resolve(), dict[str, Path]()
    models = [task.model for task in project.tasks]
    for model in [*models, *([project.embeddings.model] if project.embeddings else [])]:
        settings = model.model_dump()
        named = {name: settings.get(name) for name in _PATHS} | (settings.get("args") or {})
        for value in named.values():
            if isinstance(value, str) and value and not Path(value).is_absolute():
                found |= {os.path.relpath(path, base): path for path in _with_neighbours(base / value)}
        if settings.get("kind") == "python":
            found |= {os.path.relpath(path, base): path for path in _modules(base)}
    for place in found:
        if place.count("../") > _ABOVE:
            raise EngineError(
                f"{place} lies too far above the folder of {project.file_name} to be sent to workers; move "
                "it there, or say where it lies on every host with an absolute path."
            )
    return [ShippedFile(place, path, file_hash(path)) for place, path in sorted(found.items())]


def _with_neighbours(path: Path) -> Iterator[Path]:
    """A file with those that belong to it, or all files of a folder."""
    try:
        if path.is_dir():
            yield from (one for one in path.rglob("*") if one.is_file())
        if not path.is_file():
            return
    except OSError:  # a text that is too long for a path is none
        return
    yield path
    folders = [path.parent, path.parent.parent] if path.parent.name == "onnx" else [path.parent]
    yield from (folder / name for folder in folders for name in SIDECARS if (folder / name).is_file())
    stem = f"{path.stem}."
    yield from (one for one in path.parent.iterdir() if one.name.startswith(stem) and one.is_file())
    if path.suffix == ".onnx":
        named = (path.parent / name for name in read_graph(path).external)
        beside = (path.with_name(f"{path.name}{suffix}") for suffix in (".data", "_data"))
        yield from (one for one in (*named, *beside) if one.is_file())


def _modules(base: Path) -> Iterator[Path]:
    """The modules and packages beside the project file: one of them may import another."""
    size = 0
    packages = [one.parent for one in base.glob("*/__init__.py")]
    for path in [*base.glob("*.py"), *(one for package in packages for one in package.rglob("*"))]:
        if path.is_file() and "__pycache__" not in path.parts:
            size += path.stat().st_size
            if size > _MODULES_BYTES:
                raise EngineError(
                    f"The Python modules in {base} are more than {_MODULES_BYTES >> 20} MB, too much to be "
                    "sent to workers; install them on the hosts, or move what is no code elsewhere."
                )
            yield path


def unpack(
    files: list[tuple[str, str, Any]], fetch: Callable[[Any], bytes], kept: Path, folder: Path
) -> Path:
    """Lay files out below ``folder``; the folder that stands for that of ``lightly.yaml``.

    Args:
        files: place, digest, and what ``fetch`` makes the content of.
        fetch: asked only for content that this host does not have.
        kept: where the host keeps content, by digest.
        folder: of one worker.
    """
    base = folder / _BASE
    base.mkdir(parents=True)
    kept.mkdir(parents=True, exist_ok=True)
    _forget_old(kept)
    for place, digest, content in files:
        source = kept / digest
        try:
            os.utime(source)
        except FileNotFoundError:
            temporary = kept / temporary_name()
            temporary.write_bytes(fetch(content))
            if file_hash(temporary) != digest:
                temporary.unlink()
                raise EngineError(f"{place} has not arrived at a worker as it was sent; run again.") from None
            temporary.replace(source)
        target = Path(os.path.normpath(base / place))
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, target)
    return base


def _forget_old(kept: Path) -> None:
    for path in kept.iterdir():
        with suppress(FileNotFoundError):  # another worker was faster
            if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                path.unlink()
