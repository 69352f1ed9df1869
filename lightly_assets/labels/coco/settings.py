"""How a COCO file is read, where it leaves something open."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from lightly_assets.labels.names import NameSettings

BoxOnly = Literal["fill", "drop"]
Rotated = Literal["refuse", "enclose"]
Ignored = Literal["drop", "keep"]
BoxFormat = Literal["xywh", "xyxy"]


@dataclass(frozen=True, slots=True)
class CocoSettings:
    """What the caller decides."""

    default_score: float = 1.0
    """The score of objects that have none."""
    box_only: BoxOnly | None = None
    """Objects with a box only, where masks or keypoints are wanted: ``fill`` makes the box the mask, ``drop``
    leaves them out; None: a file that has both kinds is refused."""
    rotated: Rotated = "refuse"
    """Turned rectangles (CVAT's ``rotation``, ``rbox``, ``poly``): the format has upright boxes only."""
    ignored: Ignored = "drop"
    """Objects marked ``ignore`` or ``outside``. Crowds are objects in any case."""
    box_format: BoxFormat = "xywh"
    """What the four numbers of ``bbox`` are."""
    category_map: Mapping[int | str, int | str] | None = None
    """From an id or name of the file to an id or name of the task; others are left out."""
    allow_partial: bool = False
    """Whether a file may be used of which less than half matches."""
    names: NameSettings = field(default_factory=NameSettings)
    """How names of images are led to the input."""

    def with_score(self, default_score: float) -> Self:
        """The same with another score for objects that have none."""
        return replace(self, default_score=default_score)
