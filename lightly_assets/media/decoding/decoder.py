"""Decoding, as it happens in the child process: the only module that lets PyAV read a video.

Two ways through the same file:

*fast* uses every kind of threading. On a sound file it gives what the exact way gives. On a damaged one frame
threading loses frames without an error, so this way only says whether anything at all was odd.

*exact* decodes packet by packet in one thread: an error costs only its own packet, and what it says is the
verdict, the same on every machine.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lightly_assets.cores import cores
from lightly_assets.media.decoding.complaints import (
    SMALL,
    is_harmless,
    is_only_parameters,
    size_without_picture,
    split_line,
)
from lightly_assets.media.decoding.job import FORMATS, Job, Outcome, frame_digest
from lightly_assets.media.decoding.structure import count_pictures, find_cut
from lightly_assets.media.kinds import is_image, kind_of_file

if TYPE_CHECKING:
    VideoPacket = Packet[VideoStream]  # generic in the stubs only
else:
    VideoPacket = Packet

_CHECK_SECONDS = 0.5
_TRANSPORT_PACKETS = (188, 192, 204)
# Demuxers whose index lists every packet, and not only some to seek to.
_COMPLETE_INDEXES = ("avi", "mov")
# Where packets are units with start codes; elsewhere a length can look like such a code.
_UNIT_STREAMS = ("h264", "hevc", "mpegts", "mpeg")
_MOST_SIZES = 2_000
_HD_HEIGHT = 720
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
# From 19 on PyAV does so unasked.
_OPENING: dict[str, Any] = (
    {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}
)


class Sink(Protocol):
    """Where frames go."""

    def claimed(self, frames: int) -> None:
        """Is called before the first frame, with how many the container claims."""

    def frame(self, frame: VideoFrame, index: int, seconds: float | None) -> None:
        """Takes a frame in decode order."""

    def progress(self, frames: int) -> None:
        """Is called every half second of decoding, with the number of frames so far."""

    def flush(self) -> None:
        """Is called behind the last frame."""


class Log(Protocol):
    """What FFmpeg's libraries had to say."""

    def take(self) -> list[str]:
        """The lines since the last call."""


class _RefusedError(Exception):
    """The file is no video that we decode."""


class Decoder:
    """One way through one file."""

    def __init__(self, job: Job, sink: Sink, log: Log) -> None:
        # Until the threads of the fast way are set up there is nothing but the exact one.
        self.outcome = Outcome(exact=True)
        self._job = job
        self._sink = sink
        self._log = log
        self._expected = 0
        self._packets = 0
        self._filled = 0
        self._checked = time.monotonic()
        self._talkers: set[str] = set()
        self._pictureless: Counter[int] = Counter()
        self._parameters: Counter[int] = Counter()
        self._state = _file_state(job.path)
        self._bytes = self._state[0] if self._state else 0
        self._size = (0, 0)
        self._in_units = False

    def run(self) -> Outcome:
        """Decodes the whole file. Bad media are not raised: they are in the outcome."""
        outcome = self.outcome
        try:
            self._refuse_special_files()
            with self._open() as container:
                self._decode(container)
        except _RefusedError as refusal:
            outcome.error(str(refusal))
            outcome.final = True
        except av.error.FFmpegError as error:
            outcome.error(_cannot_be_opened(self._job.path, error))
        except MemoryError:
            outcome.error("needs more memory than the limit allows")
        self._read_log()
        self._check_pictureless()
        self._check_unchanged()
        if not outcome.errors and not outcome.frames:
            outcome.error("no frame decodes")
        return outcome

    def _refuse_special_files(self) -> None:
        if self._state is None:
            raise _RefusedError("is not a file that can be read")
        if self._state[0] == 0:
            raise _RefusedError("is an empty file")

    def _open(self) -> InputContainer:
        options = {
            "protocol_whitelist": "file",
            "format_whitelist": FORMATS,
            "max_pixels": str(self._job.max_pixels),
        }
        path = "file:" + os.path.abspath(self._job.path)  # noqa: PTH100
        # Titles and names of tracks are in whatever encoding their writer liked; nobody here reads them.
        opened: InputContainer = av.open(path, options=options, **_OPENING)
        return opened

    def _decode(self, container: InputContainer) -> None:
        self._talkers.add(container.format.name)
        stream = self._video_stream(container)
        self._in_units = container.format.name in _UNIT_STREAMS
        outcome = self.outcome
        context: VideoCodecContext | None = stream.codec_context
        if context is None:
            raise _RefusedError("has video of a kind that no decoder here knows")
        self._talkers |= {context.codec.name, context.name}
        outcome.codec = context.codec.canonical_name
        if stream.frames:
            outcome.container_frames = stream.frames
            self._sink.claimed(stream.frames)
        outcome.width, outcome.height = context.width or None, context.height or None
        # In a file that is known to be cut there is no point in being fast.
        outcome.exact = self._is_cut(container) or self._job.exact
        context.thread_type, context.thread_count = self._threads_for(context.name)
        indexed = self._indexed_packets(container, stream)
        base = stream.time_base  # unset: None, or 0 from PyAV 19 on
        for packet in self._packets_of(container, stream):
            for frame in self._frames_of(packet, stream):
                seconds = None
                if base and (pts := frame.pts) is not None:
                    seconds = pts * base.numerator / base.denominator
                self._frame(frame, seconds)
            self._tick()
        self._sink.flush()
        self._check_length(container)
        self._check_index(container, indexed)
        if not outcome.exact and outcome.frames != self._expected:
            outcome.odd = True

    def _threads_for(self, codec: str) -> tuple[str, int]:
        # This decoder overlooks much damage unless it works in slices, then always in the same way.
        if codec == "vp8":
            return "SLICE", 2
        # With frame threads this one hands out a picture before it knows whether the picture is damaged.
        if codec == "mpeg4":
            return "NONE", 1
        # What decodes of a damaged file can depend on the number of threads, whatever their kind.
        return ("NONE", 1) if self.outcome.exact else ("AUTO", self._job.threads or _decoder_threads())

    def _video_stream(self, container: InputContainer) -> VideoStream:
        for stream in container.streams.video:
            picture = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
            if not stream.disposition & picture:
                return stream
        raise _RefusedError(
            "has no video stream, only a cover picture" if container.streams.video else "has no video stream"
        )

    def _packets_of(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoPacket | None]:
        """The packets of a stream, then None for what the decoder still holds."""
        try:
            for packet in container.demux(stream):
                if packet.size or packet.pts is not None or packet.dts is not None:
                    yield packet
        except av.error.FFmpegError as error:
            self.outcome.error(f"reading stops after packet {self._packets}: {_reason(error)}")
        yield None

    def _frames_of(self, packet: VideoPacket | None, stream: VideoStream) -> list[VideoFrame]:
        """Frames that a packet completes; an error costs what the packet held, never the rest of the file."""
        if packet is not None:
            self._packets += 1
            self._filled += packet.size > 0
            self._expected += self._shows_a_frame(packet)
            if packet.is_corrupt:
                self.outcome.error(f"packet {self._packets - 1} is incomplete")
        frames: list[VideoFrame] = []
        # Flushing is repeated, because an error there leaves frames behind it in the decoder.
        for _ in range(1 if packet is not None else 1000):
            try:
                frames += stream.codec_context.decode(packet)
                break
            except av.error.EOFError:
                break
            except av.error.FFmpegError as error:
                place = "at the end" if packet is None else f"packet {self._packets - 1}"
                self.outcome.error(f"{place}: {_reason(error)}")
        return frames

    def _shows_a_frame(self, packet: VideoPacket) -> bool:
        """Whether a sound packet makes a frame: empty, cut-off and hidden ones and mere parameters do not."""
        if not packet.size or packet.is_discard:
            return False
        codec = self.outcome.codec
        # VP8 keeps reference pictures that are never shown; bit 4 of the first byte says so (RFC 6386, 9.1).
        if codec == "vp8":
            return bool(bytes(memoryview(packet)[:1])[0] & 0x10)
        if self._in_units and packet.size < SMALL and is_only_parameters(bytes(packet), codec):
            self._parameters[packet.size] += 1
            return False
        return True

    def _frame(self, frame: VideoFrame, seconds: float | None) -> None:
        outcome = self.outcome
        index = outcome.frames
        if index == 0:
            outcome.width, outcome.height = frame.width, frame.height
            outcome.rotation = frame.rotation
            outcome.bits = max((component.bits for component in frame.format.components), default=8)
            outcome.colours_unknown = _lacks_colours(frame)
            self._size = (frame.width, frame.height)
        elif (frame.width, frame.height) != self._size:
            self._resize(frame, index)
        outcome.interlaced |= bool(frame.interlaced_frame)
        if frame.width * frame.height > self._job.max_pixels:
            raise _RefusedError(
                f"frame {index} is {frame.width} x {frame.height}, more than {self._job.max_pixels} pixels"
            )
        if self._job.max_frames is not None and index >= self._job.max_frames:
            raise _RefusedError(f"has more than {self._job.max_frames} frames, the limit")
        if frame.is_corrupt:
            outcome.error(f"frame {index} is incomplete")
        if index < self._job.skip:
            outcome.digest = frame_digest(outcome.digest, seconds, frame.width, frame.height)
        elif self._job.pixels and not (outcome.errors and self._job.until_error):
            self._sink.frame(frame, index, seconds)
        outcome.frames += 1

    def _resize(self, frame: VideoFrame, index: int) -> None:
        outcome = self.outcome
        if outcome.resized_at is None:
            outcome.resized_at = index
            outcome.sizes.append((0, *self._size))
        if len(outcome.sizes) >= _MOST_SIZES:
            raise _RefusedError(f"changes its size more than {_MOST_SIZES:,} times")
        self._size = (frame.width, frame.height)
        outcome.sizes.append((index, *self._size))

    def _tick(self) -> None:
        if self.outcome.exact:
            self._read_log()
        now = time.monotonic()
        if now - self._checked > _CHECK_SECONDS:
            self._checked = now
            self._sink.progress(self.outcome.frames)
            self._read_log()
            if _file_state(self._job.path) != self._state:
                raise _RefusedError("changes while it is read; it may still be written to")

    def _is_cut(self, container: InputContainer) -> bool:
        """A cut file is told by its own lengths, also where its demuxer reports a plain end."""
        cut = find_cut(self._job.path, container.format.name)
        if cut is None and (end := self._index_end(container)) > self._bytes:
            cut = f"is cut off: its index ends at byte {end:,}, the file at byte {self._bytes:,}"
        if cut is not None:
            self.outcome.error(cut)
        return cut is not None

    def _index_end(self, container: InputContainer) -> int:
        """Where the last sample of any stream ends, as the index has it; 0 without a complete index."""
        if not container.format.name.startswith(_COMPLETE_INDEXES):
            return 0
        return max(
            (entry.pos + entry.size for stream in container.streams for entry in stream.index_entries),
            default=0,
        )

    def _indexed_packets(self, container: InputContainer, stream: VideoStream) -> int:
        """How many packets the index promises; 0 where it does not list all of them."""
        if not container.format.name.startswith(_COMPLETE_INDEXES):
            return 0
        indexed = sum(entry.size > 0 for entry in stream.index_entries)
        if container.format.name == "avi":
            return max(indexed, count_pictures(self._job.path, stream.index))
        return indexed

    def _check_index(self, container: InputContainer, indexed: int) -> None:
        """Demuxers step over what damage has wiped out, and say nothing; the index still lists it."""
        if self._filled < indexed:
            self.outcome.error(f"its index lists {indexed} packets, {self._filled} come out")
        if self._index_end(container) > self._bytes and not self.outcome.errors:
            self.outcome.error(f"is cut off: its fragments list data beyond byte {self._bytes:,}")

    def _check_length(self, container: InputContainer) -> None:
        """A transport stream has no length of its own, but it consists of whole packets."""
        if container.format.name == "mpegts" and all(self._bytes % packet for packet in _TRANSPORT_PACKETS):
            self.outcome.error("ends in the middle of a transport packet")

    def _check_unchanged(self) -> None:
        if self._state is not None and _file_state(self._job.path) != self._state:
            self.outcome.final = True
            self.outcome.errors = ["changes while it is read; it may still be written to"]
            self.outcome.more_errors = 0

    def _read_log(self) -> None:
        """Everything that the demuxer or the video decoder calls an error is one, but for cut files."""
        for line in chain.from_iterable(iter(self._log.take, [])):
            who, what = split_line(line) or ("", "")
            if who not in self._talkers:
                continue
            self.outcome.odd = True
            size = size_without_picture(what)
            if size is not None:
                # Said while the file is opened, perhaps, and the packet is yet to come.
                self._pictureless[size] += 1
            elif not is_harmless(what, started=self.outcome.frames > 0):
                self.outcome.error(f"{who.split(',')[0]}: {what}")

    def _check_pictureless(self) -> None:
        """A packet in which the demuxer missed a picture must consist of delimiters and parameters."""
        for size in self._pictureless - self._parameters:
            self.outcome.error(f"a packet of {size} bytes holds no picture")


def _cannot_be_opened(path: str, error: av.error.FFmpegError) -> str:
    kind = kind_of_file(path)
    if is_image(kind):
        return f"is {kind}, no video; give it the suffix of its kind"
    if isinstance(error, av.error.ArgumentError) and kind is not None:
        return f"is {kind}, of which nothing is decoded here; convert it to MP4"
    if kind is not None and not kind.endswith("video"):
        return f"is {kind}, no video"
    return f"cannot be opened: {_reason(error)}"


def _decoder_threads() -> int:
    """More than there are cores: frames wait for parts of earlier ones, and a core for whoever has work."""
    return min(cores() + 4, 16)


def _lacks_colours(frame: VideoFrame) -> bool:
    """Whether a large frame in YUV does not say which of the ways to make RGB of it is meant."""
    components = frame.format.components
    return (
        frame.height >= _HD_HEIGHT
        and len(components) >= 3
        and not frame.format.is_rgb
        and not frame.format.has_palette
        and frame.colorspace == _UNSPECIFIED
    )


def _file_state(path: str) -> tuple[int, int] | None:
    """Size and time of change; None where there is no such regular file."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return (status.st_size, status.st_mtime_ns) if status.st_mode & 0o170000 == 0o100000 else None


def _reason(error: av.error.FFmpegError) -> str:
    reason: Any = error.strerror or type(error).__name__
    return str(reason)
