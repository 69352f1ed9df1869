"""Formats of label files: what one of them is, where they are declared, and how one is recognised."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lightly_assets.format.registry import Registry
from lightly_assets.format.schema import TaskType
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.foreign import explained, json_files
from lightly_assets.labels.labelled import Labels


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a reader may need to know that files of its format do not say."""

    task_type: TaskType | None = None
    names: dict[int, str] | None = None
    """Names of categories by their number in the files."""
    pixel_origin: int | None = None
    """The number of the first pixel: 0, or 1 where corners count from 1 and include their last pixel."""


class LabelFormat(Protocol):
    """How the labels of one tool are read. Declared with ``@FORMATS.register("name")``."""

    first_frame: int
    """The number that its labels give to the first frame of a video."""

    def recognises(self, path: Path) -> bool:
        """Whether a file or folder is of this format; cheap, and never raises for foreign files."""
        ...

    def read(self, path: Path, options: ReadOptions) -> Labels:
        """What is labelled where.

        Raises:
            LabelsError: one sentence with the file, the place and what is allowed.
        """
        ...


FORMATS: Registry[LabelFormat] = Registry("format of labels", "lightly_assets.labels.formats")


def find_format(path: Path, name: str) -> LabelFormat:
    """The format of a name; ``auto`` looks at the files.

    Raises:
        LabelsError: the path does not exist, there is no such format, or none or several fit.
    """
    if not path.exists():
        raise LabelsError(f"The labels {path} do not exist.")
    if name != "auto":
        if name not in FORMATS:
            raise LabelsError(FORMATS.refusal("format", name))
        return FORMATS[name]
    fitting = [one for one in FORMATS.names if FORMATS[one].recognises(path)]
    if not fitting and (said := explained(path, _named_files(path))) is not None:
        raise LabelsError(f"{path} {said}.")
    if len(fitting) != 1:
        what = f"could be {' or '.join(fitting)}" if fitting else "are of no known format"
        known = " or ".join(fitting) if fitting else ", ".join(FORMATS.names)
        raise LabelsError(f"The labels {path} {what}; say which with --format (format:) {known}.")
    return FORMATS[fitting[0]]


def _named_files(folder: Path) -> dict[str, list[Path]]:
    """JSON files of a folder, by the format that reads one of them when it is named."""
    found: dict[str, list[Path]] = {}
    for file in json_files(folder) if folder.is_dir() else ():
        for name in FORMATS.names:
            if FORMATS[name].recognises(file):
                found.setdefault(name, []).append(file)
    return found


def format_name(found: LabelFormat) -> str:
    """The name under which a format is declared."""
    return next(name for name in FORMATS.names if FORMATS[name] is found)
