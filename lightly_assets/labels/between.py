"""What lies between two key frames of an object, as the tools themselves show it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lightly_assets.labels.labelled import Label

Points = NDArray[np.float64]


def linear(one: Label, other: Label, share: float) -> Label:
    """Every number on its straight way; other kinds of shapes stay as they were."""
    if one.box is not None and other.box is not None:
        one = replace(
            one,
            box=_on_the_way(one.box, other.box, share),  # type: ignore[arg-type]
            degrees=one.degrees + (other.degrees - one.degrees) * share,
        )
    if (
        one.keypoints is not None
        and other.keypoints is not None
        and len(one.keypoints) == len(other.keypoints)
    ):
        places = list(_on_the_way(one.keypoints, other.keypoints, share))
        places[2::3] = one.keypoints[2::3]
        one = replace(one, keypoints=tuple(places))
    return one


def as_cvat(one: Label, other: Label, share: float) -> Label:
    """As CVAT does: boxes turn the shorter way, single points and skeletons move, other points stay, outlines
    are matched along their length."""
    if one.polygons and other.polygons:
        outline = _outline_between(one.polygons[0], other.polygons[0], share)
        return replace(one, polygons=(outline,))
    if one.keypoints is not None and other.keypoints is not None:
        single = len(one.keypoints) == 3 == len(other.keypoints)
        return linear(one, other, share) if single or one.is_skeleton else one
    turn = (other.degrees - one.degrees + 180) % 360 - 180
    return linear(one, replace(other, degrees=one.degrees + turn), share)


def _on_the_way(one: tuple[float, ...], other: tuple[float, ...], share: float) -> tuple[float, ...]:
    return tuple(a + (b - a) * share for a, b in zip(one, other, strict=True))


def _outline_between(one: tuple[float, ...], other: tuple[float, ...], share: float) -> tuple[float, ...]:
    """A closed outline between two that may have different numbers of points.

    Points correspond where they are equally far along their outline; where that makes more points than
    either outline has, those that lie close together become one.
    """
    left, right = _closed(one), _closed(other)
    pairs = _pairs(_way_along(left), _way_along(right))
    points: list[Points] = []
    first: list[int] = []
    for place, matched in enumerate(pairs):
        first.append(len(points))
        points += [left[place] + (right[index] - left[place]) * share for index in matched]
    kept = _thinned(np.array(points), first, pairs, left, right)
    return tuple(kept[:-1].ravel().tolist())


def _closed(outline: tuple[float, ...]) -> Points:
    points = np.asarray(outline, dtype=np.float64).reshape(-1, 2)
    return np.concatenate([points, points[:1]])


def _length(points: Points) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _way_along(points: Points) -> NDArray[np.float64]:
    steps = np.hypot(*np.diff(points, axis=0).T)
    total = steps.sum()
    return np.concatenate([[0.0], np.cumsum(steps) / total if total else steps])


def _pairs(left: NDArray[np.float64], right: NDArray[np.float64]) -> list[list[int]]:
    """For each point of the one outline those of the other that it becomes; each of these is taken."""
    pairs = [[int(np.argmin(np.abs(right - place)))] for place in left]
    taken = {matched[0] for matched in pairs}
    for index in range(len(right)):
        if index not in taken:
            pairs[int(np.argmin(np.abs(left - right[index])))].append(index)
    return [sorted(matched) for matched in pairs]


def _thinned(points: Points, first: list[int], pairs: list[list[int]], left: Points, right: Points) -> Points:
    kept: list[Points] = []
    opened: int | None = None

    def close(stop: int) -> None:
        nonlocal opened
        if opened is not None:
            length = _length(left[opened : stop + 1])
            kept.extend(_apart(points[first[opened] : first[stop] + 1], length, stop - opened + 1))
        opened = None

    for place, matched in enumerate(pairs):
        if len(matched) > 1:
            close(place - 1)
            length = _length(right[matched[0] : matched[-1] + 1])
            part = points[first[place] : first[place] + len(matched)]
            kept.extend(_apart(part, length, matched[-1] - matched[0] + 1))
        elif opened is None:
            opened = place
        elif matched != pairs[opened]:
            close(place - 1)
            opened = place
    close(len(pairs) - 1)
    return np.array(kept)


def _apart(points: Points, length: float, count: int) -> list[Points]:
    """The first and the last point, and those between that are far enough from the one before."""
    if len(points) == 1:
        return [points[0]]
    least = length / (2 * count)
    kept = [points[0]]
    for point in points[1:-1]:
        if np.hypot(*(point - kept[-1])) >= least:
            kept.append(point)
    last = points[-1]
    if len(kept) == 1 and np.hypot(*(last - kept[0])) < least:
        return [(kept[0] + last) / 2]
    return [*kept, last]
