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
