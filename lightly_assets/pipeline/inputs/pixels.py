"""Pixels of many inputs, one after the other, decoded ahead of whoever needs them."""

import queue
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightly_assets.media import (
    DamagedVideo,
    FrameStream,
    Limits,
    MediaError,
    VideoInfo,
    open_video,
    probe,
    read_image,
)
from lightly_assets.media.fit import Fit
from lightly_assets.media.images import SixteenBit
from lightly_assets.media.info import OnDamage
from lightly_assets.media.stream import damage_message
from lightly_assets.models.protocol import Source
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.storage import BadKey, Denied, StorageError, Store

# Videos that are opened ahead: while one ends, the decoder of the next is at work already.
_AHEAD = 2
# Pixels that wait for the models, at least a few frames of any size.
_WAITING_BYTES = 64 << 20
_WAITING_FRAMES = 4
# Frames of videos wait in the decoder's memory as well. Were many taken out of there, it would run short, and
# batches would be copies.
_WAITING_OF_VIDEO = 6


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """A frame or an image."""

    source: Source
    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB; a frame may come in another size than the source's, if it is wanted so."""
    claimed: int | None = None
    """How many frames the video's container claims."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An input was read to its end."""

    input: Input
    info: VideoInfo
    frames: int
    """Images count as one."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An input cannot be read; frames of it may have come already."""

    input: Input
    error: str
    retriable: bool = False
    """Whether it was not the input itself that is to blame: a second try may read it."""


Event = Pixels | Ended | Unreadable


class Pace:
    """Bounds what there is between the decoder and the models."""

    def __init__(self, most: int = _WAITING_BYTES) -> None:
        self._most = most
        self._bytes = 0
        self._frames = 0
        self._changed = threading.Condition()
        self._stopped = False

    def enter(self, size: int, *, of_video: bool) -> bool:
        """Wait for room for so many bytes of pixels; False when there is no point in going on."""
        frames = _WAITING_OF_VIDEO if of_video else sys.maxsize
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._stopped
                    or self._frames < _WAITING_FRAMES
                    or (self._frames < frames and self._bytes + size <= self._most)
                )
            )
            self._bytes += size
            self._frames += 1
            return not self._stopped

    def leave(self, size: int) -> None:
        with self._changed:
            self._bytes -= size
            self._frames -= 1
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


class PixelReader:
    """Reads inputs in a thread of its own; iterate to get what it reads.

    With each input comes whether its pixels are wanted; otherwise a video is only counted.
    """

    def __init__(
        self,
        store: Store,
        inputs: Iterable[tuple[Input, bool]],
        on_damage: OnDamage,
        limits: Limits | None = None,
        sixteen_bit: SixteenBit = "high-byte",
        fit: Fit | None = None,
    ) -> None:
        self._store = store
        self._fit = fit
        self._sixteen_bit = sixteen_bit
        self._inputs = iter(inputs)
        self._on_damage = on_damage
        self._limits = limits
        self._pace = Pace()
        self._events: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="decode", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Event]:
        while (event := self._events.get()) is not None:
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, Pixels):
                self._pace.leave(event.image.nbytes)
            yield event

    def close(self) -> None:
        self._stop.set()
        self._pace.stop()
        self._thread.join()

    def _work(self) -> None:
        opened: deque[_Opened] = deque()
        try:
            while not self._stop.is_set():
                while len(opened) < _AHEAD and (following := next(self._inputs, None)) is not None:
                    opened.append(
                        _Opened(
                            self._store,
                            *following,
                            self._on_damage,
                            self._limits,
                            self._sixteen_bit,
                            self._fit,
                        )
                    )
                if not opened:
                    break
                self._read(opened.popleft())
        except BaseException as error:  # noqa: BLE001 - raised again where the events are taken
            self._events.put(error)
        finally:
            for left in opened:
                left.close()
            self._events.put(None)

    def _read(self, opened: "_Opened") -> None:
        one = opened.input
        try:
            with opened:
                for pixels in opened.pixels():
                    if self._stop.is_set():
                        return
                    if not self._pace.enter(pixels.image.nbytes, of_video=one.kind == "video"):
                        return
                    self._events.put(pixels)
            # Leaving the block has looked once more whether the file is still the one that was listed.
            self._events.put(Ended(one, opened.info, opened.count))
        except MediaError as error:
            self._events.put(Unreadable(one, _about(one, str(error), opened.path)))
        except StorageError as error:
            if isinstance(error, Denied):
                self._check_admitted()
            self._events.put(Unreadable(one, str(error), retriable=not isinstance(error, BadKey)))

    def _check_admitted(self) -> None:
        """Where nothing at all is allowed any more, as with expired credentials, that ends the reading."""
        next(self._store.list(), None)


class _Opened:
    """An input that is being read."""

    def __init__(
        self,
        store: Store,
        one: Input,
        pixels: bool,
        on_damage: OnDamage,
        limits: Limits | None,
        sixteen_bit: SixteenBit,
        fit: Fit | None,
    ) -> None:
        self._sixteen_bit = sixteen_bit
        self.input = one
        self._on_damage = on_damage
        self.info = VideoInfo()
        self.count = 0
        self.path = ""
        self._limits = limits
        self._stack = ExitStack()
        self._stream: FrameStream | None = None
        self._error: StorageError | None = None
        try:
            self.path = str(self._stack.enter_context(store.local_file(one.entry)))
            if one.kind == "video" and pixels:
                stream = open_video(self.path, on_damage=on_damage, limits=limits, fit=fit)
                self._stream = self._stack.enter_context(stream)
        except StorageError as error:
            self._error = error

    def __enter__(self) -> "_Opened":
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    def close(self) -> None:
        with suppress(StorageError):  # nobody cares any more whether the file has changed
            self._stack.close()

    def pixels(self) -> Iterator[Pixels]:
        key = self.input.key
        if self._stream is None and self.input.kind == "video":
            self._count()
            return
        if self._stream is None:
            picture = read_image(self.path, limits=self._limits, sixteen_bit=self._sixteen_bit)
            self.info = VideoInfo(width=picture.width, height=picture.height, notes=picture.notes)
            self.count = 1
            source = Source(key, None, picture.width, picture.height, picture.orientation)
            yield Pixels(source, picture.image)
            return
        for frame in self._stream:
            self.count += 1
            source = Source(key, frame.index, frame.width, frame.height, time=frame.time)
            yield Pixels(source, frame.image, self._stream.claimed)
        self.info = self._stream.info
        # With "keep", too: of a video without a single frame there is nothing to keep.
        if not self.count:
            raise DamagedVideo(damage_message(self.path, self.info), self.info)

    def _count(self) -> None:
        self.info = probe(self.path, limits=self._limits or Limits())
        if not self.info.is_usable(self._on_damage):
            raise DamagedVideo(damage_message(self.path, self.info), self.info)
        self.count = self.info.frames or 0


def _about(one: Input, message: str, path: str) -> str:
    """The key instead of where the file lies on this machine, which may be a cache."""
    return message.replace(f"'{path}'", f"'{one.key}'")
