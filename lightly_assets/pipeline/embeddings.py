"""Stored embeddings, for whoever needs them as arrays, and as a file in Lightly's format."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.csv
from numpy.typing import NDArray

from lightly_assets.config.sections.embeddings import PREFIX, embeddings_of
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.format.names.suffixes import split_suffix
from lightly_assets.models.protocol import Image, Source
from lightly_assets.pipeline.planning.embedding_setup import EmbeddingSetup
from lightly_assets.pipeline.planning.task_setup import decode_version
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.state.vector_tables import read_vectors
from lightly_assets.selection.errors import SelectionError
from lightly_assets.selection.figures import TaskFigures
from lightly_assets.selection.samples import Samples

# The stubs know fewer signatures than pyarrow has.
pa: Any = pyarrow

Vectors = NDArray[np.float32]
Owners = NDArray[np.int64]

LIGHTLY_FILE = ".lightly/embeddings/embeddings.csv"
"""Where the platform's client looks for embeddings, below the Lightly datasource."""


class EmbeddingsError(LightlyAssetsError):
    """Why embeddings cannot be had, in one sentence."""


@dataclass(frozen=True)
class StoredVectors:
    """The embeddings of an open project; only those of today's content and model."""

    session: Session

    def frames(self, samples: Samples) -> Vectors:
        """(N, D) of all samples.

        Raises:
            SelectionError: some are missing or stale.
        """
        found: Vectors | None = None
        missing = np.ones(len(samples), dtype=np.bool_)
        for names, _, vectors in self._parts(PREFIX):
            if found is None:
                found = np.zeros((len(samples), vectors.shape[1]), dtype=np.float32)
            self._same_size(found, vectors)
            places = [samples.place.get(split_suffix(name)[0], -1) for name in names]
            kept = np.array(places, dtype=np.int64)
            found[kept[kept >= 0]] = vectors[kept >= 0]
            missing[kept[kept >= 0]] = False
        if found is None or missing.any():
            first = samples.names[int(np.argmax(missing))] if len(samples) else ""
            raise SelectionError(
                f"'{first}' has no present embedding ({int(missing.sum()):,} of {len(samples):,} have none); "
                "run the project first."
            )
        return found

    def objects(self, samples: Samples, task: TaskFigures) -> tuple[Vectors, Owners]:
        """(M, D) of a task's objects, and (M,) the samples that they are on.

        Raises:
            SelectionError: the project does not embed them, or they are missing or stale.
        """
        name = embeddings_of(task.name)
        if name not in self.session.embeddings:
            raise SelectionError(
                f"The objects of '{task.name}' have no embeddings; add it to embeddings.objects in "
                f"{self.session.project.path} and run the project."
            )
        rows: list[Vectors] = []
        owners: list[int] = []
        for names, _, vectors in self._parts(name):
            places = np.array([samples.place.get(split_suffix(one)[0], -1) for one in names], dtype=np.int64)
            if rows:
                self._same_size(rows[0], vectors)
            rows.append(vectors[places >= 0])
            owners += places[places >= 0].tolist()
        if not owners:
            raise SelectionError(
                f"No object of '{task.name}' has a present embedding; run the project first."
            )
        order = np.argsort(owners, kind="stable")
        return np.concatenate(rows)[order], np.array(owners, dtype=np.int64)[order]

    def pictures(self, images: list[Image], names: list[str]) -> Vectors:
        """(Q, D) of pictures that are not of the project, by the same model."""
        sources = [
            Source(name, None, image.shape[1], image.shape[0])
            for name, image in zip(names, images, strict=True)
        ]
        return np.stack(self.session.embeddings[PREFIX].model.vectors(images, sources))

    def _parts(self, name: str) -> Iterator[tuple[list[str], list[int] | None, Vectors]]:
        yield from present_vectors(self.session, self.session.embeddings[name])

    def _same_size(self, one: Vectors, other: Vectors) -> None:
        if one.shape[1] != other.shape[1]:
            raise SelectionError(_sizes(one.shape[1], other.shape[1]))


def present_vectors(
    session: Session, setup: EmbeddingSetup
) -> Iterator[tuple[list[str], list[int] | None, Vectors]]:
    """What is stored and not stale: file names, numbers of objects (not of frames), and vectors, in parts."""
    house, scan = session.warehouse, session.scan
    stated = [
        (key, one.entry.fingerprint, decode_version(session.project, one.kind))
        for key, one in scan.inputs.items()
    ]
    stale = dict(house.index.stale(setup.name, stated, setup.model_version, "", encoded=False))
    units: dict[str, set[str]] = {}
    for row in house.index.entries(setup.name):
        if row.input in scan.inputs and row.input not in stale and row.model == setup.model_version:
            units.setdefault(row.unit, set()).add(row.input)
    for unit, keys in units.items():
        record, _ = house.records.read(setup.name, unit, fresh=False)
        if record.predictions:
            with house.open(record.predictions) as path:
                yield from read_vectors(path, keys)


@dataclass(frozen=True, slots=True)
class Written:
    """A file of embeddings."""

    where: str
    """A path, or a URL."""
    vectors: int


def publish_csv(session: Session, out: Path | None) -> Written:
    """Write the vectors of frames as Lightly's CSV: to a file, else where the platform's client looks for it.

    It is replaced as a whole: readers see the old file or the new one.

    Raises:
        EmbeddingsError: there are none, or they are not of one length; or the file cannot be written.
        StorageError: a store is out of reach.
    """
    with session.workplace() as folder:
        made = folder / "embeddings.csv"
        count = write_csv(session, made)
        if out is None:
            store = session.warehouse.lightly
            store.upload(LIGHTLY_FILE, made)
            return Written(f"{store.url.rstrip('/')}/{LIGHTLY_FILE}", count)
        part = out.with_name(f".{out.name}.part")
        try:
            shutil.copyfile(made, part)
            part.replace(out)
        except OSError as error:
            raise EmbeddingsError(f"'{out}' cannot be written: {error.strerror}.") from None
        return Written(str(out), count)


def _sizes(one: int, other: int) -> str:
    return (
        f"Some embeddings have {one} numbers, others {other}, by the same version of the model; give it "
        "another version and run the project."
    )


def write_csv(session: Session, target: Path) -> int:
    """Write the vectors of frames as Lightly's CSV; how many.

    A row for each: ``filenames``, ``embedding_0`` and so on, and ``labels``, which is 0.

    Raises:
        EmbeddingsError: there are none, or they are not of one length.
    """
    if not session.embeddings:
        raise EmbeddingsError(f"{session.project.path} has no section embeddings; 'embeddings: {{}}' is one.")
    size, count = 0, 0
    columns: list[str] = []
    with target.open("wb") as file:
        for names, _, vectors in present_vectors(session, session.embeddings[PREFIX]):
            if not size:
                size = vectors.shape[1]
                columns = ["filenames", *(f"embedding_{number}" for number in range(size)), "labels"]
                file.write((",".join(columns) + "\n").encode())
            if vectors.shape[1] != size:
                raise EmbeddingsError(_sizes(size, vectors.shape[1]))
            arrays = [pa.array(names), *(pa.array(column) for column in vectors.T)]
            arrays.append(pa.array(np.zeros(len(names), dtype=np.int64)))
            table = pa.table(arrays, names=columns)
            options = pyarrow.csv.WriteOptions(include_header=False)
            pyarrow.csv.write_csv(table, file, options)
            count += len(names)
    if not size:
        raise EmbeddingsError("There is no present embedding; run the project first.")
    return count
