"""Labels of a COCO annotation file, as they are judged against: crowds and areas as the file has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lightly_assets.errors import BadValue
from lightly_assets.evaluation.objects import NO_LISTS, EvaluationError, Objects, Ragged
from lightly_assets.evaluation.pairing import Labels
from lightly_assets.format import rle
from lightly_assets.format.coco.masks import from_coco
from lightly_assets.format.names.suffixes import split_suffix
from lightly_assets.format.schema import TaskType
from lightly_assets.labels.coco.document import CocoDocument, NoImagesError, read_coco
from lightly_assets.labels.coco.images import CocoImage
from lightly_assets.labels.coco.objects import category_number
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.names import Names, NameSettings, cleaned

Size = tuple[int, int]
Measure = Callable[[str], Size | None]
"""Width and height of an image of the input, given its key."""


def coco_labels(
    file: str | Path, task_type: TaskType, file_names: Sequence[str] = (), measure: Measure | None = None
) -> Labels:
    """The labels of all images of a COCO annotation file, for tasks of a type.

    The file is read as it is for importing: which image an annotation is about, which names lead to which
    image, and what is no COCO file are the same there.

    Args:
        file_names: of the images that have predictions.
        measure: sizes of images for which the file has none; only masks need them.

    Raises:
        EvaluationError: the file is not what COCO describes, with its first fault.
    """
    try:
        document = read_coco(file, None, CocoSettings())
    except NoImagesError:
        raise EvaluationError(
            f"{file} holds no labels, but results: labels have images and categories."
        ) from None
    except LabelsError as error:
        raise EvaluationError(_about(file, error)) from None
    with document:
        _check(document, task_type, file)
        images = _Images(document.images, file, file_names, measure)
        categories = _categories(document, file)
        reader = _Annotations(images, {one: place for place, (one, _) in enumerate(categories)}, task_type)
        for place in range(len(document.images)):
            for index, annotation in document.objects(place):
                try:
                    reader.add(images.places[place], annotation)
                except BadValue as error:
                    raise EvaluationError(f"{file}: annotations[{index}]: {error}") from None
        unknown = document.survey.objects - document.survey.matched
    return Labels(str(file), images.stems, categories, reader.objects(), reader.warnings(unknown))


def _about(file: str | Path, error: LabelsError) -> str:
    """With the whole path in front, once."""
    text = str(error).removeprefix(f"{Path(file).name}: ")
    return text if str(file) in text or text.startswith(Path(file).name) else f"{file}: {text}"


def _check(document: CocoDocument, task_type: TaskType, file: str | Path) -> None:
    """What is refused when labels are imported makes no truth to judge against, either."""
    survey = document.survey
    survey.has_box_format = False
    try:
        survey.check_numbers(task_type, CocoSettings(), document.name)
    except LabelsError as error:
        raise EvaluationError(_about(file, error)) from None
    if survey.rotated and task_type in (TaskType.OBJECT_DETECTION, TaskType.KEYPOINT_DETECTION):
        raise EvaluationError(
            f"{file}: {survey.rotated:,} of {survey.counted:,} objects are turned rectangles (rotation), but "
            "predictions have upright boxes; write the one around each as bbox and remove the rotation."
        )


def _categories(document: CocoDocument, file: str | Path) -> list[tuple[int, str]]:
    try:
        categories = document.category_ids()
    except LabelsError as error:
        raise EvaluationError(_about(file, error)) from None
    if not categories or len({one for one, _ in categories}) != len(categories):
        raise EvaluationError(f"{file}: 'categories' must not be empty, and their ids must differ.")
    return sorted(categories)


class _Images:
    """The images in the order of their ids, as COCO's evaluation has them.

    Their names lead to prediction files as names of labels lead to the input when they are imported.
    ``places`` leads from an image's place in the file to the one in this order.
    """

    def __init__(
        self,
        images: Sequence[CocoImage],
        file: str | Path,
        file_names: Sequence[str],
        measure: Measure | None,
    ) -> None:
        order = sorted(
            range(len(images)), key=lambda place: (isinstance(images[place].id, str), images[place].id)
        )
        self._images = [images[place] for place in order]
        self.places = {place: index for index, place in enumerate(order)}
        names = Names(file_names, NameSettings(rule="suffix"))
        self._keys = [_key(names, one, file) for one in self._images]
        self.stems = [split_suffix(key)[0] for key in self._keys]
        if len(set(self.stems)) != len(images):
            raise EvaluationError(f"{file}: two images have the same 'file_name'.")
        self._measure = measure
        self._sizes: dict[int, Size] = {}

    def size(self, place: int) -> Size:
        """Width and height in pixels."""
        if place not in self._sizes:
            one = self._images[place]
            size: Size | None = (one.width, one.height) if one.width and one.height else None
            if size is None and self._measure is not None:
                size = self._measure(self._keys[place])
            if size is None:
                raise BadValue(
                    f"its image '{one.names[0]}' has no width and height, which masks need; name the images' "
                    "datasource with --input."
                )
            self._sizes[place] = size
        return self._sizes[place]


def _key(names: Names, image: CocoImage, file: str | Path) -> str:
    """The image's name in the prediction files; its own where they have none of it."""
    match = names.find(image.names)
    if match.candidates:
        several = " and ".join(f"'{one}'" for one in sorted(match.candidates)[:2])
        raise EvaluationError(
            f"{file}: the image '{image.names[0]}' could be {several} of the predictions; write whole paths."
        )
    return match.frame[0] if match.frame is not None else cleaned(image.names[0])


class _Annotations:
    """Puts annotations into columns, in the order of the file."""

    def __init__(self, images: _Images, categories: Mapping[int, int], task_type: TaskType) -> None:
        self._images = images
        self._categories = categories
        self._type = task_type
        self._has_masks = task_type in (TaskType.INSTANCE_SEGMENTATION, TaskType.SEMANTIC_SEGMENTATION)
        self._rows: list[tuple[int, int, bool]] = []
        self._boxes: list[list[float]] = []
        self._areas: list[float] = []
        self._runs: list[list[int]] = []
        self._points: list[list[float]] = []
        self._unknown = 0
        self._marked = 0

    def add(self, place: int, one: dict[str, Any]) -> None:
        """An annotation of the image at a place."""
        number = category_number(one.get("category_id"))
        category = None if number is None else self._categories.get(number)
        if category is None:
            self._unknown += 1
            return
        box = self._box(one)
        area = one.get("area")
        if self._has_masks:
            width, height = self._images.size(place)
            counts = from_coco(one.get("segmentation"), height, width)
            self._runs.append(counts)
            box = box or [float(side) for side in rle.bounding_box(counts, width) or (0, 0, 0, 0)]
            area = rle.area(counts) if area is None else area
        elif self._type is TaskType.KEYPOINT_DETECTION:
            self._points.append(_numbers(one, "keypoints", 3))
        if area is None:
            area = box[2] * box[3] if box else 0.0
        if type(area) not in (int, float) or not 0 <= area < float("inf"):
            raise BadValue(f"'area' is {area!r}; it must be a number of square pixels.")
        self._rows.append((place, category, bool(one.get("iscrowd"))))
        self._boxes.append(box or [0.0, 0.0, 0.0, 0.0])
        self._areas.append(area)
        self._marked += bool(one.get("ignore")) and not one.get("iscrowd")

    def _box(self, one: dict[str, Any]) -> list[float] | None:
        if self._type in (TaskType.OBJECT_DETECTION, TaskType.KEYPOINT_DETECTION):
            box = _numbers(one, "bbox", 4)
            if len(box) != 4:
                raise BadValue(f"'bbox' has {len(box)} numbers; it needs x, y, width and height.")
            return box
        return None

    def objects(self) -> Objects:
        rows = np.array(self._rows, dtype=np.int64).reshape(-1, 3)
        images, categories, crowds = rows.T
        boxes = np.array(self._boxes, dtype=np.float64).reshape(-1, 4)
        areas = np.array(self._areas, dtype=np.float64)
        masks = points = NO_LISTS
        if self._has_masks:
            masks = _ragged(self._runs, np.int64)
        if self._type is TaskType.KEYPOINT_DETECTION:
            flat = _ragged(self._points, np.float64)
            points = Ragged.of(flat.values.reshape(-1, 3), flat.counts // 3)
        scores = np.ones(images.size)
        objects = Objects(images, categories, scores, boxes, areas, crowds.astype(np.bool_), masks, points)
        # By image, as COCO's evaluation collects them; within one in the order of the file.
        return objects.take(np.argsort(images, kind="stable"))

    def warnings(self, without_image: int) -> list[str]:
        warnings = []
        if unknown := self._unknown + without_image:
            warnings.append(
                f"{unknown:,} labels name an image or a category that the file does not describe; "
                "they are left out."
            )
        if self._marked:
            warnings.append(
                f"{self._marked:,} labels say 'ignore': 1; as in COCO's own evaluation, only 'iscrowd' is "
                "left out of what must be found."
            )
        return warnings


def _numbers(one: dict[str, Any], key: str, multiple: int) -> list[float]:
    values = one.get(key)
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise BadValue(f"'{key}' is {values!r:.60}; it must be a list of numbers.")
    if not values or len(values) % multiple:
        raise BadValue(f"'{key}' has {len(values)} numbers; it needs a multiple of {multiple}.")
    return values


def _ragged(lists: list[list[Any]], kind: Any) -> Ragged:
    counts = np.fromiter(map(len, lists), np.int64, len(lists))
    values = np.concatenate([np.asarray(one, dtype=kind) for one in lists]) if lists else np.empty(0, kind)
    return Ragged.of(values, counts)
