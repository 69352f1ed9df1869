"""Vectors of frames and of objects on them, decoded once and kept in the state."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.evaluation.evaluate import video_of
from lightly_assets.models.vectors.descriptor import NAME, SIZE, describe
from lightly_assets.report.pixels import FrameReader
from lightly_assets.selection.errors import SelectionError
from lightly_assets.selection.figures import TaskFigures
from lightly_assets.selection.samples import Samples
from lightly_assets.storage import NotFound, Store
from lightly_assets.tracking import step, track

Vectors = NDArray[np.float32]

FOLDER = "embeddings"
# Smaller objects have no picture to speak of.
_LEAST_PIXELS = 4


@dataclass
class Embedder:
    """Computes what is not stored yet.

    Args:
        reader: frames of the input.
        state: where vectors are kept, a Parquet file for each video or folder of images.
        fingerprint: the version of each input, by its key.
    """

    reader: FrameReader
    state: Store
    fingerprint: Callable[[str], str]
    progress: Callable[[str], None] = lambda _: None

    def frames(self, samples: Samples) -> Vectors:
        """(N, D) unit vectors of all samples.

        Raises:
            SelectionError: a frame cannot be read.
        """
        groups: dict[str, list[int]] = {}
        for place, stem in enumerate(samples.stems):
            groups.setdefault(video_of(stem), []).append(place)
        vectors = np.zeros((len(samples), SIZE), dtype=np.float32)
        with step("Describing frames", len(samples)) as described:
            for group, places in groups.items():
                stems = [samples.stems[place] for place in places]
                vectors[places] = self._group(group, stems, samples.inputs(places))
                described.done(len(places))
        return vectors

    def _group(self, group: str, stems: list[str], keys: list[str]) -> Vectors:
        parts = [f"{NAME} {SIZE}", *(f"{key} {self.fingerprint(key)}" for key in keys), *stems]
        versions = "\n".join(parts)
        digest = hashlib.sha256(versions.encode(errors="surrogateescape")).hexdigest()
        name = hashlib.sha256(group.encode(errors="surrogateescape")).hexdigest()[:32]
        key = f"{FOLDER}/{NAME}/{name}.parquet"
        stored = self._stored(key, digest)
        if stored is not None:
            return stored
        self.progress(f"describing {len(stems):,} frames of {group}")
        frames = track(self.reader.read(stems), f"Frames of {group}", len(stems))
        found = {stem: describe(pixels) for stem, pixels in frames}
        if missing := [stem for stem in stems if stem not in found]:
            why = self.reader.problems[-1] if self.reader.problems else "the input has no such frame."
            raise SelectionError(f"'{missing[0]}' has no vector: {why}")
        vectors = np.stack([found[stem] for stem in stems])
        self.state.write(key, _parquet(vectors, stems, digest))
        return vectors

    def _stored(self, key: str, digest: str) -> Vectors | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(io.BytesIO(self.state.read(key)))
        except (NotFound, pa.ArrowInvalid):
            # There is none, or it is damaged: it can be computed again.
            return None
        if (table.schema.metadata or {}).get(b"version") != digest.encode():
            return None
        column: Any = table.column("vector").combine_chunks()
        flat = column.flatten().to_numpy()
        return np.asarray(flat, dtype=np.float32).reshape(-1, SIZE)

    def objects(self, samples: Samples, task: TaskFigures) -> tuple[Vectors, NDArray[np.int64]]:
        """(M, D) vectors of a task's objects, and (M,) the samples that they are on; nothing is stored."""
        columns = task.columns
        assert columns is not None
        boxes = columns.boxes_or_hulls()
        ends = np.cumsum(columns.counts)
        rows = {
            stem: range(int(end - count), int(end))
            for stem, end, count in zip(columns.stems, ends, columns.counts, strict=True)
            if count
        }
        self.progress(f"describing {int(columns.counts.sum()):,} objects of {task.name}")
        vectors: list[Vectors] = []
        owners: list[int] = []
        frames = track(self.reader.read(rows), f"Describing objects of {task.name}", len(rows))
        for stem, pixels in frames:
            for crop in _crops(pixels, boxes[list(rows[stem])]):
                vectors.append(describe(crop))
                owners.append(samples.place[stem])
        if not vectors:
            raise SelectionError(f"'{task.name}' has no object on any frame that can be read.")
        return np.stack(vectors), np.array(owners, dtype=np.int64)

    def pictures(self, images: list[NDArray[np.uint8]], names: list[str]) -> Vectors:  # noqa: ARG002
        """(Q, D) of pictures that are no samples."""
        return np.stack([describe(image) for image in images])


def _crops(pixels: NDArray[np.uint8], boxes: NDArray[np.float64]) -> Iterator[NDArray[np.uint8]]:
    height, width = pixels.shape[:2]
    for x, y, w, h in boxes.tolist():
        left, top = max(0, int(x)), max(0, int(y))
        right, bottom = min(width, round(x + w)), min(height, round(y + h))
        if right - left >= _LEAST_PIXELS and bottom - top >= _LEAST_PIXELS:
            yield pixels[top:bottom, left:right]


def _parquet(vectors: Vectors, stems: list[str], digest: str) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), SIZE)
    names = pa.array([stem.encode(errors="surrogateescape") for stem in stems], pa.binary())
    table = pa.table({"frame": names, "vector": flat}).replace_schema_metadata(
        {"version": digest, "descriptor": NAME}
    )
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()
