"""Whether a file is as long as its container says: what demuxers step over without a word.

A demuxer that meets the end of a cut file in the wrong place, or a header that damage has wiped out, goes on
or stops as if nothing were missing. But containers say how long they are, and this module reads just that: a
few bytes for each top-level box, in a loop with a bound, whatever sizes the file claims.
"""

import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_BOXES = 1_000_000
"""Boxes of one file that are looked at: a day of fragments has a fifth of it."""
_MAX_HEADER = 1 << 22
_BOX_TYPE = re.compile(rb"[ -~]{4}")
_PADDING = 1 << 16
_SEGMENT = 0x18538067
_MAX_LEVEL_1 = 64


@dataclass(frozen=True, slots=True)
class _Box:
    """A box of an ISO file, or a chunk of a RIFF file, at the top level."""

    kind: bytes
    start: int
    body: int
    """Where its content begins."""
    end: int


class _BrokenChainError(Exception):
    """Boxes do not follow each other to the end of the file; the text says where."""


def find_cut(path: str, container: str) -> str | None:
    """What a file's own lengths say against it, in a clause; None where they agree or say nothing.

    ``container`` is the name of FFmpeg's demuxer. Raises OSError where the file cannot be read.
    """
    check = _CHECKS.get(container.split(",")[0])
    if check is None:
        return None
    with open(path, "rb") as file:  # noqa: PTH123
        return check(file, os.fstat(file.fileno()).st_size)


def _beyond(what: str, end: int, size: int) -> str:
    return f"is cut off: {what} ends at byte {end:,}, the file at byte {size:,}"


# --- RIFF: AVI -------------------------------------------------------------------------------------------


def _riff_cut(file: BinaryIO, size: int) -> str | None:
    """A file is one RIFF list, or several where it is large; their indexes point to all frames."""
    position = 0
    for number in range(MAX_BOXES):
        head = _read(file, position, 12)
        if len(head) < 12 or head[:4] not in (b"RIFF", b"RIFX"):
            break
        length = struct.unpack_from("<I", head, 4)[0]
        end = position + 8 + length
        # Nobody came back to fill in the length of a recording that was never closed.
        if length in (0, 0xFFFFFFFF):
            break
        # The last byte may be padding that some programs count and do not write.
        if end > size + 1:
            return _beyond("its RIFF list", end, size)
        if number == 0 and (beyond := _super_index_end(file, position + 12, end)) > size:
            return _beyond("what its index lists", beyond, size)
        position = end + (end & 1)
    return None


def _super_index_end(file: BinaryIO, start: int, end: int) -> int:
    """The last byte that the indexes of indexes (OpenDML) point to; 0 where there are none."""
    head = _read(file, start, 12)
    if head[:4] != b"LIST" or head[8:12] != b"hdrl":
        return 0
    length = min(struct.unpack_from("<I", head, 4)[0], end - start - 8, _MAX_HEADER)
    header = _read(file, start + 12, max(length - 4, 0))
    last = 0
    for kind, body in _riff_chunks(header):
        if kind == b"LIST" and body[:4] == b"strl":
            last = max([last, *(_indexed(body) for kind, body in _riff_chunks(body[4:]) if kind == b"indx")])
    return last


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(data):
        length = struct.unpack_from("<I", data, position + 4)[0]
        yield data[position : position + 4], data[position + 8 : position + 8 + length]
        position += 8 + length + (length & 1)


def _indexed(index: bytes) -> int:
    if len(index) < 24 or index[3] != 0:  # 0: an index of indexes
        return 0
    count = min(struct.unpack_from("<I", index, 4)[0], (len(index) - 24) // 16)
    entries = (struct.unpack_from("<QI", index, 24 + 16 * number) for number in range(count))
    return max((offset + length for offset, length in entries), default=0)


def count_pictures(path: str, stream: int) -> int:
    """The chunks of an AVI file that hold pictures of a stream, counted one by one: its index may be damaged.

    0 where they do not follow each other to the end, as after damage, and in files that were never closed.
    Raises OSError where the file cannot be read.
    """
    names = {b"%02ddc" % stream, b"%02ddb" % stream}
    found = seen = 0
    with open(path, "rb") as file:  # noqa: PTH123
        size = os.fstat(file.fileno()).st_size
        # Lists are entered, all other chunks stepped over: each is read once, wherever lists claim to end.
        position = 0
        while position + 8 <= size:
            kind, length = struct.unpack("<4sI", _read(file, position, 8))
            seen += 1
            if seen > MAX_BOXES or not _BOX_TYPE.fullmatch(kind):
                return 0
            if kind in (b"RIFF", b"LIST"):
                if kind == b"LIST" and _read(file, position + 8, 4) not in (b"movi", b"rec "):
                    position += 8 + length + (length & 1)
                else:
                    position += 12
                continue
            found += kind in names and length > 0
            position += 8 + length + (length & 1)
    return found


# --- ISO: MP4 and QuickTime ------------------------------------------------------------------------------


def _iso_cut(file: BinaryIO, size: int) -> str | None:
    """Fragments have no common index: each must be there to its end, and follow the one before.

    Without fragments the index says where the samples are, which :func:`beyond_end` looks at.
    """
    fragmented = False
    referenced = 0
    try:
        for box in _boxes(file, size):
            fragmented |= box.kind == b"moof"
            if box.kind == b"sidx":
                referenced = max(referenced, _referenced(file, box))
            if box.kind == b"moov" and not fragmented:
                fragmented = b"mvex" in _kinds_inside(file, box)
            if fragmented and box.end > size:
                return _beyond(f"its last box ('{box.kind.decode('latin-1')}')", box.end, size)
    except _BrokenChainError as broken:
        return str(broken) if fragmented else None
    return _beyond("what its index lists", referenced, size) if fragmented and referenced > size else None


def _boxes(file: BinaryIO, size: int) -> Iterator[_Box]:
    """The boxes of the top level; the last one may reach beyond the end of the file.

    Raises:
        _BrokenChainError: what follows a box is none.
    """
    position = 0
    for _ in range(MAX_BOXES):
        if position >= size:
            return
        head = _read(file, position, 16)
        if len(head) < 8:
            raise _BrokenChainError(f"is cut off in the middle of a box at byte {position:,}")
        length, kind = struct.unpack_from(">I4s", head)
        body = position + 8
        if length == 1 and len(head) == 16:
            length, body = struct.unpack_from(">Q", head, 8)[0], body + 8
        elif length == 1:
            raise _BrokenChainError(f"is cut off in the middle of a box at byte {position:,}")
        elif length == 0 and kind != b"\0\0\0\0":  # to the end of the file
            length = size - position
        if position + length < body or not _BOX_TYPE.fullmatch(kind):
            if size - position <= _PADDING and not any(_read(file, position, size - position)):
                return
            raise _BrokenChainError(f"has no box at byte {position:,}, where one should begin")
        yield _Box(kind, position, body, position + length)
        position += length


def _kinds_inside(file: BinaryIO, box: _Box) -> set[bytes]:
    kinds = set()
    position = box.body
    for _ in range(_MAX_LEVEL_1):
        head = _read(file, position, 8)
        if position + 8 > box.end or len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        kinds.add(kind)
        if length < 8:
            break
        position += length
    return kinds


def _referenced(file: BinaryIO, box: _Box) -> int:
    """The end of what a segment index lists; 0 where it is none that can be read."""
    data = _read(file, box.body, min(box.end - box.body, _MAX_HEADER))
    if len(data) < 24:
        return 0
    wide = data[0] > 0
    offset = struct.unpack_from(">Q" if wide else ">I", data, 20 if wide else 16)[0] if len(data) >= 28 else 0
    start = 28 if wide else 20
    if len(data) < start + 4:
        return 0
    count = min(struct.unpack_from(">H", data, start + 2)[0], (len(data) - start - 4) // 12)
    sizes = (struct.unpack_from(">I", data, start + 4 + 12 * number)[0] for number in range(count))
    end: int = box.end + offset + sum(one & 0x7FFFFFFF for one in sizes)
    return end


# --- Matroska --------------------------------------------------------------------------------------------


def _matroska_cut(file: BinaryIO, size: int) -> str | None:
    """The one segment of the file says how long it is, unless it was recorded live."""
    position = 0
    for _ in range(_MAX_LEVEL_1):
        head = _read(file, position, 12)
        identity, used = _vint(head, keep_marker=True)
        length, more = _vint(head[used:])
        if not used or not more:
            return None
        body = position + used + more
        if length == (1 << (7 * more)) - 1:  # unknown
            return None
        if identity == _SEGMENT:
            return _beyond("its segment", body + length, size) if body + length > size else None
        position = body + length
    return None


def _vint(data: bytes, *, keep_marker: bool = False) -> tuple[int, int]:
    """A number of variable length, and how many bytes it takes; 0 bytes where it is none."""
    if not data or not data[0]:
        return 0, 0
    length = 9 - data[0].bit_length()
    if len(data) < length:
        return 0, 0
    value = int.from_bytes(data[:length], "big")
    return (value if keep_marker else value & ((1 << (7 * length)) - 1)), length


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    return os.pread(file.fileno(), count, position) if position < 1 << 62 else b""


_CHECKS: dict[str, Callable[[BinaryIO, int], str | None]] = {
    "avi": _riff_cut,
    "mov": _iso_cut,
    "matroska": _matroska_cut,
}
