"""Where vectors of frames and objects come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightly_assets.media import MediaError, read_image
from lightly_assets.models.protocol import Image
from lightly_assets.selection.errors import SelectionError
from lightly_assets.selection.figures import TaskFigures
from lightly_assets.selection.samples import Samples

Vectors = NDArray[np.float32]

_PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


class VectorSource(Protocol):
    """Gives the vectors that strategies ask for; all of one model."""

    def frames(self, samples: Samples) -> Vectors:
        """(N, D) of all samples. Raises SelectionError."""

    def objects(self, samples: Samples, task: TaskFigures) -> tuple[Vectors, NDArray[np.int64]]:
        """(M, D) of a task's objects, and (M,) the samples that they are on. Raises SelectionError."""

    def pictures(self, images: list[Image], names: list[str]) -> Vectors:
        """(Q, D) of pictures that are no samples."""


def pictures_in(folder: Path) -> Iterator[tuple[str, Image]]:
    """The pictures in a folder and those in it, by name.

    Raises:
        SelectionError: there is none, or one cannot be read.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _PICTURES)
    if not paths:
        raise SelectionError(f"--similar-to: '{folder}' holds no picture ({', '.join(_PICTURES)}).")
    for path in paths:
        try:
            yield path.relative_to(folder).as_posix(), read_image(str(path)).image
        except MediaError as error:
            raise SelectionError(f"--similar-to: '{path}' cannot be read: {error}") from None
