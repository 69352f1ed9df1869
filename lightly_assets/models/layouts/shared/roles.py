"""Which output is which, of models that give boxes, scores and labels apart: by name, dtype and shape."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lightly_assets.models.layouts.base import LayoutError, Output, described

_WORDS = {
    "count": ("num",),
    "labels": ("label", "class", "categor", "cls"),
    "scores": ("score", "conf", "prob"),
    "boxes": ("box", "det", "bbox"),
    "masks": ("mask",),
    "keypoints": ("keypoint", "kpt", "landmark"),
}


Role = Literal["boxes", "scores", "labels", "count", "masks", "keypoints"]
# The names that TensorFlow Lite's own post-processing gives its outputs.
_TFLITE = "TFLite_Detection_PostProcess"
_OF_TFLITE: dict[str, Role] = {"": "boxes", ":1": "labels", ":2": "scores", ":3": "count"}


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


def is_of_tflite(outputs: Sequence[Output]) -> bool:
    """Whether TensorFlow Lite's own post-processing gives these."""
    return all(one.name.startswith(_TFLITE) for one in outputs)


def find_roles(outputs: Sequence[Output], layout: str, said: Mapping[Role, str] | None = None) -> Roles:
    """Which output is which.

    Args:
        outputs: of the model.
        layout: its name, for messages.
        said: which outputs the user has named.

    Raises:
        LayoutError: boxes or scores are missing, or several outputs could be them.
    """
    free = dict(enumerate(outputs))
    known = _known(free, outputs, said or {})
    count = _take(free, lambda one: len(one.shape) <= 2 and _named(one, "count"), known.get("count"))
    boxes = known["boxes"] if "boxes" in known else _boxes(free)
    if boxes is None:
        raise LayoutError(
            f"The layout {layout} needs boxes (N, 4), scores and labels as outputs of their own; there is "
            f"{described(outputs)}."
        )
    about = outputs[boxes]
    rank = len(about.shape)
    flat = [place for place, one in free.items() if _is_flat(one, rank)]
    labels = known["labels"] if "labels" in known else _labels(free, flat)
    # The batch's size may stand for the count, but for labels and scores there is one for each box.
    rest = [one for one in flat if one != labels]
    scores = known.get("scores")
    if scores is None and about.shape[-1] != 5:
        scores = _scores(free, rest, outputs)
    if labels is None:
        _refuse_unknown(scores, rest, outputs)
    masks = _take(free, lambda one: len(one.shape) >= rank and _named(one, "masks"), known.get("masks"))
    if masks is None:
        masks = _take(
            free,
            lambda one: len(one.shape) == 4 and one.shape[-1] not in (2, 3) and not _named(one, "keypoints"),
        )
    keypoints = _take(
        free,
        lambda one: (
            len(one.shape) == rank + 1
            # torchvision's own export names nothing and leaves all sizes open.
            and (
                one.shape[-1] in (2, 3) or (one.shape[-1] is None and (rank == 2 or _named(one, "keypoints")))
            )
        ),
        known.get("keypoints"),
    )
    points = _take(free, lambda one: len(one.shape) == rank and not _is_whole(one))
    return Roles(boxes, scores, labels, count, masks, keypoints, points, batched=rank >= 3)


def _known(free: dict[int, Output], outputs: Sequence[Output], said: Mapping[Role, str]) -> dict[Role, int]:
    """The places of outputs that need no guess, taken from those that are free."""
    names = {one.name: place for place, one in enumerate(outputs)}
    if is_of_tflite(outputs) and not said:
        said = {role: _TFLITE + suffix for suffix, role in _OF_TFLITE.items() if _TFLITE + suffix in names}
    for role, name in said.items():
        if name not in names:
            raise LayoutError(f"outputs says that {role} are {name!r}; there is {described(outputs)}.")
        free.pop(names[name], None)
    return {role: names[name] for role, name in said.items()}


def _refuse_unknown(scores: int | None, flat: list[int], outputs: Sequence[Output]) -> None:
    """Without labels all objects would be of one class, though an output that nobody knows may say which."""
    others = [outputs[place] for place in flat if place != scores]
    if others:
        raise LayoutError(
            f"The names of {described(outputs)} do not say which output holds scores and which labels; write "
            f"outputs: {{scores: NAME, labels: {others[0].name}}} beside layout, with the names that hold."
        )


def _named(one: Output, role: str) -> bool:
    return any(word in one.name.lower() for word in _WORDS[role])


def _is_whole(one: Output) -> bool:
    return one.dtype.startswith(("int", "uint"))


def _take(free: dict[int, Output], fits: Callable[[Output], bool], known: int | None = None) -> int | None:
    if known is not None:
        return known
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
    # Scores of classes have both in their name.
    named = [place for place in named if not _named(free[place], "scores")] or named
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
