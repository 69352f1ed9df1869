"""From what a model said about images to the singletons of their prediction files.

Thresholds, suppression, the category map and the clipping of boxes live here and in the modules beside, so a
change of them needs the stored results only, not the model.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.encoding.class_map import best_is_mapped, mapped, mapped_probabilities
from lightly_assets.encoding.objects import encode_objects
from lightly_assets.encoding.ready_singletons import encode_ready
from lightly_assets.encoding.task_settings import Encoded, Singletons, TaskSettings
from lightly_assets.errors import BadValue
from lightly_assets.format import rle
from lightly_assets.format.singletons import classification_singletons, semantic_singletons
from lightly_assets.models.columns import pack
from lightly_assets.models.results import (
    Classification,
    Detections,
    Keypoints,
    Ready,
    Result,
    ResultError,
    RunLengths,
    SemanticSegments,
)

__all__ = ["Encoded", "Singletons", "TaskSettings", "encode", "encode_batch"]

Size = tuple[int, int]


def encode(result: Result | Singletons, settings: TaskSettings, width: int, height: int) -> Encoded:
    """The singletons of an image of ``width`` × ``height`` pixels.

    Raises:
        BadValue: what is wrong, in one sentence without task, input and frame.
    """
    if isinstance(result, list):
        result = Ready(result)
    packed = pack(result)
    if isinstance(packed, Detections | Keypoints):
        return encode_objects([packed], settings, width, height)[0]
    return _ENCODERS[type(packed)](packed, settings, width, height)


def encode_batch(
    results: Sequence[Result | Singletons], settings: TaskSettings, sizes: Sequence[Size]
) -> list[Encoded]:
    """As :func:`encode`, of many images, whose sizes are width and height; several times faster.

    Raises:
        ResultError: as :func:`encode`; its ``index`` is the image that it is about.
    """
    encoded: dict[int, Encoded] = {}
    alike: dict[Hashable, list[int]] = {}
    for place, result in enumerate(results):
        if isinstance(result, Detections | Keypoints):
            alike.setdefault((_kind(result), sizes[place]), []).append(place)
        else:
            encoded[place] = _one(place, results, settings, sizes)
    for places in alike.values():
        width, height = sizes[places[0]]
        packed: list[Any] = [pack(results[place]) for place in places]  # type: ignore[arg-type]
        try:
            found = encode_objects(packed, settings, width, height)
        except BadValue:
            # The message has to be about the one image that is wrong.
            found = [_one(place, results, settings, sizes) for place in places]
        encoded.update(zip(places, found, strict=True))
    return [encoded[place] for place in range(len(results))]


def _one(
    place: int, results: Sequence[Result | Singletons], settings: TaskSettings, sizes: Sequence[Size]
) -> Encoded:
    try:
        return encode(results[place], settings, *sizes[place])
    except BadValue as error:
        raise ResultError(str(error), place) from None


def _kind(result: Detections | Keypoints) -> Hashable:
    """What two results must have in common to be encoded at once."""
    fields = (getattr(result, name) for name in result.__dataclass_fields__)
    return type(result), tuple(_kind_of_field(value) for value in fields)


def _kind_of_field(value: Any) -> Hashable:
    return (value.dtype, value.shape[1:]) if isinstance(value, np.ndarray) else type(value).__name__


def _classification(result: Classification, settings: TaskSettings, _width: int, _height: int) -> Encoded:
    category, score, probabilities = result.category_id, result.score, result.probabilities
    if category is not None:
        ids, kept = mapped(np.array([category]), settings)
        if not kept.all():
            return Encoded([])
        category = int(ids[0])
    elif probabilities is not None and not best_is_mapped(probabilities, settings):
        return Encoded([])
    if probabilities is not None:
        probabilities = mapped_probabilities(probabilities[None], settings)[0]
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


def _semantic(result: SemanticSegments, settings: TaskSettings, width: int, height: int) -> Encoded:
    if result.size != (height, width):
        raise ResultError(
            f"the masks are {result.size[1]}×{result.size[0]} pixels, but the image is {width}×{height}."
        )
    scores = result.medians if settings.encode.reduce == "median" else result.means
    ids, kept = mapped(result.classes, settings, channels=result.channels)
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


_ENCODERS: dict[type, Callable[[Any, TaskSettings, int, int], Encoded]] = {
    Classification: _classification,
    SemanticSegments: _semantic,
    Ready: encode_ready,
}
