"""Fields of protocol buffers, read from a file's bytes without their package."""

import mmap
from collections.abc import Iterator


def fields(data: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message that have a length: number, start and end of what they hold.

    Raises:
        IndexError: the message is cut off or damaged.
    """
    while start < stop:
        key, start = _varint(data, start)
        kind = key & 7
        if kind == 0:
            _, start = _varint(data, start)
        elif kind == 1:
            start += 8
        elif kind == 5:
            start += 4
        else:
            size, start = _varint(data, start)
            if kind != 2 or start + size > stop:
                raise IndexError
            yield key >> 3, start, start + size
            start += size


def _varint(data: mmap.mmap, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
        shift += 7
        if shift > 63:
            raise IndexError


def text(data: mmap.mmap, start: int, stop: int) -> str:
    """A string. Raises UnicodeDecodeError."""
    return data[start:stop].decode()
