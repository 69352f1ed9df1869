"""A model of embeddings whose every vector is checked."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lightly_assets.errors import BadValue
from lightly_assets.format.arrays import as_numpy
from lightly_assets.format.schema import TaskType
from lightly_assets.models.checked_model import CheckedModel
from lightly_assets.models.files import version_of
from lightly_assets.models.protocol import Image, Images, ModelError, Runtime, Source
from lightly_assets.models.results import Result
from lightly_assets.models.runtimes.python import PythonRuntime
from lightly_assets.models.vectors.settings import VectorSettings

Vector = NDArray[np.float32]

# Part of the version: raise it when the same output would give another vector.
CODE_VERSION = 1


def load_vector_model(settings: VectorSettings, *, normalise: bool, base_dir: Path) -> "VectorModel":
    """A model that is ready to describe pictures.

    Raises:
        ModelError: the file is missing, refused or broken, or does not fit the settings.
    """
    return VectorModel(settings.load(base_dir), normalise=normalise)


class VectorModel(CheckedModel):
    """Pictures to vectors. Any thread may use it.

    Args:
        runtime: the model itself.
        normalise: whether vectors are made of length 1.
    """

    def __init__(self, runtime: Runtime, *, normalise: bool) -> None:
        super().__init__(runtime, TaskType.CLASSIFICATION)
        self.version = version_of(runtime.version, {"normalise": normalise}, CODE_VERSION)
        self._normalise = normalise
        self._size: int | None = None

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Result]:
        """As :meth:`vectors`: the place of a result is taken by (D,) float32."""
        return cast(Sequence[Result], self.vectors(list(images), sources))

    def vectors(self, images: Sequence[Image], sources: Sequence[Source]) -> list[Vector]:
        """(D,) float32 for each of N pictures (H_i, W_i, 3); ``sources`` say where they are from, for errors.

        Raises:
            ModelError: what is wrong, with the input and the frame.
        """
        if self._known and not self._halved and self.callers > 1:
            return self._described(images, sources)
        with self._turn:
            found = self._described(images, sources)
            self._known = True
            return found

    def _described(self, images: Sequence[Image], sources: Sequence[Source]) -> list[Vector]:
        found: list[Vector] = []
        # Functions of users take pictures of one size; a declared input makes them so itself.
        alike = (lambda number: images[number].shape) if self._needs_one_size else (lambda _: None)
        for _, numbers in groupby(range(len(images)), key=alike):
            group = list(numbers)
            for start in range(0, len(group), self.batch_size):
                some = group[start : start + self.batch_size]
                given = [images[number] for number in some]
                # A picture may be a part of what its source names.
                shown = [
                    replace(sources[number], width=images[number].shape[1], height=images[number].shape[0])
                    for number in some
                ]
                made = self._predict_same_size(given, shown)
                found += cast(list[Vector], made)
        return found

    @property
    def _needs_one_size(self) -> bool:
        return isinstance(self.runtime, PythonRuntime)

    def _checked(self, returned: Sequence[Any], sources: Sequence[Source]) -> list[Result]:
        if len(returned) != len(sources):
            raise ModelError(
                f"{sources[0]}: the model returned {len(returned)} vectors for {len(sources)} images; it "
                "must return one for each.",
                sources[0],
            )
        return cast(
            list[Result], [self._vector(one, source) for one, source in zip(returned, sources, strict=True)]
        )

    def _vector(self, returned: Any, source: Source) -> Vector:
        try:
            values = as_numpy(returned)
        except (BadValue, TypeError, ValueError) as error:
            raise ModelError(f"{source}: the embedding is no array of numbers ({error}).", source) from None
        if values.ndim != 1 or not values.size or values.dtype.kind not in "fiu":
            shape = ", ".join(map(str, values.shape))
            raise ModelError(
                f"{source}: the embedding is ({shape}) {values.dtype}; it must be D numbers for each image.",
                source,
            )
        with np.errstate(over="ignore"):
            vector: Vector = values.astype(np.float32)
        if not np.isfinite(vector).all():
            raise ModelError(f"{source}: the embedding has NaN or infinite numbers.", source)
        if self._size is None:
            self._size = vector.size
        if vector.size != self._size:
            raise ModelError(
                f"{source}: the embedding has {vector.size} numbers, but others have {self._size}; all must "
                "have the same.",
                source,
            )
        return self._unit(vector, source) if self._normalise else vector

    def _unit(self, vector: Vector, source: Source) -> Vector:
        length = float(np.linalg.norm(vector.astype(np.float64)))
        if not length:
            raise ModelError(
                f"{source}: the embedding is all zeros, which cannot be made of length 1; set "
                "embeddings.normalise: false to keep it.",
                source,
            )
        unit: Vector = (vector / length).astype(np.float32)
        return unit
