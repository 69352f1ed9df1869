"""Label Studio's JSON: images with boxes, ellipses, polygons, brushes, key points and choices, and videos.

Coordinates are percents of the image, boxes turn about their first corner. Frames of videos count from 1 by a
rate that is a setting of the project and often not the video's own; so they are taken as times.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lightly_assets.format.names.suffixes import input_kind
from lightly_assets.labels.between import linear
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.brush import brush_mask
from lightly_assets.labels.files.text import list_of, number, read_json, share, starts_like_json, whole
from lightly_assets.labels.labelled import (
    KeyFrame,
    Label,
    LabelledImage,
    LabelledVideo,
    Labels,
    Size,
    Track,
)
from lightly_assets.labels.names import cleaned
from lightly_assets.labels.reading import FORMATS, ReadOptions
from lightly_assets.labels.report import some

# What regions are called without labels of their own, and their kind.
_KINDS = {
    "rectangle": "box",
    "ellipse": "ellipse",
    "polygon": "polygon",
    "brush": "brush",
    "keypoint": "point",
    "videorectangle": "track",
    "choices": "choices",
}
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
# Keys that say where a region is; choices about a region repeat them.
_PLACES = {"x", "points", "rle", "sequence"}
_RATES = (0.001, 10_000.0)
# Times are rounded.
_SAME_RATE = 1.05
_NO_OBJECTS = {
    "textarea",
    "number",
    "rating",
    "relation",
    "taxonomy",
    "pairwise",
    "datetime",
    "ranker",
    "labels",
}


@dataclass
class _Region:
    """The results that share an id: a shape, and often its label apart from it."""

    kind: str = ""
    value: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    parent: str | None = None
    where: str = ""
    choices: int = 0
    """Choices about the region itself, which are no objects."""


class LabelStudio:
    """The export "JSON" of a project: a list of tasks."""

    first_frame = 1

    def recognises(self, path: Path) -> bool:
        if not path.is_file() or path.suffix.lower() != ".json":
            return False
        start = starts_like_json(path)
        return (
            start.startswith("[")
            and '"data"' in start
            and ('"annotations"' in start or '"predictions"' in start)
        )

    def read(self, path: Path, options: ReadOptions) -> Labels:  # noqa: ARG002
        data = read_json(path)
        if not isinstance(data, list) or not all(isinstance(task, dict) for task in data):
            raise LabelsError(f"{path.name} is no list of tasks; export the project as JSON.")
        if data and not any("annotations" in task or "predictions" in task for task in data):
            raise LabelsError(f"{path.name} has no annotations; export the project as JSON, not as JSON-MIN.")
        labels = Labels(path.name)
        reader = _Reader(labels)
        for place, task in enumerate(data):
            reader.add(task, f"task {task.get('id', place)} of {path.name}")
        labels.images, labels.videos = reader.images, reader.videos
        reader.tell()
        return labels


FORMATS.add("label-studio", LabelStudio())


class _Reader:
    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.images: list[LabelledImage] = []
        self.videos: list[LabelledVideo] = []
        self.parts: list[str] = []
        """Names of key points that belong to other regions, in the order of their first appearance."""
        self._several = self._unlabelled = 0

    def tell(self) -> None:
        if self._several:
            self.labels.notes.append(
                f"{self._several:,} tasks have several annotations; the ground truth, else the newest, is "
                "taken."
            )
        if self._unlabelled:
            self.labels.notes.append(
                f"{self._unlabelled:,} tasks were not labelled; they count as not listed."
            )

    def add(self, task: dict[str, Any], where: str) -> None:
        results = self._results(task, where)
        names = _names(task, _shown_in(results or (), where), where)
        if results is None:
            self._unlabelled += 1
            return
        regions = _regions(results, where)
        attributes = sum(region.choices for region in regions)
        if attributes:
            self.labels.drop("that are choices about a region", where, attributes)
        for region in regions:
            if region.parent is not None and region.kind == "point":
                self.parts += [name for name in region.labels if name not in self.parts]
        size = _size(results, where)
        if any(region.kind == "track" for region in regions) or input_kind(names[0]) == "video":
            self._add_video(names, regions, size)
        else:
            read = partial(self._image_labels, regions, size)
            self.images.append(LabelledImage(names, read, size, shares=True))

    def _results(self, task: dict[str, Any], where: str) -> list[dict[str, Any]] | None:
        """What one annotator said; None where nobody looked at the task."""
        done = [
            one
            for one in list_of(task.get("annotations"))
            if isinstance(one, dict) and not one.get("was_cancelled") and isinstance(one.get("result"), list)
        ]
        if not done:
            done = [one for one in list_of(task.get("predictions")) if isinstance(one, dict)]
            if not done:
                return None
            best = max(done, key=lambda one: str(one.get("created_at", "")))
        else:
            truth = [one for one in done if one.get("ground_truth")]
            best = max(truth or done, key=lambda one: str(one.get("updated_at", "")))
        self._several += len(done) > 1
        results = best.get("result")
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            raise LabelsError(f"{where}: result is no list of regions.")
        score = best.get("score")
        return [one if score is None or "score" in one else one | {"score": score} for one in results]

    def _image_labels(self, regions: Sequence[_Region], size: Size | None) -> Sequence[Label]:
        found: list[Label] = []
        for region in regions:
            if region.kind == "point" and region.parent is not None:
                continue
            points = (
                [one for one in regions if one.kind == "point" and one.parent == _id(region)]
                if region
                else []
            )
            found += self._labels(region, points, size)
        return found

    def _labels(self, region: _Region, points: Sequence[_Region], size: Size | None) -> Iterator[Label]:
        if region.kind in ("", "track") or not region.labels:
            what = (
                f"that are {region.result.get('type')}"
                if region.labels or not region.kind
                else "without a label"
            )
            self.labels.drop(what, region.where)
            return
        score = region.result.get("score")
        given = None if score is None else share(score, "score", region.where)
        make = _MAKERS[region.kind]
        for name in region.labels:
            label = make(region, name, given, size)
            if points and label.box is not None:
                yield Label(name, label.box, keypoints=self._person(points), score=given, where=region.where)
            else:
                yield label

    def _person(self, points: Sequence[_Region]) -> tuple[float, ...]:
        """The points of an object in one order for all objects; those that are not there have the score 0."""
        flat = [0.0, 0.0, 0.0] * len(self.parts)
        for point in points:
            for name in point.labels:
                place = 3 * self.parts.index(name)
                flat[place : place + 3] = [*_point(point), 1.0]
        return tuple(flat)

    def _add_video(self, names: tuple[str, ...], regions: Sequence[_Region], size: Size | None) -> None:
        tracks: list[Track] = []
        rate: float | None = None
        for region in regions:
            if region.kind != "track" or not region.labels:
                self.labels.drop(f"that are {region.result.get('type')}", region.where)
                continue
            tracks += [_track(region, name) for name in region.labels]
            rate = rate or _rate(region)
        self.videos.append(LabelledVideo(names, tracks=tuple(tracks), size=size, shares=True, rate=rate))


def _shown_in(results: Sequence[dict[str, Any]], where: str) -> str | None:
    """The one tag of the labelling interface that all results are of; None where they do not say.

    Raises:
        LabelsError: they are of several images.
    """
    placed = [one for one in results if _is_placed(one)] or results
    tags = sorted({str(one["to_name"]) for one in placed if one.get("to_name")})
    pages = sorted({str(one["item_index"]) for one in placed if one.get("item_index") is not None})
    for what, found in (("to_name", tags), ("item_index", pages)):
        if len(found) > 1:
            raise LabelsError(
                f"{where} has labels of several images ({what} {', '.join(found)}), and nothing says which "
                "files these are; export each image as a task of its own."
            )
    return tags[0] if tags else None


def _is_placed(result: dict[str, Any]) -> bool:
    """Whether a result is of a place in an image or a video, and not of a text beside it."""
    kind = _kind(result).removesuffix("labels")
    return kind in _KINDS and kind != "choices"


def _kind(result: dict[str, Any]) -> str:
    return str(result.get("type", "")).lower()


def _names(task: dict[str, Any], tag: str | None, where: str) -> tuple[str, ...]:
    """Everything in a task's data that may be the path of its image or its video.

    Args:
        task: with its ``data``.
        tag: the image that was labelled; often its name in the data, too.
        where: for messages.

    Raises:
        LabelsError: there is none, or there are several and nothing says which one was labelled.
    """
    given = task.get("data")
    data = (
        {key: value for key, value in given.items() if isinstance(value, str)}
        if isinstance(given, dict)
        else {}
    )
    if tag in data and _is_file(data[tag]):
        data = {tag: data[tag]}
    values = list(data.values())
    files = [value for value in values if _is_file(value)]
    local = [value for value in values if "?d=" in value]
    # Of tasks that came in a JSON file it names that one.
    upload = [value] if isinstance(value := task.get("file_upload"), str) and _is_file(value) else []
    names = tuple(dict.fromkeys([*local, *files, *upload]))
    if not names:
        raise LabelsError(f"{where} names no image and no video in its data.")
    # Uploaded files get eight hexadecimal digits in front of their name.
    plain = [
        base[9:] for name in names if len(base := name.rpartition("/")[2]) > 9 and _is_upload(base, name)
    ]
    found = tuple(dict.fromkeys([*names, *plain]))
    bases = dict.fromkeys(_UPLOADED.sub("", cleaned(name).rpartition("/")[2]) for name in found)
    if len(bases) > 1:
        raise LabelsError(
            f"{where} names several files in its data ({some(bases)}), and nothing says which of them was "
            "labelled; leave only that one in its data."
        )
    return found


def _is_file(value: str) -> bool:
    return input_kind(value.partition("?")[0].rpartition("/")[2] or value) is not None


def _is_upload(base: str, name: str) -> bool:
    digits = base[:8]
    return (
        base[8] == "-"
        and all(one in "0123456789abcdef" for one in digits)
        and ("upload/" in name or name == base)
    )


def _size(results: Sequence[dict[str, Any]], where: str) -> Size | None:
    for one in results:
        if one.get("original_width") and one.get("original_height"):
            if one.get("image_rotation"):
                raise LabelsError(
                    f"{where}: the image was turned by {one['image_rotation']} degrees when it was "
                    "labelled; turn it "
                    "back in Label Studio and export again."
                )
            return (
                whole(one["original_width"], "original_width", where),
                whole(one["original_height"], "original_height", where),
            )
    return None


def _regions(results: Sequence[dict[str, Any]], where: str) -> list[_Region]:
    found: dict[str, _Region] = {}
    shapes = {str(one.get("id")) for one in results if one.get("id") and _is_placed(one)}
    for place, result in enumerate(results):
        key = str(result.get("id") or f"#{place}")
        kind = _kind(result)
        value = result.get("value")
        if kind == "relation" or not isinstance(value, dict):
            continue
        region = found.setdefault(key, _Region(where=f"region {key} of {where}"))
        shape = kind.removesuffix("labels") if kind not in ("choices", "labels") else kind
        if kind == "choices" and (key in shapes or value.keys() & _PLACES):
            region.choices += 1
            continue
        if shape in _KINDS:
            region.kind, region.value, region.result = _KINDS[shape], value, result
        elif not region.result:
            region.result = result
        names = value.get(kind) or (value.get("labels") if kind in ("labels", "videorectangle") else None)
        if isinstance(names, list) and kind not in _NO_OBJECTS - {"labels"}:
            region.labels += [str(name) for name in names if str(name) not in region.labels]
        region.parent = region.parent or result.get("parentID")
    return list(found.values())


def _id(region: _Region) -> str:
    return str(region.result.get("id"))


def _percent(value: dict[str, Any], name: str, where: str) -> float:
    return number(value.get(name), name, where) / 100


def _box(region: _Region, name: str, score: float | None, size: Size | None) -> Label:  # noqa: ARG001
    box, degrees = _rectangle(region.value, region.where)
    return Label(name, box, degrees, about_corner=True, score=score, where=region.where)


def _rectangle(value: dict[str, Any], where: str) -> tuple[tuple[float, float, float, float], float]:
    x, y, width, height = (_percent(value, name, where) for name in ("x", "y", "width", "height"))
    return (x, y, x + width, y + height), number(value.get("rotation") or 0, "rotation", where)


def _ellipse(region: _Region, name: str, score: float | None, size: Size | None) -> Label:  # noqa: ARG001
    x, y, across, down = (
        _percent(region.value, one, region.where) for one in ("x", "y", "radiusX", "radiusY")
    )
    degrees = number(region.value.get("rotation") or 0, "rotation", region.where)
    box = (x - across, y - down, x + across, y + down)
    return Label(name, box, degrees, is_ellipse=True, score=score, where=region.where)


def _polygon(region: _Region, name: str, score: float | None, size: Size | None) -> Label:  # noqa: ARG001
    points = region.value.get("points")
    if not isinstance(points, list) or not all(isinstance(one, list) and len(one) == 2 for one in points):
        raise LabelsError(f"{region.where}: points must be a list of [x, y].")
    flat = tuple(number(value, "a coordinate", region.where) / 100 for point in points for value in point)
    return Label(name, polygons=(flat,), score=score, where=region.where)


def _brush(region: _Region, name: str, score: float | None, size: Size | None) -> Label:
    if region.value.get("format") != "rle" or size is None:
        raise LabelsError(f"{region.where}: a brush needs the format rle and the size of its image.")
    return Label(
        name, mask=brush_mask(region.value.get("rle"), size, region.where), score=score, where=region.where
    )


def _keypoint(region: _Region, name: str, score: float | None, size: Size | None) -> Label:  # noqa: ARG001
    return Label(name, keypoints=(*_point(region), 1.0), score=score, where=region.where)


def _point(region: _Region) -> tuple[float, float]:
    return _percent(region.value, "x", region.where), _percent(region.value, "y", region.where)


def _choice(region: _Region, name: str, score: float | None, size: Size | None) -> Label:  # noqa: ARG001
    return Label(name, score=score, where=region.where)


_MAKERS: dict[str, Callable[[_Region, str, float | None, Size | None], Label]] = {
    "box": _box,
    "ellipse": _ellipse,
    "polygon": _polygon,
    "brush": _brush,
    "point": _keypoint,
    "choices": _choice,
}


def _sequence(region: _Region) -> list[dict[str, Any]]:
    sequence = region.value.get("sequence")
    if not isinstance(sequence, list) or not sequence or not all(isinstance(one, dict) for one in sequence):
        raise LabelsError(f"{region.where}: sequence must be a list of key frames.")
    return sorted(sequence, key=lambda one: whole(one.get("frame"), "frame", region.where))


def _track(region: _Region, name: str) -> Track:
    keys: list[KeyFrame] = []
    for one in _sequence(region):
        frame = whole(one["frame"], "frame", region.where)
        where = f"{region.where}, frame {frame}"
        box, degrees = _rectangle(one, where)
        label = Label(name, box, degrees, about_corner=True, where=where)
        keys.append(KeyFrame(frame, label, ends=one.get("enabled") is False))
    return Track(tuple(keys), linear)


def _rate(region: _Region) -> float | None:
    """Frames in a second as this video was labelled.

    Raises:
        LabelsError: its key frames say several rates.
    """
    rates = [
        (frame / float(time), frame)
        for one in _sequence(region)
        if isinstance(time := one.get("time"), int | float)
        and isinstance(frame := one.get("frame"), int)
        and time > 0
        and frame > 0
    ]
    if rates:
        (least, one), (most, other) = min(rates), max(rates)
        if most > _SAME_RATE * least:
            raise LabelsError(
                f"{region.where}: frame {one} has the time of {least:.4g} frames in a second, frame {other} "
                f"that of {most:.4g}; time must be frame divided by the frame rate: correct it, or remove "
                "all times and say --fps (fps:)."
            )
        return _plausible(rates[-1][0])
    count, duration = region.value.get("framesCount"), region.value.get("duration")
    if isinstance(count, int) and isinstance(duration, int | float) and duration > 0 and count > 0:
        return _plausible(count / float(duration))
    return None


def _plausible(rate: float) -> float | None:
    """A rate that a video can have."""
    return rate if _RATES[0] <= rate <= _RATES[1] else None
