"""Keypoints as two classifications, one of the columns and one of the rows: RTMPose and its like."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lightly_assets.models.layouts.base import (
    LayoutError,
    LayoutOptions,
    Output,
    ReadSettings,
    described,
    layout,
)
from lightly_assets.models.layouts.in_boxes.base import BoxesOptions, InBoxes
from lightly_assets.models.preprocess import View


class SimccOptions(BoxesOptions):
    """What the layout can be told."""

    split_ratio: Annotated[float, Field(gt=0)] = Field(
        default=2.0, description="`simcc_split_ratio`: places for each pixel of the input"
    )
    point_score: Literal["min", "mean"] = Field(
        default="min",
        description="a keypoint's score is the smaller one of the two largest numbers, as in mmpose, or "
        "their mean, as in rtmlib",
    )


@layout
class Simcc(InBoxes):
    """(B, K, w × ratio) and (B, K, h × ratio): the largest number of each is where the keypoint is."""

    name = "simcc"
    outputs = "simcc_x `(B, K, 2w)`, simcc_y `(B, K, 2h)` of an input of h × w"
    families = "RTMPose, RTMW, DWPose, SimCC of mmpose"
    Options: ClassVar[type[LayoutOptions]] = SimccOptions

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        shapes = [one.shape for one in outputs]
        fit = len(shapes) == 2 and all(len(one) == 3 for one in shapes)
        if not fit or not _agree(shapes[0][1], shapes[1][1]):
            raise LayoutError(
                f"The layout {self.name} needs two outputs (B, K, places), of columns and of rows; there is "
                f"{described(outputs)}."
            )
        # Settled once the size of the input is known.
        self._columns, self._rows = 0, 1
        if "y" in _ending(outputs[0]) and "x" in _ending(outputs[1]):
            self._columns, self._rows = 1, 0

    @property
    def keypoints(self) -> int | None:
        known = [one.shape[1] for one in self.declared if one.shape[1] is not None]
        return known[0] if known else None

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        return len(outputs) == 2 and all(len(one.shape) == 3 and "simcc" in one.name for one in outputs)

    @classmethod
    def recognises_input(cls, outputs: Sequence[Output], height: int, width: int) -> bool:
        shapes = [one.shape for one in outputs]
        if len(shapes) != 2 or any(len(one) != 3 for one in shapes) or shapes[0][1] != shapes[1][1]:
            return False
        return sorted(one[2] or 0 for one in shapes) == sorted((2 * width, 2 * height))

    def check_input(self, height: int, width: int) -> None:
        options = self.settings.options
        assert isinstance(options, SimccOptions)
        wanted = [round(side * options.split_ratio) for side in (width, height)]
        found = [self.declared[place].shape[2] for place in (self._columns, self._rows)]
        if all(_agree(*pair) for pair in zip(found, wanted, strict=True)):
            return
        if not any(_ending(one) for one in self.declared) and found[::-1] == wanted:
            # Nothing but their lengths tells which is which.
            self._columns, self._rows = self._rows, self._columns
            return
        raise LayoutError(
            f"its outputs have {found[0]} columns and {found[1]} rows ({described(self.declared)}), but an "
            f"input of height {height} and width {width} gives {wanted[0]} and {wanted[1]} with split_ratio "
            f"{options.split_ratio:g}{_hint(found, (width, height))}."
        )

    def points(self, outputs: Sequence[NDArray[Any]], view: View) -> NDArray[np.float64]:
        options = self.settings.options
        assert isinstance(options, SimccOptions)
        across, down = outputs[self._columns], outputs[self._rows]
        self.check_shapes(across, down, view, options.split_ratio)
        peaks = np.stack([across.max(axis=2), down.max(axis=2)]).astype(np.float64)
        scores = peaks.min(axis=0) if options.point_score == "min" else peaks.mean(axis=0)
        places = np.stack([across.argmax(axis=2), down.argmax(axis=2)], axis=2).astype(np.float64)
        places[scores <= 0] = -1  # as mmpose says "nowhere"
        sides = np.array([view.input_width, view.input_height]) * options.split_ratio
        return np.concatenate([places / sides, scores[..., None]], axis=2)

    def check_shapes(self, across: NDArray[Any], down: NDArray[Any], view: View, ratio: float) -> None:
        """Raises LayoutError where a model that declares no sizes gives other ones."""
        wanted = tuple(round(side * ratio) for side in (view.input_width, view.input_height))
        if across.ndim != 3 or down.ndim != 3 or (across.shape[2], down.shape[2]) != wanted:
            raise LayoutError(
                f"the outputs have the shapes {across.shape} and {down.shape}, not {wanted[0]} columns and "
                f"{wanted[1]} rows"
            )


def _agree(first: int | None, second: int | None) -> bool:
    return first is None or second is None or first == second


def _ending(output: Output) -> str:
    """``x`` or ``y``, where an output's name tells its axis."""
    last = output.name.lower().rsplit("_", 1)[-1]
    return last if last in ("x", "y") else ""


def _hint(found: Sequence[int | None], sides: tuple[int, int]) -> str:
    """What would fit."""
    first, second = found
    if first is None or second is None:
        return ""
    ratios = [first / sides[0], second / sides[1]]
    if ratios[0] == ratios[1]:
        return f"; write split_ratio: {ratios[0]:g} beside layout"
    if first / sides[1] == second / sides[0]:
        return "; columns and rows are the other way round, so look at preprocess.size, [height, width]"
    return ""
