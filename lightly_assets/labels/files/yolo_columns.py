"""What the columns of YOLO's text files hold: the lines of a whole data set say it together."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightly_assets.format.rules.box_statistics import fit_only_otherwise
from lightly_assets.format.schema import TaskType
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.text import number, read_text

_VISIBILITY_TEXTS = frozenset({"0", "1", "2", "0.0", "1.0", "2.0", "0.000000", "1.000000", "2.000000"})
# What rounding may put outside of an image, as a share of it.
_ROUNDING = 0.002
_MASKED = (TaskType.INSTANCE_SEGMENTATION, TaskType.SEMANTIC_SEGMENTATION)
# Of fewer boxes, as many as leave their image may well be cut objects.
_MANY = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """How the numbers of a line are to be read."""

    shape: str
    """box, corners, polygon, keypoints or class."""
    points: int = 0
    dimensions: int = 3
    has_score: bool = False
    has_track: bool = False


@dataclass
class Boxes:
    """How many boxes of a data set fit their images, read in one order and in others."""

    count: int = 0
    outside: int = 0
    """As the format has them: centre and size."""
    corners: int = 0
    """That would fit as x1, y1, x2, y2."""
    tops: int = 0
    """That would fit as x, y of their first corner, and size."""
    scored: int = 0
    """That would fit as score, centre and size."""

    def add(self, parts: Sequence[str]) -> None:
        """Counts a line's four or five numbers behind the class."""
        try:
            values = [float(part) for part in parts]
        except ValueError:
            return  # told with its line when it is read
        x, y, w, h = values[:4]
        low, high = -_ROUNDING, 1 + _ROUNDING
        self.count += 1
        self.outside += not _inside(x, y, w, h)
        self.corners += low <= x < w <= high and low <= y < h <= high
        self.tops += low <= x <= x + w <= high and low <= y <= y + h <= high
        self.scored += len(values) == 5 and _inside(*values[1:])

    def _score_comes_first(self) -> bool:
        """Whether boxes fit with their score in front, as tools for mean average precision want it.

        Of a few boxes one that leaves its image is enough: other numbers rarely all fit in that order.
        """
        if self.count > 1 and self.outside and self.scored == self.count:
            return True
        return fit_only_otherwise(self.count, self.outside, self.scored)

    def check(self) -> None:
        """Refuses boxes that only fit when they are read otherwise.

        Raises:
            LabelsError: so it is.
        """
        if fit_only_otherwise(self.count, self.outside, self.corners):
            fit, order = "corners x1, y1, x2, y2", "centre and size"
        elif self._score_comes_first():
            fit, order = "a score before the box", "class, centre, size and then the score"
        elif self.count >= _MANY and fit_only_otherwise(self.count, self.outside, self.tops):
            fit, order = "the first corner and the size", "centre and size"
        else:
            return
        raise LabelsError(
            f"{self.outside:,} of {self.count:,} boxes leave their image, and all fit when their numbers are "
            f"read as {fit}; YOLO's order is {order}: bring them into it."
        )


def _inside(x: float, y: float, w: float, h: float) -> bool:
    low, high = -_ROUNDING, 1 + _ROUNDING
    across, down = low <= x - w / 2 and x + w / 2 <= high, low <= y - h / 2 and y + h / 2 <= high
    return across and down and w >= 0 and h >= 0


@dataclass
class Columns:
    """What all lines of a data set have in common."""

    counts: Counter[int] = field(default_factory=Counter)
    """Lines by their number of columns."""
    sixth: set[float] = field(default_factory=set)
    seventh: set[float] = field(default_factory=set)
    """Values of the columns that may be scores and tracks, of lines that have no more than them."""
    repeats: bool = False
    """Whether two lines of a file have the same sixth value."""
    are_tops: bool = False
    """Whether they are a classifier's: scores and names."""
    have_visibilities: bool = True
    """Whether every third value behind the box is 0, 1 or 2."""
    boxes: Boxes = field(default_factory=Boxes)
    """Of lines that may be boxes."""

    def add(self, file: Path) -> None:
        sixth: list[float] = []
        for line in read_text(file).splitlines():
            parts = line.split()
            if not parts:
                continue
            self.counts[len(parts)] += 1
            self.are_tops = self.are_tops or _is_top(parts)
            if len(parts) in (5, 6):
                self.boxes.add(parts[1:])
            if len(parts) in (6, 7) and not self.are_tops:
                sixth.append(number(parts[5], "column 6", f"a line of {file.name}"))
            if len(parts) == 7 and not self.are_tops:
                self.seventh.add(number(parts[6], "column 7", f"a line of {file.name}"))
            if len(parts) > 7:
                self.have_visibilities &= all(part in _VISIBILITY_TEXTS for part in parts[7::3])
        self.sixth.update(sixth)
        self.repeats = self.repeats or len(set(sixth)) < len(sixth)


def kind_of(files: Sequence[Path], shape: Any, task_type: TaskType | None) -> Kind:
    """How to read the lines of all files: their columns say it, or else the settings."""
    columns = Columns()
    for file in files:
        columns.add(file)
    counts = set(columns.counts)
    if columns.are_tops:
        return Kind("class")
    if shape is not None:
        return _pose(columns.counts, shape)
    if counts <= {5}:
        columns.boxes.check()
        return Kind("box")
    # Numbers of tracks are whole; scores are not, beyond 1. A triangle has seven columns, too.
    tracks = columns.seventh or columns.sixth
    are_whole = all(value == int(value) for value in tracks)
    if columns.seventh and max(columns.seventh) <= 1:
        are_whole = are_whole and task_type not in _MASKED
        _refuse_triangles(files, task_type, are_tracks=are_whole)
    if counts <= {5, 6, 7} and (are_whole or not columns.seventh):
        has_track = are_whole and (bool(columns.seventh) or max(tracks) > 1)
        if has_track and not columns.seventh:
            _refuse_percentages(files, columns)
        columns.boxes.check()
        return Kind("box", has_score=bool(columns.seventh) or not has_track, has_track=has_track)
    if task_type is TaskType.KEYPOINT_DETECTION:
        return _pose_by_columns(columns)
    if task_type in (None, TaskType.OBJECT_DETECTION):
        _refuse_ambiguous(columns, task_type)
    scored = {count for count in counts if count > 6 and count % 2 == 0}
    if scored and any(count > 6 and count % 2 for count in counts):
        raise LabelsError("Some lines of polygons have a score, and some have none; all must be alike.")
    return Kind("corners" if counts <= {9, 10} else "polygon", has_score=bool(scored))


def _refuse_triangles(files: Sequence[Path], task_type: TaskType | None, *, are_tracks: bool) -> None:
    """Seven columns of which the last is 0 or 1: a triangle's corner at the edge, or the first track.

    Raises:
        LabelsError: nothing says which.
    """
    if are_tracks and task_type is None and not any(file.stem[-1:].isdigit() for file in files):
        raise LabelsError(
            f"Lines in '{files[0].parent.name}' have seven columns, the last 0 or 1: they are triangles, "
            "or boxes with a score and a track; say --task-type instance-segmentation or object-detection."
        )


def _refuse_percentages(files: Sequence[Path], columns: Columns) -> None:
    """Whole numbers that are no tracks: an image has each but once, and its name is numbered.

    Raises:
        LabelsError: they are percentages, or nobody knows.
    """
    if columns.repeats or not any(file.stem[-1:].isdigit() for file in files):
        raise LabelsError(
            f"Column 6 is {max(columns.sixth):g} in '{files[0].parent.name}': a score must be in [0, 1], so "
            "divide percentages by 100; if it numbers tracks, leave the column out."
        )


def _refuse_ambiguous(columns: Columns, task_type: TaskType | None) -> None:
    """Lines that can be read in two ways.

    Raises:
        LabelsError: what to say about them.
    """
    counts = set(columns.counts)
    if counts <= {9, 10} and task_type is None:
        raise LabelsError(
            "All lines have four points: they are oriented boxes, or polygons of four points; say "
            "--task-type instance-segmentation, or object-detection with --rotated enclose for upright boxes."
        )
    only = next(iter(counts))
    if len(counts) == 1 and only > 10 and (only - 5) % 3 < 2:
        raise LabelsError(
            f"All lines have {only} columns, which could be poses or polygons; say --task-type "
            "keypoint-detection or instance-segmentation, or put a data.yaml with kpt_shape beside them."
        )


def _is_top(parts: Sequence[str]) -> bool:
    """``0.95 golden retriever``: what a classifier writes."""
    if len(parts) < 2 or not _is_number(parts[0]) or _is_number(parts[1]):
        return False
    # Without a letter it is no name, but a number that is written otherwise, such as 0,5.
    return any(character.isalpha() for part in parts[1:] for character in part)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _pose(counts: Collection[int], shape: Any) -> Kind:
    if not isinstance(shape, list) or len(shape) != 2 or shape[1] not in (2, 3) or type(shape[0]) is not int:
        raise LabelsError(f"kpt_shape is {shape!r}; it must be [number of points, 2 or 3].")
    extra = {count - 5 - shape[0] * shape[1] for count in counts}
    if not extra <= {0, 1, 2} or len(extra) > 1:
        some = ", ".join(map(str, sorted(counts)))
        raise LabelsError(
            f"Lines have {some} columns; with kpt_shape {shape} they have {5 + shape[0] * shape[1]} each."
        )
    more = extra.pop() if extra else 0
    return Kind("keypoints", shape[0], shape[1], has_score=more > 0, has_track=more > 1)


def _pose_by_columns(columns: Columns) -> Kind:
    """Points of two or three numbers, with a score or without: where the columns leave no choice."""
    count = next(iter(columns.counts))
    fitting = [
        Kind("keypoints", (count - 5 - more) // dimensions, dimensions, has_score=more > 0)
        for dimensions in (3, 2)
        for more in (0, 1)
        if len(columns.counts) == 1 and count > 7 and (count - 5 - more) % dimensions == 0
    ]
    if len(fitting) > 1 and columns.have_visibilities and fitting[0].dimensions == 3:
        return fitting[0]
    if len(fitting) != 1:
        some = ", ".join(map(str, sorted(columns.counts)))
        what = "could be poses of several shapes" if fitting else "are no poses"
        raise LabelsError(
            f"Lines have {some} columns, which {what}; put a data.yaml with kpt_shape beside the labels."
        )
    return fitting[0]
