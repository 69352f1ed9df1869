"""What is predicted for a video or a task: sums that can be added, kept and shown."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.rules.box_statistics import fit_only_otherwise

if TYPE_CHECKING:
    from lightly_assets.encoding.encode import Encoded

BINS = 20
"""Of the score histogram: [0, 0.05), [0.05, 0.1), … [0.95, 1]."""


@dataclass(frozen=True, eq=False, slots=True)
class Statistics:
    """Sums over frames (or images) of a task; those of two parts can be added."""

    frames: int
    """All frames."""
    empty: int
    """Frames without a prediction."""
    counts: Mapping[int, int]
    """Predictions of each category id that was predicted, ascending by id."""
    scores: NDArray[np.int64]
    """(BINS,) predictions by score; a classification without score is in none."""
    boxes: int
    """Predictions that have a box."""
    clipped: int
    """Boxes that left the image and were cut."""
    dropped: int
    """Predictions of which too little was left to be written."""
    moved_keypoints: int
    """Keypoints that were moved to the image's edge."""
    as_corners: int = 0
    """Boxes that, as they were given, would fit their image if they were read as corners."""
    tiny: int = 0
    """Boxes with a side of less than two pixels."""
    whole: int = 0
    """Boxes over the whole image."""

    @classmethod
    def none(cls) -> Self:
        """Of no frame at all: where a sum begins."""
        return cls(0, 0, {}, np.zeros(BINS, dtype=np.int64), 0, 0, 0, 0)

    @property
    def predictions(self) -> int:
        return sum(self.counts.values())

    @property
    def per_frame(self) -> float:
        """Predictions a frame; 0 where there are no frames."""
        return self.predictions / self.frames if self.frames else 0.0

    @property
    def clipped_share(self) -> float:
        """Of the boxes, from 0 to 1; many say that boxes are not what the format means by them."""
        return self.clipped / self.boxes if self.boxes else 0.0

    @property
    def are_corners(self) -> bool:
        """Whether boxes are x1, y1, x2, y2: of what was given, not of what is left once boxes are cut."""
        return fit_only_otherwise(self.boxes + self.dropped, self.clipped + self.dropped, self.as_corners)

    @property
    def median_score(self) -> float | None:
        """To about the width of a bin; None where there are no scores."""
        total = int(self.scores.sum())
        if total == 0:
            return None
        sums = np.cumsum(self.scores)
        place = int(np.searchsorted(sums, total / 2))
        before = int(sums[place] - self.scores[place])
        return float((place + (total / 2 - before) / self.scores[place]) / BINS)

    def __add__(self, other: "Statistics") -> "Statistics":
        counts = Counter(self.counts)
        counts.update(other.counts)
        return Statistics(
            self.frames + other.frames,
            self.empty + other.empty,
            dict(sorted(counts.items())),
            self.scores + other.scores,
            self.boxes + other.boxes,
            self.clipped + other.clipped,
            self.dropped + other.dropped,
            self.moved_keypoints + other.moved_keypoints,
            self.as_corners + other.as_corners,
            self.tiny + other.tiny,
            self.whole + other.whole,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statistics) and self.to_json() == other.to_json()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, the same keys in the same order whatever was predicted."""
        return {
            "frames": self.frames,
            "frames_without_predictions": self.empty,
            "predictions": self.predictions,
            "predictions_per_frame": round(self.per_frame, 4),
            "counts": {str(category): count for category, count in sorted(self.counts.items())},
            "score_histogram": self.scores.tolist(),
            "boxes": self.boxes,
            "clipped_boxes": self.clipped,
            "clipped_share": round(self.clipped_share, 4),
            "dropped": self.dropped,
            "moved_keypoints": self.moved_keypoints,
            "boxes_as_corners": self.as_corners,
            "tiny_boxes": self.tiny,
            "whole_image_boxes": self.whole,
        }


class Tally:
    """Adds frames up one by one, cheaply."""

    def __init__(self) -> None:
        self._frames = self._empty = self._boxes = self._clipped = self._dropped = self._moved = 0
        self._as_corners = self._tiny = self._whole = 0
        self._counts: Counter[int] = Counter()
        self._scores = [0] * BINS

    def add(self, frame: "Encoded") -> None:
        self._frames += 1
        self._empty += not frame.singletons
        self._clipped += frame.clipped
        self._dropped += frame.dropped
        self._moved += frame.moved_keypoints
        self._as_corners += frame.as_corners
        self._tiny += frame.tiny
        self._whole += frame.whole
        for one in frame.singletons:
            self._counts[one["category_id"]] += 1
            self._boxes += "bbox" in one
            score = one.get("score")
            if score is not None:
                self._scores[min(int(score * BINS), BINS - 1)] += 1

    @property
    def statistics(self) -> Statistics:
        return Statistics(
            self._frames,
            self._empty,
            dict(sorted(self._counts.items())),
            np.array(self._scores, dtype=np.int64),
            self._boxes,
            self._clipped,
            self._dropped,
            self._moved,
            self._as_corners,
            self._tiny,
            self._whole,
        )


def to_record(statistics: Statistics) -> dict[str, Any]:
    """As small as it gets, for the record of an input: zeros are left out."""
    scores = {str(place): int(count) for place, count in enumerate(statistics.scores) if count}
    found = {
        "frames": statistics.frames,
        "singletons": statistics.predictions,
        "empty": statistics.empty,
        "boxes": statistics.boxes,
        "clipped": statistics.clipped,
        "dropped": statistics.dropped,
        "moved": statistics.moved_keypoints,
        "as_corners": statistics.as_corners,
        "tiny": statistics.tiny,
        "whole": statistics.whole,
        "counts": {str(category): count for category, count in statistics.counts.items()},
        "scores": scores,
    }
    return {name: value for name, value in found.items() if value}


def from_record(data: Mapping[str, Any]) -> Statistics | None:
    """What :func:`to_record` gave; None of an input that has none."""
    if not data.get("frames"):
        return None
    scores = np.zeros(BINS, dtype=np.int64)
    for place, count in data.get("scores", {}).items():
        scores[int(place)] = count
    names = ("boxes", "clipped", "dropped", "moved", "as_corners", "tiny", "whole")
    numbers = [int(data.get(name, 0)) for name in names]
    counts = {int(category): int(count) for category, count in data.get("counts", {}).items()}
    return Statistics(int(data["frames"]), int(data.get("empty", 0)), counts, scores, *numbers)
