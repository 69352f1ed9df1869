"""What kinds of objects a COCO file holds: seen before anything is written, so that a mixture is noticed."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.boxes import in_first_pixel
from lightly_assets.format.rules.box_statistics import BoxStatistics
from lightly_assets.format.schema import TaskType
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.coco.shapes import bbox_numbers, has_mask, is_ignored, rotation, score_elsewhere
from lightly_assets.labels.coco.signs import Signs, corners_advice
from lightly_assets.labels.errors import LabelsError

# Keys of an object that say nothing about where it is.
_PLAIN_KEYS = frozenset(
    {"id", "image_id", "category_id", "score", "iscrowd", "area", "attributes", "probabilities", "ignore",
     "file_name", "confidence", "isGroupOf", "num_keypoints", "width", "height", "bbox", "segmentation",
     "keypoints", "track_id", "caption", "segments_info", "supercategory", "category_name"}
)  # fmt: skip
_ORDINARY = frozenset({"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "score"})
_ORIENTED = ("rbox", "poly", "obb", "rotated_box")
_BOXED = (TaskType.OBJECT_DETECTION, TaskType.KEYPOINT_DETECTION)
_MASKED = (TaskType.INSTANCE_SEGMENTATION, TaskType.SEMANTIC_SEGMENTATION)


@dataclass
class Survey:
    """Counts over all objects of a file; objects marked as ignored count nowhere else."""

    objects: int = 0
    ignored: int = 0
    boxes: int = 0
    """Objects with ``bbox``."""
    masks: int = 0
    """Objects with ``segmentation``."""
    keypoints: int = 0
    """Objects with ``keypoints``."""
    bare: int = 0
    """Objects without any of these."""
    rotated: int = 0
    """Boxes with a rotation and no mask."""
    oriented: int = 0
    """Objects with an oriented box or a quadrilateral instead of ``bbox``."""
    panoptic: int = 0
    captions: int = 0
    shares: int = 0
    """Boxes within the first pixel."""
    keypoint_shares: int = 0
    """Objects whose labelled keypoints all lie within the first pixel."""
    odd_keys: Counter[str] = field(default_factory=Counter)
    """Keys of objects without a place that may hold one."""
    corners: BoxStatistics = field(default_factory=BoxStatistics)
    """Over boxes of images whose size the file says."""
    categories: set[Any] = field(default_factory=set)
    """Category ids as they stand in the file, of objects that are not ignored."""
    matched: int = 0
    """Objects whose image is known."""
    other_scores: int = 0
    """Objects whose score stands under another key."""
    signs: Signs = field(default_factory=Signs)
    has_box_format: bool = True
    """Whether the caller can say what the numbers of boxes are."""

    def add(self, rows: list[dict[str, Any]], settings: CocoSettings) -> None:
        """Counts some objects."""
        self.objects += len(rows)
        self.signs.add_scores(rows)
        if {key for keys in set(map(tuple, rows)) for key in keys} <= _ORDINARY:
            return self._add_plain(rows)
        if settings.ignored == "drop":
            kept = [row for row in rows if not is_ignored(row)]
            self.ignored += len(rows) - len(kept)
            rows = kept
        self._add_categories(rows)
        return self._add_each(rows)

    def _add_plain(self, rows: list[dict[str, Any]]) -> None:
        """Objects that have nothing but the usual: many at a time."""
        boxes = [row.get("bbox") for row in rows]
        if None in boxes or any(row.get("segmentation") for row in rows):
            self._add_each(rows)
        else:
            self.boxes += len(rows)
        self._add_categories(rows)

    def _add_categories(self, rows: list[dict[str, Any]]) -> None:
        try:
            self.categories.update([row.get("category_id") for row in rows])
        except TypeError:  # lists and objects: the reader names them
            self.categories.update(
                row.get("category_id") for row in rows if _is_plain(row.get("category_id"))
            )

    def _add_each(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            box = row.get("bbox") is not None
            mask = has_mask(row)
            points = bool(row.get("keypoints"))
            self.boxes += box
            self.masks += mask
            self.keypoints += points
            self.keypoint_shares += points and _are_shares(row["keypoints"])
            if points:
                self.signs.add_points(row)
            self.signs.add_keys(row)
            if row.get("score") is None and (other := score_elsewhere(row)) is not None:
                self.other_scores += 1
                self.signs.add_scores([{"score": other[1]}])
            if box and not mask:
                if rotation(row):
                    self.rotated += 1
            elif not (box or mask or points):
                self._bare(row)

    def _bare(self, row: dict[str, Any]) -> None:
        self.bare += 1
        self.panoptic += "segments_info" in row
        self.captions += "caption" in row
        if any(row.get(key) for key in _ORIENTED):
            self.oriented += 1
            return
        for key in row.keys() - _PLAIN_KEYS:
            if isinstance(row[key], list | dict | int | float) and not isinstance(row[key], bool):
                self.odd_keys[key] += 1

    def add_boxes(self, rows: list[dict[str, Any]], sizes: NDArray[np.float64]) -> None:
        """Counts boxes that look like corners or shares; ``sizes`` (N, 2) are widths and heights, or NaN."""
        given: list[Any] = [row.get("bbox") for row in rows]
        try:
            boxes = np.fromiter(chain.from_iterable(given), dtype=np.float64, count=4 * len(given))
            plain = set(map(len, given)) == {4}
        except (TypeError, ValueError, OverflowError):
            plain = False
        if not plain:
            places = [place for place, box in enumerate(given) if bbox_numbers(box) is not None]
            rows = [rows[place] for place in places]
            boxes = np.array([given[place] for place in places], dtype=np.float64)
            sizes = sizes[places]
        boxes = boxes.reshape(-1, 4)
        # A box of one pixel is one; what is smaller is none.
        small = (boxes >= 0).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1) & (boxes[:, 2:] < 1).any(axis=1)
        self.shares += int(np.count_nonzero(small & (boxes[:, :2] + boxes[:, 2:] <= 1).all(axis=1)))
        self.corners.add(boxes, sizes[:, 0], sizes[:, 1])
        self.signs.add_areas(rows, boxes)

    @property
    def counted(self) -> int:
        """Objects that are not ignored."""
        return self.objects - self.ignored

    def task_type(self) -> TaskType:
        """The kind of task that the objects are for: keypoints, else masks, else boxes, else classes."""
        if self.keypoints:
            return TaskType.KEYPOINT_DETECTION
        if self.masks:
            return TaskType.INSTANCE_SEGMENTATION
        if self.bare and not (self.boxes or self.oriented):
            return TaskType.CLASSIFICATION
        return TaskType.OBJECT_DETECTION

    def check(self, task_type: TaskType, settings: CocoSettings, file: str, *, guessed: bool) -> None:
        """Refuses a file that would be read as something else than it is.

        Raises:
            LabelsError: how many objects are of which kind, and what to choose.
        """
        if self.panoptic:
            raise LabelsError(
                f"{file} is panoptic: its annotations have segments_info and PNG files; convert it to "
                "instances or to stuff first, for example with panopticapi's panoptic2detection_coco_format."
            )
        if self.captions and self.captions == self.bare:
            raise LabelsError(f"{file} holds captions, which are no predictions; there is nothing to import.")
        self._check_rotated(task_type, settings, file)
        if task_type is TaskType.CLASSIFICATION:
            self._check_classes(file, guessed=guessed)
        elif task_type in _MASKED and self.masks < self.counted:
            self._mixed("mask", self.masks, settings, file)
        elif task_type is TaskType.KEYPOINT_DETECTION and self.keypoints < self.counted:
            self._mixed("keypoints", self.keypoints, settings, file)
        self.check_numbers(task_type, settings, file)

    def check_numbers(self, task_type: TaskType, settings: CocoSettings, file: str) -> None:
        """Refuses boxes, keypoints and scores whose numbers are something else than COCO's.

        Raises:
            LabelsError: how many they are, and what to write.
        """
        self.signs.check(file)
        if task_type in _BOXED:
            self.signs.check_boxes(settings, file, has_format=self.has_box_format)
        if settings.box_format == "xywh" and task_type in _BOXED:
            self.check_corners(self.corners, file)
        if 2 * self.shares > self.boxes and task_type in _BOXED:
            raise LabelsError(
                f"{file}: {self.shares:,} of {self.boxes:,} boxes lie in the first pixel of their image, "
                "so they seem to be shares of it; bbox must be x, y, width, height in pixels."
            )
        if 2 * self.keypoint_shares > self.keypoints and task_type is TaskType.KEYPOINT_DETECTION:
            raise LabelsError(
                f"{file}: the keypoints of {self.keypoint_shares:,} of {self.keypoints:,} objects lie in the "
                "first pixel of their image, so they seem to be shares of it; they must be pixels."
            )

    def check_corners(self, boxes: BoxStatistics, file: str) -> None:
        """Refuses boxes that only fit their images when they are read as corners, or as centre and size.

        Raises:
            LabelsError: so it is.
        """
        if boxes.are_corners or boxes.are_all_far_corners:
            raise LabelsError(
                f"{file}: {boxes.outside:,} of {boxes.measured:,} boxes leave their image, and all fit when "
                "they are read as corners x1, y1, x2, y2; "
                f"{corners_advice(has_format=self.has_box_format)}, else correct the images' sizes."
            )
        if boxes.are_centres:
            raise LabelsError(
                f"{file}: {boxes.outside:,} of {boxes.measured:,} boxes leave their image, and all fit when "
                "they are read as centre and size; x and y must be the first corner: take half of the size "
                "off, or correct the images' sizes."
            )

    def _check_rotated(self, task_type: TaskType, settings: CocoSettings, file: str) -> None:
        if settings.rotated == "enclose" or (task_type is TaskType.CLASSIFICATION and not self.oriented):
            return
        if turned := self.rotated + self.oriented:
            what = "rbox, poly" if self.oriented else "rotation"
            raise LabelsError(
                f"{file}: {turned:,} of {self.counted:,} objects are turned rectangles ({what}), "
                "but the format has upright boxes only; 'rotated: enclose' (--rotated enclose) writes the "
                "upright box around each."
            )

    def _check_classes(self, file: str, *, guessed: bool) -> None:
        if guessed and self.odd_keys:
            keys, most = (
                ", ".join(key for key, _ in self.odd_keys.most_common(4)),
                max(self.odd_keys.values()),
            )
            raise LabelsError(
                f"{file}: no object has bbox, segmentation or keypoints, but {most:,} have {keys}, which "
                "COCO does not know; convert them, or say --task-type classification if only the category "
                "counts."
            )

    def _mixed(self, what: str, with_it: int, settings: CocoSettings, file: str) -> None:
        choices = {"drop": "'box_only: drop' (--box-only drop) to leave those out"}
        if what == "mask":
            choices["fill"] = "'box_only: fill' to take the box as the mask"
        if settings.box_only in choices:
            return
        if settings.box_only is not None:
            raise LabelsError("box_only is 'fill', but a box cannot become keypoints; 'drop' leaves it out.")
        without = self.counted - with_it
        have = "have a mask" if what == "mask" else f"have {what}"
        raise LabelsError(
            f"{file} mixes kinds: {with_it:,} of {self.counted:,} objects {have}, {without:,} not; "
            "choose task_type object-detection (--task-type) for the boxes of all, "
            f"{', or '.join(choices.values())}."
        )


def _are_shares(points: Any) -> bool:
    """Whether labelled keypoints are all in the first pixel, and not all at its corners."""
    if not isinstance(points, list) or not all(type(value) in (int, float) for value in points):
        return False
    return in_first_pixel([*points[0::3], *points[1::3]])


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float | str | None)
