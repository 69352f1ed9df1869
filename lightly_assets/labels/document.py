"""Neutral labels laid out as the objects of a COCO file, so that one reader decides what becomes of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightly_assets.format import rle
from lightly_assets.format.coco.masks import to_coco
from lightly_assets.format.schema import Category, TaskType
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.coco.survey import Survey
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.labelled import Label, Labels, Mask, Size
from lightly_assets.labels.report import LabelReport

Row = dict[str, Any]
# Stands for a mask where only its being there counts.
_UNSEEN: Row = {"counts": ""}
# Of an image whose labels are shares of it, while its size is not known.
_SOME_SIZE: Size = (1000, 1000)


@dataclass(frozen=True, slots=True)
class LabelImage:
    """An image or a frame of the labels."""

    names: tuple[str, ...]
    read: Callable[[], Sequence[Label]]
    size: Size | None = None
    shares: bool = False
    shown: str = ""
    """What to call it where its names are not the labels' own."""

    @property
    def width(self) -> int:
        """Pixels; 0 where the labels do not say."""
        return self.size[0] if self.size else 0

    @property
    def height(self) -> int:
        """Pixels; 0 where the labels do not say."""
        return self.size[1] if self.size else 0


class LabelDocument:
    """Labels of images and frames, and what kinds of objects there are."""

    list_name = "objects"

    def __init__(
        self,
        labels: Labels,
        images: Sequence[LabelImage],
        settings: CocoSettings,
        task_type: TaskType | None = None,
    ) -> None:
        """
        Args:
            labels: what was read; its categories and what it left out.
            images: all images and frames, as they are looked for in the input.
            settings: how objects become predictions.
            task_type: what the caller said; None: it is found.

        Raises:
            LabelsError: a label is wrong.
        """
        self.name = labels.file
        self.images = list(images)
        self.report = LabelReport(notes=list(labels.notes))
        self.survey = Survey(has_box_format=False)
        self._settings = settings
        self._task = task_type
        self._names = dict(labels.names)
        self._numbers = {name: number for number, name in reversed(self._names.items())}
        for place, image in enumerate(images):
            size = image.size or _SOME_SIZE
            self.survey.add([row for _, row in self._rows(place, size, survey=True)], settings)
        self._name_new()
        for why, one in labels.dropped.items():
            self.report.dropped[why] = one

    def _name_new(self) -> None:
        """Numbers for names that the labels do not list, in alphabetical order."""
        used = self.survey.categories
        names = sorted(one for one in used if isinstance(one, str) and one not in self._numbers)
        start = max(self._names, default=-1) + 1
        for number, name in enumerate(names, start):
            self._names[number], self._numbers[name] = name, number

    def category_ids(self) -> list[tuple[int, str]]:
        """Numbers and names of the labels' categories; empty where they have no names."""
        return list(self._names.items())

    def used_ids(self) -> set[int]:
        """The numbers that objects have."""
        return {self._numbers[one] if isinstance(one, str) else one for one in self.survey.categories}

    def schema_categories(self) -> tuple[Category, ...]:
        """The labels' own categories as those of a task.

        Raises:
            LabelsError: they have no names.
        """
        if unnamed := sorted(self.used_ids() - self._names.keys()):
            raise LabelsError(
                f"{self.name} does not name its category {unnamed[0]}; name all with --categories: a list, "
                "or a YAML file of numbers with names."
            )
        if not all(self._names.values()):
            raise LabelsError(f"{self.name} has a category without a name.")
        if not self._names:
            raise LabelsError(f"{self.name} names no category; name them with --categories.")
        return tuple(Category(id=number, name=name) for number, name in sorted(self._names.items()))

    def task_type(self, given: TaskType | None) -> TaskType:
        """The kind of task: what was given, or found from the objects.

        Raises:
            LabelsError: the objects are of several kinds, or of none that the task has.
        """
        found = given or self.survey.task_type()
        if given is None and self.survey.oriented and found is TaskType.CLASSIFICATION:
            found = TaskType.OBJECT_DETECTION
        if self.survey.bare and found is not TaskType.CLASSIFICATION:
            # Tags of the whole image beside its objects.
            self.survey.objects -= self.survey.bare - self.survey.oriented
        self.survey.check(found, self._settings, self.name, guessed=given is None)
        self._task = found
        return found

    def objects(self, place: int, shown: Size) -> Iterator[tuple[int, Row]]:
        """The objects of an image as COCO has them, in pixels of the image as the labels' tool showed it.

        Args:
            place: of the image in ``images``.
            shown: width and height of the image in pixels, as the labels' tool showed it.
        """
        for number, row in self._rows(place, shown):
            if self._task is TaskType.CLASSIFICATION and not _is_bare(row):
                self.report.drop("that are no classes of whole images", self.images[place].names[0])
            elif self._task is not TaskType.CLASSIFICATION and _is_bare(row):
                self.report.drop("that are classes of whole images", self.images[place].names[0])
            else:
                yield number, row

    def _rows(self, place: int, size: Size, *, survey: bool = False) -> Iterator[tuple[int, Row]]:
        """As :meth:`objects`, all of them; for a survey without their pixels."""
        image = self.images[place]
        for number, label in enumerate(image.read()):
            pixels = label.scaled(*size) if image.shares else label
            yield number, self._row(pixels, size, survey=survey)

    def _row(self, label: Label, size: Size, *, survey: bool) -> Row:
        category = label.category
        # A survey comes before the numbers of names that are not listed.
        row: Row = {
            "category_id": self._numbers.get(category, category) if isinstance(category, str) else category
        }
        if label.score is not None:
            row["score"] = label.score
        if label.keypoints is not None:
            row["keypoints"] = list(label.keypoints)
            # Third values are scores here, not visibilities.
            row.setdefault("score", self._settings.default_score)
        is_turned = label.shape == "turned box"
        if label.mask is not None:
            row["segmentation"] = _UNSEEN if survey else _coco_mask(label.mask, size)
        elif label.corners is not None:
            self._add_corners(row, label)
            return row
        elif label.polygons or label.is_ellipse:
            parts = label.polygons or (label.outline,)
            row["segmentation"] = [list(part) for part in parts]
            if any(len(part) > 1 for part in parts):
                row["bbox"] = _hull(parts)
        if label.box is not None and not label.is_ellipse:
            x1, y1, x2, y2 = label.box
            row.setdefault("bbox", [x1, y1, round(x2 - x1, 9), round(y2 - y1, 9)])
            if is_turned and label.about_corner:
                del row["bbox"]
                self._add_corners(row, label)
            elif is_turned:
                row["attributes"] = {"rotation": label.degrees}
        return row

    def _add_corners(self, row: Row, label: Label) -> None:
        """A turned rectangle: a polygon where masks are wanted, and its upright hull only by the setting."""
        masks = self._task in (TaskType.INSTANCE_SEGMENTATION, TaskType.SEMANTIC_SEGMENTATION)
        if masks and (label.polygons or self._settings.box_only == "fill"):
            row["segmentation"] = [list(label.outline)]
        else:
            row["poly"] = list(label.outline)


def _is_bare(row: Row) -> bool:
    return not row.keys() & {"bbox", "segmentation", "keypoints", "poly"}


def _hull(parts: Sequence[Sequence[float]]) -> list[float]:
    xs = [x for part in parts for x in part[0::2]]
    ys = [y for part in parts for y in part[1::2]]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def _coco_mask(mask: Mask, size: Size) -> Row:
    """A mask of the whole image; what lies outside of it is cut.

    Raises:
        LabelsError: it is a mask of an image of another size.
    """
    width, height = size
    if mask.size is not None and mask.size != size:
        raise LabelsError(
            f"A mask is {mask.size[0]}×{mask.size[1]} pixels, but its image is {width}×{height}."
        )
    pixels = mask.pixels
    if pixels.shape != (height, width):
        full = np.zeros((height, width), dtype=np.bool_)
        top, left = max(mask.top, 0), max(mask.left, 0)
        part = pixels[top - mask.top :, left - mask.left :][: max(height - top, 0), : max(width - left, 0)]
        full[top : top + part.shape[0], left : left + part.shape[1]] = part
        pixels = full
    return to_coco(rle.encode(pixels.astype(np.uint8)), height, width)
