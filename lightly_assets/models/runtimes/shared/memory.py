"""Memory for batches of images."""

import math
import sys

import numpy as np
from numpy.typing import NDArray

_MOST = 2


class BatchMemory:
    """Memory that is used again once nobody holds an array on it; fresh memory costs as much as a copy."""

    def __init__(self) -> None:
        self._buffers: list[NDArray[np.uint8]] = []

    def stack(self, images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """(N, H, W, 3) from N images of one size; of images that may be written to it can be a view."""
        if (joined := _joined(images)) is not None:
            return joined
        shape = (len(images), *images[0].shape)
        size = math.prod(shape)
        batch = self._free(size)[:size].reshape(shape)
        return np.stack(images, out=batch)

    def _free(self, size: int) -> NDArray[np.uint8]:
        for place in range(len(self._buffers)):
            buffer = self._buffers[place]
            # The list, this name and the call: whoever holds an array on it would be one more.
            if buffer.size >= size and sys.getrefcount(buffer) == 3:
                return buffer
        buffer = np.empty(size, dtype=np.uint8)
        self._buffers = [*self._buffers[-_MOST + 1 :], buffer]
        return buffer


def _joined(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8] | None:
    """A view of images that lie in memory one after the other; None where they do not, or are read-only."""
    address = start = images[0].__array_interface__["data"][0]
    for image in images:
        place, read_only = image.__array_interface__["data"]
        if place != address or read_only or not image.flags.c_contiguous:
            return None
        address += image.nbytes
    return np.asarray(_Joined(images, start))


class _Joined:
    """Keeps images for as long as anybody holds a view of them as one array."""

    def __init__(self, images: list[NDArray[np.uint8]], address: int) -> None:
        self._images = images
        self.__array_interface__ = {
            "data": (address, False),
            "shape": (len(images), *images[0].shape),
            "typestr": "|u1",
            "version": 3,
        }
