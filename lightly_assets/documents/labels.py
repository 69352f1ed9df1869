"""Documents about labels that come and go."""

from typing import Literal

from lightly_assets.documents.shared import Part, TaskTypeName


class Counted(Part):
    """How many, and the first of them."""

    count: int
    examples: list[str]


class LabelReport(Part):
    """How labels and input fit."""

    listed: int
    """Images and frames that the labels list."""
    matched: int
    """Those that are in the input."""
    loosely: Counted
    """Matched by a name that is not exactly the input's."""
    unknown: Counted
    """In the labels only."""
    unlisted: Counted
    """In the input only."""
    dropped: dict[str, Counted]
    """Objects that are not written, by reason."""
    wrong: int
    """Objects that are no such, or of no image."""
    problems: list[str]
    notes: list[str]


class Imported(Part):
    """Labels that were written as a task."""

    ok: Literal[True]
    task: str
    task_type: TaskTypeName
    files: int
    predictions: int
    clipped: int
    """Boxes that were cut to their image."""
    dropped: int
    skipped: int
    problems: list[str]
    leftovers: int
    """Prediction files of the task that this import has not written."""
    report: LabelReport


class ImportTrial(Part):
    """What an import would write."""

    ok: Literal[True]
    dry_run: Literal[True]
    task: str
    task_type: TaskTypeName
    format: str
    categories: dict[str, str]
    """Id → name."""
    files: int
    pairs: list[tuple[str, str]]
    """The first names in the labels, and the images or frames they stand for."""
    picture: str | None
    drawn: str | None
    """Which image or frame the picture shows."""
    report: LabelReport


class Exported(Part):
    """A task's predictions in the format of another tool."""

    ok: Literal[True]
    task: str
    out: str
    files: int
    images: int
    predictions: int
    pictures: int
    """Frames and images that ``--frames`` has put beside the labels."""
    lost: dict[str, int]
    """What the format cannot hold: what → of how many predictions."""
