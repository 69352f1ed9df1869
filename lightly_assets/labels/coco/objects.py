"""One object of a COCO file as a prediction singleton, or why it is none."""

from collections import Counter
from typing import Any

from lightly_assets.errors import BadValue
from lightly_assets.format import rle
from lightly_assets.format.coco.keypoints import scored_keypoints
from lightly_assets.format.coco.masks import from_coco
from lightly_assets.format.schema import TaskType
from lightly_assets.labels.categories import Categories
from lightly_assets.labels.coco.images import shown
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.coco.shapes import (
    Point,
    bbox_numbers,
    enclosing,
    has_mask,
    is_ignored,
    oriented_corners,
    rotation,
    score_elsewhere,
    turned_corners,
)

Singleton = dict[str, Any]
# Keys of an object that has nothing but a box.
_ORDINARY = frozenset({"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "score"})
NO_PIXEL = "without a pixel in their image"

# No image is as large; drawing an outline takes a time that grows with its length.
_FAR = 1e6


class BadObject(BadValue):
    """An object that cannot be written: one sentence about what is wrong with it."""


class Dropped(BadValue):
    """An object that is left out on purpose; the text says which ones are."""


class Objects:
    """Turns objects into singletons, in the specification's order of keys. Their numbers stay as they are."""

    def __init__(self, task_type: TaskType, categories: Categories, settings: CocoSettings) -> None:
        self.task_type = task_type
        self.categories = categories
        self.settings = settings
        self._boxes_only = task_type is TaskType.OBJECT_DETECTION and settings.box_format == "xywh"
        self.repaired = 0
        """Polygon parts that were left out because they are none."""
        self.moved = 0
        """Keypoints outside of their image that were moved to its edge."""
        self.scores: Counter[str] = Counter()
        """Objects whose score stands under another key, by that key."""

    def singleton(self, row: dict[str, Any], width: int, height: int) -> Singleton:
        """An object of an image of ``width`` × ``height`` pixels.

        Crowds (``iscrowd``) are objects like all others: two exporters write every mask so.

        Raises:
            Dropped: it is no object by the settings.
            BadObject: what is wrong with it.
        """
        if self._boxes_only and (plain := self._plain(row)) is not None:
            return plain
        if self.settings.ignored == "drop" and is_ignored(row):
            raise Dropped("marked as ignored or outside")
        if row.get("score") is None and (other := score_elsewhere(row)) is not None:
            row = row | {"score": other[1]}
            self.scores[other[0]] += 1
        one: Singleton = {"category_id": self._category(row.get("category_id"))}
        score = self._score(row)
        task = self.task_type
        if task is TaskType.OBJECT_DETECTION:
            one |= {"bbox": self._bbox(row, width, height), "score": score}
        elif task is TaskType.KEYPOINT_DETECTION:
            self._keypoints(row, one, score, width, height)
        elif task is TaskType.CLASSIFICATION:
            one["score"] = score
        else:
            counts = self._mask(row, width, height)
            one |= {"segmentation": counts, "score": score}
            if task is TaskType.INSTANCE_SEGMENTATION:
                # COCO's boxes may be smaller than their masks by parts of a pixel; the format's are not.
                one["bbox"] = rle.bounding_box(counts, width)
        if row.get("probabilities") is not None:
            one["probabilities"] = row["probabilities"]
        return one

    def _plain(self, row: dict[str, Any]) -> Singleton | None:
        """A box as most files have it, in a fraction of the time; None for a closer look."""
        box, number, score = row.get("bbox"), row.get("category_id"), row.get("score")
        if bbox_numbers(box) is None or type(number) is not int or not row.keys() <= _ORDINARY:
            return None
        category = self.categories.ids.get(number)
        if category is None or box[2] < 0 or box[3] < 0:  # type: ignore[index]
            return None
        if score is None:
            score = self.settings.default_score
        elif type(score) is not float or not 0 <= score <= 1:
            return None
        return {"category_id": category, "bbox": box, "score": score}

    def _category(self, value: Any) -> int:
        number = category_number(value)
        if number is None:
            raise BadObject(f"category_id is {shown(value)}; it must be the id of a category.")
        found = self.categories.ids.get(number)
        if found is None and number in self.categories.left_out:
            raise Dropped("of categories that category_map leaves out")
        if found is None:
            raise BadObject(f"category_id is {number}, which is no category of the file.")
        return found

    def _score(self, row: dict[str, Any]) -> Any:
        score = row.get("score")
        if score is None:
            return self.settings.default_score
        if isinstance(score, list) and self.task_type is TaskType.KEYPOINT_DETECTION and _is_per_point(row):
            return self.settings.default_score
        if type(score) not in (int, float):
            raise BadObject(f"score is {shown(score)}; it must be a number in [0, 1].")
        if not 0 <= score <= 1:
            hint = "; divide percentages by 100" if 1 < score <= 100 else ""
            raise BadObject(f"score is {shown(score)}; it must be in [0, 1]{hint}.")
        return score

    def _bbox(self, row: dict[str, Any], width: int, height: int) -> list[Any]:
        value = row.get("bbox")
        if value is None:
            if (corners := oriented_corners(row)) is not None and self.settings.rotated == "enclose":
                return enclosing(corners)
            if not has_mask(row):
                raise BadObject(f"it has no bbox, which {self.task_type} needs.")
            box = rle.bounding_box(self._mask(row, width, height), width)
            if box is None:
                raise Dropped(NO_PIXEL)
            return box
        box = self._numbers(value)
        if self.settings.rotated == "enclose" and not has_mask(row) and (degrees := rotation(row)):
            return enclosing(turned_corners(box, degrees))
        return box

    def _numbers(self, value: Any) -> list[Any]:
        box = bbox_numbers(value)
        if box is None:
            raise BadObject(f"bbox is {shown(value)}; it must be four numbers, x, y, width, height.")
        if self.settings.box_format == "xyxy":
            x1, y1, x2, y2 = box
            box = [x1, y1, x2 - x1, y2 - y1]
        if box[2] < 0 or box[3] < 0:
            raise BadObject(f"bbox is {shown(value)}; width and height must not be negative.")
        return box

    def _keypoints(self, row: dict[str, Any], one: Singleton, score: Any, width: int, height: int) -> None:
        points = row.get("keypoints")
        if not points:
            if self.settings.box_only == "drop":
                raise Dropped("with a box only")
            raise BadObject("it has no keypoints, which keypoint-detection needs.")
        if not isinstance(points, list) or not all(type(value) in (int, float) for value in points):
            raise BadObject(
                f"keypoints is {shown(points)}; it must be a flat list of numbers, x, y, visibility of each "
                "point."
            )
        if len(points) % 3:
            raise BadObject(f"keypoints has {len(points)} numbers; it must have three of each point.")
        if not any(points):
            raise Dropped("without any labelled keypoint")
        if isinstance(row.get("score"), list):
            points = _with_confidences(points, row["score"])
        try:
            points = scored_keypoints(points, is_label=row.get("score") is None)
        except BadValue as error:
            raise BadObject(str(error)) from None
        inside = _inside(points, width, height)
        labelled = [place for place in range(0, len(points), 3) if any(points[place : place + 3])]
        moved = [place for place in labelled if inside[place : place + 2] != points[place : place + 2]]
        if len(moved) == len(labelled):
            raise BadObject(f"all of its keypoints lie outside of the {width}×{height} image.")
        self.moved += len(moved)
        one |= {"keypoints": inside, "score": score}
        if row.get("bbox") is not None:
            x, y, w, h = self._numbers(row["bbox"])
            sides = min(x + w, width) - max(x, 0), min(y + h, height) - max(y, 0)
            # The keypoints are the object: a line or a single point has no box of the format's.
            if min(sides) >= 1:
                one["bbox"] = [x, y, w, h]

    def _mask(self, row: dict[str, Any], width: int, height: int) -> list[int]:
        if not has_mask(row):
            if self.settings.box_only == "drop":
                raise Dropped("with a box only")
            if self.settings.box_only != "fill" or row.get("bbox") is None:
                raise BadObject(f"it has no segmentation, which {self.task_type} needs.")
            segmentation: Any = [_outline(self._numbers(row["bbox"]), rotation(row))]
        else:
            segmentation = self._good_parts(row["segmentation"])
        try:
            counts = from_coco(segmentation, height, width)
        except BadValue as error:
            raise BadObject(f"segmentation: {error}") from None
        if self.task_type is not TaskType.OBJECT_DETECTION and rle.area(counts) == 0:
            raise Dropped(NO_PIXEL)
        return counts

    def _good_parts(self, segmentation: Any) -> Any:
        """Polygons without the parts that are none, as long as one is left."""
        if not isinstance(segmentation, list):
            return segmentation
        if all(type(one) in (int, float) for one in segmentation):
            segmentation = [segmentation]  # one polygon that is not in a list
        good = [part for part in segmentation if _is_polygon(part)]
        if good:
            self.repaired += len(segmentation) - len(good)
            return good
        part = segmentation[0]
        if isinstance(part, list) and part and isinstance(part[0], list):
            raise BadObject(
                f"segmentation is {shown(segmentation)}, nested one level too deep; a polygon is a flat list "
                "x1, y1, x2, y2, …."
            )
        raise BadObject(f"segmentation is {shown(segmentation)}; a polygon needs three or more points x, y.")


def category_number(value: Any) -> int | None:
    """A category id as tools write it: a whole number, also as text or with a fraction of zero."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    return None


def _is_polygon(part: Any) -> bool:
    if not isinstance(part, list) or len(part) < 6 or len(part) % 2:
        return False
    return all(type(one) in (int, float) and -_FAR < one < _FAR for one in part)


def _is_per_point(row: dict[str, Any]) -> bool:
    points = row.get("keypoints")
    scores = row["score"]
    return (
        isinstance(points, list)
        and len(scores) * 3 == len(points)
        and all(type(one) in (int, float) and 0 <= one <= 1 for one in scores)
    )


def _inside(points: list[Any], width: int, height: int) -> list[Any]:
    """Keypoints moved to the edge of their image where they leave it."""
    moved = list(points)
    for start, limit in ((0, width), (1, height)):
        moved[start::3] = [min(max(place, 0), limit) for place in points[start::3]]
    return moved


def _with_confidences(points: list[Any], scores: list[Any]) -> list[Any]:
    """FiftyOne writes the confidence of each point as a list ``score``: they are the points' scores."""
    scored = list(points)
    scored[2::3] = [score if visible else 0 for score, visible in zip(scores, points[2::3], strict=True)]
    return scored


def _outline(box: list[Any], degrees: float) -> list[float]:
    corners: list[Point] = turned_corners(box, degrees) if degrees else _corners(box)
    return [value for corner in corners for value in corner]


def _corners(box: list[Any]) -> list[Point]:
    x, y, w, h = box
    return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
