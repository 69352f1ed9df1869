"""The objects of each image of a COCO file as singletons: what importing and ``kind: coco`` share."""

from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Any, Protocol

from lightly_assets.errors import BadValue
from lightly_assets.format import rle
from lightly_assets.format.schema import Category, TaskType
from lightly_assets.labels.categories import Categories, known_ids, match_categories, shift_hint
from lightly_assets.labels.coco.objects import BadObject, Dropped, Objects, Singleton
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.coco.shapes import stored_view
from lightly_assets.labels.coco.survey import Survey
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.report import LabelReport


class NamedImage(Protocol):
    """An image of labels."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the labels call it, the first one first."""

    @property
    def width(self) -> int:
        """Pixels; 0 where the labels do not say."""

    @property
    def height(self) -> int:
        """Pixels; 0 where the labels do not say."""


class ObjectSource(Protocol):
    """Images with objects as COCO has them: a COCO file, or the labels of another tool laid out like one."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def list_name(self) -> str:
        """What the list of objects is called in messages."""

    @property
    def images(self) -> Sequence[NamedImage]:
        """In the order of the file."""

    @property
    def report(self) -> LabelReport:
        """What was left out."""

    @property
    def survey(self) -> Survey:
        """What kinds of objects there are."""

    def objects(self, place: int, shown: tuple[int, int]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The objects of an image with their numbers; ``shown`` are its pixels as its labeller saw it."""

    def category_ids(self) -> list[tuple[int, str]]:
        """Ids and names of categories."""

    def used_ids(self) -> set[int]:
        """The category ids that objects have."""


def task_categories(document: ObjectSource, wanted: Sequence[Category], settings: CocoSettings) -> Categories:
    """Which of the task's categories each category id of a file's objects is.

    Raises:
        LabelsError: an object's category is none of the file's or, by its name, none of the task's.
    """
    used = document.used_ids()
    found = document.category_ids()
    if not found and settings.category_map is None:
        return known_ids(used, wanted, file=document.name)
    known = {number for number, _ in found}
    foreign = sorted(used - known)
    if settings.category_map is not None:
        listed = [*found, *((number, str(number)) for number in foreign)]
        return match_categories(listed, wanted, settings.category_map, file=document.name)
    if foreign:
        ids = sorted(known)
        some = ", ".join(map(str, ids[:10])) + (", …" if len(ids) > 10 else "")
        raise LabelsError(
            f"{document.name}: category_id is {foreign[0]}, but the categories are {some}"
            f"{shift_hint(used, ids)}."
        )
    matched = match_categories(found, wanted, file=document.name)
    if used & matched.unknown.keys():
        raise LabelsError(matched.problem)
    return matched


class CocoReader:
    """A file's objects as a task wants them."""

    def __init__(
        self, document: ObjectSource, task_type: TaskType, categories: Categories, settings: CocoSettings
    ) -> None:
        self.document = document
        self.task_type = task_type
        self.settings = settings
        self.objects = Objects(task_type, categories, settings)
        self._report = document.report

    def singletons(
        self, place: int, width: int, height: int, orientation: int = 1
    ) -> list[tuple[int, Singleton]]:
        """The objects of the image at a place of the file's list, with their numbers; they are not validated.

        Objects that are none, or are wrong, are left out and counted in the document's report.

        Args:
            place: of the image in ``document.images``.
            width, height: of the image's stored pixels.
            orientation: EXIF, where the objects were drawn on the turned view.
        """
        found: list[tuple[int, Singleton]] = []
        shown = (height, width) if orientation >= 5 else (width, height)
        for number, row in self.document.objects(place, shown):
            try:
                given = row if orientation == 1 else _turned(row, orientation, width, height)
                found.append((number, self.objects.singleton(given, width, height)))
            except Dropped as why:
                self._report.drop(str(why), self.where(number, place))
            except BadObject as error:
                self.wrong(number, place, str(error))
        return found

    def wrong(self, number: int, place: int, problem: str) -> None:
        """Counts an object that cannot be written."""
        self._report.leave_out(f"{self.where(number, place)}: {problem}")

    def where(self, number: int, place: int) -> str:
        """``annotations[3] of 'a.png'``."""
        return f"{self.document.list_name}[{number}] of '{self.document.images[place].names[0]}'"

    def of_image(self, found: list[Singleton], width: int, height: int) -> list[Singleton]:
        """The singletons of all objects of an image as the format wants them.

        Objects stay as they are. A classification is the one with the highest score; of a semantic
        segmentation each category has one mask, the union of its objects, with their mean score.

        Raises:
            BadValue: several classes have the highest score.
        """
        if self.task_type is TaskType.CLASSIFICATION:
            return _one_class(found)
        if self.task_type is TaskType.SEMANTIC_SEGMENTATION:
            return _by_category(found, width, height)
        return found


def _turned(row: dict[str, Any], orientation: int, width: int, height: int) -> dict[str, Any]:
    try:
        return stored_view(row, orientation, width, height)
    except BadValue as error:
        raise BadObject(f"its shape cannot be turned: {error}") from None


def _one_class(found: list[Singleton]) -> list[Singleton]:
    if not found:
        return []
    top = max(one["score"] for one in found)
    best = [one for one in found if one["score"] == top]
    if len({one["category_id"] for one in best}) > 1:
        ids = ", ".join(str(one["category_id"]) for one in best)
        raise BadValue(f"the image has the categories {ids} with the same score; classification needs one.")
    return best[:1]


def _by_category(found: list[Singleton], width: int, height: int) -> list[Singleton]:
    groups: dict[int, list[Singleton]] = {}
    for one in found:
        groups.setdefault(one["category_id"], []).append(one)
    return [_union(groups[category], width, height) for category in sorted(groups)]


def _union(group: list[Singleton], width: int, height: int) -> Singleton:
    if len(group) == 1:
        return group[0]
    mask = rle.decode(group[0]["segmentation"], height, width)
    for one in group[1:]:
        mask |= rle.decode(one["segmentation"], height, width)
    # Exact, so that equal scores stay what they are.
    score: Any = mean(one["score"] for one in group)
    return {"category_id": group[0]["category_id"], "segmentation": rle.encode(mask), "score": score}
