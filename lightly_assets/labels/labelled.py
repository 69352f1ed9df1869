"""What every reader of label files yields: images and videos with their labels, whatever tool wrote them."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lightly_assets.labels.names import without_secrets
from lightly_assets.labels.report import Counted

Size = tuple[int, int]
"""Width and height in pixels."""
_ELLIPSE_POINTS = 180
Interpolate = Literal["linear", "none"]
_FEW_EQUAL, _FEW_COMMON = 3, 6


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The pixels of an object, in a rectangle of its image."""

    pixels: NDArray[np.bool_]
    """(h, w)."""
    left: int = 0
    top: int = 0
    size: Size | None = None
    """Of the whole image, where the mask says so."""


@dataclass(frozen=True, slots=True)
class Label:
    """One object, or the class of a whole image: then it has no shape.

    Coordinates are pixels from the top left corner; shares of the image where the image says so.
    """

    category: str | int
    """A name, or the number that a file without names has."""
    box: tuple[float, float, float, float] | None = None
    """Corners x1, y1, x2, y2, the maximum exclusive; before it is turned."""
    degrees: float = 0.0
    """By how much the box is turned, clockwise."""
    about_corner: bool = False
    """Whether it is turned about its first corner; else about its centre."""
    is_ellipse: bool = False
    """Whether it is the ellipse in the box."""
    corners: tuple[float, ...] | None = None
    """The corners of a rectangle that is known only by them: x1, y1, …, x4, y4."""
    polygons: tuple[tuple[float, ...], ...] = ()
    """Parts of one object: x1, y1, x2, y2, …."""
    mask: Mask | None = None
    keypoints: tuple[float, ...] | None = None
    """x, y and a score in [0, 1], for each point."""
    is_skeleton: bool = False
    """Whether the points are parts that move on their own."""
    score: float | None = None
    where: str = ""
    """Where it stands, for messages: "line 3 of labels/a.txt"."""

    @property
    def shape(self) -> str:
        """What it is, in a word."""
        if self.keypoints is not None:
            return "keypoints"
        if self.mask is not None:
            return "mask"
        if self.polygons or self.is_ellipse:
            return "polygon"
        if self.corners is not None or (self.box is not None and self.degrees % 360):
            return "turned box"
        return "class" if self.box is None else "box"

    @property
    def outline(self) -> tuple[float, ...]:
        """The corners of a box as it is turned, or points of an ellipse; only of labels in pixels."""
        if self.corners is not None or self.box is None:
            return self.corners or ()
        x1, y1, x2, y2 = self.box
        middle = ((x1 + x2) / 2, (y1 + y2) / 2)
        if self.is_ellipse:
            return _ellipse(*middle, (x2 - x1) / 2, (y2 - y1) / 2, self.degrees)
        return _turned(self.box, self.degrees, (x1, y1) if self.about_corner else middle)

    def scaled(self, width: float, height: float) -> "Label":
        """With all coordinates multiplied: shares become pixels."""

        def places(values: Sequence[float], step: int = 2) -> tuple[float, ...]:
            factors = (width, height, 1.0)[:step]
            # Rounded, so that what was divided by a size comes back as it was.
            return tuple(round(value * factors[index % step], 9) for index, value in enumerate(values))

        box = None if self.box is None else places(self.box)
        return replace(
            self,
            box=None if box is None else (box[0], box[1], box[2], box[3]),
            corners=None if self.corners is None else places(self.corners),
            polygons=tuple(places(part) for part in self.polygons),
            keypoints=None if self.keypoints is None else places(self.keypoints, 3),
        )


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image, or one frame of a video, with its labels."""

    names: tuple[str, ...]
    """What the labels call it, the most telling name first; never empty."""
    read: Callable[[], Sequence[Label]]
    """Its labels, read when they are needed."""
    size: Size | None = None
    """What the file says."""
    shares: bool = False
    """Whether coordinates are shares of the image instead of pixels."""
    has_suffix: bool = True
    """False where a name is without the image's suffix: ``a`` means ``a.jpg``."""
    is_loose: bool = False
    """Whether a name is a path from some other root, so that its end may be the input's key."""
    file_stem: str = ""
    """Of its own label file, where names stand inside of it and may have been left behind by a copy."""
    frame: tuple[str, int] | None = None
    """Where no image has the name: a video's name and the number of the frame."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(without_secrets(name) for name in self.names))


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """What a track is at a frame."""

    number: int
    label: Label
    absent: bool = False
    """The object is not there from here on; what comes before still moves towards the label."""
    ends: bool = False
    """The object is there, but not behind it."""


@dataclass(frozen=True, slots=True)
class Track:
    """An object through a video."""

    keys: tuple[KeyFrame, ...]
    """Ascending, one or more."""
    between: Callable[[Label, Label, float], Label]
    """The label at a share of the way from one key frame to the next."""

    def at(self, number: float, interpolate: Interpolate) -> Label | None:
        """The object at a frame; a number between two frames where their rates differ."""
        place = bisect_right(self.keys, number, key=lambda key: key.number)
        after = self.keys[place] if place < len(self.keys) else None
        if place == 0:
            # A frame reaches from half a number before its own to half a number behind it.
            near = after is not None and not after.absent and after.number - number <= 0.5
            return self.keys[0].label if near else None
        before = self.keys[place - 1]
        if before.absent:
            return None
        if before.number == number:
            return before.label
        if interpolate == "none" or before.ends:
            return before.label if number < before.number + 0.5 else None
        if after is None:
            return before.label
        share = (number - before.number) / (after.number - before.number)
        return self.between(before.label, after.label, share)


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """A video with its labels, by the numbers that the labels give to frames."""

    names: tuple[str, ...]
    """What the labels call it; may be empty."""
    singles: dict[int, list[Label]] = field(default_factory=dict)
    """Labels of single frames by number."""
    tracks: tuple[Track, ...] = ()
    listed: range | None = None
    """The frames that were labelled; None: all of them, those without an object too."""
    size: Size | None = None
    shares: bool = False
    rate: float | None = None
    """Frames in a second as the labels count them, where numbers stand for times: number / rate."""
    length: int | None = None
    """How many frames the labels say that it has."""
    image_of: Callable[[int], str] | None = None
    """What a frame is called where the input has single images instead of the video."""

    @property
    def regular(self) -> range | None:
        """The numbers of single frames where they are each n-th; None: they are not.

        Three in equal steps or six that have a step in common: the frames between were not looked at.
        """
        found = sorted(self.singles)
        steps = [after - before for before, after in pairwise(found)]
        step = math.gcd(*steps)
        if step < 2 or len(found) < (_FEW_EQUAL if len(set(steps)) == 1 else _FEW_COMMON):
            return None
        return range(found[0], found[-1] + 1, step)

    @property
    def numbers(self) -> Iterable[int]:
        """All numbers that labels stand at."""
        yield from self.singles
        for track in self.tracks:
            yield from (key.number for key in track.keys if not key.absent)

    def labels(self, number: float, interpolate: Interpolate) -> list[Label]:
        """Everything at a frame; ``number`` has a fraction only where numbers stand for times."""
        found = list(self.singles.get(math.floor(number + 0.5), ()))
        found += (label for track in self.tracks if (label := track.at(number, interpolate)) is not None)
        return found

    def is_listed(self, number: float) -> bool:
        return self.listed is None or math.floor(number + 0.5) in self.listed

    def all_labels(self) -> Iterable[Label]:
        """Every label that stands in the file."""
        for labels in self.singles.values():
            yield from labels
        for track in self.tracks:
            yield from (key.label for key in track.keys if not key.absent)


@dataclass
class Labels:
    """A label file, or a folder of them."""

    file: str
    """What to call it in messages."""
    names: dict[int, str] = field(default_factory=dict)
    """Names of categories by number, in the file's own order; empty where it names none."""
    images: Sequence[LabelledImage] = ()
    videos: Sequence[LabelledVideo] = ()
    dropped: dict[str, Counted] = field(default_factory=dict)
    """Objects that are no predictions: why → how many. Complete once everything was read."""
    notes: list[str] = field(default_factory=list)

    def drop(self, why: str, where: str, count: int = 1) -> None:
        """Counts an object that is left out; ``why`` as in ``3 objects WHY``."""
        self.dropped.setdefault(why, Counted()).add(where, count)


def known(labels: Sequence[Label]) -> Callable[[], Sequence[Label]]:
    """Labels that were read already, for :attr:`LabelledImage.read`."""
    return lambda: labels


def _turned(
    box: tuple[float, float, float, float], degrees: float, about: tuple[float, float]
) -> tuple[float, ...]:
    """The corners of a rectangle turned clockwise about a point, in pixels."""
    x1, y1, x2, y2 = box
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    found: list[float] = []
    for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2)):
        across, down = x - about[0], y - about[1]
        found += [about[0] + across * cosine - down * sine, about[1] + across * sine + down * cosine]
    return tuple(found)


def _ellipse(x: float, y: float, radius_x: float, radius_y: float, degrees: float) -> tuple[float, ...]:
    """An ellipse about a centre, turned clockwise, as a polygon."""
    angles = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)
    across, down = radius_x * np.cos(angles), radius_y * np.sin(angles)
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    points = np.stack([x + across * cosine - down * sine, y + across * sine + down * cosine], axis=1)
    return tuple(points.ravel().tolist())
