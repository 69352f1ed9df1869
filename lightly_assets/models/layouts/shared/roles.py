"""Which output is which, of models that give boxes, scores and labels apart: by name, dtype and shape."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightly_assets.models.layouts.base import LayoutError, Output, described

_WORDS = {
    "count": ("num",),
    "labels": ("label", "class", "categor", "cls"),
    "scores": ("score", "conf", "prob"),
    "boxes": ("box", "det", "bbox"),
    "masks": ("mask",),
    "keypoints": ("keypoint", "kpt", "landmark"),
}


@dataclass(frozen=True, slots=True)
class Roles:
    """The places of outputs."""

    boxes: int
    """(N, 4) or (B, N, 4); (…, 5) where each ends with its score."""
    scores: int | None
    """(N,) or (B, N); None where boxes have them."""
    labels: int | None
    """(N,) or (B, N); None where there is one class only."""
    count: int | None = None
    """(B,) or (B, 1): so many of an image are meant; the rest is padding."""
    masks: int | None = None
    keypoints: int | None = None
    point_scores: int | None = None
    batched: bool = True
    """Whether there is a dimension for the batch."""


def find_roles(outputs: Sequence[Output], layout: str) -> Roles:
    """Which output is which.

    Raises:
        LayoutError: boxes or scores are missing, or several outputs could be them.
    """
    free = dict(enumerate(outputs))
    count = _take(free, lambda one: len(one.shape) <= 2 and _named(one, "count"))
    boxes = _boxes(free)
    if boxes is None:
        raise LayoutError(
            f"The layout {layout} needs boxes (N, 4), scores and labels as outputs of their own; there is "
            f"{described(outputs)}."
        )
    about = outputs[boxes]
    rank = len(about.shape)
    flat = [place for place, one in free.items() if _is_flat(one, rank)]
    labels = _labels(free, flat)
    # The batch's size may stand for the count, but for labels and scores there is one for each box.
    scores = None if about.shape[-1] == 5 else _scores(free, [one for one in flat if one != labels], outputs)
    masks = _take(free, lambda one: len(one.shape) >= rank and _named(one, "masks"))
    if masks is None:
        masks = _take(
            free,
            lambda one: len(one.shape) == 4 and one.shape[-1] not in (2, 3) and not _named(one, "keypoints"),
        )
    keypoints = _take(
        free,
        lambda one: (
            len(one.shape) == rank + 1
            and (one.shape[-1] in (2, 3) or (one.shape[-1] is None and _named(one, "keypoints")))
        ),
    )
    points = _take(free, lambda one: len(one.shape) == rank and not _is_whole(one))
    return Roles(boxes, scores, labels, count, masks, keypoints, points, batched=rank >= 3)


def _named(one: Output, role: str) -> bool:
    return any(word in one.name.lower() for word in _WORDS[role])


def _is_whole(one: Output) -> bool:
    return one.dtype.startswith(("int", "uint"))


def _take(free: dict[int, Output], fits: Callable[[Output], bool]) -> int | None:
    for place, one in free.items():
        if fits(one):
            del free[place]
            return place
    return None


def _boxes(free: dict[int, Output]) -> int | None:
    """The output of four numbers a box (five with the score): the one that is named so, or the first."""
    places = [
        place
        for place, one in free.items()
        if len(one.shape) in (2, 3)
        and one.shape[-1] in (4, 5)
        and not _is_whole(one)
        and not _named(one, "scores")
    ]
    named = [place for place in places if _named(free[place], "boxes")]
    if not places:
        return None
    place = (named or places)[0]
    del free[place]
    return place


def _is_flat(one: Output, rank: int) -> bool:
    """One number for each box."""
    return len(one.shape) == rank - 1 or (len(one.shape) == rank and one.shape[-1] == 1)


def _labels(free: dict[int, Output], flat: list[int]) -> int | None:
    whole = [place for place in flat if _is_whole(free[place])]
    named = [place for place in flat if _named(free[place], "labels")]
    both = [place for place in whole if place in named]
    for places in (both, whole if len(whole) == 1 else [], named):
        if places:
            del free[places[0]]
            return places[0]
    return None


def _scores(free: dict[int, Output], flat: list[int], outputs: Sequence[Output]) -> int:
    named = [place for place in flat if _named(free[place], "scores")]
    places = named or [place for place in flat if not _is_whole(free[place])]
    if not places:
        raise LayoutError(f"No output holds a score for each box; there is {described(outputs)}.")
    del free[places[0]]
    return places[0]
