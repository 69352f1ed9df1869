"""How much one file may cost."""

from dataclasses import dataclass

from lightly_assets.errors import BadValue


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for decoding one file; whoever exceeds them is bad media, never a crash of the caller.

    Raises:
        ValueError: a bound is not positive.
    """

    stall_seconds: float = 60.0
    """Longest wait for the next sign of progress from the decoder; then it is killed."""
    memory_bytes: int = 4 << 30
    """Address space that decoding may take beyond what the idle decoder has."""
    max_pixels: int = 1 << 27
    """Largest width times height of a frame (16,384 x 8,192)."""
    max_frames: int | None = None
    """Most frames of a video; None: as many as it has."""
    max_seconds: float | None = None
    """Longest time for a whole file in seconds of decoding; None: as long as it progresses."""

    def __post_init__(self) -> None:
        for name in ("stall_seconds", "memory_bytes", "max_pixels", "max_frames", "max_seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise BadValue(f"Limits.{name} must be positive, but is {value}.")
