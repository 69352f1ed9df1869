"""Prediction singletons: their five models, and builders from arrays.

Source: the specification's "Prediction Format" and "Prediction Singletons". The models validate what somebody
else wrote, one at a time, with clear errors. The builders make many plain dicts at once, in the page's key
order, and cost microseconds.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator

from lightly_assets.errors import BadValue
from lightly_assets.format import rle
from lightly_assets.format.arrays import as_numpy, plain_numbers
from lightly_assets.format.rules.messages import first_problem
from lightly_assets.format.schema import TaskType
from lightly_assets.format.strict_json import parse_json

# How far from 1 the sum of probabilities may be. Sums closer than float32 rounds are left alone.
PROBABILITY_TOLERANCE = 1e-3
_ROUNDING = 1e-6

CategoryId = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Position = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Side = Annotated[float, Field(ge=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
# Only the pair of brackets is lenient: JSON has lists, and no tuples.
Bbox = Annotated[tuple[Position, Position, Side, Side], Strict(strict=False)]

Columns = list[list[Any]]


class Singleton(BaseModel):
    """What all five have in common. Unknown keys are refused, as the platform refuses them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    category_id: CategoryId


class ClassificationSingleton(Singleton):
    """The class of an image."""

    score: Share | None = None
    probabilities: list[Share] | None = None


class DetectionSingleton(Singleton):
    """An object and its box: x, y, w, h in pixels from the top left corner."""

    bbox: Bbox
    score: Share
    probabilities: list[Share] | None = None


class KeypointSingleton(Singleton):
    """An object's keypoints as flat x, y, s triples: pixels, and a score in [0, 1]."""

    keypoints: Annotated[list[Position], Field(min_length=3)]
    score: Share
    bbox: Bbox | None = None
    probabilities: list[Share] | None = None

    @model_validator(mode="after")
    def _triples(self) -> "KeypointSingleton":
        if len(self.keypoints) % 3:
            raise BadValue(
                f"keypoints has {len(self.keypoints)} numbers; it must be x, y, s for each keypoint"
            )
        for index, score in enumerate(self.keypoints[2::3]):
            if score > 1:
                raise BadValue(f"the score of keypoint {index} is {score:g}; it must be in [0, 1]")
        return self


class InstanceSegmentationSingleton(Singleton):
    """An object's mask as row-major run lengths over the whole image, and its box."""

    segmentation: Annotated[list[Count], Field(min_length=1)]
    score: Share
    bbox: Bbox
    probabilities: list[Share] | None = None


class SemanticSegmentationSingleton(Singleton):
    """The mask of one category as row-major run lengths over the whole image; no box."""

    segmentation: Annotated[list[Count], Field(min_length=1)]
    score: Share
    probabilities: list[Share] | None = None


SINGLETONS: dict[TaskType, type[Singleton]] = {
    TaskType.CLASSIFICATION: ClassificationSingleton,
    TaskType.OBJECT_DETECTION: DetectionSingleton,
    TaskType.KEYPOINT_DETECTION: KeypointSingleton,
    TaskType.INSTANCE_SEGMENTATION: InstanceSegmentationSingleton,
    TaskType.SEMANTIC_SEGMENTATION: SemanticSegmentationSingleton,
}

S = TypeVar("S", bound=Singleton)


class PredictionFile(BaseModel, Generic[S]):
    """The predictions of one image or one frame. ``file_name`` is the image's key."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    file_name: Annotated[str, Field(min_length=1)]
    predictions: list[S]


PREDICTION_FILES: dict[TaskType, type[PredictionFile[Any]]] = {
    TaskType.CLASSIFICATION: PredictionFile[ClassificationSingleton],
    TaskType.OBJECT_DETECTION: PredictionFile[DetectionSingleton],
    TaskType.KEYPOINT_DETECTION: PredictionFile[KeypointSingleton],
    TaskType.INSTANCE_SEGMENTATION: PredictionFile[InstanceSegmentationSingleton],
    TaskType.SEMANTIC_SEGMENTATION: PredictionFile[SemanticSegmentationSingleton],
}


def parse_prediction_file(task_type: TaskType, source: bytes | dict[str, Any], name: str = "the file") -> Any:
    """A prediction file as its model, without the context that only the schema and the image give.

    Raises:
        BadValue: one sentence with file, field, value and what is allowed.
    """
    data = parse_json(source, name) if isinstance(source, bytes) else source
    try:
        return PREDICTION_FILES[task_type].model_validate(data)
    except ValidationError as error:
        raise BadValue(f"{name}: {first_problem(error)}") from None


def classification_singletons(
    *,
    categories: Sequence[int],
    probabilities: Any = None,
    category_id: int | None = None,
    score: float | None = None,
    tolerance: float = PROBABILITY_TOLERANCE,
) -> list[dict[str, Any]]:
    """The one singleton of an image, from (C,) probabilities, or from a category and its score, or from both.

    The category defaults to the most probable one, the score to the probability of the category.

    Args:
        categories: the schema's ids, ascending.

    Raises:
        BadValue: one sentence about the field, without the file's name.
    """
    if probabilities is None:
        if category_id is None or score is None:
            raise BadValue("a classification needs probabilities, or a category_id and a score.")
        ids = _category_ids([category_id], 1, categories)
        return [{"category_id": ids[0], "score": _scores([score], 1)[0]}]
    vector = _probabilities(as_numpy(probabilities)[None], 1, categories, tolerance)[0]
    index = int(np.argmax(vector)) if category_id is None else _index_of(category_id, categories)
    chosen_score = vector[index] if score is None else _scores([score], 1)[0]
    return [{"category_id": int(categories[index]), "score": chosen_score, "probabilities": vector}]


def detection_singletons(
    xywh: Any,
    scores: Any,
    category_ids: Any,
    probabilities: Any = None,
    *,
    categories: Sequence[int],
    tolerance: float = PROBABILITY_TOLERANCE,
) -> list[dict[str, Any]]:
    """One singleton per object, from (N, 4) boxes, (N,) scores, (N,) category ids and (N, C) probabilities.

    Boxes must lie as the format wants them; :func:`~lightly_assets.format.boxes.fit_boxes` cuts them.

    Raises:
        BadValue: one sentence that names the prediction by its index, without the file's name.
    """
    count = len(scores)
    boxes = _boxes(xywh, count)
    columns: Columns = [_category_ids(category_ids, count, categories), boxes, _scores(scores, count)]
    keys = ["category_id", "bbox", "score"]
    return _rows(keys, columns, probabilities, count, categories, tolerance)


def keypoint_singletons(
    keypoints: Any,
    scores: Any,
    category_ids: Any,
    bboxes: Any = None,
    probabilities: Any = None,
    *,
    categories: Sequence[int],
    tolerance: float = PROBABILITY_TOLERANCE,
) -> list[dict[str, Any]]:
    """One singleton per object, from (N, K, 3) keypoints or N arrays (K_i, 3) of x, y, score.

    Without ``bboxes`` (N, 4) no box is written; the platform infers it.

    Raises:
        BadValue: as :func:`detection_singletons`.
    """
    count = len(scores)
    columns: Columns = [
        _category_ids(category_ids, count, categories),
        _keypoints(keypoints, count),
        _scores(scores, count),
    ]
    keys = ["category_id", "keypoints", "score"]
    if bboxes is not None:
        keys.append("bbox")
        columns.append(_boxes(bboxes, count))
    return _rows(keys, columns, probabilities, count, categories, tolerance)


def instance_singletons(
    segmentations: Sequence[Any],
    scores: Any,
    category_ids: Any,
    bboxes: Any = None,
    probabilities: Any = None,
    *,
    height: int,
    width: int,
    categories: Sequence[int],
    tolerance: float = PROBABILITY_TOLERANCE,
) -> list[dict[str, Any]]:
    """One singleton per object, from N masks (H, W) or N lists of row-major run lengths.

    Without ``bboxes`` (N, 4) each box is the tight one around its mask.

    Raises:
        BadValue: as :func:`detection_singletons`; also where a mask has no pixel and no box is given.
    """
    count = len(scores)
    masks = _segmentations(segmentations, count, height, width)
    boxes = _tight_boxes(masks, width) if bboxes is None else _boxes(bboxes, count)
    columns: Columns = [_category_ids(category_ids, count, categories), masks, _scores(scores, count), boxes]
    keys = ["category_id", "segmentation", "score", "bbox"]
    return _rows(keys, columns, probabilities, count, categories, tolerance)


def semantic_singletons(
    segmentations: Sequence[Any],
    scores: Any,
    category_ids: Any,
    probabilities: Any = None,
    *,
    height: int,
    width: int,
    categories: Sequence[int],
    tolerance: float = PROBABILITY_TOLERANCE,
) -> list[dict[str, Any]]:
    """One singleton per category, from masks (H, W) or lists of row-major run lengths.

    Raises:
        BadValue: as :func:`detection_singletons`.
    """
    count = len(scores)
    columns: Columns = [
        _category_ids(category_ids, count, categories),
        _segmentations(segmentations, count, height, width),
        _scores(scores, count),
    ]
    keys = ["category_id", "segmentation", "score"]
    return _rows(keys, columns, probabilities, count, categories, tolerance)


def _rows(
    keys: list[str],
    columns: Columns,
    probabilities: Any,
    count: int,
    categories: Sequence[int],
    tolerance: float,
) -> list[dict[str, Any]]:
    if probabilities is not None:
        keys = [*keys, "probabilities"]
        columns = [*columns, _probabilities(as_numpy(probabilities), count, categories, tolerance)]
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def _category_ids(values: Any, count: int, categories: Sequence[int]) -> list[int]:
    array = as_numpy(values)
    if array.shape != (count,):
        raise BadValue(
            f"category_ids have the shape {array.shape}; there are {count} scores, so it must be ({count},)."
        )
    if count and array.dtype.kind not in "iu":
        raise BadValue(f"category_ids are {array.dtype}; they must be integers.")
    ids: list[int] = array.tolist()
    if not set(ids).issubset(categories):
        known = set(categories)
        index = next(index for index, value in enumerate(ids) if value not in known)
        _index_of(ids[index], categories, f"prediction {index}: ")
    return ids


def _index_of(category_id: int, categories: Sequence[int], where: str = "") -> int:
    try:
        return list(categories).index(category_id)
    except ValueError:
        shown = ", ".join(str(known) for known in categories[:10]) + (", …" if len(categories) > 10 else "")
        raise BadValue(f"{where}category_id is {category_id}; the schema has {shown}.") from None


def _scores(values: Any, count: int) -> list[float]:
    array = as_numpy(values)
    if array.shape != (count,):
        raise BadValue(f"scores have the shape {array.shape}; it must be ({count},).")
    return plain_numbers(_shares(array, "score"))


def _shares(array: NDArray[Any], field: str) -> NDArray[Any]:
    """Values in [0, 1]; what float32 arithmetic overshoots is cut."""
    if array.size == 0:
        return array
    low, high = array.min(), array.max()
    if low >= 0 and high <= 1:
        return array
    bad = ~((array >= -_ROUNDING) & (array <= 1 + _ROUNDING))
    if bad.any():
        place = np.argwhere(bad)[0]
        raise BadValue(
            f"prediction {place[0]}: {field} is {array[tuple(place)]}; it must be a number in [0, 1]."
        )
    return np.asarray(np.clip(array, 0, 1))


def _probabilities(
    array: NDArray[Any], count: int, categories: Sequence[int], tolerance: float
) -> list[list[float]]:
    if array.shape != (count, len(categories)) and (count or array.size):
        raise BadValue(
            f"probabilities have the shape {array.shape}; there are {count} predictions and "
            f"{len(categories)} categories, so it must be ({count}, {len(categories)})."
        )
    array = _shares(array, "a probability")
    sums = array.sum(axis=-1, dtype=np.float64)
    off = np.abs(sums - 1)
    if count and off.max() > _ROUNDING:
        # Stored decimals may miss the tolerance's edge by a rounding.
        if off.max() > tolerance + _ROUNDING:
            index = int(off.argmax())
            raise BadValue(
                f"prediction {index}: probabilities sum up to {sums[index]:.6g}; they must sum up to 1 "
                f"(within {tolerance:g}). Apply a softmax, or leave them out."
            )
        normal = (array / sums[:, None]).astype(array.dtype)
        array = np.where((off > _ROUNDING)[:, None], normal, array)
    return plain_numbers(array)


def _boxes(values: Any, count: int) -> list[list[float]]:
    array = as_numpy(values)
    if count == 0 and array.size == 0:
        return []
    if array.shape != (count, 4):
        raise BadValue(f"boxes have the shape {array.shape}; it must be ({count}, 4).")
    low = array.min(axis=0)
    if not (low[0] >= 0 and low[1] >= 0 and low[2] >= 1 and low[3] >= 1 and np.isfinite(array.max())):
        good = (
            np.isfinite(array).all(axis=1) & (array[:, :2] >= 0).all(axis=1) & (array[:, 2:] >= 1).all(axis=1)
        )
        index = int(np.flatnonzero(~good)[0])
        raise BadValue(
            f"prediction {index}: bbox is {plain_numbers(array[index])}; it must be [x, y, w, h] with "
            "x, y ≥ 0 and w, h ≥ 1."
        )
    return plain_numbers(array)


def _keypoints(values: Any, count: int) -> list[list[float]]:
    if len(values) != count:
        raise BadValue(f"there are keypoints for {len(values)} predictions, but {count} scores.")
    if isinstance(values, list | tuple):
        return [_triples(as_numpy(one)[None], index)[0] for index, one in enumerate(values)]
    return _triples(as_numpy(values), 0) if count else []


def _triples(array: NDArray[Any], first: int) -> list[list[float]]:
    """(N, K, 3) or flat (N, 3 K) keypoints, checked and flat."""
    if array.ndim == 2 and array.shape[1] % 3 == 0:
        array = array.reshape(len(array), -1, 3)
    if array.ndim != 3 or array.shape[2] != 3 or array.shape[1] == 0:
        raise BadValue(
            f"prediction {first}: keypoints have the shape {array.shape[1:]}; it must be (K, 3): x, y, score."
        )
    low, high = array.min(axis=(0, 1)), array.max(axis=(0, 1))
    if not (low.min() >= 0 and high[2] <= 1 and np.isfinite(high).all()):
        bad = ~((array >= 0) & np.isfinite(array) & (array <= [np.inf, np.inf, 1]))
        index, point, _ = (int(place) for place in np.argwhere(bad)[0])
        raise BadValue(
            f"prediction {first + index}: keypoint {point} is {plain_numbers(array[index, point])}; it must "
            "be [x, y, score] with x, y ≥ 0 and a score in [0, 1]."
        )
    return plain_numbers(array.reshape(len(array), -1))


def _segmentations(values: Sequence[Any], count: int, height: int, width: int) -> list[list[int]]:
    if len(values) != count:
        raise BadValue(f"there are {len(values)} masks, but {count} scores.")
    if _are_run_lengths(values, height * width):
        return [value.tolist() for value in values]
    return [_segmentation(value, index, height, width) for index, value in enumerate(values)]


def _are_run_lengths(values: Sequence[Any], pixels: int) -> bool:
    """Arrays are looked at all at once; where this is not enough, one after the other says what is wrong."""
    if not all(
        isinstance(value, np.ndarray) and value.dtype == np.int64 and value.ndim == 1 for value in values
    ):
        return False
    lengths = np.array([len(value) for value in values], dtype=np.int64)
    if lengths.size == 0 or lengths.min() == 0:
        return False
    runs = np.concatenate(values)
    starts = np.cumsum(lengths) - lengths
    empty = runs <= 0
    empty[starts] = runs[starts] < 0
    return not empty.any() and bool((np.add.reduceat(runs, starts) == pixels).all())


def _segmentation(value: Any, index: int, height: int, width: int) -> list[int]:
    try:
        array = as_numpy(value)
        if array.ndim != 1 and array.shape != (height, width):
            raise BadValue(f"The mask has the shape {array.shape}, but the frame is ({height}, {width}).")
        if array.ndim != 1:
            return rle.encode(array)
        runs = rle.check_counts(array, height, width)
        if (runs[1:] == 0).any():
            raise BadValue("Only the first run length may be 0.")
    except BadValue as error:
        raise BadValue(f"prediction {index}: {error}") from None
    counts: list[int] = runs.tolist()
    return counts


def _tight_boxes(masks: list[list[int]], width: int) -> list[list[int]]:
    boxes = [rle.bounding_box(counts, width) for counts in masks]
    for index, box in enumerate(boxes):
        if box is None:
            raise BadValue(f"prediction {index}: the mask has no pixel, so it has no box; leave it out.")
    return [box for box in boxes if box is not None]
