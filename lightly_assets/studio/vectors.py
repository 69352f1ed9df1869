"""Vectors of frames that ``select`` has left in the state, where a project has no ``embeddings:``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.selection.embeddings import FOLDER
from lightly_assets.storage import Store

Vectors = NDArray[np.float32]
NamedVectors = tuple[str, list[str], Vectors]


def stored_vectors(state: Store) -> Iterator[NamedVectors]:
    """Of each kind of vectors its name, the stems of frames, and their vectors (N, D)."""
    files: dict[str, list[str]] = {}
    for key in sorted(state.names(FOLDER)):
        parts = key.split("/")
        if len(parts) == 3 and key.endswith(".parquet"):
            files.setdefault(parts[1], []).append(key)
    for name, keys in files.items():
        stems: list[str] = []
        vectors: list[Vectors] = []
        for key in keys:
            found, values = _read(state.read(key))
            stems += found
            vectors.append(values)
        yield name, stems, np.concatenate(vectors)


def _read(data: bytes) -> tuple[list[str], Vectors]:
    import pyarrow.parquet as pq  # late: it takes its time

    table: Any = pq.read_table(io.BytesIO(data))
    stems = [one.decode(errors="surrogateescape") for one in table.column("frame").to_pylist()]
    flat = table.column("vector").combine_chunks().flatten().to_numpy()
    return stems, np.asarray(flat, dtype=np.float32).reshape(len(stems), -1)
