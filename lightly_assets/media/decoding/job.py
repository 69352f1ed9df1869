"""What a decoder is asked for and what it answers: shared by both processes, and free of PyAV."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from lightly_assets.media.fit import Fit
from lightly_assets.media.info import INTERLACED, MAX_ERRORS, UNKNOWN_COLOURS, VideoInfo

FORMATS = (
    "mov,mp4,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,hevc,h264,ivf,obu,av1,flv,asf,ogg,dv,mjpeg,mxf,3gp"
)
"""Demuxers that read the one file they are given. Playlists, concatenations and devices are not here."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to decode, and how."""

    path: str
    exact: bool
    """Packet by packet without frame threading; else as fast as possible."""
    pixels: bool
    """Whether frames are wanted, or only their count."""
    until_error: bool
    """Whether frames behind an error are only counted."""
    skip: int
    """How many frames at the beginning are only counted."""
    threads: int
    """Threads of the decoder; 0: as many as there are cores."""
    max_pixels: int
    max_frames: int | None
    fit: Fit | None = None
    """The size that frames are wanted in; their own where not given."""


@dataclass(slots=True)
class Outcome:
    """What one way through a file found."""

    frames: int = 0
    container_frames: int | None = None
    width: int | None = None
    height: int | None = None
    rotation: int = 0
    codec: str | None = None
    bits: int | None = None
    resized_at: int | None = None
    sizes: list[tuple[int, int, int]] = field(default_factory=list)
    interlaced: bool = False
    colours_unknown: bool = False
    """Whether it is a large video in YUV that does not say which one."""
    errors: list[str] = field(default_factory=list)
    more_errors: int = 0
    odd: bool = False
    """Something that a sound file need not show: after the fast way, the exact one must decide."""
    exact: bool = False
    """Whether this was the exact way: asked for, or chosen because the file is known to be cut."""
    final: bool = False
    """No other way through the file can say anything else: it was refused."""
    digest: int = 0
    """Of times and sizes of the frames up to ``Job.skip``, to see that two ways agree."""

    def error(self, text: str) -> None:
        """Adds what is wrong; only the first errors are kept, and one that is repeated once."""
        self.odd = True
        text = text[:300]
        if len(self.errors) < MAX_ERRORS and text not in self.errors:
            self.errors.append(text)
        else:
            self.more_errors += 1

    def info(self) -> VideoInfo:
        """The same for people."""
        more = [f"and {self.more_errors} more"] if self.more_errors else []
        return VideoInfo(
            self.frames or None,
            self.container_frames,
            self.width,
            self.height,
            self.rotation,
            self.codec,
            (*self.errors, *more),
            self.bits,
            self.resized_at,
            tuple((index, width, height) for index, width, height in self.sizes),
            tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        if self.interlaced and self.codec == "hevc":
            yield (
                "It is coded in fields: PyAV, and so the Worker, counts two frames of half the height for "
                "each picture, and the model sees them squashed; deinterlace it to change that."
            )
        elif self.interlaced:
            yield INTERLACED
        if self.colours_unknown:
            yield UNKNOWN_COLOURS


def frame_digest(digest: int, seconds: float | None, width: int, height: int) -> int:
    """Extends a digest of times and sizes by one frame."""
    return zlib.crc32(struct.pack("<d2q", -1.0 if seconds is None else seconds, width, height), digest)
