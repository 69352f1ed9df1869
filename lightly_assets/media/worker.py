"""The child process: decodes one file after the other until its parent is gone."""

import contextlib
import faulthandler
import os
import queue
import resource
import socket
import sys
import threading
from collections import deque
from dataclasses import asdict
from typing import Any

import av.logging
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from lightly_assets.media.channel import Channel, ChannelClosedError, Message
from lightly_assets.media.decoder import Decoder, Log
from lightly_assets.media.job import Job
from lightly_assets.media.ring import RingWriter, create_memory

_PARENT_CHECK_SECONDS = 10.0
_STUCK_SECONDS = 120.0
_LOG_BYTES = 1 << 16


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
        self._free: deque[int] = deque()
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
                    with self._freed:
                        self._free.extend(message["free"])
                        self._freed.notify()
                else:
                    self._jobs.put((message, self._channel.take_fd()))
        finally:
            os._exit(0)

    def work(self, log: Log) -> None:
        """Does the next job."""
        message, ring_fd = self._jobs.get()
        _limit_memory(self._address_space, message.pop("memory_bytes"))
        log.take()
        sink = _RingSink(self, RingWriter(ring_fd))
        outcome = Decoder(Job(**message), sink, log).run()
        sink.close()
        self.send({"done": asdict(outcome)})

    def send(self, message: Message) -> None:
        self._channel.send(message)

    def places(self, count: int) -> None:
        """All places of a new layout are free."""
        with self._freed:
            self._free = deque(range(count))

    def free_place(self) -> int:
        """A place for a frame; waits until the parent gives one back."""
        with self._freed:
            while not self._free:
                self._freed.wait()
            return self._free.popleft()


class _RingSink:
    """Frames as RGB into shared memory, and word of each to the parent."""

    def __init__(self, parent: _Parent, ring: RingWriter) -> None:
        self._parent = parent
        self._ring = ring
        self._reformatter = VideoReformatter()

    def frame(self, frame: VideoFrame, index: int, seconds: float | None) -> None:
        rgb = self._reformatter.reformat(frame, format="rgb24")
        height, width = rgb.height, rgb.width
        if self._ring.fit(height * width * 3):
            self._parent.places(self._ring.layout["slots"])
            self._parent.send({"layout": self._ring.layout})
        slot = self._parent.free_place()
        plane = rgb.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:height, : width * 3]
        np.copyto(self._ring.place(slot, height, width), rows)
        self._parent.send({"frame": [slot, index, seconds, bool(frame.key_frame), height, width]})

    def progress(self, frames: int) -> None:
        self._parent.send({"progress": frames})

    def close(self) -> None:
        self._ring.close()


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

    def take(self) -> list[str]:
        """The lines since the last call, at most 64 kB of them."""
        end = os.lseek(self._fd, 0, os.SEEK_CUR)
        size = end - self._position
        if size <= 0:
            return []
        text = os.pread(self._fd, min(size, _LOG_BYTES), self._position).decode(errors="replace")
        # Written over from the start: the memory of a talkative file stays small.
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._position = 0
        return [line.strip() for line in text.splitlines() if line.strip()]


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


def run(arguments: list[str]) -> Any:
    """The command line of the child process."""
    return main(int(arguments[0]))


if __name__ == "__main__":
    run(sys.argv[1:])
