"""The child process: decodes one file after the other until its parent is gone."""

import contextlib
import faulthandler
import os
import queue
import resource
import socket
import threading
import time
import traceback
from collections import deque
from dataclasses import asdict
from types import TracebackType
from typing import Self

import av.logging
from av.video.frame import VideoFrame

from lightly_assets.cores import cores
from lightly_assets.errors import is_bug
from lightly_assets.media.decoding.channel import Channel, ChannelClosedError, Message
from lightly_assets.media.decoding.conversion import Conversion, Converter, ConverterThreads
from lightly_assets.media.decoding.decoder import Decoder
from lightly_assets.media.decoding.job import Job
from lightly_assets.media.decoding.places import RingWriter, create_memory
from lightly_assets.media.fit import Fit

_PARENT_CHECK_SECONDS = 10.0
_STUCK_SECONDS = 120.0
_LOG_BYTES = 1 << 16
_MOST_LOG_BYTES = 1 << 22
_SMALL_BYTES = 1 << 18
_TELL_SECONDS = 0.02

_Word = list[int | float | bool | None]
"""What the parent is told of a frame: place, index, seconds, whether a key frame, height and width of its
pixels, and as it was decoded."""


def main(fd: int) -> None:
    """Works for the process at the other end of the socket ``fd``; never returns."""
    channel = Channel(socket.socket(fileno=fd))
    log = LibraryLog()
    parent = _Parent(channel)
    parent.send({"ready": True})
    threading.Thread(target=parent.listen, daemon=True).start()
    with contextlib.suppress(ChannelClosedError):
        while True:
            parent.work(log)
    # Nothing is closed in order: after damage a decoder's threads may never end.
    os._exit(0)


class _Parent:
    """The process that wants frames: its jobs, and the places that it no longer needs."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._jobs: queue.SimpleQueue[tuple[Message, int]] = queue.SimpleQueue()
        self._free: set[int] = set()
        self._layout = 0
        self._places = 0
        self._next = 0
        self._freed = threading.Condition()
        self._address_space = _address_space()

    def listen(self) -> None:
        """Hears what the parent says, and ends the process with it, at once and whatever else it does."""
        try:
            while True:
                # Should the process hang so badly that not even this thread runs, a timer ends it.
                faulthandler.dump_traceback_later(_STUCK_SECONDS, exit=True)
                message = self._channel.receive(_PARENT_CHECK_SECONDS)
                if message is None:
                    continue
                if "free" in message:
                    self._take_back(message["free"], message["layout"])
                else:
                    self._jobs.put((message, self._channel.take_fd()))
        finally:
            os._exit(0)

    def work(self, log: "LibraryLog") -> None:
        """Does the next job."""
        message, ring_fd = self._jobs.get()
        _limit_memory(self._address_space, message.pop("memory_bytes"))
        log.clear()
        fit = message.pop("fit")
        job = Job(**message, fit=Fit(**fit) if fit else None)
        try:
            with _RingSink(self, RingWriter(ring_fd), _converters(job.threads), job.fit) as sink:
                outcome = Decoder(job, sink, log).run()
        except Exception as error:
            if is_bug(error):  # the file has no part in it, so it is not blamed
                self.send({"bug": traceback.format_exc()})
            raise
        self.send({"done": asdict(outcome)})

    def send(self, message: Message) -> None:
        self._channel.send(message)

    def new_places(self, layout: dict[str, int]) -> None:
        """All places of a new layout are free."""
        with self._freed:
            self._layout = layout["number"]
            self._places = layout["slots"]
            self._free = set(range(self._places))
            self._next = 0
        self.send({"layout": layout})

    def free_place(self, *, wait: bool) -> int | None:
        """A place for a frame; None where there is none and it is not worth to wait."""
        with self._freed:
            while not self._free:
                if not wait:
                    return None
                self._freed.wait()
            # In order, so that frames that follow each other lie beside each other.
            place = self._next if self._next in self._free else min(self._free)
            self._free.remove(place)
            self._next = (place + 1) % self._places
            return place

    def _take_back(self, places: list[int], layout: int) -> None:
        with self._freed:
            if layout == self._layout:
                self._free.update(places)
                self._freed.notify()


class _RingSink:
    """Frames as RGB into shared memory, in order, and word of each to the parent.

    Large frames are converted beside the decoder, which goes on meanwhile.
    """

    def __init__(self, parent: _Parent, ring: RingWriter, converters: int, fit: Fit | None = None) -> None:
        self._parent = parent
        self._ring = ring
        self._fit = fit
        self._threads = ConverterThreads(converters)
        self._converter = Converter()
        self._begun: deque[tuple[Conversion, _Word]] = deque()
        self._ready: list[_Word] = []
        self._told = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.close()
        self._converter.close()
        self._ring.close()

    def claimed(self, frames: int) -> None:
        self._parent.send({"claimed": frames})

    def frame(self, frame: VideoFrame, index: int, seconds: float | None) -> None:
        width, height = frame.width, frame.height
        if self._fit is not None:
            width, height = self._fit.size(width, height)
        size = height * width * 3
        if not self._ring.fits(size):
            self.flush()
            self._parent.new_places(self._ring.make_room(size))
        slot = self._parent.free_place(wait=False)
        if slot is None:
            # The parent can only give back what it was told of.
            self.flush()
            slot = self._parent.free_place(wait=True)
            assert slot is not None
        place = self._ring.place(slot, height, width)
        word: _Word = [slot, index, seconds, bool(frame.key_frame), height, width, frame.height, frame.width]
        if not self._threads.count or (size < _SMALL_BYTES and not self._begun):
            self._converter(frame, place)
            self._ready.append(word)
        else:
            self._begun.append((self._threads.begin(frame, place), word))
            while self._begun and (self._begun[0][0].is_done or len(self._begun) > 2 * self._threads.count):
                self._end_first()
        # Waking the parent costs more than a small frame.
        if self._ready and time.monotonic() - self._told > _TELL_SECONDS:
            self._tell()

    def progress(self, frames: int) -> None:
        if self._ready:
            self._tell()
        self._parent.send({"progress": frames})

    def flush(self) -> None:
        while self._begun:
            self._end_first()
        self._tell()

    def _end_first(self) -> None:
        conversion, word = self._begun.popleft()
        conversion.wait()
        self._ready.append(word)

    def _tell(self) -> None:
        if self._ready:
            self._parent.send({"frames": self._ready})
            self._ready = []
        self._told = time.monotonic()


def _converters(threads: int) -> int:
    """How many threads convert beside the decoder, which costs about four times as much."""
    return 0 if threads == 1 else max(1, (threads or cores()) // 4)


class LibraryLog:
    """What FFmpeg's libraries print as errors, from whichever thread.

    They write into memory behind standard error. A callback into Python would need the interpreter's lock
    from inside the decoder's threads, which can hang.
    """

    def __init__(self) -> None:
        self._fd = create_memory()
        os.set_blocking(self._fd, True)
        os.dup2(self._fd, 2)
        self._position = 0
        av.logging.restore_default_callback()
        av.logging.set_libav_level(av.logging.ERROR)

    def clear(self) -> None:
        """Forgets everything; only while nothing decodes, because a line that is written just now is lost."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._position = 0

    def take(self) -> list[str]:
        """The whole lines since the last call, at most 64 kB of them."""
        end = os.lseek(self._fd, 0, os.SEEK_CUR)
        text = os.pread(self._fd, min(end - self._position, _LOG_BYTES), self._position)
        # A line is written in pieces: what has no end yet is read next time.
        whole = text[: text.rfind(b"\n") + 1] or (text if len(text) == _LOG_BYTES else b"")
        self._position += len(whole)
        # The memory of a talkative file stays small: what may get lost now is one line behind thousands.
        if self._position > _MOST_LOG_BYTES:
            self.clear()
        return [line.strip() for line in whole.decode(errors="replace").splitlines() if line.strip()]


def _address_space() -> int:
    """Bytes of address space that this process has now."""
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _limit_memory(base: int, extra: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = base + extra if hard == resource.RLIM_INFINITY else min(base + extra, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
