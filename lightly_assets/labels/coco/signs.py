"""Signs that the numbers of a label file are not what their keys say: another unit, another order."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.rules.well_formed import is_number
from lightly_assets.labels.coco.settings import CocoSettings
from lightly_assets.labels.errors import LabelsError

# Keys of a turned box whose unit, direction or pivot nobody says; ``rotation`` is CVAT's.
_TURNS = ("angle", "theta", "rotation_angle", "box_angle")
# Sums of rounded probabilities are a little above 1.
_ROUNDING = 0.01
# Stands for no score at all; of the others it says nothing.
_NONE = -1
# Detectron2's name and number for x, y, width, height.
_XYWH = (1, "XYWH_ABS", "BoxMode.XYWH_ABS")
_XYXY = (0, "XYXY_ABS", "BoxMode.XYXY_ABS")
_KNOWN = frozenset({*_TURNS, "bbox_mode"})


@dataclass
class Signs:
    """Counts over all objects of a file."""

    scores: int = 0
    beyond: int = 0
    """Scores that are none in [0, 1], whatever their scale."""
    beyond_example: float = 0.0
    turns: Counter[str] = field(default_factory=Counter)
    """Boxes with a key that may turn them, by that key."""
    modes: Counter[Any] = field(default_factory=Counter)
    """Boxes that say what their four numbers are."""
    areas: int = 0
    """Boxes with an ``area``, among those that could be corners."""
    areas_of_corners: int = 0
    """Those whose ``area`` is that between two corners, and not width × height."""
    points: dict[Any, Counter[int]] = field(default_factory=dict)
    """How many keypoints objects have, by category."""

    def add_scores(self, rows: list[dict[str, Any]]) -> None:
        """Counts scores of objects."""
        scores = [row["score"] for row in rows if "score" in row]
        if not scores:
            return
        try:
            least, most = min(scores), max(scores)
        except TypeError:  # null, texts and lists
            scores = [one for one in scores if is_number(one)]
            least, most = min(scores, default=0), max(scores, default=0)
        if not all(type(one) in (int, float) for one in (least, most)):
            scores = [one for one in scores if is_number(one)]
        self.scores += len(scores)
        if scores and (least < -_ROUNDING or most > 1 + _ROUNDING):
            beyond = [one for one in scores if not -_ROUNDING <= one <= 1 + _ROUNDING and one != _NONE]
            self.beyond += len(beyond)
            self.beyond_example = self.beyond_example or next(iter(beyond), 0.0)

    def add_keys(self, row: dict[str, Any]) -> None:
        """Counts what an object says about its box."""
        if row.keys().isdisjoint(_KNOWN):
            return
        for key in _TURNS:
            self.turns[key] += is_number(row.get(key)) and row[key] != 0
        mode = row.get("bbox_mode")
        if isinstance(mode, str | int):
            self.modes[mode] += 1

    def add_points(self, row: dict[str, Any]) -> None:
        """Counts the keypoints of an object."""
        points, category = row.get("keypoints"), row.get("category_id")
        if isinstance(points, list) and isinstance(category, str | int | float):
            self.points.setdefault(category, Counter())[len(points) // 3] += 1

    def add_areas(self, rows: list[dict[str, Any]], boxes: NDArray[np.float64]) -> None:
        """Compares ``area`` with (N, 4) boxes; of an object with a mask it is the mask's."""
        x, y, w, h = boxes.T
        for place in np.flatnonzero((w > x) & (h > y) & (x + y > 0)).tolist():
            area = rows[place].get("area")
            if not is_number(area) or not area > 0 or rows[place].get("segmentation"):
                continue
            across, down, width, height = boxes[place].tolist()
            tolerance = 0.01 * area + 0.5
            self.areas += 1
            self.areas_of_corners += (
                abs(area - width * height) > tolerance
                and abs(area - (width - across) * (height - down)) <= tolerance
            )

    def check(self, file: str) -> None:
        """Refuses scores of another scale, whatever the task.

        Raises:
            LabelsError: so they are.
        """
        if self.beyond:
            hint = ": divide percentages by 100" if 1 < self.beyond_example <= 100 else ""
            raise LabelsError(
                f"{file}: {self.beyond:,} of {self.scores:,} scores are not in [0, 1], such as "
                f"{self.beyond_example:g}, so the others may be of another scale, too; bring all into "
                f"[0, 1]{hint}."
            )

    def check_boxes(self, settings: CocoSettings, file: str, *, has_format: bool) -> None:
        """Refuses boxes that are turned or in another order.

        Args:
            settings: how boxes are read.
            file: for messages.
            has_format: whether the caller can say ``box_format`` of this file.

        Raises:
            LabelsError: so they are.
        """
        if turned := +self.turns:
            key, count = turned.most_common(1)[0]
            raise LabelsError(
                f"{file}: {count:,} objects have '{key}', so their boxes may be turned, and nothing says in "
                "which unit and about which point; write the upright box around each as bbox and remove the "
                "key."
            )
        wrong = set(self.modes) - set(_XYXY if settings.box_format == "xyxy" else _XYWH)
        if wrong:
            mode = min(wrong, key=str)
            what = (
                corners_advice(has_format=has_format)
                if mode in _XYXY
                else "write x, y, width, height in pixels"
            )
            raise LabelsError(f"{file}: boxes have the bbox_mode {mode}; {what}, or remove the key.")
        # A few are so by chance, where the areas are those of masks that the file leaves out.
        if settings.box_format == "xywh" and 2 * self.areas_of_corners > self.areas:
            raise LabelsError(
                f"{file}: the area of {self.areas_of_corners:,} boxes is that between two corners x1, y1, "
                f"x2, y2, and not width times height; {corners_advice(has_format=has_format)}, else correct "
                "the areas."
            )

    def wrong_points(self, declared: dict[Any, int]) -> str:
        """What is wrong with the numbers of keypoints; empty where a category's objects have all as many.

        Args:
            declared: how many keypoints categories say they have.
        """
        for category, counts in self.points.items():
            wanted = declared.get(category)
            if wanted is not None and set(counts) != {wanted}:
                other = next(one for one in counts if one != wanted)
                return (
                    f"{counts[other]:,} objects of the category {category} have {other} keypoints, but it "
                    f"names {wanted}; write all of them for each object, 0, 0, 0 where one is not labelled."
                )
            if len(counts) > 1:
                few, many = sorted(counts)[:2]
                return (
                    f"objects of the category {category} have {few} and {many} keypoints; all must have the "
                    "same ones in one order: write 0, 0, 0 for those that are not labelled."
                )
        return ""


def corners_advice(*, has_format: bool) -> str:
    """What to do about boxes that are corners."""
    if has_format:
        return "if they are corners say box_format: xyxy (--box-format xyxy of import-coco)"
    return "write x, y, width, height"
