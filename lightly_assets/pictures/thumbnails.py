"""A few frames of a unit, kept small while they pass by, for a picture of what was predicted."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.schema import Schema
from lightly_assets.models.protocol import Source

_TILES = 6
_WIDTH = 320
# Of the picture, which is stored with every input in the database of events: of one frame, and of several.
_MOST_BYTES, _MOST_BYTES_OF_SEVERAL = 6_000, 12_000


class Thumbnails:
    """Frames of a unit, evenly spaced however many there are: with every doubling every second one goes."""

    def __init__(self) -> None:
        self._stride = 1
        self._offered = 0
        self._kept: dict[int, tuple[Source, NDArray[np.uint8]]] = {}

    def offer(self, source: Source, image: NDArray[np.uint8]) -> None:
        """Keep a frame, scaled down, if it is one of the evenly spaced."""
        number = self._offered
        self._offered += 1
        if number % self._stride:
            return
        self._kept[number] = source, _scaled(image)
        if len(self._kept) > 2 * _TILES:
            self._stride *= 2
            self._kept = {one: kept for one, kept in self._kept.items() if one % self._stride == 0}

    def shows(self, source: Source) -> bool:
        """Whether a frame is kept (for now)."""
        return any(kept == source for kept, _ in list(self._kept.values()))

    def __iter__(self) -> Iterator[tuple[Source, NDArray[np.uint8]]]:
        kept = [self._kept[number] for number in sorted(self._kept)]
        chosen = np.linspace(0, len(kept) - 1, min(_TILES, len(kept))).round().astype(int)
        return iter([kept[number] for number in chosen])


def sheet(
    thumbnails: Thumbnails, predictions: dict[Source, list[dict[str, Any]]], schema: Schema
) -> bytes | None:
    """A WebP of the kept frames with their predictions drawn on; None where there is no frame."""
    from lightly_assets.pictures.contact_sheet import Tile, contact_sheet

    tiles = [
        Tile(
            image,
            predictions[source],
            schema.task_type,
            schema.names,
            _caption(source),
            (source.width, source.height),
        )
        for source, image in thumbnails
        if source in predictions
    ]
    if not tiles:
        return None
    return contact_sheet(tiles, max_bytes=_MOST_BYTES if len(tiles) == 1 else _MOST_BYTES_OF_SEVERAL)


def _caption(source: Source) -> str:
    name = source.input.rpartition("/")[2]
    return name if source.index is None else f"{name} · frame {source.index}"


def _scaled(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image  # late: needed for pictures only

    height, width = image.shape[:2]
    if width <= _WIDTH:
        return image.copy()
    # Of a large frame only some rows are read: this happens while the models wait.
    few = np.ascontiguousarray(image[:: max(1, width // (2 * _WIDTH))])
    size = _WIDTH, max(1, round(height * _WIDTH / width))
    return np.asarray(Image.fromarray(few).resize(size, Image.Resampling.BOX))
