"""CVAT's own XML 1.1, for images and for videos.

Frames of videos count from 0 in the whole video, whatever part of it and however many frames of it a task
has. CVAT writes every frame of a track; other tools write key frames only, and what lies between them is made
here as CVAT shows it.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from lightly_assets.labels.between import as_cvat
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.files.text import files_below, number, share, whole
from lightly_assets.labels.files.xml import elements, root_tag, text_of
from lightly_assets.labels.labelled import (
    KeyFrame,
    Label,
    LabelledImage,
    LabelledVideo,
    Labels,
    Mask,
    Size,
    Track,
    known,
)
from lightly_assets.labels.reading import FORMATS, ReadOptions

_SHAPES = ("box", "ellipse", "polygon", "polyline", "points", "cuboid", "mask", "skeleton", "tag")
_NO_OBJECTS = {"polyline": "that are lines", "cuboid": "that are cuboids"}
_MOST_MASK = 1 << 30


@dataclass
class _Task:
    """A task of CVAT: one video, or a set of images."""

    names: tuple[str, ...] = ()
    frames: range | None = None
    size: Size | None = None
    tracks: list[Track] = field(default_factory=list)


@dataclass
class _Meta:
    names: list[str] = field(default_factory=list)
    points: dict[str, list[str]] = field(default_factory=dict)
    """The points of each skeleton, in order."""
    tasks: dict[str, _Task] = field(default_factory=dict)
    is_dump: bool = False
    """Whether a server of CVAT wrote it, which says when."""

    def task(self, number: str) -> _Task:
        """The task of a number; the only one where an element does not say which."""
        if not number and len(self.tasks) == 1:
            return next(iter(self.tasks.values()))
        return self.tasks.setdefault(number, _Task())


class Cvat:
    """``annotations.xml``, or a folder that has it."""

    first_frame = 0

    def recognises(self, path: Path) -> bool:
        return root_tag(_file(path)) == "annotations"

    def read(self, path: Path, options: ReadOptions) -> Labels:  # noqa: ARG002
        file = _file(path)
        reader = _Reader(file.name)
        for element in elements(file):
            reader.add(element)
        return reader.labels()


FORMATS.add("cvat", Cvat())


def _file(path: Path) -> Path:
    """The file itself, ``annotations.xml``, or the only XML file of a folder."""
    if not path.is_dir() or (path / "annotations.xml").is_file():
        return path / "annotations.xml" if path.is_dir() else path
    files = [file for _, file in zip(range(2), files_below(path, ".xml"), strict=False)]
    return files[0] if len(files) == 1 else path / "annotations.xml"


class _Reader:
    def __init__(self, name: str) -> None:
        self.found = Labels(name)
        self.meta = _Meta()
        self.images: list[LabelledImage] = []
        self._has_tracks = False

    def add(self, element: Element) -> None:
        if element.tag == "meta":
            self._add_meta(element)
        elif element.tag == "image":
            self._add_image(element)
        elif element.tag == "track":
            self._has_tracks = True
            self._add_track(element)

    def labels(self) -> Labels:
        self.found.names = dict(enumerate(self.meta.names))
        self.found.images = self.images
        is_video = self._has_tracks or not self.images
        self.found.videos = [
            LabelledVideo(task.names, tracks=tuple(task.tracks), listed=task.frames, size=task.size)
            for task in self.meta.tasks.values()
            if is_video
        ]
        if not self.images and not self.found.videos:
            raise LabelsError(
                f"{self.found.file} has neither images nor tracks, so it is no CVAT for images or video."
            )
        return self.found

    def _add_meta(self, meta: Element) -> None:
        self.meta.is_dump = meta.find("dumped") is not None
        for label in meta.iter("label"):
            name, parent = text_of(label, "name"), text_of(label, "parent")
            if parent:
                self.meta.points.setdefault(parent, []).append(name)
            elif name and name not in self.meta.names:
                self.meta.names.append(name)
        for task in [*meta.iter("task"), *meta.iter("job")]:
            source = text_of(task, "source") or text_of(meta, "source")
            names = tuple(dict.fromkeys(name for name in (source, text_of(task, "name")) if name))
            self.meta.tasks[text_of(task, "id")] = _Task(names, self._frames(task), self._size(task))

    def _frames(self, task: Element) -> range | None:
        where = f"{self.found.file}, task {text_of(task, 'id')}"
        start, stop = text_of(task, "start_frame"), text_of(task, "stop_frame")
        step = text_of(task, "frame_filter").rpartition("step=")[2] or "1"
        if not stop:
            return None
        first, last = whole(start or 0, "start_frame", where), whole(stop, "stop_frame", where)
        by = whole(step, "the step of frame_filter", where)
        if by < 1 or last < first:
            raise LabelsError(f"{where}: has the frames {first} to {last}, each {by}.; that are none.")
        frames = range(first, last + 1, by)
        # datumaro writes the number of frames as the last one.
        is_one_too_many = text_of(task, "size") == str(len(frames) - 1)
        return frames[:-1] if is_one_too_many else frames

    def _size(self, task: Element) -> Size | None:
        width, height = text_of(task, "original_size/width"), text_of(task, "original_size/height")
        if not width or not height:
            return None
        return whole(width, "width", self.found.file), whole(height, "height", self.found.file)

    def _add_image(self, image: Element) -> None:
        name = image.get("name", "")
        where = f"image '{name}' of {self.found.file}"
        if not name:
            raise LabelsError(f"{self.found.file}: an image (id {image.get('id')}) has no name.")
        size: Size | None = None
        if image.get("width") and image.get("height"):
            size = whole(image.get("width"), "width", where), whole(image.get("height"), "height", where)
        found = [label for shape in image if (label := self._label(shape, shape.get("label"), where))]
        videos = self.meta.task(image.get("task_id", "")).names
        frame = None
        if videos and (image.get("id") or "").isdigit():
            frame = (videos[0], int(image.get("id", "0")))
        self.images.append(LabelledImage((name,), known(found), size, frame=frame))

    def _add_track(self, track: Element) -> None:
        where = f"track {track.get('id', '?')} of {self.found.file}"
        keys: list[KeyFrame] = []
        for shape in track:
            if shape.tag not in _SHAPES:
                continue
            frame = whole(shape.get("frame"), "frame", where)
            label = self._label(shape, track.get("label"), f"{where}, frame {frame}")
            if label is None:
                continue
            absent = _is_absent(shape)
            if keys and frame <= keys[-1].number:
                raise LabelsError(
                    f"{where}: frame {frame} comes after frame {keys[-1].number}; it must ascend."
                )
            keys.append(KeyFrame(frame, label, absent))
        if keys:
            task = self.meta.task(track.get("task_id", ""))
            if len(keys) == 1 and self._is_single(keys[0], task):
                keys[0] = replace(keys[0], ends=True)
            task.tracks.append(Track(tuple(keys), as_cvat))

    def _is_single(self, key: KeyFrame, task: _Task) -> bool:
        """Whether a track is a shape of one frame, at the last but one: there CVAT's server writes no end.

        Of a real track it writes the last frame, too.
        """
        return self.meta.is_dump and task.frames is not None and key.number in task.frames[-2:-1]

    def _label(self, shape: Element, category: str | None, where: str) -> Label | None:
        if shape.tag not in _SHAPES:
            return None
        if not category:
            raise LabelsError(f"{where}: a {shape.tag} has no label.")
        if why := _NO_OBJECTS.get(shape.tag):
            self.found.drop(why, where)
            return None
        found = self._shape(shape, category, where)
        score = _score(shape, where)
        return found if score is None else replace(found, score=score)

    def _shape(self, shape: Element, category: str, where: str) -> Label:
        if shape.tag == "tag":
            return Label(category, where=where)
        if shape.tag in ("box", "ellipse"):
            return self._box(shape, category, where)
        if shape.tag == "polygon":
            return Label(category, polygons=(tuple(_points(shape, where)),), where=where)
        if shape.tag == "mask":
            return Label(category, mask=_mask(shape, where), where=where)
        if shape.tag == "points":
            points = _points(shape, where)
            seen = _visibility(shape)
            flat = [
                value for place in range(0, len(points), 2) for value in (*points[place : place + 2], seen)
            ]
            return Label(category, keypoints=tuple(flat), where=where)
        return self._skeleton(shape, category, where)

    def _box(self, shape: Element, category: str, where: str) -> Label:
        degrees = number(shape.get("rotation", 0), "rotation", where)
        if shape.tag == "ellipse":
            x, y, across, down = (number(shape.get(name), name, where) for name in ("cx", "cy", "rx", "ry"))
            box = (x - across, y - down, x + across, y + down)
            return Label(category, box=box, degrees=degrees, is_ellipse=True, where=where)
        x1, y1, x2, y2 = (number(shape.get(name), name, where) for name in ("xtl", "ytl", "xbr", "ybr"))
        return Label(category, box=(x1, y1, x2, y2), degrees=degrees, where=where)

    def _skeleton(self, shape: Element, category: str, where: str) -> Label:
        """The points of a skeleton in the order of its label; by their names where that is not said."""
        given = {part.get("label", ""): part for part in shape if part.tag == "points"}
        order = self.meta.points.get(category) or sorted(given, key=_natural)
        if unknown := [name for name in given if name not in order]:
            raise LabelsError(f"{where}: the skeleton '{category}' has no point '{unknown[0]}'.")
        flat: list[float] = []
        for name in order:
            part = given.get(name)
            x, y = _points(part, where)[:2] if part is not None else (0.0, 0.0)
            flat += [x, y, 0.0 if part is None else _visibility(part)]
        return Label(category, keypoints=tuple(flat), is_skeleton=True, where=where)


def _score(shape: Element, where: str) -> float | None:
    """An attribute of this name, which ``export`` writes; CVAT itself has no scores.

    Raises:
        LabelsError: it is a number that is no score, or is written as none is.
    """
    for attribute in shape.iter("attribute"):
        text = (attribute.text or "").strip()
        if attribute.get("name") == "score" and text:
            if not any(character.isdigit() for character in text) and text.lower() != "nan":
                return None  # a word, such as high
            try:
                return share(text, "the attribute score", where)
            except LabelsError:
                raise LabelsError(
                    f"{where}: the attribute score is {text}; it must be in [0, 1], such as 0.85: divide "
                    "percentages by 100, or rename an attribute that is no score."
                ) from None
    return None


def _is_absent(shape: Element) -> bool:
    """Whether an object has left its video; a skeleton has when all its points have."""
    if shape.tag != "skeleton":
        return shape.get("outside") == "1"
    parts = [part for part in shape if part.tag == "points"]
    return shape.get("outside") == "1" or (bool(parts) and all(part.get("outside") == "1" for part in parts))


def _visibility(points: Element) -> float:
    if points.get("outside") == "1":
        return 0.0
    return 0.5 if points.get("occluded") == "1" else 1.0


def _points(shape: Element, where: str) -> list[float]:
    """``x,y;x,y;…`` as a flat list."""
    found: list[float] = []
    for pair in (shape.get("points") or "").split(";"):
        parts = pair.split(",")
        if len(parts) != 2:
            raise LabelsError(f"{where}: the points of a {shape.tag} are '{pair}'; they must be x,y;x,y;….")
        found += [number(part, "a coordinate", where) for part in parts]
    return found


def _mask(shape: Element, where: str) -> Mask:
    """Run lengths along the rows of a rectangle, zeros first."""
    left, top, width, height = (
        whole(shape.get(name), name, where) for name in ("left", "top", "width", "height")
    )
    counts = [whole(part, "a run length", where) for part in (shape.get("rle") or "").split(",")]
    if min(counts) < 0 or width < 1 or height < 1 or width * height > _MOST_MASK:
        raise LabelsError(f"{where}: the mask is {width}×{height} with run lengths from {min(counts)}.")
    if sum(counts) != width * height:
        raise LabelsError(
            f"{where}: the mask's run lengths add up to {sum(counts):,}, but it is {width}×{height} pixels."
        )
    values = np.arange(len(counts)) % 2 == 1
    return Mask(np.repeat(values, counts).reshape(height, width), left, top)


def _natural(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (1 << 62, name)
