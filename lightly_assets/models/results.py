"""What a model says about one image. Every field is checked when a result is made; errors say what is wrong.

Arrays may come as NumPy, torch (any device) or lists; they are kept as NumPy. Floats stay float32 where they
are float32, so that 0.8 is written as 0.8, and are float64 otherwise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import BadValue
from lightly_assets.format import rle
from lightly_assets.format.arrays import as_numpy, plain_numbers

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]

# float32 arithmetic overshoots 1 by less than this; the writer cuts it.
_ROUNDING = 1e-6


class ResultError(BadValue):
    """A result that cannot be used: one sentence with the field, its value and what is allowed."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index
        """Which image of the batch it is about, where that is known."""


class RunLengths:
    """N masks of one image as row-major run lengths, zeros first; as the format writes them.

    Attributes:
        height, width: of the image, in pixels.
        counts: N int64 arrays, each adding up to height × width.
    """

    __slots__ = ("counts", "height", "width")

    def __init__(self, counts: Iterable[Any], height: int, width: int) -> None:
        self.counts: tuple[IntArray, ...] = tuple(np.asarray(one, dtype=np.int64) for one in counts)
        self.height = height
        self.width = width

    def __len__(self) -> int:
        return len(self.counts)

    def take(self, indices: Iterable[int]) -> "RunLengths":
        """The masks at these places."""
        return RunLengths([self.counts[index] for index in indices], self.height, self.width)

    @classmethod
    def of(cls, masks: NDArray[Any]) -> "RunLengths":
        """Run lengths of (N, H, W) binary masks."""
        try:
            return cls([rle.encode(mask) for mask in masks], *masks.shape[1:])
        except BadValue as error:
            raise ResultError(f"masks: {error}") from None


Masks = NDArray[Any] | RunLengths


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """The class of an image: per-class probabilities, or a category and its score, or both.

    >>> Classification(probabilities=[0.2, 0.8]).probabilities.tolist()
    [0.2, 0.8]
    """

    category_id: int | None = None
    """Defaults to the most probable one."""
    score: float | None = None
    """In [0, 1]; defaults to the probability of the category."""
    probabilities: Any = None
    """(C,) in [0, 1], in the order of the schema's ids (or of the model's classes, with a category map)."""

    def __post_init__(self) -> None:
        if self.probabilities is None and (self.category_id is None or self.score is None):
            raise ResultError("A classification needs probabilities, or a category_id and a score.")
        if self.category_id is not None:
            _set(self, "category_id", _integer(self.category_id))
        if self.score is not None:
            score = _floats(self.score, "score").reshape(-1)
            if score.size != 1:
                raise ResultError(f"score has the shape {np.shape(self.score)}; it must be one number.")
            _check_shares(score, "score")
            _set(self, "score", score[0] if score.dtype == np.float32 else float(score[0]))
        if self.probabilities is not None:
            array = _floats(self.probabilities, "probabilities")
            if array.ndim != 1 or array.size == 0:
                raise ResultError(f"probabilities have the shape {array.shape}; it must be (C,).")
            _check_shares(array, "probabilities")
            _set(self, "probabilities", array)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The objects in an image.

    >>> found = Detections(boxes=[[10, 20, 40, 60]], scores=[0.9], category_ids=[1])
    >>> len(found), found.boxes.shape
    (1, (1, 4))
    """

    boxes: Any
    """(N, 4) corners x1, y1, x2, y2 in pixels of the image, the maximum exclusive."""
    scores: Any
    """(N,) in [0, 1]."""
    category_ids: Any
    """(N,) integers: ids of the schema (or classes of the model, with a category map)."""
    probabilities: Any = None
    """(N, C) in [0, 1], in the order of the schema's ids (or of the model's classes), or None."""
    masks: Any = None
    """(N, H, W) binary masks of the whole image, or :class:`RunLengths`, or None."""
    keypoints: Any = None
    """(N, K, 3) x, y in pixels and a score in [0, 1], or N arrays (K_i, 3), or None."""

    def __post_init__(self) -> None:
        scores = _scores(self.scores)
        count = len(scores)
        _set(self, "scores", scores)
        _set(self, "boxes", _boxes(self.boxes, count))
        _set(self, "category_ids", _category_ids(self.category_ids, count))
        _set(self, "probabilities", _probabilities(self.probabilities, count))
        _set(self, "masks", _masks(self.masks, count))
        _set(self, "keypoints", _keypoints(self.keypoints, count))

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """Objects that are known by their keypoints.

    >>> person = [[12, 30, 0.9], [20, 31, 0.8]]
    >>> len(Keypoints(keypoints=[person], scores=[0.7], category_ids=[0]))
    1
    """

    keypoints: Any
    """(N, K, 3) x, y in pixels and a score in [0, 1], or N arrays (K_i, 3) where the number varies."""
    scores: Any
    """(N,) in [0, 1]."""
    category_ids: Any
    """As in :class:`Detections`."""
    boxes: Any = None
    """(N, 4) corners as in :class:`Detections`, or None: the platform infers them."""
    probabilities: Any = None
    """As in :class:`Detections`."""

    def __post_init__(self) -> None:
        scores = _scores(self.scores)
        count = len(scores)
        if self.keypoints is None:
            raise ResultError("keypoints are None; they must be (N, K, 3): x, y, score.")
        _set(self, "scores", scores)
        _set(self, "keypoints", _keypoints(self.keypoints, count))
        _set(self, "boxes", None if self.boxes is None else _boxes(self.boxes, count))
        _set(self, "category_ids", _category_ids(self.category_ids, count))
        _set(self, "probabilities", _probabilities(self.probabilities, count))

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True, eq=False)
class SemanticScores:
    """The class of every pixel: per-class scores, or a label map. Exactly one of the two.

    >>> import numpy as np
    >>> SemanticScores(label_map=np.zeros((4, 6), dtype=np.uint8), category_scores={0: 0.8}).size
    (4, 6)
    """

    scores: Any = None
    """(C, H, W) in [0, 1]; channel i is the i-th category of the schema (or class i, with a category map)."""
    label_map: Any = None
    """(H, W) integers: ids of the schema (or classes of the model, with a category map)."""
    category_scores: dict[int, float] | None = None
    """With a label map: the score in [0, 1] of each label; 1.0 where none is given."""
    ignore: int | None = 255
    """With a label map: the label that stands for "nothing"."""

    def __post_init__(self) -> None:
        if (self.scores is None) == (self.label_map is None):
            raise ResultError("SemanticScores need either scores (C, H, W) or a label_map (H, W).")
        if self.scores is not None:
            scores = _floats(self.scores, "scores")
            if scores.ndim != 3 or 0 in scores.shape:
                raise ResultError(f"scores have the shape {scores.shape}; it must be (C, H, W).")
            _set(self, "scores", scores)
            return
        labels = as_numpy(self.label_map)
        if labels.ndim != 2 or labels.size == 0 or labels.dtype.kind not in "iub":
            raise ResultError(
                f"label_map has the shape {labels.shape} and holds {labels.dtype}; it must be (H, W) "
                "integers."
            )
        _set(self, "label_map", labels.astype(np.uint8) if labels.dtype == np.bool_ else labels)
        given = self.category_scores or {}
        _check_shares(_floats(list(given.values()), "category_scores"), "category_scores")
        _set(self, "category_scores", {_integer(label): float(score) for label, score in given.items()})

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        array = self.label_map if self.scores is None else self.scores
        height, width = array.shape[-2:]
        return int(height), int(width)


@dataclass(frozen=True, slots=True, eq=False)
class SemanticSegments:
    """:class:`SemanticScores` as they are stored: a mask for each class that occurs, and its scores."""

    classes: IntArray
    """(K,): channels of the model's scores, or labels of its label map."""
    masks: RunLengths
    """K masks that do not overlap."""
    medians: FloatArray
    """(K,): the median of the class's scores inside its mask."""
    means: FloatArray
    """(K,): their mean."""
    channels: bool
    """Whether ``classes`` are channels; labels otherwise."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.masks.height, self.masks.width


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """Predictions that are in the format already: singletons, written as they are once found valid."""

    singletons: list[dict[str, Any]]


R = TypeVar("R")
Result = Classification | Detections | Keypoints | SemanticScores | SemanticSegments | Ready


def _set(result: object, field: str, value: Any) -> None:
    object.__setattr__(result, field, value)


def _integer(value: Any) -> int:
    array = as_numpy(value)
    if array.size != 1 or array.dtype.kind not in "iu":
        raise ResultError(f"category_id is {value!r}; it must be an integer.")
    return int(array.reshape(-1)[0])


def _floats(values: Any, field: str) -> FloatArray:
    """A float32 or float64 array."""
    try:
        array = as_numpy(values)
    except BadValue as error:
        raise ResultError(f"{field} are no array of numbers: {error}.") from None
    if array.dtype == np.float32 or array.dtype == np.float64:
        return array
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.size and array.dtype.kind not in "iubf":
        raise ResultError(f"{field} hold {array.dtype}; they must be numbers.")
    return array.astype(np.float64)


def _check_shares(array: FloatArray, field: str) -> None:
    if array.size == 0:
        return
    # Written so that NaN fails.
    if array.min() >= -_ROUNDING and array.max() <= 1 + _ROUNDING:
        return
    place = tuple(np.argwhere(~((array >= -_ROUNDING) & (array <= 1 + _ROUNDING)))[0])
    where = "".join(f"[{index}]" for index in place)
    raise ResultError(f"{field}{where} is {array[place]}; it must be a number in [0, 1].")


def _scores(values: Any) -> FloatArray:
    if values is None:
        raise ResultError("scores are None; they must be (N,) numbers in [0, 1].")
    array = _floats(values, "scores")
    if array.ndim != 1:
        raise ResultError(f"scores have the shape {array.shape}; it must be (N,).")
    _check_shares(array, "scores")
    return array


def _boxes(values: Any, count: int) -> FloatArray:
    array = _floats(values, "boxes")
    if count == 0 and array.size == 0:
        return array.reshape(0, 4)
    if array.shape != (count, 4):
        raise ResultError(f"boxes have the shape {array.shape}; with {count} scores it must be ({count}, 4).")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        index = int(np.flatnonzero(~finite)[0])
        raise ResultError(f"boxes[{index}] is {plain_numbers(array[index])}; its numbers must be finite.")
    turned = (array[:, 2] < array[:, 0]) | (array[:, 3] < array[:, 1])
    if turned.any():
        index = int(np.flatnonzero(turned)[0])
        raise ResultError(
            f"boxes[{index}] is {plain_numbers(array[index])}; boxes are corners x1, y1, x2, y2 with x1 ≤ x2 "
            "and y1 ≤ y2 (not x, y, width, height)."
        )
    return array


def _category_ids(values: Any, count: int) -> IntArray:
    array = as_numpy(values)
    if array.shape != (count,) and (count or array.size):
        raise ResultError(
            f"category_ids have the shape {array.shape}; with {count} scores it must be ({count},)."
        )
    if array.size and array.dtype.kind not in "iu":
        raise ResultError(f"category_ids hold {array.dtype}; they must be integers.")
    return array.reshape(-1).astype(np.int64)


def _probabilities(values: Any, count: int) -> FloatArray | None:
    if values is None:
        return None
    array = _floats(values, "probabilities")
    if array.ndim != 2 or len(array) != count:
        if count == 0 and array.size == 0:
            return array.reshape(0, array.shape[-1] if array.ndim == 2 else 0)
        raise ResultError(
            f"probabilities have the shape {array.shape}; with {count} scores it must be ({count}, C)."
        )
    _check_shares(array, "probabilities")
    return array


def _masks(values: Any, count: int) -> Masks | None:
    if values is None:
        return None
    if isinstance(values, RunLengths):
        if len(values) != count:
            raise ResultError(f"there are {len(values)} masks and {count} scores; there must be as many.")
        return values
    array = as_numpy(values)
    if array.ndim != 3 or len(array) != count:
        if count == 0 and array.size == 0:
            return RunLengths((), 0, 0)
        raise ResultError(
            f"masks have the shape {array.shape}; with {count} scores it must be ({count}, H, W)."
        )
    return array


def _keypoints(values: Any, count: int) -> FloatArray | tuple[FloatArray, ...] | None:
    if values is None:
        return None
    if isinstance(values, list | tuple) and len({len(one) for one in values}) > 1:
        if len(values) != count:
            raise ResultError(f"there are keypoints of {len(values)} objects and {count} scores.")
        return tuple(_triples(_floats(one, "keypoints")[None], index)[0] for index, one in enumerate(values))
    array = _floats(values, "keypoints")
    if count == 0 and array.size == 0:
        return array.reshape(0, 0, 3)
    if array.ndim != 3 or len(array) != count:
        raise ResultError(
            f"keypoints have the shape {array.shape}; with {count} scores it must be ({count}, K, 3): "
            "x, y, score."
        )
    return _triples(array, 0)


def _triples(array: FloatArray, first: int) -> FloatArray:
    if array.ndim != 3 or array.shape[1] == 0 or array.shape[2] != 3:
        raise ResultError(
            f"keypoints[{first}] have the shape {array.shape[1:]}; it must be (K, 3): x, y, score."
        )
    good = np.isfinite(array).all(axis=2) & (array[..., 2] >= -_ROUNDING) & (array[..., 2] <= 1 + _ROUNDING)
    if not good.all():
        index, point = (int(place) for place in np.argwhere(~good)[0])
        raise ResultError(
            f"keypoints[{first + index}][{point}] is {plain_numbers(array[index, point])}; it must be "
            "x, y, score with finite numbers and a score in [0, 1]."
        )
    return array


def indices_of(kept: NDArray[np.bool_] | NDArray[np.intp] | Sequence[int]) -> NDArray[np.intp]:
    """Indices from a mask, or as they are."""
    array = np.asarray(kept)
    return np.flatnonzero(array) if array.dtype == np.bool_ else array.astype(np.intp)


def unchecked(kind: type[R], **fields: Any) -> R:
    """A result of parts that were checked before."""
    new = object.__new__(kind)
    for name, value in fields.items():
        _set(new, name, value)
    return new


def take(result: "Detections | Keypoints", kept: NDArray[np.bool_] | NDArray[np.intp] | Sequence[int]) -> Any:
    """The objects at these places, without checking them again."""
    indices = indices_of(kept)
    fields = {name: _taken(getattr(result, name), indices) for name in result.__dataclass_fields__}
    return unchecked(type(result), **fields)


def joined(results: "Sequence[Detections | Keypoints]") -> Any:
    """The objects of results that have the same fields and dtypes, without checking them again."""
    if len(results) == 1:
        return results[0]
    first = results[0]
    fields = {
        name: _joined([getattr(result, name) for result in results]) for name in first.__dataclass_fields__
    }
    return unchecked(type(first), **fields)


def _joined(values: list[Any]) -> Any:
    first = values[0]
    if first is None:
        return None
    if isinstance(first, RunLengths):
        return RunLengths(chain.from_iterable(one.counts for one in values), first.height, first.width)
    if isinstance(first, tuple):
        return tuple(chain.from_iterable(values))
    return np.concatenate(values)


def _taken(values: Any, indices: NDArray[np.intp]) -> Any:
    if values is None:
        return None
    if isinstance(values, RunLengths):
        return values.take(indices)
    if isinstance(values, tuple):
        return tuple(values[index] for index in indices)
    return values[indices]
