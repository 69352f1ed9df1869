"""Frames in another size, straight from what the decoder gives."""

import math
from collections.abc import Callable
from dataclasses import dataclass

_WHOLE: dict[str, Callable[[float], int]] = {"round": round, "floor": math.floor, "ceil": math.ceil}


@dataclass(frozen=True, slots=True)
class Fit:
    """What becomes of frames of any size."""

    keeps_shape: bool
    """Whether frames become as large as fits into the size; they become exactly that otherwise."""
    width: int
    height: int
    rounding: str
    """round, floor or ceil: how a side becomes a whole number."""

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of a frame of this width and height."""
        if not self.keeps_shape:
            return self.width, self.height
        gain = min(self.height / height, self.width / width)
        whole = _WHOLE[self.rounding]
        return max(1, whole(width * gain)), max(1, whole(height * gain))
