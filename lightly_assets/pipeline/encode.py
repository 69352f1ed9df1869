"""From what a model said about an image to the singletons of its prediction file.

Thresholds, suppression, the category map and the clipping of boxes live here, so a change of them needs the
stored results only, not the model.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format import rle
from lightly_assets.format.boxes import EDGE_TOLERANCE, BoxPolicy, fit_boxes, fit_keypoints, xyxy_to_xywh
from lightly_assets.format.findings import RULES
from lightly_assets.format.schema import Schema
from lightly_assets.format.singleton_rules import Expected, SingletonRules
from lightly_assets.format.singletons import (
    PROBABILITY_TOLERANCE,
    classification_singletons,
    detection_singletons,
    instance_singletons,
    keypoint_singletons,
    semantic_singletons,
)
from lightly_assets.models.columns import pack
from lightly_assets.models.config import EncodeSettings
from lightly_assets.models.nms import suppress
from lightly_assets.models.results import (
    Classification,
    Detections,
    Keypoints,
    Ready,
    Result,
    ResultError,
    RunLengths,
    SemanticSegments,
    take,
)

# Raise it when the same result and settings give other bytes.
CODE_VERSION = 1

Singletons = list[dict[str, Any]]
_AS_GIVEN = EncodeSettings()


@dataclass(frozen=True)
class TaskSettings:
    """Everything that decides how a task's results are written."""

    schema: Schema
    encode: EncodeSettings = _AS_GIVEN
    boxes: BoxPolicy = "clip"
    """Whether boxes that leave the image are cut, or are errors."""
    tolerance: float = PROBABILITY_TOLERANCE
    """How far from 1 the sum of probabilities may be."""

    def hash(self) -> str:
        """A SHA-256; where it is the same, the same results are written as the same bytes."""
        parts = [
            self.schema.hash(),
            self.encode.model_dump(mode="json"),
            self.boxes,
            self.tolerance,
            CODE_VERSION,
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """The category ids, ascending."""
        return np.array(self.schema.ids, dtype=np.int64)

    @cached_property
    def class_map(self) -> dict[int, int] | None:
        """Class → category id; None where classes are ids already.

        Raises:
            ResultError: the map names an id that the schema does not have.
        """
        given = self.encode.category_map
        if given is not None:
            unknown = [one for one in given.values() if one not in self.schema.index_of]
            if unknown:
                raise ResultError(
                    f"category_map leads to {unknown[0]}; the schema has {_some(self.schema.ids)}."
                )
            return given
        if self.encode.by_position:
            first = self.encode.first_class
            return {first + place: category for place, category in enumerate(self.schema.ids)}
        return None

    @cached_property
    def channel_map(self) -> dict[int, int]:
        """Channel of a score volume → category id."""
        return self.encode.category_map or dict(enumerate(self.schema.ids))


@dataclass(frozen=True, slots=True)
class Encoded:
    """What is written about an image."""

    singletons: Singletons
    """Plain dicts in the specification's order of keys."""
    clipped: int = 0
    """Boxes that left the image and were cut."""
    dropped: int = 0
    """Boxes that were left smaller than a pixel, and masks without a pixel: not written."""
    moved_keypoints: int = 0
    """Keypoints outside of the image that were moved to its edge."""


def encode(result: Result | Singletons, settings: TaskSettings, width: int, height: int) -> Encoded:
    """The singletons of an image of ``width`` × ``height`` pixels.

    Raises:
        ValueError: what is wrong, in one sentence without task, input and frame.
    """
    if isinstance(result, list):
        result = Ready(result)
    packed = pack(result)
    return _ENCODERS[type(packed)](packed, settings, width, height)


def _classification(result: Classification, settings: TaskSettings, _width: int, _height: int) -> Encoded:
    category, score, probabilities = result.category_id, result.score, result.probabilities
    if category is not None:
        ids, kept = _mapped(np.array([category]), settings)
        if not kept.all():
            return Encoded([])
        category = int(ids[0])
    if probabilities is not None:
        probabilities = _mapped_probabilities(probabilities[None], settings)[0]
    singletons = classification_singletons(
        categories=settings.schema.ids,
        probabilities=probabilities,
        category_id=category,
        score=score,
        tolerance=settings.tolerance,
    )
    if score is not None:
        singletons[0]["score"] = _plain(score)
    if not settings.encode.probabilities:
        singletons[0].pop("probabilities", None)
    return Encoded([one for one in singletons if one["score"] >= settings.encode.score_threshold])


def _plain(score: Any) -> float:
    # A float32's own text is the shortest decimal that reads back as it.
    return float(str(score)) if isinstance(score, np.float32) else float(score)


def _detections(result: Detections, settings: TaskSettings, width: int, height: int) -> Encoded:
    chosen, ids = _chosen(result, settings)
    _check_frame(chosen.boxes, width, height)
    fitted = fit_boxes(xyxy_to_xywh(chosen.boxes), width, height, settings.boxes)
    chosen, ids = (chosen, ids) if fitted.kept.all() else (take(chosen, fitted.kept), ids[fitted.kept])
    common: dict[str, Any] = {"categories": settings.schema.ids, "tolerance": settings.tolerance}
    probabilities = _object_probabilities(chosen, settings)
    if not isinstance(chosen.masks, RunLengths) or settings.schema.task_type != "instance-segmentation":
        singletons = detection_singletons(fitted.xywh, chosen.scores, ids, probabilities, **common)
        return Encoded(singletons, fitted.clipped, fitted.dropped)
    filled = np.array([len(counts) > 1 for counts in chosen.masks.counts], dtype=np.bool_)
    boxes = fitted.xywh
    if not filled.all():
        chosen, ids, boxes = take(chosen, filled), ids[filled], boxes[filled]
        probabilities = None if probabilities is None else probabilities[filled]
    masks = chosen.masks.counts
    size: dict[str, Any] = {"height": height, "width": width}
    singletons = instance_singletons(masks, chosen.scores, ids, boxes, probabilities, **size, **common)
    return Encoded(singletons, fitted.clipped, fitted.dropped + int((~filled).sum()))


def _keypoints(result: Keypoints, settings: TaskSettings, width: int, height: int) -> Encoded:
    chosen, ids = _chosen(result, settings)
    clipped = dropped = 0
    boxes = None
    if chosen.boxes is not None:
        _check_frame(chosen.boxes, width, height)
        fitted = fit_boxes(xyxy_to_xywh(chosen.boxes), width, height, settings.boxes)
        clipped, dropped, boxes = fitted.clipped, fitted.dropped, fitted.xywh
        if dropped:
            chosen, ids = take(chosen, fitted.kept), ids[fitted.kept]
    points, moved = _fitted_points(chosen.keypoints, width, height)
    if moved and settings.boxes == "strict":
        raise ResultError(
            f"{moved} keypoints lie outside of the {width}×{height} image; 'boxes: clip' moves them."
        )
    singletons = keypoint_singletons(
        points,
        chosen.scores,
        ids,
        boxes,
        _object_probabilities(chosen, settings),
        categories=settings.schema.ids,
        tolerance=settings.tolerance,
    )
    return Encoded(singletons, clipped, dropped, moved)


def _fitted_points(keypoints: Any, width: int, height: int) -> tuple[Any, int]:
    if not isinstance(keypoints, tuple):
        return fit_keypoints(keypoints, width, height)
    fitted = [fit_keypoints(one, width, height) for one in keypoints]
    return [points for points, _ in fitted], sum(moved for _, moved in fitted)


def _semantic(result: SemanticSegments, settings: TaskSettings, width: int, height: int) -> Encoded:
    if result.size != (height, width):
        raise ResultError(
            f"the masks are {result.size[1]}×{result.size[0]} pixels, but the image is {width}×{height}."
        )
    scores = result.medians if settings.encode.reduce == "median" else result.means
    ids, kept = _mapped(result.classes, settings, channels=result.channels)
    kept &= scores >= settings.encode.score_threshold
    found: dict[int, list[int]] = {}
    for place in np.flatnonzero(kept):
        found.setdefault(int(ids[place]), []).append(int(place))
    masks, values = [], np.empty(len(found), dtype=scores.dtype)
    ordered = sorted(found)
    for row, category in enumerate(ordered):
        counts, values[row] = _united(result.masks, scores, found[category])
        masks.append(counts)
    singletons = semantic_singletons(
        masks,
        values,
        np.array(ordered, dtype=np.int64),
        height=height,
        width=width,
        categories=settings.schema.ids,
        tolerance=settings.tolerance,
    )
    return Encoded(singletons)


def _united(masks: RunLengths, scores: NDArray[Any], places: list[int]) -> tuple[Any, Any]:
    """One mask and its score from several that do not overlap; scores are weighted by area."""
    if len(places) == 1:
        return masks.counts[places[0]], scores[places[0]]
    spans = [rle.one_runs(masks.counts[place]) for place in places]
    starts = np.sort(np.concatenate([start for start, _ in spans]))
    stops = np.sort(np.concatenate([stop for _, stop in spans]))
    apart = starts[1:] != stops[:-1]
    edges = np.stack([starts[np.append(True, apart)], stops[np.append(apart, True)]], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=masks.height * masks.width)
    areas = [rle.area(masks.counts[place]) for place in places]
    score = np.average(scores[places].astype(np.float64), weights=areas)
    return counts[:-1] if counts[-1] == 0 else counts, score


def _ready(result: Ready, settings: TaskSettings, width: int, height: int) -> Encoded:
    """Singletons as they are, once they are found valid; only boxes that leave the image are cut."""
    given = settings.encode
    singletons = [one for one in result.singletons if _score(one) >= given.score_threshold]
    if given.category_map is not None:
        singletons = _renamed(singletons, settings.class_map or {})
    rules = SingletonRules(settings.schema, Expected(None, width, height), None)
    clipped = dropped = 0
    written: Singletons = []
    for index, one in enumerate(singletons):
        fitted = _fitted_bbox(one, settings, width, height, index)
        if fitted is None:
            dropped += 1
            continue
        clipped += fitted is not one
        for rule, pointer, message in rules.problems(fitted):
            if RULES[rule].severity == "error":
                raise ResultError(f"prediction {index}{pointer}: {message}")
        written.append(fitted)
    return Encoded(_suppressed(written, given), clipped, dropped)


def _score(singleton: dict[str, Any]) -> float:
    """The score, as far as it is one; the rules say what is wrong with others."""
    score = singleton.get("score")
    return score if isinstance(score, int | float) else 1.0


def _renamed(singletons: Singletons, known: dict[int, int]) -> Singletons:
    """With the category map applied; predictions of other classes are left out."""
    pairs = [(one, one.get("category_id")) for one in singletons]
    return [one | {"category_id": known[old]} for one, old in pairs if isinstance(old, int) and old in known]


def _fitted_bbox(
    singleton: dict[str, Any], settings: TaskSettings, width: int, height: int, index: int
) -> dict[str, Any] | None:
    """The singleton itself where its box lies in the image; None where nothing of the box is left."""
    bbox = singleton.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(type(one) in (int, float) for one in bbox):
        return singleton
    x, y, w, h = bbox
    inside = x >= 0 and y >= 0 and x + w <= width + EDGE_TOLERANCE and y + h <= height + EDGE_TOLERANCE
    if (inside and w >= 1 and h >= 1) or w < 0 or h < 0:
        return singleton
    _check_frame(np.array([[x, y, x + w, y + h]], dtype=np.float64), width, height)
    if settings.boxes == "strict":
        raise ResultError(
            f"prediction {index}: bbox is {bbox}, but x, y ≥ 0, w, h ≥ 1 and it must lie in the image of "
            f"{width}×{height} pixels; 'boxes: clip' would cut such boxes."
        )
    left, top = max(x, 0), max(y, 0)
    cut = [left, top, min(x + w, width) - left, min(y + h, height) - top]
    return singleton | {"bbox": cut} if cut[2] >= 1 and cut[3] >= 1 else None


def _suppressed(singletons: Singletons, settings: EncodeSettings) -> Singletons:
    most = settings.max_detections
    if settings.nms_iou is not None and all("bbox" in one and "score" in one for one in singletons):
        xywh = np.array([one["bbox"] for one in singletons], dtype=np.float64).reshape(-1, 4)
        boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
        scores = np.array([one["score"] for one in singletons], dtype=np.float64)
        classes = np.array([one["category_id"] for one in singletons], dtype=np.int64)
        singletons = [
            singletons[place]
            for place in suppress(boxes, scores, _by_class(classes, settings), settings.nms_iou)
        ]
    if most is None or len(singletons) <= most:
        return singletons
    by_score = sorted(range(len(singletons)), key=lambda place: -_score(singletons[place]))
    return [singletons[place] for place in sorted(by_score[:most])]


def _by_class(classes: NDArray[Any], settings: EncodeSettings) -> NDArray[Any] | None:
    return classes if settings.nms == "per-category" else None


def _chosen(result: Any, settings: TaskSettings) -> tuple[Any, NDArray[np.int64]]:
    """The objects that are written, and their category ids: threshold, map, suppression, the best so many."""
    given = settings.encode
    kept = result.scores >= given.score_threshold
    if not kept.all():
        result = take(result, kept)
    ids, known = _mapped(result.category_ids, settings)
    if not known.all():
        result, ids = take(result, known), ids[known]
    order: NDArray[np.intp] | None = None
    if given.nms_iou is not None and result.boxes is not None:
        order = suppress(result.boxes, result.scores, _by_class(ids, given), given.nms_iou)[
            : given.max_detections
        ]
    elif given.max_detections is not None and len(ids) > given.max_detections:
        order = np.sort(np.argsort(-result.scores, kind="stable")[: given.max_detections])
    return (result, ids) if order is None else (take(result, order), ids[order])


def _mapped(
    classes: NDArray[Any], settings: TaskSettings, channels: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Category ids of classes, and which classes have one."""
    known = settings.channel_map if channels else settings.class_map
    if known is None:
        return classes.astype(np.int64), np.ones(len(classes), dtype=np.bool_)
    ids = np.array([known.get(one, -1) for one in classes.tolist()], dtype=np.int64)
    kept = ids >= 0
    if settings.encode.category_map is None and not kept.all():
        bad = int(classes[~kept][0])
        raise ResultError(
            f"the model said class {bad}, but the task has {len(settings.ids)} categories; say with "
            "category_map which class is which category id (others are left out)."
        )
    return ids, kept


def _object_probabilities(result: Any, settings: TaskSettings) -> NDArray[Any] | None:
    if result.probabilities is None or not settings.encode.probabilities:
        return None
    return _mapped_probabilities(result.probabilities, settings)


def _mapped_probabilities(probabilities: NDArray[Any], settings: TaskSettings) -> NDArray[Any]:
    """(N, classes) as (N, categories): classes of one category are added, the rest is what is left out.

    What the categories have is scaled up to 1, so that it says how they share the object.
    """
    known = settings.encode.category_map
    if known is None or not len(probabilities):
        return probabilities
    classes = [one for one in known if 0 <= one < probabilities.shape[1]]
    places = [settings.schema.index_of[known[one]] for one in classes]
    shares = np.zeros((len(probabilities), len(settings.ids)), dtype=np.float64)
    for one, place in zip(classes, places, strict=True):
        shares[:, place] += probabilities[:, one]
    sums = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, sums, out=np.full_like(shares, 1 / shares.shape[1]), where=sums > 0)
    mapped: NDArray[Any] = shares.astype(probabilities.dtype)
    return mapped


def _check_frame(boxes: NDArray[Any], width: int, height: int) -> None:
    """Boxes a little outside are cut. One that is a whole image away was made for another image."""
    if not len(boxes):
        return
    far = (
        (boxes[:, 0] >= 2 * width)
        | (boxes[:, 1] >= 2 * height)
        | (boxes[:, 2] <= -width)
        | (boxes[:, 3] <= -height)
    )
    if far.any():
        index = int(np.flatnonzero(far)[0])
        box = [round(float(one), 2) for one in boxes[index]]
        raise ResultError(
            f"prediction {index}: the box {box} (x1, y1, x2, y2) is far outside of the {width}×{height} "
            "image; coordinates must be pixels of the image that the model got."
        )


def _some(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values[:10])) + (", …" if len(values) > 10 else "")


_ENCODERS: dict[type, Callable[[Any, TaskSettings, int, int], Encoded]] = {
    Classification: _classification,
    Detections: _detections,
    Keypoints: _keypoints,
    SemanticSegments: _semantic,
    Ready: _ready,
}
