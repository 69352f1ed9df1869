"""Score volumes and label maps to semantic segmentation singletons.

Source: the specification's ``convert_to_lightly_predictions``: argmax over the categories, one mask per
category that occurs, its score the median (or mean) of the category's scores inside its mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import BadValue
from lightly_assets.format import rle
from lightly_assets.format.arrays import as_numpy

Reduce = Literal["median", "mean"]

# Pixels per block: a block of labels, scores and one category's scores stay in the cache.
_BLOCK = 1 << 15
_BITS: dict[str, Any] = {"float16": np.uint16, "float32": np.uint32, "float64": np.uint64}


@dataclass(frozen=True, slots=True)
class Segments:
    """What an image consists of, one entry per category that occurs, in the order of the categories.

    ``categories`` are the (K,) indices into C, ``segmentations`` K lists of row-major run lengths, ``scores``
    (K,) in the type of the input.
    """

    categories: NDArray[np.intp]
    segmentations: list[list[int]]
    scores: NDArray[Any]


def convert_to_lightly_predictions(
    scores: Any,
    reduce: Reduce = "median",
    *,
    activation: Literal["softmax"] | None = None,
    category_ids: Sequence[int] | None = None,
) -> list[list[dict[str, Any]]]:
    """Converts score volumes to semantic segmentation predictions, one list per image.

    Args:
        scores: (N, C, H, W) scores in [0, 1], a NumPy array or a torch tensor: N images, C categories.
        reduce: how the scores inside a mask become its score.
        activation: ``"softmax"`` turns logits into scores first.
        category_ids: the schema's ids, ascending; 0 to C - 1 where not given.

    Raises:
        BadValue: the shape is another one, or a score lies outside [0, 1] or is not a number.

    >>> import numpy as np
    >>> scores = np.array([[[[0.9, 0.9], [0.9, 0.2]], [[0.1, 0.1], [0.1, 0.8]]]])
    >>> [(one["category_id"], one["segmentation"]) for one in convert_to_lightly_predictions(scores)[0]]
    [(0, [0, 3, 1]), (1, [3, 1])]
    """
    volume = as_numpy(scores)
    if volume.ndim != 4 or 0 in volume.shape[1:]:
        raise BadValue(f"Scores must have the shape (N, C, H, W), but got {volume.shape}.")
    ids = np.arange(volume.shape[1]) if category_ids is None else np.asarray(category_ids)
    if len(ids) != volume.shape[1]:
        raise BadValue(f"There are {volume.shape[1]} scores per pixel, but {len(ids)} category ids.")
    _require_numbers(volume)
    if activation == "softmax":
        volume = softmax(volume)
    elif activation is not None:
        raise BadValue(f"The activation {activation!r} is not known; use 'softmax' or None.")
    return [_singletons(find_segments(image, reduce), ids) for image in volume]


def _singletons(segments: Segments, ids: NDArray[Any]) -> list[dict[str, Any]]:
    rows = zip(
        ids[segments.categories].tolist(), segments.segmentations, segments.scores.tolist(), strict=True
    )
    return [{"category_id": category, "segmentation": runs, "score": score} for category, runs, score in rows]


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Softmax over the second axis of (N, C, H, W), in the input's float type (float32 for integers)."""
    dtype = logits.dtype if logits.dtype.kind == "f" else np.dtype(np.float32)
    shifted: NDArray[Any] = logits.astype(dtype) - logits.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted


def find_segments(scores: Any, reduce: Reduce = "median") -> Segments:
    """The segments of one image's (C, H, W) scores in [0, 1]; of equal scores the first category wins.

    Raises:
        BadValue: as :func:`convert_to_lightly_predictions`.
    """
    if reduce not in ("median", "mean"):
        raise BadValue(f"The reduction {reduce!r} is not known; use 'median' or 'mean'.")
    volume = as_numpy(scores)
    if volume.ndim != 3 or 0 in volume.shape:
        raise BadValue(f"Scores of an image must have the shape (C, H, W), but got {volume.shape}.")
    _require_numbers(volume)
    if volume.dtype.name not in _BITS:
        volume = volume.astype(np.float64)
    native = np.dtype(volume.dtype.name)
    flat = np.ascontiguousarray(volume, dtype=native).reshape(len(volume), -1)
    labels, pieces = _label(flat)
    categories, segmentations = label_runs(labels)
    summary = _median if reduce == "median" else np.mean
    reduced = [summary(np.concatenate(pieces[category])) for category in categories.tolist()]
    return Segments(categories, segmentations, np.array(reduced, dtype=flat.dtype))


def _label(flat: NDArray[Any]) -> tuple[NDArray[Any], dict[int, list[NDArray[Any]]]]:
    """The argmax of (C, P) scores as (P,) labels, and for each category the scores inside its mask, in order.

    A running maximum over the categories is several times faster than ``argmax(axis=0)``, and a category that
    wins nowhere in a block costs one comparison.
    """
    count, pixels = flat.shape
    labels = np.zeros(pixels, dtype=np.min_scalar_type(count - 1))
    pieces: dict[int, list[NDArray[Any]]] = {}
    best = np.empty(min(_BLOCK, pixels), dtype=flat.dtype)
    greater = np.empty(best.size, dtype=np.bool_)
    for start in range(0, pixels, _BLOCK):
        block = flat[:, start : start + _BLOCK]
        size = block.shape[1]
        winners = _label_block(block, labels[start : start + size], best[:size], greater[:size])
        for category in winners:
            inside = np.equal(labels[start : start + size], category, out=greater[:size])
            values = best[:size][inside]
            if values.size:
                pieces.setdefault(category, []).append(values)
    return labels, pieces


def _label_block(
    block: NDArray[Any], labels: NDArray[Any], best: NDArray[Any], greater: NDArray[np.bool_]
) -> list[int]:
    """Fills ``labels`` (zero before) and ``best``; returns the categories that may have won somewhere."""
    _check_scores(block[0])
    best[:] = block[0]
    winners = [0]
    for category in range(1, len(block)):
        scores = block[category]
        _check_scores(scores)
        np.greater(scores, best, out=greater)
        if greater.any():
            np.maximum(best, scores, out=best)
            # Labels only grow, so the maximum is the category where it won and the old label elsewhere.
            np.maximum(labels, greater * labels.dtype.type(category), out=labels)
            winners.append(category)
    return winners


def _require_numbers(scores: NDArray[Any]) -> None:
    if scores.dtype.kind not in "biuf":
        raise BadValue(f"Scores must be booleans, integers or floats, but got {scores.dtype}.")


def _check_scores(scores: NDArray[Any]) -> None:
    # Read as unsigned integers, the floats from 0 to 1 are exactly those up to the bits of 1.0; negative
    # numbers, infinity and NaN are larger. One fast pass instead of three.
    bits = _BITS[scores.dtype.name]
    if scores.view(bits).max() <= np.ones((), dtype=scores.dtype).view(bits):
        return
    bad = scores[~((scores >= 0) & (scores <= 1))]
    if bad.size:
        raise BadValue(
            f"Scores must lie in [0, 1], but got {bad[0]}; if these are logits, apply a softmax over the "
            'categories first or pass activation="softmax".'
        )


def label_runs(labels: NDArray[Any]) -> tuple[NDArray[np.intp], list[list[int]]]:
    """The labels that occur in a flat label map, ascending, and for each the run lengths of its mask."""
    starts = rle.run_starts(labels)
    lengths = np.diff(starts, append=labels.size)
    of_run = labels[starts]
    # Stable, so that the runs of a label stay in their order.
    order = np.argsort(of_run, kind="stable")
    first_of_label = rle.run_starts(of_run[order])
    groups = np.split(order, first_of_label[1:])
    counts = [_counts(starts[group], lengths[group], labels.size) for group in groups]
    return of_run[order][first_of_label].astype(np.intp), counts


def _counts(starts: NDArray[np.intp], lengths: NDArray[np.intp], size: int) -> list[int]:
    """Run lengths of a mask from the starts and lengths of its runs of ones."""
    counts = np.empty(2 * starts.size, dtype=np.intp)
    counts[1::2] = lengths
    counts[0] = starts[0]
    np.subtract(starts[1:], (starts + lengths)[:-1], out=counts[2::2])
    rest = size - int(starts[-1] + lengths[-1])
    numbers: list[int] = counts.tolist()
    return [*numbers, rest] if rest else numbers


def label_map_segments(
    labels: Any, scores: Any = None, *, ignore: int | None = None, reduce: Reduce = "median"
) -> Segments:
    """The segments of an (H, W) integer label map, with the (H, W) scores of its labels; 1.0 without them.

    ``ignore`` is a label that stands for "nothing", such as 255; it gets no segment.

    Raises:
        BadValue: the labels are no (H, W) integers from 0, or the scores do not fit them or leave [0, 1].
    """
    label_map = as_numpy(labels)
    if label_map.ndim != 2 or label_map.dtype.kind not in "iu" or label_map.size == 0:
        raise BadValue(f"Labels must be (H, W) integers, not {label_map.shape} {label_map.dtype}.")
    flat = label_map.ravel()
    categories, segmentations = label_runs(flat)
    if categories[0] < 0:
        raise BadValue(f"Labels must not be negative, but got {categories[0]}.")
    chosen = [index for index, category in enumerate(categories.tolist()) if category != ignore]
    found = categories[chosen]
    runs = [segmentations[index] for index in chosen]
    if scores is None:
        return Segments(found, runs, np.ones(len(chosen)))
    values = as_numpy(scores)
    if values.shape != label_map.shape:
        raise BadValue(f"The scores have the shape {values.shape}, but the labels {label_map.shape}.")
    pixel_scores = values.ravel().astype(values.dtype if values.dtype.name in _BITS else np.float64)
    _check_scores(pixel_scores)
    summary = _median if reduce == "median" else np.mean
    reduced = [summary(pixel_scores[flat == category]) for category in found]
    return Segments(found, runs, np.array(reduced, dtype=pixel_scores.dtype))


def _median(values: NDArray[Any]) -> Any:
    """``np.median`` of numbers without NaN, to the bit, in a fraction of the time for many of them.

    A sample brackets the middle; what lies inside the bracket is sorted, what lies outside only counted.
    """
    size = values.size
    if size < 4096:
        return np.median(values)
    sample = np.sort(values[:: max(1, size // 1024)])
    middle, margin = sample.size // 2, sample.size // 8
    low, high = sample[middle - margin], sample[middle + margin]
    inside = np.sort(values[(values >= low) & (values <= high)])
    below = int(np.count_nonzero(values < low))
    first, last = (size - 1) // 2 - below, size // 2 - below
    if first < 0 or last >= inside.size:
        return np.median(values)
    return np.mean(inside[first : last + 1])
