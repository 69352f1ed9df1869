"""Frames in shared memory: written by the decoder, read by its consumer without a copy.

The memory has no name, so nothing is left behind however either side ends. Only the consumer's side may be
trusted: it creates the memory, seals it against shrinking and checks every position that the decoder reports.
"""

import contextlib
import ctypes
import fcntl
import mmap
import os
import tempfile
import weakref
from collections import deque

import numpy as np
from numpy.typing import NDArray

RING_BYTES = 160 << 20
"""What a ring takes at most, unless 6 frames need more."""
MIN_SLOTS = 6
MAX_SLOTS = 24
# Places that consumers who keep frames leave to the decoder.
_DECODERS_SHARE = 3
_PAGE = mmap.PAGESIZE


class NonsenseError(ValueError):
    """The decoder says what cannot be."""


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

    def place(self, slot: int, height: int, width: int) -> NDArray[np.uint8]:
        """The (height, width * 3) uint8 array of a place."""
        assert self._memory is not None
        offset = self._start + slot * self._slot_bytes
        flat = np.frombuffer(self._memory, np.uint8, height * width * 3, offset)
        return flat.reshape(height, width * 3)

    def close(self) -> None:
        self._memory = None
        os.close(self._fd)


class RingReader:
    """The consumer's side: frames as arrays that stay valid as long as anybody holds them.

    An array is a window on its place, which becomes free again once the array and all views of it are gone.
    A consumer that keeps many frames gets copies instead as soon as the places run short, so that it can
    neither stop the decoder nor see a frame change.
    """

    def __init__(self) -> None:
        self.fd = create_memory()
        self._memory: mmap.mmap | None = None
        self.layout = 0
        """Number of the present layout; places that are given back belong to one."""
        self._start = 0
        self._slot_bytes = 0
        self._slots = 0
        self._held: set[int] = set()
        self._released: deque[tuple[int, int]] = deque()

    def move(self, number: int, start: int, slot_bytes: int, slots: int) -> None:
        """Follows the decoder to new places.

        Raises:
            NonsenseError: they do not lie inside the shared memory.
        """
        size = os.fstat(self.fd).st_size
        if min(start, slot_bytes, slots) < 0 or start + slot_bytes * slots > size:
            raise NonsenseError("frames outside the shared memory")
        self._memory = map_memory(self.fd, size)
        self.layout = number
        self._start, self._slot_bytes, self._slots = start, slot_bytes, slots
        self._held = set()

    def take(self, slot: int, height: int, width: int) -> NDArray[np.uint8]:
        """The (height, width, 3) uint8 frame in a place.

        Raises:
            NonsenseError: there is no such place, or the frame does not fit into it.
        """
        count = height * width * 3
        free = 0 <= slot < self._slots and slot not in self._held
        if self._memory is None or not free or min(height, width) < 1 or count > self._slot_bytes:
            raise NonsenseError("a frame outside its place")
        window = (ctypes.c_ubyte * count).from_buffer(self._memory, self._start + slot * self._slot_bytes)
        image = np.frombuffer(memoryview(window), np.uint8).reshape(height, width, 3)
        if len(self._held) >= self._slots - max(_DECODERS_SHARE, self._slots // 4):
            self._released.append((self.layout, slot))
            return image.copy()
        self._held.add(slot)
        weakref.finalize(window, self._released.append, (self.layout, slot)).atexit = False
        return image

    @property
    def many_freed(self) -> bool:
        """Whether a third of all places became free since they were last given back."""
        return len(self._released) * 3 >= self._slots > 0

    def freed(self) -> list[int]:
        """Places that have become free since the last call and that the decoder may use again."""
        slots = []
        while self._released:
            layout, slot = self._released.popleft()
            if layout == self.layout:
                self._held.discard(slot)
                slots.append(slot)
        return slots

    def close(self) -> None:
        """Lets go of the memory; arrays that are still held stay valid."""
        self._memory = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
