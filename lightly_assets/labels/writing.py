"""Predictions in the formats of other tools: what a writer gets, and where writers are declared."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lightly_assets.format.registry import Registry
from lightly_assets.format.schema import Schema, TaskType
from lightly_assets.labels.errors import LabelsError


@dataclass(frozen=True, slots=True)
class Predicted:
    """The predictions of an image or of a frame."""

    file_name: str
    """Of the image, or of the frame as the format names it."""
    singletons: list[dict[str, Any]]
    width: int
    height: int
    video: str | None = None
    """The key of the video that the frame is of."""
    index: int | None = None
    """The frame, from 0."""
    frames: int = 0
    """Frames of the video."""


@dataclass
class Exported:
    """What was written, and what the format cannot hold."""

    files: int = 0
    images: int = 0
    predictions: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    """What is not in the files: what → of how many predictions."""
    pictures: int = 0
    """Frames and images that lie beside the labels."""
    pictures_found: int = 0
    """Those of them that were there already."""

    def lose(self, what: str) -> None:
        self.lost[what] = self.lost.get(what, 0) + 1


class LabelWriter(Protocol):
    """How predictions are written for a tool. Declared with ``@WRITERS.register("name")``."""

    task_types: tuple[TaskType, ...]
    """What its files can hold."""

    def write(self, predicted: Iterator[Predicted], schema: Schema, out: Path, exported: Exported) -> None:
        """Writes all of it; images come in the order of their names, frames in their own.

        Args:
            predicted: image by image.
            schema: of the task.
            out: a file, or a folder that is new or empty, as the format wants it.
            exported: counts what is written and what is lost.

        Raises:
            LabelsError: the format cannot hold something that must not be lost.
        """
        ...


WRITERS: Registry[LabelWriter] = Registry("format to export to", "lightly_assets.labels.writers")


def new_file(out: Path, suffix: str) -> Path:
    """A file that is not there yet.

    Raises:
        LabelsError: it is, or has another suffix.
    """
    if out.suffix.lower() != suffix:
        raise LabelsError(f"--out {out} must name a file that ends with {suffix}.")
    if out.exists():
        raise LabelsError(f"--out {out} is there already; nothing is overwritten.")
    out.parent.mkdir(parents=True, exist_ok=True)
    return out


def new_folder(out: Path) -> Path:
    """A folder that is new or empty. Raises LabelsError."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LabelsError(f"--out {out} is there already and not an empty folder; nothing is overwritten.")
    out.mkdir(parents=True, exist_ok=True)
    return out


def lose_probabilities(singleton: dict[str, Any], exported: Exported) -> None:
    """Counts probabilities that a format cannot hold."""
    if "probabilities" in singleton:
        exported.lose("probabilities")
