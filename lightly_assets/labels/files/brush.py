"""Label Studio's brush: run lengths of an RGBA picture as a stream of bits."""

from typing import Any

import numpy as np

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.labelled import Mask, Size

_MOST_VALUES = 1 << 30


def brush_mask(values: Any, size: Size, where: str) -> Mask:
    """The mask of a brush: its alpha is not 0.

    Args:
        values: bytes as numbers; the head has 32 bits for the count, 5 for the size of a value, and four
            times 4 for the sizes of run lengths, each less one.
        size: of the image; the count is four values for each of its pixels.

    Raises:
        LabelsError: the bits end early, or are those of another size.
    """
    try:
        # bytes(7) would be seven zeros.
        data = np.frombuffer(bytes(values if isinstance(values, list) else [values]), dtype=np.uint8)
    except (TypeError, ValueError):
        raise LabelsError(f"{where}: rle must be a list of bytes.") from None
    bits = np.unpackbits(data)
    reader = _Reader(bits, where)
    count, width = reader.take(32), reader.take(5) + 1
    lengths = [reader.take(4) + 1 for _ in range(4)]
    if count != 4 * size[0] * size[1] or count > _MOST_VALUES:
        raise LabelsError(
            f"{where}: the brush has {count:,} values; {size[0]}×{size[1]} pixels need "
            f"{4 * size[0] * size[1]:,}."
        )
    out = np.zeros(count, dtype=np.uint8)
    place = 0
    while place < count:
        repeats = reader.take(1)
        stop = min(place + 1 + reader.take(lengths[reader.take(2)]), count)
        if repeats:
            out[place:stop] = reader.take(width) & 0xFF
        else:
            out[place:stop] = reader.take_many(width, stop - place)
        place = stop
    return Mask(out.reshape(size[1], size[0], 4)[..., 3] > 0, size=size)


class _Reader:
    def __init__(self, bits: np.ndarray[Any, np.dtype[np.uint8]], where: str) -> None:
        self._bits, self._where, self._place = bits, where, 0

    def _next(self, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        part = self._bits[self._place : self._place + count]
        if len(part) < count:
            raise LabelsError(f"{self._where}: the brush's run lengths end early.")
        self._place += count
        return part

    def take(self, count: int) -> int:
        """A number of so many bits."""
        value = 0
        for bit in self._next(count).tolist():
            value = value << 1 | bit
        return value

    def take_many(self, count: int, times: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Numbers of so many bits each; of larger ones the last byte."""
        rows = self._next(count * times).reshape(times, count)[:, -8:]
        weights = 1 << np.arange(rows.shape[1] - 1, -1, -1)
        return (rows @ weights).astype(np.uint8)
