"""The input side of a check: which prediction files there should be, and how large their images are."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lightly_assets.checker.readers import Reader, Unreadable
from lightly_assets.errors import BadValue, LightlyAssetsError
from lightly_assets.format.names.collisions import find_collisions
from lightly_assets.format.names.frame_names import frame_name, parse_frame_name, prediction_path
from lightly_assets.format.names.keys import validate_key
from lightly_assets.format.names.suffixes import OWN_PREFIX, input_kind, split_suffix, suffix_left_out
from lightly_assets.format.rules.findings import Finding, finding
from lightly_assets.media.decoding.supervised_decode import DecoderBugError
from lightly_assets.media.errors import MediaError
from lightly_assets.media.info import size_at
from lightly_assets.tracking import track

# Bytes that hold the size of most images, embedded previews included.
_HEADER = 1 << 17


class VideoSize(NamedTuple):
    """What a check needs to know about a video: its frames in decode order, and their size in pixels."""

    frames: int
    width: int | None = None
    height: int | None = None
    sizes: Sequence[Sequence[int]] = ()
    """Where its size changes: (index, width, height), as in :attr:`lightly_assets.media.VideoInfo.sizes`."""

    def size_at(self, index: int) -> tuple[int | None, int | None]:
        """Width and height of a frame."""
        return size_at(self.sizes, index) or (self.width, self.height)


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
    ``failed`` says why inputs have no predictions of a task: key → task (``""``: all) → one sentence.
    """

    images: dict[str, str] = field(default_factory=dict)
    videos: dict[str, VideoSize] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)
    failed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    """Files that are no inputs, by suffix."""

    def is_unknown(self, video: str) -> bool:
        """Whether a video is there, but not how many frames it has."""
        return video in self.unreadable or video in self.ignored

    def ignore(self, key: str) -> None:
        """Do not ask for the files of an input that something else was said about."""
        stem = split_suffix(key)[0]
        self.ignored.add(key if input_kind(key) == "video" else stem)
        self.videos.pop(key, None)
        if self.images.get(stem) == key:
            del self.images[stem]

    def coverage(self, task: str) -> Coverage:
        """Starts to compare a task's files with the input."""
        return Coverage(task, self)


def read_input(
    reader: Reader,
    measure: Measure,
    only: Callable[[str], bool] | None = None,
    failed: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[InputIndex, list[Finding]]:
    """Lists the input and counts the frames of its videos; ``only`` says which keys are wanted."""
    index = InputIndex(failed=failed or {})
    findings: list[Finding] = []
    keys: list[str] = []
    videos: list[str] = []
    for key, problem in reader.walk(""):
        kind = input_kind(key)
        if kind is None:
            if not key.startswith(OWN_PREFIX):
                index.skipped[suffix_left_out(key)] += 1
            continue
        if only is not None and not only(key):
            index.ignore(key)
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
            videos.append(key)
    for key in track(videos, "Counting frames of videos"):
        findings += _add_video(index, key, measure)
    for collision in find_collisions(keys):
        findings.append(finding("input-collision", "", "", collision.message))
        for key in collision.inputs:
            index.ignore(key)
    return index, findings


def _add_video(index: InputIndex, key: str, measure: Measure) -> list[Finding]:
    try:
        index.videos[key] = measure(key)
    except DecoderBugError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is said about a file, by anybody's measure, is a finding
        index.unreadable.add(key)
        message = f"The video '{key}' cannot be decoded: {str(error).rstrip('.')}."
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
        item = Item(stem, None, None, *video.size_at(frame.index))
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
        """A finding for every image and frame without a file; one for an input whose reason is known."""
        for stem, key in self.index.images.items():
            if stem in self.images:
                continue
            message = f"'{key}' has no prediction file; write one with an empty list if nothing was found."
            if why := self._why(key):
                message = f"'{key}' has no prediction file: {why}"
            yield self._finding("prediction-missing", stem, message)
        for video, seen in self.frames.items():
            why = self._why(video)
            if why and (count := seen.count(0)):
                stem = split_suffix(frame_name(video, seen.find(0), len(seen)))[0]
                message = f"'{video}' lacks {count:,} of {len(seen):,} prediction files: {why}"
                file = f"{self.task}/{stem}.json"
                yield finding("prediction-missing", file, "", message, count)
                continue
            for index in _zeros(seen):
                stem = split_suffix(frame_name(video, index, len(seen)))[0]
                # An image can have the name of a frame: then their collision is the finding.
                if stem not in self.images:
                    message = f"Frame {index} of '{video}' ({len(seen)} frames) has no prediction file."
                    yield self._finding("prediction-missing", stem, message)

    def _why(self, key: str) -> str | None:
        """Why an input has no predictions of this task, where that is known."""
        why = self.index.failed.get(key, {})
        return why.get("") or why.get(self.task)

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


def image_size(reader: Reader, key: str) -> tuple[int, int]:
    """Width and height of an image of the input as its pixels are stored, which is what models see.

    Raises:
        UnreadableImageError: it is damaged at its beginning, too large, or no image that is read.
    """
    from lightly_assets.media.images import read_header  # late: only boxes and masks need it

    for length in (_HEADER, None):
        data = reader.read_start(key, length)
        if isinstance(data, Unreadable):
            raise UnreadableImageError(data.message)
        # Only the header is looked at; where it is longer than expected, the whole file is read.
        try:
            header = read_header(io.BytesIO(data))
        except MediaError as error:
            if length is None:
                raise UnreadableImageError(str(error)) from None
            continue
        return header.width, header.height
    raise AssertionError("unreachable")
