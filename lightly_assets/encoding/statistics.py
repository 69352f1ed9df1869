"""What is predicted for a video or a task, and whether that differs much from the last time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.schema import Schema

if TYPE_CHECKING:
    from lightly_assets.encoding.encode import Encoded

BINS = 20
"""Of the score histogram: [0, 0.05), [0.05, 0.1), … [0.95, 1]."""

ENOUGH = 200
"""With fewer predictions nothing is said about a shift."""
SHIFT = 0.25
"""A population stability index above it is a strong shift."""
FACTOR = 3.0
"""So many times more or fewer predictions a frame are a strong shift, too."""


CORNERS = "Boxes look like corners (x1, y1, x2, y2); the format wants x, y, width, height."

MANY_CLIPPED = 50
CLIPPED_SHARE = 0.3
"""More cut boxes than both are worth a look: objects do leave the picture, but not that often."""


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
        """Whether boxes are x1, y1, x2, y2: a tenth or more (and two) leave their image, and 99 % would fit
        as corners. Of what was given, not of what is left once boxes are cut."""
        given = self.boxes + self.dropped
        return self.clipped + self.dropped >= max(2, given / 10) and self.as_corners >= 0.99 * given

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
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` gave.

        Raises:
            ValueError: it is something else, such as the statistics of a version with other bins.
        """
        try:
            found = cls(
                frames=int(data["frames"]),
                empty=int(data["frames_without_predictions"]),
                counts={int(category): int(count) for category, count in data["counts"].items()},
                scores=np.array(data["score_histogram"], dtype=np.int64),
                boxes=int(data["boxes"]),
                clipped=int(data["clipped_boxes"]),
                dropped=int(data["dropped"]),
                moved_keypoints=int(data["moved_keypoints"]),
                as_corners=int(data.get("boxes_as_corners", 0)),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"These are no statistics of predictions: {error!r}.") from None
        if found.scores.shape != (BINS,):
            raise ValueError(f"score_histogram has the shape {found.scores.shape}; it must be ({BINS},).")
        return found


class Tally:
    """Adds frames up one by one, cheaply."""

    def __init__(self) -> None:
        self._frames = self._empty = self._boxes = self._clipped = self._dropped = self._moved = 0
        self._as_corners = 0
        self._counts: Counter[int] = Counter()
        self._scores = [0] * BINS

    def add(self, frame: "Encoded") -> None:
        self._frames += 1
        self._empty += not frame.singletons
        self._clipped += frame.clipped
        self._dropped += frame.dropped
        self._moved += frame.moved_keypoints
        self._as_corners += frame.as_corners
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
    numbers = [int(data.get(name, 0)) for name in ("boxes", "clipped", "dropped", "moved", "as_corners")]
    counts = {int(category): int(count) for category, count in data.get("counts", {}).items()}
    return Statistics(int(data["frames"]), int(data.get("empty", 0)), counts, scores, *numbers)


def oddities(previous: Statistics, now: Statistics) -> list[str]:
    """What a person should look at, one sentence each; ``previous`` may be of no frame at all."""
    found = []
    if previous.frames and (text := shifted(previous, now)):
        found.append(text)
    if now.are_corners:
        found.append(CORNERS)
    elif now.clipped >= MANY_CLIPPED and now.clipped_share > CLIPPED_SHARE:
        found.append(
            f"{now.clipped:,} of {now.boxes:,} boxes left their image and were cut; are they x, y, width, "
            "height in pixels of the frame as it was decoded?"
        )
    return found


def statistics_of(frames: Iterable["Encoded"]) -> Statistics:
    """The sums over what is written about some frames."""
    number = empty = boxes = clipped = dropped = moved = as_corners = 0
    categories: list[int] = []
    scores: list[float] = []
    for frame in frames:
        number += 1
        empty += not frame.singletons
        clipped, dropped = clipped + frame.clipped, dropped + frame.dropped
        moved, as_corners = moved + frame.moved_keypoints, as_corners + frame.as_corners
        for one in frame.singletons:
            categories.append(one["category_id"])
            boxes += "bbox" in one
            if one.get("score") is not None:
                scores.append(one["score"])
    histogram = np.histogram(np.array(scores, dtype=np.float64), bins=BINS, range=(0, 1))[0]
    counts = dict(sorted(Counter(categories).items()))
    sums = boxes, clipped, dropped, moved, as_corners
    return Statistics(number, empty, counts, histogram.astype(np.int64), *sums)


def shift(previous: Statistics, now: Statistics) -> float:
    """The population stability index between two score distributions: 0 where they are the same.

    It is Σ (q - p) · ln(q / p) over ten bins of scores, p and q being the shares of predictions in a bin.
    Half a prediction is added to each bin, so that empty ones count little and never are a division by 0.
    """
    shares = []
    for one in (previous, now):
        coarse = one.scores.reshape(-1, 2).sum(axis=1) + 0.5
        shares.append(coarse / coarse.sum())
    before, after = shares
    return float(((after - before) * np.log(after / before)).sum())


def shifted(previous: Statistics, now: Statistics) -> str | None:
    """A sentence where a task says something quite different about the same input; None where it does not.

    A new model, new thresholds or a replaced video are meant to change predictions, and nothing here blocks
    them. What a person wants to hear of is a change that looks like an accident: an export without its
    sigmoid, pictures in the wrong channel order, a threshold in per cent.

    Why the population stability index, and 0.25: it is symmetric, knows no shape of distribution, needs only
    histograms, which are kept and can be added, and is what those who watch models in production compare
    with 0.1 (small) and 0.25 (large). A test of significance would not do: with the hundreds of thousands of
    predictions of a video every harmless change is significant. Why 200 predictions on both sides, and ten
    bins: samples of one and the same distribution differ, by (bins - 1) · (1/n + 1/m) on average. With ten
    bins and 200 predictions that is 0.09 ± 0.04, so that chance reaches 0.25 about twice in a thousand; with
    twenty bins it would be 0.19 ± 0.06. Frames that follow each other show the same objects, so predictions
    count for less than their number; but both sides have seen the same input.

    Scores say nothing where a model suddenly finds nothing, or everything. So three times more or fewer
    predictions a frame are said as well, where one of both sides has 200.
    """
    before, after = previous.per_frame, now.per_frame
    many = max(previous.predictions, now.predictions) >= ENOUGH and previous.frames and now.frames
    if many and max(before, after) > FACTOR * min(before, after):
        return (
            f"There are {after:.2f} predictions a frame, and there were {before:.2f} before "
            f"({now.predictions:,} in {now.frames:,} frames, {previous.predictions:,} in "
            f"{previous.frames:,} before); look at the pictures before these predictions are used."
        )
    if min(int(previous.scores.sum()), int(now.scores.sum())) < ENOUGH:
        return None
    index = shift(previous, now)
    if index <= SHIFT:
        return None
    return (
        f"Scores differ strongly from those before: the median is about {now.median_score:.2f} and was about "
        f"{previous.median_score:.2f} (population stability index {index:.2f}, above {SHIFT}); "
        "look at the pictures before these predictions are used."
    )


def never_predicted(counts: Mapping[int, int], schema: Schema) -> list[str]:
    """The names of the schema's categories that have no prediction, in the schema's order."""
    return [schema.names[category] for category in schema.ids if not counts.get(category)]
