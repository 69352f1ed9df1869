"""Frames in shared memory as their consumer sees them: arrays, without a copy.

Only the consumer's side may be trusted: it creates the memory, seals it against shrinking and checks every
position that the decoder reports.
"""

import ctypes
import mmap
import os
import weakref
from collections import deque

import numpy as np
from numpy.typing import NDArray

from lightly_assets.media.decoding.places import create_memory, map_memory

# Places that consumers who keep frames leave to the decoder.
_DECODERS_SHARE = 3


class NonsenseError(ValueError):
    """The decoder says what cannot be."""


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
        self._taken: deque[int] = deque()
        self._gone: set[int] = set()

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
        self._held, self._taken, self._gone = set(), deque(), set()

    def take(self, slot: int, height: int, width: int) -> NDArray[np.uint8]:
        """The (height, width, 3) uint8 frame in a place.

        Raises:
            NonsenseError: there is no such place, or the frame does not fit into it.
        """
        count = height * width * 3
        free = 0 <= slot < self._slots and slot not in self._held and slot not in self._gone
        if self._memory is None or not free or min(height, width) < 1 or count > self._slot_bytes:
            raise NonsenseError("a frame outside its place")
        window = (ctypes.c_ubyte * count).from_buffer(self._memory, self._start + slot * self._slot_bytes)
        image = np.frombuffer(memoryview(window), np.uint8).reshape(height, width, 3)
        self._taken.append(slot)
        most = self._slots - max(_DECODERS_SHARE, self._slots // 8)
        if len(self._held) >= most:
            self._hear()
        if len(self._held) >= most:
            self._released.append((self.layout, slot))
            return image.copy()
        self._held.add(slot)
        weakref.finalize(window, self._released.append, (self.layout, slot)).atexit = False
        return image

    @property
    def many_freed(self) -> bool:
        """Whether a third of all places became free since they were last given back."""
        return (len(self._released) + len(self._gone)) * 3 >= self._slots > 0

    def freed(self, *, in_order: bool) -> list[int]:
        """Places that have become free since the last call and that the decoder may use again.

        In order, those wait for which an earlier one is still held: frames that follow each other then lie
        beside each other, and become a batch without a copy.
        """
        self._hear()
        slots = []
        while self._taken and self._taken[0] in self._gone:
            slots.append(self._taken.popleft())
            self._gone.remove(slots[-1])
        if not in_order:
            slots += [slot for slot in self._taken if slot in self._gone]
            self._taken = deque(slot for slot in self._taken if slot not in self._gone)
            self._gone.clear()
        return slots

    def _hear(self) -> None:
        """Takes note of what consumers have let go of."""
        while self._released:
            layout, slot = self._released.popleft()
            if layout == self.layout:
                self._held.discard(slot)
                self._gone.add(slot)

    def close(self) -> None:
        """Lets go of the memory; arrays that are still held stay valid."""
        self._memory = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
