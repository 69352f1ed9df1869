"""What is known about a video once it was decoded."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

OnDamage = Literal["fail", "keep"]
"""What happens to a damaged video: it is refused, or what decodes of it is kept."""

INTERLACED = "Its frames are interlaced: things that move have combed edges."
UNKNOWN_COLOURS = (
    "It does not say how its colours are coded: every decoder takes them for BT.601, and those of a video of "
    "this size are mostly BT.709."
)
HINTS = frozenset({INTERLACED, UNKNOWN_COLOURS})
"""Notes about so many videos that nobody is warned of them: they are told where one asks."""

MAX_ERRORS = 20
"""How many errors of one file are kept; the rest is counted."""


def size_at(sizes: Sequence[Sequence[int]], index: int) -> tuple[int, int] | None:
    """Width and height of a frame where sizes change (:attr:`VideoInfo.sizes`); None where they do not."""
    position = bisect_right(sizes, index, key=lambda change: change[0]) - 1
    return None if position < 0 else (sizes[position][1], sizes[position][2])


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video as its decoder sees it. ``errors`` is empty exactly where every frame is sound."""

    frames: int | None = None
    """Frames in PyAV decode order; None where nothing decodes (or, on a stream, not yet at its end)."""
    container_frames: int | None = None
    """What the container claims; None where its header says nothing or 0."""
    width: int | None = None
    """Width of the first frame in pixels, as decoded: not rotated."""
    height: int | None = None
    """Height of the first frame in pixels, as decoded: not rotated."""
    rotation: int = 0
    """Display rotation in signed degrees, counter-clockwise positive as in PyAV; never applied to pixels."""
    codec: str | None = None
    """Name of the codec, such as ``h264``."""
    errors: tuple[str, ...] = ()
    """Damage and everything else that keeps frames from decoding, at most :data:`MAX_ERRORS` and a count."""
    bits: int | None = None
    """Bits of a colour component in the file; pixels are always made 8 bits."""
    resized_at: int | None = None
    """Index of the first frame whose size is not that of frame 0; None where all have one size."""

    sizes: tuple[tuple[int, int, int], ...] = ()
    """Where the size changes: (index, width, height) of frame 0 and of each frame whose size is another than
    that of the frame before; empty where all frames have one size."""
    notes: tuple[str, ...] = ()
    """What a person should know of its pictures, each in one sentence."""

    def is_usable(self, on_damage: OnDamage) -> bool:
        """Whether its frames are taken: of a damaged video only with ``keep``, and only what decodes."""
        return bool(self.frames) and (on_damage == "keep" or not self.errors)

    def size_at(self, index: int) -> tuple[int | None, int | None]:
        """Width and height of a frame in pixels."""
        return size_at(self.sizes, index) or (self.width, self.height)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is odd about a video though nothing is wrong with it, each in one sentence."""
        found = []
        if self.frames and self.container_frames is not None and self.frames != self.container_frames:
            found.append(f"The container claims {self.container_frames} frames, {self.frames} decode.")
        if self.rotation:
            found.append(f"Players turn it by {self.rotation} degrees; frames are as stored, not turned.")
        if self.resized_at is not None:
            found.append(f"Its size changes at frame {self.resized_at}.")
        return (*found, *self.notes)

    def to_json(self, path: str | os.PathLike[str]) -> dict[str, Any]:
        """The entry that ``lightly-assets probe --json`` prints for this video."""
        return {
            "path": os.fspath(path),
            "frames": self.frames,
            "container_frames": self.container_frames,
            "width": self.width,
            "height": self.height,
            "rotation": self.rotation,
            "codec": self.codec,
            "errors": list(self.errors),
        } | ({"notes": list(self.notes)} if self.notes else {})


def damage(info: VideoInfo) -> str:
    """What is wrong with a video, in a clause with both counts."""
    claim = "claims no count" if info.container_frames is None else f"claims {info.container_frames}"
    more = f" ({len(info.errors) - 1} more)" if len(info.errors) > 1 else ""
    what = info.errors[0] if info.errors else "no frame decodes"
    return f"{info.frames or 0} frames decode, the container {claim}; {what}{more}"
