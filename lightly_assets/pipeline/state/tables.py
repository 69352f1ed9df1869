"""Stored results: a Parquet file per unit for what the model said, and one for what will be written.

Rows are written as they come and read as they are needed; memory does not grow with their number.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow
import pyarrow.parquet

from lightly_assets.format.schema import TaskType
from lightly_assets.models.columns import columns_schema, from_batch, to_batch
from lightly_assets.models.protocol import Source
from lightly_assets.models.results import Result
from lightly_assets.pulse import beat
from lightly_assets.storage import Changed, NotFound, Store

# The stubs know fewer signatures than pyarrow has.
pa: Any = pyarrow
pq: Any = pyarrow.parquet

SINGLETONS_SCHEMA: pyarrow.Schema = pa.schema(
    [
        pa.field("input", pa.string(), nullable=False),
        pa.field("frame", pa.int64()),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("count", pa.int32(), nullable=False),
        pa.field("singletons", pa.binary(), nullable=False),
    ]
)
_ROWS_AT_ONCE = 64
_GROUP_ROWS = 2048
_GROUP_BYTES = 8 << 20
_READ_ROWS = 128
# Other processes that replace a table at this moment are let through so often.
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Row:
    """What is written about one image: a list of singletons as JSON, before its file has a name."""

    source: Source
    count: int
    singletons: bytes
    """The text of the list, as ``json.dump`` writes it."""


class TableWriter:
    """A Parquet file that grows batch by batch."""

    def __init__(self, path: Path, schema: pyarrow.Schema) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)
        self._batches: list[Any] = []
        self._bytes = 0
        self._pending = 0

    def write(self, batch: Any) -> None:
        """Append a record batch."""
        self._batches.append(batch)
        self._bytes += batch.nbytes
        self._pending += batch.num_rows
        self.rows += batch.num_rows
        if self._bytes > _GROUP_BYTES or self._pending >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._batches:
            self._writer.write_table(pa.Table.from_batches(self._batches, self._schema))
        self._batches, self._bytes, self._pending = [], 0, 0

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PredictionsWriter:
    """What the model said about the inputs of a unit."""

    def __init__(self, path: Path, task_type: TaskType) -> None:
        self.table = TableWriter(path, columns_schema(task_type))
        self._task_type = task_type
        self._rows: list[tuple[Source, Result]] = []

    def add(self, source: Source, result: Result) -> None:
        self._rows.append((source, result))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self.table.write(to_batch(self._rows, self._task_type))
            self._rows = []

    def close(self) -> None:
        self._flush()
        self.table.close()


class SingletonsWriter:
    """What will be written about the inputs of a unit."""

    def __init__(self, path: Path) -> None:
        self.table = TableWriter(path, SINGLETONS_SCHEMA)
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        sources = [row.source for row in self._rows]
        columns = [
            [source.input for source in sources],
            [source.index for source in sources],
            [source.width for source in sources],
            [source.height for source in sources],
            [row.count for row in self._rows],
            [row.singletons for row in self._rows],
        ]
        arrays = [
            pa.array(values, type=field.type)
            for values, field in zip(columns, SINGLETONS_SCHEMA, strict=True)
        ]
        self.table.write(pa.RecordBatch.from_arrays(arrays, schema=SINGLETONS_SCHEMA))
        self._rows = []

    def close(self) -> None:
        self._flush()
        self.table.close()


class TableLost(NotFound):
    """A stored table is not there any more, or not whole; it must be made again."""

    def __init__(self, message: str, table: str) -> None:
        super().__init__(message)
        self.table = table


@contextmanager
def open_stored(store: Store, key: str) -> Iterator[Path]:
    """A stored table as a local file. Raises TableLost, also where it is read in the ``with`` block.

    Another process may replace it meanwhile, by one that is made from the same.
    """
    with ExitStack() as opened:
        path = _enter(opened, store, key)
        try:
            yield path
        except (pyarrow.ArrowInvalid, OSError) as error:
            # What Arrow itself has to say comes without an error number.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise TableLost(f"{store.url}/{key} cannot be read: {error}.", key) from error
        finally:
            with suppress(Changed):
                opened.close()


def _enter(opened: ExitStack, store: Store, key: str) -> Path:
    for _ in range(_TRIES):
        entry = store.stat(key)
        if entry is None:
            break
        with suppress(Changed):
            return opened.enter_context(store.local_file(entry))
    raise TableLost(f"{store.url}/{key} is gone.", key)


def read_batches(path: Path, keys: Collection[str] | None = None) -> Iterator[Any]:
    """The record batches of a table; only the rows of some inputs, or all."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_READ_ROWS):
            beat()
            if keys is not None and not set(batch.column("input").to_pylist()).issubset(keys):
                import pyarrow.compute  # late: hundreds of functions, and mostly all rows are wanted

                wanted = pa.array(sorted(keys), pa.string())
                mask = pyarrow.compute.is_in(batch.column("input"), value_set=wanted)
                batch = batch.filter(mask)
            if batch.num_rows:
                yield batch


def read_predictions(
    path: Path, task_type: TaskType, keys: Collection[str] | None = None
) -> Iterator[tuple[Source, Result]]:
    """Stored results and where they are from, in the order in which they were written."""
    for batch in read_batches(path, keys):
        yield from from_batch(batch, task_type)


def read_rows(path: Path, keys: Collection[str] | None = None) -> Iterator[Row]:
    """Stored singletons, in the order in which they were written."""
    for batch in read_batches(path, keys):
        columns = [column.to_pylist() for column in batch.columns]
        for key, frame, width, height, count, singletons in zip(*columns, strict=True):
            yield Row(Source(key, frame, width, height), count, singletons)


def merge(
    new: Path,
    keys: Collection[str],
    old: Callable[[], AbstractContextManager[Path]],
    keep: Collection[str],
    target: Path,
) -> Path:
    """The rows of ``keep`` of an old table and the rows of ``keys`` of a new one, in one.

    That is ``target``, which is made, or the new one where it has no others.
    """
    with pq.ParquetFile(new) as file:
        schema = file.schema_arrow
        if not keep and set(file.read(["input"]).column(0).to_pylist()).issubset(keys):
            return new
    with TableWriter(target, schema) as writer:
        if keep:
            with old() as path:
                for batch in read_batches(path, keep):
                    writer.write(batch)
        for batch in read_batches(new, keys):
            writer.write(batch)
    return target
