"""Places for frames in shared memory: written by the decoder, which starts faster without NumPy.

The memory has no name, so nothing is left behind however either side ends.
"""

import contextlib
import fcntl
import mmap
import os
import tempfile
from dataclasses import dataclass

RING_BYTES = 160 << 20
"""What a ring takes at most, unless 6 frames need more."""
MIN_SLOTS = 6
MAX_SLOTS = 24
_PAGE = mmap.PAGESIZE


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame is to be written."""

    pixels: memoryview
    """RGB, row by row: height * width * 3 bytes."""
    height: int
    """In pixels."""
    width: int


def create_memory() -> int:
    """A file descriptor of empty shared memory that can grow but, where the system has seals, not shrink."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("lightly-assets-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return fd
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def map_memory(fd: int, size: int) -> mmap.mmap:
    """Shared memory in large pages where there are such: a frame has 1,500 small ones, met one by one."""
    memory = mmap.mmap(fd, size)
    with contextlib.suppress(AttributeError, OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


class RingWriter:
    """The decoder's side: places for frames, handed out while the consumer has not got them all."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._memory: mmap.mmap | None = None
        self._slot_bytes = 0
        self._slots = 0
        self._start = 0
        self._number = 0

    def fits(self, frame_bytes: int) -> bool:
        """Whether frames of this size have places."""
        return frame_bytes <= self._slot_bytes

    def make_room(self, frame_bytes: int) -> dict[str, int]:
        """Makes places for frames of this size, and says where: what the consumer must know to read them.

        They lie behind the old ones, because the consumer may still look at those.
        """
        self._start += -(-self._slots * self._slot_bytes // _PAGE) * _PAGE
        # A margin, so that sizes that creep up move the places only now and then. Without one, frames that
        # follow each other lie in memory as one array.
        self._slot_bytes = frame_bytes if not self._slots else frame_bytes * 3 // 2
        self._slots = min(max(RING_BYTES // self._slot_bytes, MIN_SLOTS), MAX_SLOTS)
        self._number += 1
        size = self._start + self._slots * self._slot_bytes
        os.ftruncate(self._fd, size)
        self._memory = map_memory(self._fd, size)
        return {
            "number": self._number,
            "start": self._start,
            "slot_bytes": self._slot_bytes,
            "slots": self._slots,
        }

    def place(self, slot: int, height: int, width: int) -> Place:
        """Where a frame of this size is to be written."""
        assert self._memory is not None
        offset = self._start + slot * self._slot_bytes
        return Place(memoryview(self._memory)[offset : offset + height * width * 3], height, width)

    def close(self) -> None:
        self._memory = None
        os.close(self._fd)
