"""Names of neutral labels led to the input's keys, before the names' own rules are tried."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.names.suffixes import input_kind, split_suffix
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.frames import FrameNumbers, frames_problem, is_numbered, number_in
from lightly_assets.labels.labelled import Interpolate, LabelledImage, LabelledVideo, Labels, known
from lightly_assets.labels.names import NameSettings, cleaned
from lightly_assets.labels.report import some
from lightly_assets.labels.videos import PlacedVideo


@dataclass(frozen=True, slots=True)
class PlaceSettings:
    """How names and frames of labels are led to the input."""

    names: NameSettings
    """Its numbers are those that the user gave."""
    first_frame: int | None = None
    """The number of the first frame; None: the format's own."""
    fps: float | None = None
    interpolate: Interpolate = "linear"


@dataclass
class Placed:
    """Labels whose names are led to the input as far as they can be."""

    images: list[tuple[tuple[str, ...], LabelledImage]]
    """Each with the names that are to be looked for."""
    videos: list[PlacedVideo]
    unknown: list[str]
    """Videos of the labels that the input does not have."""
    frames: dict[str, set[int]]
    """Indices of single frames by video."""


class Placing:
    """The keys of an input, by what labels may call them."""

    def __init__(self, labels: Labels, first_frame: int, settings: PlaceSettings) -> None:
        """
        Args:
            labels: what was read.
            first_frame: the format's number of the first frame.
            settings: how they are led to the input.
        """
        self._labels, self._settings = labels, settings
        given = settings.names.numbers
        first = first_frame if settings.first_frame is None else settings.first_frame
        self.numbers = FrameNumbers(first, given.step, given.start)
        self._is_given = settings.first_frame is not None or (given.step, given.start) != (1, 0)
        self.names = replace(settings.names, numbers=FrameNumbers())
        self._keys: set[str] = set()
        self._stems: dict[str, list[str]] = {}
        self._videos: list[str] = []
        self._indices: dict[str, set[int]] = {}

    def place(self, keys: Collection[str]) -> Placed:
        """Lead everything to these keys.

        Raises:
            LabelsError: a name fits several videos, or ``video`` is none of the input's.
        """
        self._keys = set(keys)
        self._videos = sorted(key for key in keys if input_kind(key) == "video")
        stems: defaultdict[str, list[str]] = defaultdict(list)
        for one in keys:
            if input_kind(one) == "image":
                stems[split_suffix(one)[0]].append(one)
        self._stems = dict(stems)
        self._indices = {}
        placed = Placed([], [], [], self._indices)
        taken: dict[str, str] = {}
        for video in self._labels.videos:
            key = self._video(video)
            name = video.names[0] if video.names else "the video"
            if key is None:
                images = list(self._as_images(video))
                placed.images += images
                if not images:
                    placed.unknown.append(name)
                continue
            if key in taken:
                raise LabelsError(f"{self._labels.file}: '{taken[key]}' and '{name}' both lead to '{key}'.")
            taken[key] = name
            rate = self._settings.fps or video.rate
            if rate is None and video.listed is None and not video.tracks:
                video = replace(video, listed=video.regular)
            placed.videos.append(
                PlacedVideo(video, key, self.numbers, rate, self._settings.interpolate, self._labels.file)
            )
        placed.images += [(self._image(image), image) for image in self._labels.images]
        return placed

    def check_frames(self, key: str, count: int) -> None:
        """Whether single frames of a video that the labels name by numbers are frames that it has.

        Raises:
            LabelsError: they are not; it names the likely offset.
        """
        problem = frames_problem(
            self._indices.get(key, ()), count, key, file=self._labels.file, shift=self.numbers.first
        )
        if problem:
            raise LabelsError(problem)

    def _video(self, video: LabelledVideo) -> str | None:
        wanted = self.names.video
        if wanted is not None:
            if wanted not in self._videos:
                found = some(self._videos) or "none"
                raise LabelsError(f"The video '{wanted}' is not in the input; its videos are {found}.")
            if len(self._labels.videos) > 1:
                raise LabelsError(
                    f"{self._labels.file} has {len(self._labels.videos)} videos, so --video cannot name one "
                    "for all; "
                    "say with --renames which is which."
                )
            return wanted
        for name in video.names:
            if name in self.names.renames:
                return self.names.renames[name]
        for name in video.names:
            if (key := self._video_of(name)) is not None:
                return key
        return None

    def _video_of(self, name: str) -> str | None:
        """The video of a name: the whole path, else the longest end of it, with its suffix or without."""
        strip = self.names.strip
        path = cleaned(name[len(strip) :] if strip and name.startswith(strip) else name)
        parts = path.split("/")
        for forms in (self._videos, [split_suffix(key)[0] for key in self._videos]):
            by_form: defaultdict[str, list[str]] = defaultdict(list)
            for form, key in zip(forms, self._videos, strict=True):
                by_form[form].append(key)
            for start in range(len(parts)):
                fitting = by_form.get("/".join(parts[start:]), [])
                if len(fitting) == 1:
                    return fitting[0]
                if fitting:
                    raise self._ambiguous(name, fitting)
            ends = [key for form, key in zip(forms, self._videos, strict=True) if form.endswith(f"/{path}")]
            if len(ends) > 1:
                raise self._ambiguous(name, ends)
            if ends:
                return ends[0]
        return None

    def _ambiguous(self, name: str, keys: Iterable[str]) -> LabelsError:
        return LabelsError(
            f"{self._labels.file}: the video '{name}' could be {some(sorted(keys))} of the input; name it "
            "with "
            "--video, or say which is which with --renames."
        )

    def _as_images(self, video: LabelledVideo) -> Iterable[tuple[tuple[str, ...], LabelledImage]]:
        """The frames of a video as single images, where the input has these."""
        if video.image_of is None or not video.singles:
            return
        numbers = range(min(video.singles), max(video.singles) + 1)
        for number in numbers:
            name = video.image_of(number)
            image = LabelledImage(
                (name,),
                known(video.singles.get(number, [])),
                video.size,
                video.shares,
                has_suffix=bool(split_suffix(name)[1]),
                is_loose=True,
            )
            names = self._image(image)
            if names[0] in self._keys:
                yield names, image

    def _image(self, image: LabelledImage) -> tuple[str, ...]:
        """The names to look for: a key of the input first, where one fits better than all others."""
        if any(name in self.names.renames for name in image.names):
            return image.names
        own = [self._frame_name(name) for name in image.names] if self._is_given else list(image.names)
        exact = next((name for name in own if name in self._keys), None)
        if exact is not None:
            self._check_stem(image.file_stem, exact)
            return (exact, *own)
        if (image.is_loose or not image.has_suffix) and (key := self._by_end(image)) is not None:
            return (key, *own)
        if image.frame is not None and (frame := self._frame(*image.frame)) is not None:
            return (frame, *own)
        if (frame := self._numbered(image.names)) is not None:
            return (frame, *own)
        # A stem that is a frame's name needs a suffix to be read as one.
        return tuple(own) if image.has_suffix else (*own, *(f"{name}.png" for name in own))

    def _check_stem(self, stem: str, key: str) -> None:
        """Whether the name of a label file is that of another image than the one that stands in it.

        Raises:
            LabelsError: so it is.
        """
        base = stem.rpartition("/")[2]
        others = [*self._stems.get(stem, ()), *self._stems.get(base, ())]
        if others and base != split_suffix(key)[0].rpartition("/")[2]:
            raise LabelsError(
                f"{self._labels.file}: '{stem}' says that it is of '{key}', but the input has "
                f"'{others[0]}', too; correct what it says, or say with --renames (renames:) what '{key}' is."
            )

    def _frame_name(self, name: str) -> str:
        """A frame's name of the format, with its number as the user says."""
        frame = parse_frame_name(name if split_suffix(name)[1] else f"{name}.png")
        if frame is None:
            return name
        return _frame_reference(frame.video, self.numbers.index(frame.index))

    def _by_end(self, image: LabelledImage) -> str | None:
        """The key that is the longest end of one of the names.

        Raises:
            LabelsError: only ends are left that are several keys without their suffixes.
        """
        best: tuple[int, str] | None = None
        several: list[str] = []
        for name in image.names:
            parts = cleaned(name).split("/")
            for start in range(len(parts)):
                end = "/".join(parts[start:])
                fitting = [end] if end in self._keys and input_kind(end) == "image" else []
                if not image.has_suffix:
                    fitting = self._stems.get(end, fitting)
                if len(fitting) == 1 and (best is None or len(end) > best[0]):
                    best = len(end), fitting[0]
                if fitting:
                    several = several or (fitting if len(fitting) > 1 else [])
                    break
        if best is None and several:
            raise LabelsError(
                f"{self._labels.file}: '{image.names[-1]}' could be {some(sorted(several))} of the input; "
                "say with --renames (renames:) which one."
            )
        return None if best is None else best[1]

    def _frame(self, video: str, number: int) -> str | None:
        key = self.names.video or self.names.renames.get(video) or self._video_of(video)
        if key is None:
            return None
        index = self.numbers.index(number)
        self._indices.setdefault(key, set()).add(index)
        return _frame_reference(key, index)

    def _numbered(self, names: Iterable[str]) -> str | None:
        """The frame of a name that has only its number, as ``frame_000012`` or ``drive/000012.jpg``."""
        for name in names:
            if self.names.pattern is None and not is_numbered(name):
                continue
            number = number_in(name, self.names.pattern)
            folder = cleaned(name).rpartition("/")[0]
            if number is None or not (folder or self.names.video):
                continue
            if (frame := self._frame(folder, number)) is not None:
                return frame
        return None


def _frame_reference(video: str, index: int) -> str:
    stem, suffix = split_suffix(video)
    return f"{stem}-{index}-{suffix}.png"
