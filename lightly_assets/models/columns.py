"""Results as columns: one row per image, lists for what is in it; back exactly.

Every array keeps its numbers: they are stored as float64, and ``float32`` says which of them came as float32,
so that what is written from stored results equals what is written at once, to the byte.

Columns of all task types: ``input``, ``frame`` (null for an image), ``width``, ``height``, ``float32`` (a bit
per array) and ``singletons`` (JSON text, where the model gave ready singletons; the others are null then).
"""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pyarrow
from numpy.typing import NDArray

from lightly_assets.format import rle
from lightly_assets.format.schema import TaskType
from lightly_assets.format.segmentation import find_segments, label_map_segments
from lightly_assets.models.protocol import Source
from lightly_assets.models.results import (
    Classification,
    Detections,
    Keypoints,
    Ready,
    Result,
    RunLengths,
    SemanticScores,
    SemanticSegments,
    unchecked,
)
from lightly_assets.models.semantic.interpolated import InterpolatedScores

# The stubs know fewer signatures than pyarrow has.
pa: Any = pyarrow

_NUMBERS = pa.list_(pa.float64())
_COUNTS = pa.list_(pa.list_(pa.uint32()))
_VECTORS = pa.list_(_NUMBERS)

_COMMON = [
    pa.field("input", pa.string(), nullable=False),
    pa.field("frame", pa.int64()),
    pa.field("width", pa.int32(), nullable=False),
    pa.field("height", pa.int32(), nullable=False),
    pa.field("float32", pa.int8(), nullable=False),
    pa.field("singletons", pa.string()),
]
_CORNERS = ("x1", "y1", "x2", "y2")
_OBJECTS = [
    pa.field("category_id", pa.list_(pa.int64())),
    pa.field("score", _NUMBERS),
    *(pa.field(name, _NUMBERS) for name in _CORNERS),
    pa.field("probabilities", _VECTORS),
]
_OWN: dict[TaskType, list[Any]] = {
    TaskType.CLASSIFICATION: [
        pa.field("category_id", pa.int64()),
        pa.field("score", pa.float64()),
        pa.field("probabilities", _NUMBERS),
    ],
    TaskType.OBJECT_DETECTION: _OBJECTS,
    TaskType.KEYPOINT_DETECTION: [*_OBJECTS, pa.field("keypoints", _VECTORS)],
    TaskType.INSTANCE_SEGMENTATION: [*_OBJECTS, pa.field("segmentation", _COUNTS)],
    TaskType.SEMANTIC_SEGMENTATION: [
        pa.field("category_id", pa.list_(pa.int64())),
        pa.field("median", _NUMBERS),
        pa.field("mean", _NUMBERS),
        pa.field("segmentation", _COUNTS),
        pa.field("channels", pa.bool_()),
    ],
}

# The bits of the column float32.
_BOXES, _SCORES, _PROBABILITIES, _KEYPOINTS = 1, 2, 4, 8

Rows = Sequence[tuple[Source, Result]]


def columns_schema(task_type: TaskType | str) -> pyarrow.Schema:
    """The columns of a task type, for :class:`pyarrow.parquet.ParquetWriter`."""
    task = TaskType(task_type)
    schema: pyarrow.Schema = pa.schema([*_COMMON, *_OWN[task]], metadata={"task_type": str(task)})
    return schema


def to_batch(rows: Rows, task_type: TaskType | str) -> pyarrow.RecordBatch:
    """Results and where they are from, as columns."""
    task = TaskType(task_type)
    packed = [(source, pack(result)) for source, result in rows]
    sources = [source for source, _ in packed]
    results = [result for _, result in packed]
    columns: dict[str, Any] = {
        "input": [source.input for source in sources],
        "frame": [source.index for source in sources],
        "width": [source.width for source in sources],
        "height": [source.height for source in sources],
        "float32": [_bits(result) for result in results],
        "singletons": [
            json.dumps(result.singletons, allow_nan=False) if isinstance(result, Ready) else None
            for result in results
        ],
    }
    columns |= _WRITERS[task]([None if isinstance(result, Ready) else result for result in results])
    schema = columns_schema(task)
    arrays = [
        value if isinstance(value, pa.Array) else pa.array(value, type=schema.field(name).type)
        for name, value in ((name, columns[name]) for name in schema.names)
    ]
    batch: pyarrow.RecordBatch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return batch


def from_batch(batch: pyarrow.RecordBatch, task_type: TaskType | str) -> Iterator[tuple[Source, Result]]:
    """What :func:`to_batch` was given; masks and semantic scores in their stored form."""
    task = TaskType(task_type)
    columns = {name: batch.column(name) for name in columns_schema(task).names}
    common = [
        columns[name].to_pylist() for name in ("input", "frame", "width", "height", "float32", "singletons")
    ]
    read = _READERS[task](columns)
    for row, (key, frame, width, height, bits, singletons) in enumerate(zip(*common, strict=True)):
        source = Source(key, frame, width, height)
        yield source, Ready(json.loads(singletons)) if singletons is not None else read(row, bits, source)


def pack(result: Result) -> Result:
    """A result in its stored form: masks as run lengths, semantic scores as segments."""
    if isinstance(result, SemanticScores):
        return _segments(result)
    if isinstance(result, Detections) and isinstance(result.masks, np.ndarray):
        return Detections(
            result.boxes,
            result.scores,
            result.category_ids,
            result.probabilities,
            RunLengths.of(result.masks),
            result.keypoints,
        )
    return result


def _segments(result: SemanticScores) -> SemanticSegments:
    if isinstance(result, InterpolatedScores) and (short := result.segments()) is not None:
        return short
    height, width = result.size
    scores = result.scores
    if scores is not None:
        found = find_segments(scores)
        means = _means(scores, found.segmentations, found.categories)
        masks = RunLengths(found.segmentations, height, width)
        return SemanticSegments(found.categories.astype(np.int64), masks, found.scores, means, channels=True)
    found = label_map_segments(result.label_map, ignore=result.ignore)
    given = result.category_scores or {}
    scores = np.array([given.get(label, 1.0) for label in found.categories.tolist()])
    masks = RunLengths(found.segmentations, height, width)
    return SemanticSegments(found.categories.astype(np.int64), masks, scores, scores, channels=False)


def _means(scores: Any, segmentations: Any, categories: Any) -> Any:
    """The mean score of each mask, summed run by run."""
    means = np.empty(len(categories), dtype=scores.dtype)
    for place, category in enumerate(categories):
        starts, stops = rle.one_runs(segmentations[place])
        edges = np.stack([starts, stops], axis=1).ravel()
        flat = scores[category].reshape(-1)
        # Every second sum is that of a run; the end of the plane is no place to start another.
        sums = np.add.reduceat(flat, edges[:-1] if edges[-1] == flat.size else edges, dtype=np.float64)
        means[place] = sums[::2].sum() / (stops - starts).sum()
    return means


def _bits(result: Result) -> int:
    arrays: list[tuple[int, Any]] = []
    if isinstance(result, Detections | Keypoints):
        arrays = [(_BOXES, result.boxes), (_SCORES, result.scores), (_PROBABILITIES, result.probabilities)]
        arrays.append((_KEYPOINTS, result.keypoints))
    elif isinstance(result, Classification):
        arrays = [(_SCORES, result.score), (_PROBABILITIES, result.probabilities)]
    elif isinstance(result, SemanticSegments):
        arrays = [(_SCORES, result.medians)]
    return sum(bit for bit, array in arrays if _is_float32(array))


def _is_float32(values: Any) -> bool:
    if isinstance(values, tuple):
        return all(one.dtype == np.float32 for one in values)
    return getattr(values, "dtype", None) == np.float32


def _lists(values: Sequence[Any], item: Any) -> Any:
    """One list per row from flat arrays; None is a null."""
    some = [np.asarray(value) for value in values if value is not None and len(value)]
    return _rows(values, _flat(np.concatenate(some) if some else np.empty(0, np.uint8), item))


def _nested(values: Sequence[Any], item: Any) -> Any:
    """One list of lists per row, from sequences of flat arrays; None is a null."""
    return _rows(values, _lists([one for value in values if value is not None for one in value], item))


def _flat(numbers: np.ndarray, item: Any) -> Any:
    wanted = np.dtype(item.to_pandas_dtype())
    if not np.can_cast(numbers.dtype, wanted):
        return pa.array(numbers, type=item)  # looks whether they fit
    return pa.Array.from_buffers(item, len(numbers), [None, pa.py_buffer(numbers.astype(wanted, copy=False))])


def _rows(values: Sequence[Any], flat: Any) -> Any:
    """One list per value of as many of the flat ones as it has; None is a null.

    From buffers: for an array with a mask, pyarrow loads all of its functions, and NumPy's masked arrays.
    """
    lengths = [0 if value is None else len(value) for value in values]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    there = np.array([value is not None for value in values], dtype=np.bool_)
    valid = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.ListArray.from_buffers(
        pa.list_(flat.type), len(values), [valid, pa.py_buffer(offsets)], children=[flat]
    )


def _write_classification(results: list[Any]) -> dict[str, Any]:
    return {
        "category_id": [None if one is None else one.category_id for one in results],
        "score": [None if one is None or one.score is None else float(one.score) for one in results],
        "probabilities": _lists(
            [None if one is None else one.probabilities for one in results], pa.float64()
        ),
    }


def _write_objects(results: list[Any]) -> dict[str, Any]:
    boxes = [None if one is None or one.boxes is None else one.boxes for one in results]
    columns = {
        name: _lists([None if one is None else one[:, place] for one in boxes], pa.float64())
        for place, name in enumerate(_CORNERS)
    }
    return columns | {
        "category_id": _lists([None if one is None else one.category_ids for one in results], pa.int64()),
        "score": _lists([None if one is None else one.scores for one in results], pa.float64()),
        "probabilities": _nested(
            [None if one is None else one.probabilities for one in results], pa.float64()
        ),
    }


def _write_keypoints(results: list[Any]) -> dict[str, Any]:
    points = [None if one is None else [each.reshape(-1) for each in one.keypoints] for one in results]
    return _write_objects(results) | {"keypoints": _nested(points, pa.float64())}


def _write_instances(results: list[Any]) -> dict[str, Any]:
    counts = [None if one is None else one.masks.counts for one in results]
    return _write_objects(results) | {"segmentation": _nested(counts, pa.uint32())}


def _write_semantic(results: list[Any]) -> dict[str, Any]:
    def column(name: str, item: Any) -> Any:
        return _lists([None if one is None else getattr(one, name) for one in results], item)

    return {
        "category_id": column("classes", pa.int64()),
        "median": column("medians", pa.float64()),
        "mean": column("means", pa.float64()),
        "segmentation": _nested([None if one is None else one.masks.counts for one in results], pa.uint32()),
        "channels": [None if one is None else one.channels for one in results],
    }


_WRITERS = {
    TaskType.CLASSIFICATION: _write_classification,
    TaskType.OBJECT_DETECTION: _write_objects,
    TaskType.KEYPOINT_DETECTION: _write_keypoints,
    TaskType.INSTANCE_SEGMENTATION: _write_instances,
    TaskType.SEMANTIC_SEGMENTATION: _write_semantic,
}


class _Lists:
    """A list column, read row by row without making Python objects of its numbers. Nulls are None."""

    def __init__(self, column: Any) -> None:
        self._offsets: list[int] = column.offsets.to_pylist()
        self._valid: list[bool] = column.is_valid().to_pylist()
        inner = column.values
        self._inner = _Lists(inner) if pa.types.is_list(inner.type) else None
        self._flat = None if self._inner else inner.to_numpy()

    @cached_property
    def _flat32(self) -> NDArray[np.float32]:
        assert self._flat is not None
        return np.asarray(self._flat, dtype=np.float32)

    def numbers(self, float32: bool) -> Any:
        """Of all rows, flat."""
        return self._flat32 if float32 else self._flat

    def span(self, row: int) -> slice | None:
        """Where a row lies in the numbers of all rows."""
        return slice(self._offsets[row], self._offsets[row + 1]) if self._valid[row] else None

    def row(self, row: int, float32: bool = False) -> Any:
        """The numbers of a row, as an array."""
        span = self.span(row)
        return None if span is None else self.numbers(float32)[span]

    def rows(self, row: int, float32: bool = False) -> Any:
        """The lists of a row, one array for each."""
        if not self._valid[row]:
            return None
        inner = self._inner
        assert inner is not None
        edges = inner._offsets[self._offsets[row] : self._offsets[row + 1] + 1]
        numbers = inner.numbers(float32)
        return [numbers[start:stop] for start, stop in pairwise(edges)]

    def table(self, row: int, float32: bool = False) -> Any:
        """The lists of a row, which are equally long, as one (N, K) array."""
        if not self._valid[row]:
            return None
        inner = self._inner
        assert inner is not None
        first, last = self._offsets[row], self._offsets[row + 1]
        if first == last:
            return np.zeros((0, 0), dtype=np.float32 if float32 else np.float64)
        return inner.numbers(float32)[inner._offsets[first] : inner._offsets[last]].reshape(last - first, -1)


def _read_classification(columns: dict[str, Any]) -> Any:
    ids, scores = columns["category_id"].to_pylist(), columns["score"].to_pylist()
    probabilities = _Lists(columns["probabilities"])

    def read(row: int, bits: int, _source: Source) -> Result:
        score: Any = scores[row]
        return Classification(
            ids[row],
            cast(float, np.float32(score)) if bits & _SCORES else score,
            probabilities.row(row, bool(bits & _PROBABILITIES)),
        )

    return read


class _Objects:
    """The columns that detections and keypoints share."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self._ids, self._scores = _Lists(columns["category_id"]), _Lists(columns["score"])
        self._corners = [_Lists(columns[name]) for name in _CORNERS]
        self._probabilities = _Lists(columns["probabilities"])

    @cached_property
    def _boxes(self) -> NDArray[np.float64]:
        """(M, 4) boxes of all rows."""
        return np.stack([corner.numbers(float32=False) for corner in self._corners], axis=1)

    @cached_property
    def _boxes32(self) -> NDArray[np.float32]:
        boxes: NDArray[np.float32] = self._boxes.astype(np.float32)
        return boxes

    def fields(self, row: int, bits: int) -> dict[str, Any]:
        """The fields of a row's result; they were checked before they were stored."""
        edges = self._corners[0].span(row)
        boxes = self._boxes32 if bits & _BOXES else self._boxes
        return {
            "boxes": None if edges is None else boxes[edges],
            "scores": self._scores.row(row, bool(bits & _SCORES)),
            "category_ids": self._ids.row(row),
            "probabilities": self._probabilities.table(row, bool(bits & _PROBABILITIES)),
        }


def _read_detections(columns: dict[str, Any]) -> Any:
    objects = _Objects(columns)

    def read(row: int, bits: int, _source: Source) -> Result:
        return unchecked(Detections, **objects.fields(row, bits), masks=None, keypoints=None)

    return read


def _read_keypoints(columns: dict[str, Any]) -> Any:
    objects, points = _Objects(columns), _Lists(columns["keypoints"])

    def read(row: int, bits: int, _source: Source) -> Result:
        triples = [one.reshape(-1, 3) for one in points.rows(row, bool(bits & _KEYPOINTS))]
        keypoints: Any = tuple(triples)
        if len({len(one) for one in triples}) <= 1:
            keypoints = np.stack(triples) if triples else np.zeros((0, 0, 3))
        return unchecked(Keypoints, keypoints=keypoints, **objects.fields(row, bits))

    return read


def _read_instances(columns: dict[str, Any]) -> Any:
    objects, counts = _Objects(columns), _Lists(columns["segmentation"])

    def read(row: int, bits: int, source: Source) -> Result:
        masks = RunLengths(counts.rows(row), source.height, source.width)
        return unchecked(Detections, **objects.fields(row, bits), masks=masks, keypoints=None)

    return read


def _read_semantic(columns: dict[str, Any]) -> Any:
    classes, counts = _Lists(columns["category_id"]), _Lists(columns["segmentation"])
    medians, means = _Lists(columns["median"]), _Lists(columns["mean"])
    channels = columns["channels"].to_pylist()

    def read(row: int, bits: int, source: Source) -> Result:
        float32 = bool(bits & _SCORES)
        return SemanticSegments(
            classes.row(row),
            RunLengths(counts.rows(row), source.height, source.width),
            medians.row(row, float32),
            means.row(row, float32),
            channels[row],
        )

    return read


_READERS = {
    TaskType.CLASSIFICATION: _read_classification,
    TaskType.OBJECT_DETECTION: _read_detections,
    TaskType.KEYPOINT_DETECTION: _read_keypoints,
    TaskType.INSTANCE_SEGMENTATION: _read_instances,
    TaskType.SEMANTIC_SEGMENTATION: _read_semantic,
}
