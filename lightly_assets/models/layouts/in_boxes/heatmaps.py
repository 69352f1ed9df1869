"""Keypoints as heatmaps, one for each: HRNet, SimpleBaseline, ViTPose and others."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from lightly_assets.errors import BadValue
from lightly_assets.models.crops.peaks import dark, dark_udp, largest, quarter
from lightly_assets.models.layouts.base import (
    LayoutError,
    LayoutOptions,
    Output,
    ReadSettings,
    described,
    layout,
    output_of_rank,
)
from lightly_assets.models.layouts.in_boxes.base import BoxesOptions, InBoxes
from lightly_assets.models.preprocess import View


class HeatmapOptions(BoxesOptions):
    """What the layout can be told."""

    refine: Literal["quarter", "dark", "udp", "none"] = Field(
        default="quarter",
        description="how a peak becomes more exact than a cell: `quarter` of a cell to its larger neighbour "
        "(mmpose's MSRAHeatmap), `dark` (the same with unbiased: true), `udp` (UDPHeatmap, as ViTPose; other "
        "pixels are cut out, too), or `none`",
    )
    blur: Annotated[int, Field(ge=1, le=99)] = Field(
        default=11,
        description="`blur_kernel_size` of dark and udp, odd: 11, or 17 where sigma is 3",
    )
    output: str | None = Field(
        default=None, description="the name of the heatmaps, where there are several outputs of their rank"
    )

    @field_validator("blur")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise BadValue(f"blur is {value}; it must be an odd number, such as 11")
        return value


@layout
class Heatmaps(InBoxes):
    """(B, K, h / n, w / n): a map for each keypoint, mostly a quarter as high and wide as the input."""

    name = "heatmaps"
    outputs = "`(B, K, h / 4, w / 4)` of an input of h × w"
    families = "HRNet, SimpleBaseline, ViTPose, other heatmaps of mmpose"
    Options: ClassVar[type[LayoutOptions]] = HeatmapOptions

    def __init__(self, settings: ReadSettings, outputs: Sequence[Output]) -> None:
        super().__init__(settings, outputs)
        options = settings.options
        assert isinstance(options, HeatmapOptions)
        needs = f"The layout {self.name} needs heatmaps (B, K, h / 4, w / 4)"
        self._place = output_of_rank(outputs, (4,), options.output, needs)
        if len(outputs[self._place].shape) != 4:
            raise LayoutError(f"{needs}; there is {described(outputs)}.")
        self._refine, self._blur = options.refine, options.blur
        self.to_centres = options.refine == "udp"

    @property
    def keypoints(self) -> int | None:
        return self.declared[self._place].shape[1]

    @classmethod
    def recognises(cls, outputs: Sequence[Output]) -> bool:
        return len(outputs) == 1 and len(outputs[0].shape) == 4 and "heatmap" in outputs[0].name.lower()

    @classmethod
    def recognises_input(cls, outputs: Sequence[Output], height: int, width: int) -> bool:
        # Upright, as people are: segmenters, which may have a quarter of the input's size as well, are not.
        shapes = [one.shape for one in outputs]
        return height > width and len(shapes) == 1 and shapes[0][2:] == (height // 4, width // 4)

    def check_input(self, height: int, width: int) -> None:
        rows, columns = self.declared[self._place].shape[2:]
        self._check(rows, columns, height, width)

    def _check(self, rows: int | None, columns: int | None, height: int, width: int) -> None:
        """Maps have the input's shape: the same share of both sides."""
        if rows is None or columns is None:
            return
        if rows * width != columns * height or not 1 < rows <= height:
            raise LayoutError(
                f"its heatmaps are {rows} high and {columns} wide ({described(self.declared)}), which is not "
                f"the same share of an input of height {height} and width {width}."
            )

    def points(self, outputs: Sequence[NDArray[Any]], view: View) -> NDArray[np.float64]:
        maps = np.asarray(outputs[self._place], dtype=np.float32)
        if maps.ndim != 4:
            raise LayoutError(f"the heatmaps have the shape {maps.shape}")
        rows, columns = maps.shape[2:]
        self._check(rows, columns, view.input_height, view.input_width)
        places, scores = largest(maps)
        if self._refine == "quarter":
            places = quarter(places, maps)
        elif self._refine == "dark":
            places = dark(places, maps, self._blur)
        elif self._refine == "udp":
            places = dark_udp(places, maps, self._blur)
        sides = np.array([columns, rows], dtype=np.float64) - self.to_centres
        return np.concatenate([places / sides, scores[..., None]], axis=2)
