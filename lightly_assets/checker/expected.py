"""The input side of a check: which prediction files there should be, and how large their images are."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from lightly_assets.checker.readers import Reader, Unreadable
from lightly_assets.errors import BadValue, LightlyAssetsError
from lightly_assets.format.names.collisions import find_collisions
from lightly_assets.format.names.frame_names import frame_name, parse_frame_name, prediction_path
from lightly_assets.format.names.keys import validate_key
from lightly_assets.format.names.suffixes import input_kind, split_suffix
from lightly_assets.format.rules.findings import Finding, finding

# Bytes that hold the size of most images, embedded previews included.
_HEADER = 1 << 17


class VideoSize(NamedTuple):
    """What a check needs to know about a video: its frames in decode order, and their size in pixels."""

    frames: int
    width: int | None = None
    height: int | None = None


Measure = Callable[[str], VideoSize]
"""Counts the frames of a video of the input, given its key; raises an exception that says why it cannot."""


class Item(NamedTuple):
    """A prediction file to read: its path in the task without ``.json``, and what is known about its image.

    ``image`` is the key of the image whose size has yet to be measured.
    """

    stem: str
    file_name: str | None = None
    image: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass
class InputIndex:
    """The inputs by what their prediction files are called.

    ``ignored`` are inputs that nobody asked about: keys of videos, and images without their suffix.
    """

    images: dict[str, str] = field(default_factory=dict)
    videos: dict[str, VideoSize] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)

    def is_unknown(self, video: str) -> bool:
        """Whether a video is there, but not how many frames it has."""
        return video in self.unreadable or video in self.ignored

    def coverage(self, task: str) -> Coverage:
        """Starts to compare a task's files with the input."""
        return Coverage(task, self)


def read_input(
    reader: Reader, measure: Measure, only: Callable[[str], bool] | None = None
) -> tuple[InputIndex, list[Finding]]:
    """Lists the input and counts the frames of its videos; ``only`` says which keys are wanted."""
    index = InputIndex()
    findings: list[Finding] = []
    keys: list[str] = []
    for key, problem in reader.walk(""):
        kind = input_kind(key)
        if kind is None:
            continue
        if only is not None and not only(key):
            index.ignored.add(key if kind == "video" else split_suffix(key)[0])
            continue
        # Videos are large, and images are decoded by their own limits.
        if problem is not None and problem != "file-too-large":
            findings.append(finding("input-unreadable", "", "", f"The input '{key}' is not followed."))
            continue
        try:
            validate_key(key)
        except BadValue as error:
            findings.append(finding("input-key", "", "", str(error)))
            continue
        keys.append(key)
        if kind == "image":
            index.images[split_suffix(key)[0]] = key
        else:
            findings += _add_video(index, key, measure)
    findings += [finding("input-collision", "", "", one.message) for one in find_collisions(keys)]
    return index, findings


def _add_video(index: InputIndex, key: str, measure: Measure) -> list[Finding]:
    try:
        index.videos[key] = measure(key)
    except LightlyAssetsError as error:
        index.unreadable.add(key)
        message = f"The video '{key}' cannot be decoded: {error}"
        return [finding("input-unreadable", "", "", message)]
    return []


class Coverage:
    """Which of the expected files of a task are there."""

    def __init__(self, task: str, index: InputIndex) -> None:
        self.task = task
        self.index = index
        self.images: set[str] = set()
        self.frames: dict[str, bytearray] = {
            key: bytearray(size.frames) for key, size in index.videos.items()
        }

    def match(self, stem: str) -> tuple[Item, list[Finding]]:
        """What the input says about the prediction file ``stem``; unknown files are orphans."""
        key = self.index.images.get(stem)
        if key is not None:
            self.images.add(stem)
            return Item(stem, key, image=key), []
        frame = parse_frame_name(f"{stem}.json")
        if frame is None or frame.video not in self.index.videos:
            if stem in self.index.ignored or (frame is not None and self.index.is_unknown(frame.video)):
                return Item(stem), []
            message = "No image and no frame of the input has this name; was the input deleted or renamed?"
            return Item(stem), [self._finding("prediction-orphan", stem, message)]
        video = self.index.videos[frame.video]
        item = Item(stem, None, None, video.width, video.height)
        if frame.index >= video.frames:
            message = f"'{frame.video}' has {video.frames} frames, so there is no frame {frame.index}."
            return item, [self._finding("prediction-orphan", stem, message)]
        self.frames[frame.video][frame.index] = 1
        expected = frame_name(frame.video, frame.index, video.frames)
        if split_suffix(expected)[0] != stem:
            path = prediction_path(self.task, expected)
            message = f"'{frame.video}' has {video.frames} frames, so the file must be called '{path}'."
            return item, [self._finding("frame-padding", stem, message)]
        return item._replace(file_name=expected), []

    def missing(self) -> Iterator[Finding]:
        """A finding for every image and frame without a file."""
        for stem, key in self.index.images.items():
            if stem not in self.images:
                message = (
                    f"'{key}' has no prediction file; write one with an empty list if nothing was found."
                )
                yield self._finding("prediction-missing", stem, message)
        for video, seen in self.frames.items():
            for index in _zeros(seen):
                stem = split_suffix(frame_name(video, index, len(seen)))[0]
                # An image can have the name of a frame: then their collision is the finding.
                if stem not in self.images:
                    message = f"Frame {index} of '{video}' ({len(seen)} frames) has no prediction file."
                    yield self._finding("prediction-missing", stem, message)

    def _finding(self, rule: str, stem: str, message: str) -> Finding:
        return finding(rule, f"{self.task}/{stem}.json", "", message)


def _zeros(seen: bytearray) -> Iterator[int]:
    position = seen.find(0)
    while position >= 0:
        yield position
        position = seen.find(0, position + 1)


class FrameSeries:
    """Without the input: whether the frames of each video of a task fit each other."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.videos: dict[str, dict[int, tuple[int, int]]] = {}

    def add(self, stem: str) -> None:
        """Notes a prediction file, by its path in the task without ``.json``."""
        frame = parse_frame_name(f"{stem}.json") if "-" in stem else None
        if frame is not None:
            widths = self.videos.setdefault(frame.video, {})
            count, last = widths.get(frame.width, (0, -1))
            widths[frame.width] = count + 1, max(last, frame.index)

    def findings(self) -> Iterator[Finding]:
        """Mixed or improbable padding, and gaps."""
        for video, widths in self.videos.items():
            count = sum(count for count, _ in widths.values())
            last = max(last for _, last in widths.values())
            file = f"{self.task}/{self._example(video, widths)}"
            if len(widths) > 1:
                lengths = " and ".join(map(str, sorted(widths)))
                message = f"Frame numbers of '{video}' have {lengths} digits; all must have the same number."
                yield finding("frame-padding", file, "", message)
            elif len(str(last + 1)) > min(widths):
                message = f"'{video}' has frame {last}, so its numbers need {len(str(last + 1))} digits."
                yield finding("frame-padding", file, "", message)
            elif last + 1 == count and len(str(count)) < min(widths):
                message = f"'{video}' has {count} files, but its numbers have {min(widths)} digits."
                yield finding("frame-padding-suspect", file, "", message)
            if last + 1 > count:
                missing = last + 1 - count
                message = f"'{video}' has frame {last}, but {missing:,} of the frames before it have no file."
                yield finding("frame-gap", file, "", message, missing)

    def _example(self, video: str, widths: dict[int, tuple[int, int]]) -> str:
        width, (_, last) = min(widths.items())
        stem, suffix = split_suffix(video)
        return f"{stem}-{last:0{width}d}-{suffix}.json"


class UnreadableImageError(LightlyAssetsError):
    """An image of the input is none, or cannot be read; the text says why."""


def image_size(reader: Reader, key: str) -> tuple[int, int] | None:
    """Width and height of an image of the input as its pixels are stored; None where it is too large to say.

    Raises:
        UnreadableImageError: it is damaged at its beginning, or no image.
    """
    from PIL import Image  # late: only boxes and masks need it

    for length in (_HEADER, None):
        data = reader.read_start(key, length)
        if isinstance(data, Unreadable):
            raise UnreadableImageError(data.message)
        # Only the header is looked at; where it is longer than expected, the whole file is read.
        broken = suppress(OSError, ValueError, SyntaxError)
        try:
            with broken, Image.open(io.BytesIO(data)) as image:
                return image.size
        except Image.DecompressionBombError:
            return None
    raise UnreadableImageError("It is no image of a known kind, or its beginning is damaged.")
