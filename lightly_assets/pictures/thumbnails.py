"""A few frames of a unit, kept small while they pass by, for a picture of what was predicted."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from lightly_assets.format.schema import Schema
from lightly_assets.models.protocol import Source

# More would be too small to see anything, in so few bytes.
_TILES = 3
# Frames of which the most telling ones are shown: as many as memory has room for.
_CANDIDATES = 24
_WIDTH = 320
# Of the picture, which is stored with every input in the database of events: of one frame, and of several.
_MOST_BYTES, _MOST_BYTES_OF_SEVERAL = 6_000, 12_000


class Thumbnails:
    """Frames of a unit, evenly spaced however many there are: with every doubling every second one goes."""

    def __init__(self) -> None:
        self._stride = 1
        self._offered = 0
        self._kept: dict[int, tuple[Source, NDArray[np.uint8]]] = {}

    def offer(self, source: Source, image: NDArray[np.uint8], claimed: int | None = None) -> None:
        """Keep a frame, scaled down, if it is one of the evenly spaced.

        ``claimed`` is how many frames may come: then those are left out from the start that would go later.
        """
        number = self._offered
        while not number and claimed and -(-claimed // self._stride) > 2 * _CANDIDATES:
            self._stride *= 2
        self._offered += 1
        if number % self._stride:
            return
        self._kept[number] = source, _scaled(image)
        if len(self._kept) > 2 * _CANDIDATES:
            self._stride *= 2
            self._kept = {one: kept for one, kept in self._kept.items() if one % self._stride == 0}

    def shows(self, source: Source) -> bool:
        """Whether a frame is kept (for now)."""
        return any(kept == source for kept, _ in list(self._kept.values()))

    def __iter__(self) -> Iterator[tuple[Source, NDArray[np.uint8]]]:
        return iter([self._kept[number] for number in sorted(self._kept)])


def sheet(
    thumbnails: Iterable[tuple[Source, NDArray[np.uint8]]], texts: Mapping[Source, bytes], schema: Schema
) -> bytes | None:
    """A WebP of the kept frames that say most, with their predictions; None where there is no frame.

    Args:
        texts: the predictions of frames, as JSON.
    """
    from lightly_assets.pictures.contact_sheet import Tile, contact_sheet
    from lightly_assets.pictures.telling import telling

    kept = [(source, image) for source, image in thumbnails if source in texts]
    predictions: list[list[dict[str, Any]]] = [orjson.loads(texts[source]) for source, _ in kept]
    tiles = [
        Tile(
            kept[place][1],
            predictions[place],
            schema.task_type,
            schema.names,
            _caption(kept[place][0], why),
            (kept[place][0].width, kept[place][0].height),
        )
        for place, why in telling(predictions, schema, _TILES)
    ]
    if not tiles:
        return None
    return contact_sheet(tiles, max_bytes=_MOST_BYTES if len(tiles) == 1 else _MOST_BYTES_OF_SEVERAL)


def _caption(source: Source, why: str) -> str:
    name = source.input.rpartition("/")[2]
    shown = name if source.index is None else f"{name} · frame {source.index}"
    return f"{shown} · {why}" if why else shown


def _scaled(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image  # late: needed for pictures only

    height, width = image.shape[:2]
    if width <= _WIDTH:
        return image.copy()
    # Of a large frame only some rows are read: this happens while the models wait.
    few = np.ascontiguousarray(image[:: max(1, width // _WIDTH)])
    size = _WIDTH, max(1, round(height * _WIDTH / width))
    # Whole pixels are averaged first, which takes half the time of weighing each.
    return np.asarray(Image.fromarray(few).resize(size, Image.Resampling.BOX, reducing_gap=1.0))
