"""Stored vectors: a Parquet file per unit, a row for each frame, or for each object.

Columns: ``input`` (the key of the video or image), ``file_name`` (the image, or the frame's own name),
``frame`` (null for an image), ``object`` (which prediction of the frame's file; only of objects) and
``vector``, a list of D float32.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from lightly_assets.errors import BadValue
from lightly_assets.models.protocol import Source
from lightly_assets.pipeline.state.tables import TableWriter, read_batches

# The stubs know fewer signatures than pyarrow has.
pa: Any = pyarrow
pq: Any = pyarrow.parquet

Vectors = NDArray[np.float32]
NameOf = Callable[[str, int | None], str]
"""From an input and a frame to its file name."""

_ROWS_AT_ONCE = 256


def vectors_schema(size: int, *, objects: bool) -> pyarrow.Schema:
    """The columns of a table of vectors of so many numbers."""
    fields = [
        pa.field("input", pa.string(), nullable=False),
        pa.field("file_name", pa.string(), nullable=False),
        pa.field("frame", pa.int64()),
        *([pa.field("object", pa.int32(), nullable=False)] if objects else []),
        pa.field("vector", pa.list_(pa.float32(), size), nullable=False),
    ]
    schema: pyarrow.Schema = pa.schema(fields)
    return schema


class VectorsWriter:
    """Vectors as they come, in a file that is there once the first has come.

    ``rows`` counts them, and ``counts`` those of each input.
    """

    def __init__(self, path: Path, *, objects: bool) -> None:
        self.path = path
        self.rows = 0
        self.counts: dict[str, int] = {}
        self._objects = objects
        self._table: TableWriter | None = None
        self._waiting: list[tuple[Source, int, Vectors]] = []

    def add(self, source: Source, number: int, vector: Vectors) -> None:
        """The (D,) vector of a frame, or of its object of this number."""
        self._waiting.append((source, number, vector))
        self.rows += 1
        self.counts[source.input] = self.counts.get(source.input, 0) + 1
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        size = self._waiting[0][2].size
        schema = vectors_schema(size, objects=self._objects)
        if self._table is None:
            self._table = TableWriter(self.path, schema)
        sources = [source for source, _, _ in self._waiting]
        columns: dict[str, Any] = {
            "input": [source.input for source in sources],
            # How many frames a video has, which its names are made of, shows at its end.
            "file_name": [""] * len(sources),
            "frame": [source.index for source in sources],
            "object": [number for _, number, _ in self._waiting],
            "vector": vector_column(np.stack([vector for _, _, vector in self._waiting])),
        }
        self._table.write(_batch(columns, schema))
        self._waiting = []

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        if self._table is not None:
            self._table.close()


def vector_column(vectors: Vectors) -> Any:
    """(N, D) as a column of lists of one length."""
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1])


def _batch(columns: dict[str, Any], schema: pyarrow.Schema) -> Any:
    return pa.RecordBatch.from_arrays(
        [
            columns[field.name]
            if isinstance(columns[field.name], pa.Array)
            else pa.array(columns[field.name], field.type)
            for field in schema
        ],
        schema=schema,
    )


def merge_vectors(
    new: Path | None,
    keys: Collection[str],
    old: Callable[[], AbstractContextManager[Path]] | None,
    keep: Collection[str],
    name_of: NameOf,
    target: Path,
) -> int | None:
    """The rows of ``keep`` of an old table and of ``keys`` of a new one in one; the length of the vectors.

    None, and no file, where there is no row at all.

    Raises:
        BadValue: the vectors of the two have other lengths.
    """
    size: int | None = None
    writer: TableWriter | None = None

    def take(path: Path, wanted: Collection[str]) -> None:
        nonlocal size, writer
        for batch in read_batches(path, wanted):
            found = batch.schema.field("vector").type.list_size
            if size is not None and found != size:
                raise BadValue(
                    f"the embedding has {found} numbers, but those stored by the same version of the model "
                    f"have {size}; give the model another version"
                )
            size = found
            writer = writer or TableWriter(target, batch.schema)
            writer.write(_named(batch, name_of))

    try:
        if keep and old is not None:
            with old() as path:
                take(path, keep)
        if new is not None:
            take(new, keys)
    finally:
        if writer is not None:
            writer.close()
    return size


def _named(batch: Any, name_of: NameOf) -> Any:
    inputs, frames = batch.column("input").to_pylist(), batch.column("frame").to_pylist()
    names = pa.array([name_of(*place) for place in zip(inputs, frames, strict=True)], pa.string())
    return batch.set_column(batch.schema.get_field_index("file_name"), batch.schema.field("file_name"), names)


def read_vectors(path: Path, keys: Collection[str]) -> Iterator[tuple[list[str], list[int] | None, Vectors]]:
    """Vectors of some inputs: file names, numbers of objects (not of frames) and (N, D), a part at a time."""
    for batch in read_batches(path, keys):
        column = batch.column("vector")
        values = np.asarray(column.flatten(), dtype=np.float32).reshape(len(batch), -1)
        objects = batch.column("object").to_pylist() if "object" in batch.schema.names else None
        yield batch.column("file_name").to_pylist(), objects, values
