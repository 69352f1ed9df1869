"""Decoded frames to RGB in shared memory.

PyAV converts into memory of its own, from where each frame would have to be copied. So the library that PyAV
has loaded for this is asked itself, for frames of the usual kind, to write where the frame is to be. Whether
it gives what PyAV gives is looked at with the first frame of each size and kind; where it does not, or where
there is no such library to be found, PyAV converts.
"""

import contextlib
import ctypes
import queue
import re
import threading
from functools import cache
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from lightly_assets.media.decoding.places import Place

# As in FFmpeg's public headers, where they never change.
_FORMATS = {"yuv420p": 0, "yuvj420p": 12}
_RGB24 = 2
_BILINEAR = 2
_FULL_RANGE = 2
_RGB_COLOURS = 0
_ONE = 1 << 16
# Rows of so many pixels leave no rest that would be written beyond their end.
_WHOLE_COLUMNS = 32
_PLANES = 4

_Kind = tuple[str, int, int, int, int]


class Converter:
    """Converts the frames of a video, in one thread."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._contexts: dict[_Kind, Any] = {}
        """By kind of frame; None where only PyAV converts it."""

    def __call__(self, frame: VideoFrame, place: Place) -> None:
        """Write a frame.

        Args:
            frame: as decoded.
            place: to become RGB; of another size than the frame's, it is scaled.
        """
        if (place.height, place.width) != (frame.height, frame.width):
            self._with_pyav(frame, place)
            return
        kind = (frame.format.name, frame.width, frame.height, int(frame.colorspace), int(frame.color_range))
        if kind not in self._contexts:
            self._contexts[kind] = self._tried(frame, place, kind)
        context = self._contexts[kind]
        if context is None or not _scale(context, frame, place):
            self._with_pyav(frame, place)

    def close(self) -> None:
        """Let go of what was allocated."""
        for context in self._contexts.values():
            if context is not None:
                _library().sws_freeContext(context)
        self._contexts = {}

    def _with_pyav(self, frame: VideoFrame, place: Place) -> None:
        height, width, row = place.height, place.width, 3 * place.width
        # Scaling takes two pixels of a line for each; kinds that take more cost more than they save.
        kernel = "BILINEAR" if (height, width) == (frame.height, frame.width) else "FAST_BILINEAR"
        rgb = self._reformatter.reformat(
            frame, width, height, format="rgb24", interpolation=kernel, threads=1
        )
        plane = rgb.planes[0]
        pixels, line = memoryview(plane), plane.line_size
        if line == row:
            place.pixels[:] = pixels[: height * row]
            return
        for number in range(height):
            place.pixels[number * row : (number + 1) * row] = pixels[number * line : number * line + row]

    def _tried(self, frame: VideoFrame, place: Place, kind: _Kind) -> Any:
        """What converts frames of a kind directly; None where that does not give what PyAV gives."""
        context = _context(*kind)
        if context is None:
            return None
        self._with_pyav(frame, place)
        wanted = bytes(place.pixels)
        if _scale(context, frame, place) and bytes(place.pixels) == wanted:
            return context
        _library().sws_freeContext(context)
        return None


class Conversion:
    """A frame that a thread converts."""

    __slots__ = ("_ended", "_error", "_frame", "_place")

    def __init__(self, frame: VideoFrame, place: Place) -> None:
        self._frame, self._place = frame, place
        self._error: BaseException | None = None
        self._ended = threading.Lock()
        self._ended.acquire()

    def run(self, converter: Converter) -> None:
        """Do it, in whichever thread this is."""
        try:
            converter(self._frame, self._place)
        except BaseException as error:  # noqa: BLE001 - raised again by wait()
            self._error = error
        del self._frame
        self._ended.release()

    @property
    def is_done(self) -> bool:
        return not self._ended.locked()

    def wait(self) -> None:
        """Wait until it is done; raises what went wrong."""
        with self._ended:
            if self._error is not None:
                raise self._error


class ConverterThreads:
    """Threads that convert frames while the decoder goes on.

    Less than half as costly for each frame as a pool of the standard library.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._begun: queue.SimpleQueue[Conversion | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def begin(self, frame: VideoFrame, place: Place) -> Conversion:
        """Have a frame converted."""
        while len(self._threads) < self.count:
            self._threads.append(threading.Thread(target=self._work, daemon=True))
            self._threads[-1].start()
        conversion = Conversion(frame, place)
        self._begun.put(conversion)
        return conversion

    def close(self) -> None:
        """End the threads once they have done what they do now."""
        for _ in self._threads:
            self._begun.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        converter = Converter()
        while (conversion := self._begun.get()) is not None:
            conversion.run(converter)
            del conversion
        converter.close()


@cache
def _library() -> Any:
    """The libswscale of PyAV, with the functions that are called; None where it is not to be found."""
    with contextlib.suppress(OSError, AttributeError):
        found = re.search(r"/\S*/libswscale[^/\s]*\.so[^/\s]*$", Path("/proc/self/maps").read_text(), re.M)
        if found is None:
            return None
        library = ctypes.CDLL(found[0])
        pointer, number = ctypes.c_void_p, ctypes.c_int
        library.sws_getContext.restype = pointer
        library.sws_getContext.argtypes = (*[number] * 7, *[pointer] * 3)
        library.sws_getCoefficients.restype = pointer
        library.sws_getCoefficients.argtypes = [number]
        library.sws_setColorspaceDetails.argtypes = (pointer, pointer, number, pointer, *[number] * 4)
        library.sws_scale.argtypes = [pointer, pointer, pointer, number, number, pointer, pointer]
        library.sws_freeContext.argtypes = [pointer]
        library.sws_freeContext.restype = None
        return library
    return None


def _context(pixels: str, width: int, height: int, colours: int, levels: int) -> Any:
    if pixels not in _FORMATS or width % _WHOLE_COLUMNS or height % 2 or _library() is None:
        return None
    library, source = _library(), _FORMATS[pixels]
    context = library.sws_getContext(
        width, height, source, width, height, _RGB24, _BILINEAR, None, None, None
    )
    if not context:
        return None
    full = levels == _FULL_RANGE or pixels == "yuvj420p"
    table = library.sws_getCoefficients(colours)
    rgb = library.sws_getCoefficients(_RGB_COLOURS)
    if library.sws_setColorspaceDetails(context, table, full, rgb, True, 0, _ONE, _ONE) < 0:
        library.sws_freeContext(context)
        return None
    return context


def _scale(context: Any, frame: VideoFrame, place: Place) -> bool:
    planes = frame.planes
    if len(planes) != 3 or min(plane.line_size for plane in planes) <= 0:
        return False
    source = (ctypes.c_void_p * _PLANES)(*(plane.buffer_ptr for plane in planes), None)
    strides = (ctypes.c_int * _PLANES)(*(plane.line_size for plane in planes), 0)
    start = ctypes.addressof(ctypes.c_ubyte.from_buffer(place.pixels))
    target = (ctypes.c_void_p * _PLANES)(start, None, None, None)
    target_strides = (ctypes.c_int * _PLANES)(3 * place.width, 0, 0, 0)
    rows = _library().sws_scale(context, source, strides, 0, frame.height, target, target_strides)
    return bool(rows == frame.height)
