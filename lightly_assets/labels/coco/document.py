"""A COCO file as a whole: what it lists, what kinds of objects it holds, and the objects of each image.

Objects stay on the disk: what is kept of each is where it begins and ends, and its image.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from lightly_assets.format.schema import TaskType
from lightly_assets.labels.coco.images import UNKNOWN, CocoImage, ImageRefs, parse_image, shown
from lightly_assets.labels.coco.json_stream import JsonFile, Spans
from lightly_assets.labels.coco.objects import category_number
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.coco.survey import Survey
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.report import LabelReport, counted

_LISTS = ("images", "annotations", "categories")
_DESCRIBED = "COCO annotations have images, annotations and categories"


class NoImagesError(LabelsError):
    """A list of results, without the file that describes their images."""


@dataclass
class CocoDocument:
    """A COCO file that was read once; use it in a ``with`` block, or close it."""

    name: str
    """The file's name, for messages."""
    images: list[CocoImage]
    categories: list[dict[str, Any]] | None
    """As they stand in the file; None where it has none."""
    survey: Survey
    report: LabelReport
    file: JsonFile
    is_results: bool
    _starts: array[int] = field(default_factory=lambda: array("q"))
    _lengths: array[int] = field(default_factory=lambda: array("i"))
    _places: array[int] = field(default_factory=lambda: array("i"))
    _order: NDArray[np.int64] | None = None
    _first: NDArray[np.int64] | None = None

    @property
    def list_name(self) -> str:
        """What the list of objects is called in messages."""
        return "results" if self.is_results else "annotations"

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> CocoDocument:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def objects(
        self,
        place: int,
        shown: tuple[int, int] = (0, 0),  # noqa: ARG002 - COCO's numbers are pixels
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """The objects of the image at a place of ``images``, with their places in the file's list."""
        if self._order is None or self._first is None:
            places = np.frombuffer(self._places, dtype=np.int32) if self._places else np.zeros(0, np.int32)
            self._order = np.argsort(places, kind="stable")
            self._first = np.searchsorted(places[self._order], np.arange(len(self.images) + 1))
        numbers = self._order[self._first[place] : self._first[place + 1]].tolist()
        if numbers:
            yield from zip(numbers, self._rows(numbers), strict=True)

    def _rows(self, numbers: list[int]) -> list[dict[str, Any]]:
        spans: list[tuple[int, int]] = []
        begin, end = self._starts[numbers[0]], 0
        before = numbers[0] - 1
        for number in numbers:
            start = self._starts[number]
            if number != before + 1:
                spans.append((begin, end))
                begin = start
            before, end = number, start + self._lengths[number]
        spans.append((begin, end))
        pieces = self.file.read_many(spans)
        rows: list[dict[str, Any]] = orjson.loads(b"[%b]" % b",".join(pieces))
        return rows

    def add(self, spans: Spans, places: list[int]) -> None:
        """Remembers where objects and their images are."""
        self._starts.frombytes(np.ascontiguousarray(spans[:, 0]).tobytes())
        self._lengths.frombytes((spans[:, 1] - spans[:, 0]).astype(np.int32).tobytes())
        self._places.extend(places)

    def category_ids(self) -> list[tuple[int, str]]:
        """Ids and names of the file's categories.

        Raises:
            LabelsError: a category has no id or no name.
        """
        found = []
        for index, entry in enumerate(self.categories or ()):
            number = category_number(entry.get("id"))
            name = entry.get("name")
            if number is None or not isinstance(name, str) or not name:
                raise LabelsError(
                    f"{self.name}: categories[{index}] is {shown(entry)}; it needs an id and a name."
                )
            found.append((number, name))
        return found

    def used_ids(self) -> set[int]:
        """The category ids that objects have."""
        numbers = {category_number(value) for value in self.survey.categories}
        return {number for number in numbers if number is not None}

    def task_type(self, given: TaskType | None, settings: CocoSettings) -> TaskType:
        """The kind of task: what was given, or found from the objects.

        Raises:
            LabelsError: the objects are of several kinds, or of none that the format has.
        """
        found = given or self.survey.task_type()
        self.survey.check(found, settings, self.name, guessed=given is None)
        if found is TaskType.KEYPOINT_DETECTION and (
            problem := self.survey.signs.wrong_points(self._points())
        ):
            raise LabelsError(f"{self.name}: {problem}")
        return found

    def _points(self) -> dict[Any, int]:
        """How many keypoints the categories say they have, by their id as it stands in the file."""
        return {
            entry["id"]: len(entry["keypoints"])
            for entry in self.categories or ()
            if isinstance(entry.get("keypoints"), list)
            and entry["keypoints"]
            and isinstance(entry.get("id"), int | float | str)
        }


def read_coco(path: str | Path, images: str | Path | None, settings: CocoSettings) -> CocoDocument:
    """Reads a COCO file once.

    Args:
        path: annotations, or results (a JSON list).
        images: for results, the annotation file with their images and categories.
        settings: how it is read.

    Raises:
        LabelsError: it cannot be read, is no COCO file, or less than half of its objects have an image.
    """
    described = _Reading(JsonFile(images), settings, only_images=True).run() if images is not None else None
    return _Reading(JsonFile(path), settings, described=described).run()


class _Reading:
    """One pass over a file; two where annotations stand before the images that they are about."""

    def __init__(
        self,
        file: JsonFile,
        settings: CocoSettings,
        *,
        only_images: bool = False,
        described: CocoDocument | None = None,
    ) -> None:
        self.settings = settings
        self.only_images = only_images
        self.described = described
        self.refs: ImageRefs | None = ImageRefs(described.images) if described is not None else None
        self.images: list[CocoImage] = []
        self.categories: list[dict[str, Any]] = []
        self.late = False
        """Whether annotations came before images."""
        self.document = CocoDocument(
            file.path.name, self.images, None, Survey(), LabelReport(), file, is_results=False
        )

    def run(self) -> CocoDocument:
        file, document = self.document.file, self.document
        try:
            skeleton = file.scan(_LISTS, self._take)
            self._check(skeleton)
            if self.late:
                file.scan(("annotations",), self._take)
            if not self.only_images:
                self._check_matched()
        except BaseException:
            file.close()
            raise
        finally:
            if self.described is not None:
                self.described.close()
        if self.only_images:
            file.close()
        return document

    def _take(self, section: str, values: list[Any], spans: Spans) -> None:
        if section == "images":
            if self.described is None:
                start = len(self.images)
                self.images += [
                    parse_image(entry, f"images[{start + index}]") for index, entry in enumerate(values)
                ]
        elif section == "categories":
            for entry in values:
                if not isinstance(entry, dict):
                    raise LabelsError(
                        f"{self.document.name}: categories holds {shown(entry)}; it must hold objects."
                    )
            self.categories += values
        elif not self.only_images:
            self._objects(section, values, spans)

    def _objects(self, section: str, values: list[Any], spans: Spans) -> None:
        if not section:
            self.document.is_results = True
            self._need_images()
        if self.refs is None:
            if not self.images:
                self.late = True
                return
            self.refs = ImageRefs(self.images)
        document = self.document
        offset = document.survey.objects
        if set(map(type, values)) != {dict}:
            place, row = next((index, row) for index, row in enumerate(values) if not isinstance(row, dict))
            what = f"{document.list_name}[{offset + place}]"
            raise LabelsError(f"{document.name}: {what} is {shown(row)}; it must be an object.")
        places = self._places(values)
        unknown = places.count(UNKNOWN)
        for index, place in enumerate(places if unknown else ()):
            if place == UNKNOWN:
                self._unknown(offset + index, values[index])
        document.add(spans, places)
        survey = document.survey
        survey.add(values, self.settings)
        survey.matched += len(places) - unknown
        survey.add_boxes(values, self.refs.sizes[places])

    def _need_images(self) -> None:
        if self.described is None:
            raise NoImagesError(
                f"{self.document.name} holds results; name the annotation file of their images with --images "
                "of import-coco (images: of kind: coco)."
            )

    def _places(self, rows: list[dict[str, Any]]) -> list[int]:
        assert self.refs is not None
        by_id, find = self.refs.by_id, self.refs.find
        by_name = self.document.is_results
        try:
            ids = [row["image_id"] for row in rows]
            places = [by_id.get(image_id, UNKNOWN) for image_id in ids]
            if UNKNOWN not in places and bool not in set(map(type, ids)) and not by_name:
                return places
        except (TypeError, KeyError):  # an id that is a list, or none
            places = [UNKNOWN] * len(rows)
        for index, place in enumerate(places):
            row = rows[index]
            if place == UNKNOWN or (by_name and "file_name" in row) or isinstance(row.get("image_id"), bool):
                places[index] = find(row, by_name=by_name)
        return places

    def _unknown(self, number: int, row: dict[str, Any]) -> None:
        what = self.document.list_name
        if row.get("image_id") is None:
            text = f"{what}[{number}] has no image_id."
        else:
            text = f"{what}[{number}]: there is no image with the id {shown(row['image_id'])}."
        self.document.report.leave_out(text)

    def _check(self, skeleton: Any) -> None:
        document, described = self.document, self.described
        if isinstance(skeleton, list):
            if self.only_images:
                raise LabelsError(
                    f"{document.name} is no JSON object with {_DESCRIBED.partition('have ')[2]}."
                )
            document.is_results = True
            if skeleton:
                raise LabelsError(
                    f"{document.name}: the list holds {shown(skeleton[0])}; results are objects."
                )
            self._need_images()
        elif not isinstance(skeleton, dict):
            raise LabelsError(f"{document.name} is no JSON object with {_DESCRIBED.partition('have ')[2]}.")
        else:
            self._check_object(skeleton)
        source = described.categories if described is not None else None
        own = self.categories if isinstance(skeleton, dict) and "categories" in skeleton else None
        document.categories = own if described is None or source is None else source
        if described is not None:
            document.images = described.images
        elif self.refs is None:
            self.refs = ImageRefs(self.images)  # also refuses ids that two images have

    def _check_object(self, skeleton: dict[str, Any]) -> None:
        name = self.document.name
        needed = ("images",) if self.only_images or self.described is None else ()
        for key in (*needed, *(() if self.only_images else ("annotations",))):
            if not isinstance(skeleton.get(key), list):
                raise LabelsError(f"{name} has no list '{key}'; {_DESCRIBED}.")
        for key in _LISTS:
            if values := skeleton.get(key):
                what = values[0] if isinstance(values, list) else values
                hint = ": it needs an id and a file_name" if key == "images" else ""
                raise LabelsError(
                    f"{name}: {key}[0] is {shown(what)}{hint}; {key} must be a list of objects."
                )
        if self.categories and not isinstance(skeleton.get("categories"), list):
            raise LabelsError(f"{name}: categories must be a list of objects.")

    def _check_matched(self) -> None:
        """Where most objects are about no image that is listed, the file does not fit its images."""
        survey, document = self.document.survey, self.document
        if self.refs is not None and self.refs.renamed:
            document.report.notes.append(
                f"{counted(self.refs.renamed, 'result')} had the image_id of another image than their "
                "file_name: the names decide."
            )
        if 2 * survey.matched >= survey.objects or self.settings.allow_partial:
            return
        if document.is_results and not any(
            key in self._example for key in ("image_id", "bbox", "segmentation", "keypoints", "category_id")
        ):
            keys = ", ".join(list(self._example)[:6]) or "nothing"
            raise LabelsError(
                f"{document.name} holds no COCO results: its objects have {keys}; a result has image_id, "
                "category_id and bbox, segmentation or keypoints."
            )
        first = document.report.problems[0].rstrip(".")
        raise LabelsError(
            f"{document.name}: only {survey.matched:,} of {survey.objects:,} objects are of a listed image "
            f"({first}); is it the right list? allow_partial (--allow-partial) writes those."
        )

    @property
    def _example(self) -> dict[str, Any]:
        """The first object that is of no image."""
        places = self.document._places
        number = places.index(UNKNOWN)
        row: dict[str, Any] = self.document._rows([number])[0]
        return row
