"""Which prediction file each image of a label file becomes, and how large its image is."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lightly_assets.format.names.collisions import find_collisions
from lightly_assets.format.names.frame_names import frame_name, parse_frame_name
from lightly_assets.format.names.keys import validate_key
from lightly_assets.format.names.suffixes import input_kind, split_suffix
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.frames import counting_problem, frames_problem, offset_hint, offset_words
from lightly_assets.labels.names import Frame, Names, NameSettings, advice, cleaned, is_foreign, match_all
from lightly_assets.labels.report import LabelReport, counted
from lightly_assets.pipeline.publishing.label_input import ImageSize, LabelInput

Unlisted = Literal["fail", "empty", "leave"]
"""Images and frames of the input that the labels do not list: an error, an empty file, or nothing. Where
nothing is said, images are left and told, and a video of which only some frames are listed is an error."""
Exif = Literal["refuse", "stored", "turn"]
"""Pictures that EXIF turns or mirrors when they are shown: where it is not known which of the two their
labels are of that is an error, or they are of the stored pixels, or of the turned view and turned back."""

# PyAV's display rotation, counter-clockwise, as an EXIF orientation.
_ORIENTATIONS = {0: 1, -90: 6, 90: 8, 180: 3, -180: 3, 270: 6, -270: 8}


class LabelledImage(Protocol):
    """An image or a frame as a label file lists it."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the labels call it, the first one first."""

    @property
    def width(self) -> int:
        """Pixels; 0 where the labels do not say."""

    @property
    def height(self) -> int:
        """Pixels; 0 where the labels do not say."""


@dataclass(frozen=True, slots=True)
class Target:
    """A prediction file to write."""

    place: int | None
    """The image's place in the labels; None for one that they do not list."""
    file_name: str
    """Of the image, or of the frame as the format names it."""
    width: int
    """Stored pixels; 0 where nobody says, and nobody needs it."""
    height: int
    orientation: int = 1
    """EXIF, where the labels were drawn on the turned view."""


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """What the caller decides."""

    names: NameSettings
    unlisted: Unlisted | None = None
    exif: Exif = "refuse"
    allow_partial: bool = False
    sized: bool = True
    """Whether widths and heights are needed."""


def targets_as_named(images: Sequence[LabelledImage], settings: TargetSettings) -> list[Target]:
    """Without the input the names and the sizes are the labels' own.

    Raises:
        LabelsError: a name can be no key, two images share one, or a size is missing.
    """
    targets = []
    for place, image in enumerate(images):
        where = f"images[{place}] ({image.names[0]!r})"
        try:
            name = _own_name(image.names, settings.names)
            validate_key(name)
        except ValueError as error:
            raise LabelsError(f"{where}: {error}") from None
        if input_kind(name) != "image":
            raise LabelsError(f"{where} has no suffix of an image; --input finds the image that is meant.")
        if settings.sized and not (image.width and image.height):
            raise LabelsError(
                f"{where}: its width and height are not in the labels; --input reads them from the images."
            )
        targets.append(Target(place, name, image.width, image.height))
    names = [target.file_name for target in targets]
    if len(set(names)) != len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise LabelsError(f"The image '{twice}' is listed twice; every image needs one id.")
    for collision in find_collisions(names):
        raise LabelsError(collision.message)
    return targets


def _own_name(names: tuple[str, ...], settings: NameSettings) -> str:
    name = names[0]
    if name in settings.renames:
        return settings.renames[name]
    if settings.strip and (
        name.startswith(settings.strip) or cleaned(name).startswith(cleaned(settings.strip))
    ):
        name = cleaned(name[len(settings.strip) :] if name.startswith(settings.strip) else name)
        return name.removeprefix(cleaned(settings.strip) + "/")
    if is_foreign(name):
        raise LabelsError(
            "it is a URL or an absolute path; --input finds the image that is meant, --strip PREFIX takes a "
            "prefix off."
        )
    # Windows' separators and a leading ./ mean the same path everywhere.
    name = "/".join(part for part in name.replace("\\", "/").split("/") if part != ".")
    frame = parse_frame_name(name)
    if frame is None or (settings.numbers.first, settings.numbers.step, settings.numbers.start) == (0, 1, 0):
        return name
    stem, suffix = split_suffix(frame.video)
    return f"{stem}-{settings.numbers.index(frame.index):0{frame.width}d}-{suffix}.png"


def targets_in_input(
    images: Sequence[LabelledImage],
    found: LabelInput,
    settings: TargetSettings,
    report: LabelReport,
    *,
    file: str,
) -> list[Target]:
    """Lead every image of the labels to the input, and compare their sizes.

    Args:
        images: of the label file.
        found: the input.
        settings: what the caller decides.
        report: gets what matched and what did not.
        file: the label file's name, for messages.

    Raises:
        LabelsError: names are ambiguous, less than half of the images are in the input, sizes differ, or the
            frames that are listed are not those of their video.
        StorageError: the input is out of reach.
    """
    names = Names(found.keys, settings.names)
    given = [image.names for image in images]
    matching = match_all(given, names)
    report.listed = len(images)
    report.matched = len(images) - len(matching.unknown)
    for place in matching.loose:
        frame = matching.frames[place]
        assert frame is not None
        report.loosely.add(f"'{given[place][0]}' → '{frame[0]}'")
    for place in matching.unknown:
        report.unknown.add(given[place][0])
    # Nothing at all is no part of it.
    if 2 * report.matched < len(images) and not (settings.allow_partial and report.matched):
        unknown = [given[place] for place in matching.unknown]
        partial = ", and --allow-partial imports what matches" if report.matched else ""
        raise LabelsError(
            f"{file}: {len(unknown):,} of {counted(len(images), 'image')} are not in the input, such as "
            f"'{unknown[0][0]}'; {advice(unknown, found.keys, settings.names)}{partial}."
        )
    for collision in find_collisions(frame[0] for frame in matching.frames if frame is not None):
        raise LabelsError(collision.message)
    places = {frame: place for place, frame in enumerate(matching.frames) if frame is not None}
    targets = _image_targets(images, places, found, settings, report, file)
    return [*targets, *_frame_targets(images, places, found, settings, report, file)]


def _image_targets(
    images: Sequence[LabelledImage],
    places: dict[Frame, int],
    found: LabelInput,
    settings: TargetSettings,
    report: LabelReport,
    file: str,
) -> list[Target]:
    listed = {key: place for (key, index), place in places.items() if index is None}
    sizes = found.image_sizes(listed) if settings.sized else {}
    checked = _Sizes(settings, file)
    targets = [
        checked.target(place, images[place], key, sizes.get(key, ImageSize(0, 0)), key)
        for key, place in listed.items()
    ]
    checked.finish()
    targets.sort(key=lambda target: target.place or 0)
    unlisted = [key for key in found.keys if key not in listed and input_kind(key) == "image"]
    if unlisted and settings.unlisted == "fail":
        raise LabelsError(
            f"{file} does not list {counted(len(unlisted), 'image')} of the input, such as '{unlisted[0]}'; "
            "--unlisted empty writes empty files for them, leave writes none."
        )
    if settings.unlisted == "empty":
        return [*targets, *(Target(None, key, 0, 0) for key in unlisted)]
    for key in unlisted:
        report.unlisted.add(key)
    return targets


def _frame_targets(
    images: Sequence[LabelledImage],
    places: dict[Frame, int],
    found: LabelInput,
    settings: TargetSettings,
    report: LabelReport,
    file: str,
) -> list[Target]:
    listed: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for (key, index), place in places.items():
        if index is not None:
            listed[key][index] = place
    targets: list[Target] = []
    checked = _Sizes(settings, file)
    for key, frames in listed.items():
        video = found.video(key)
        count = video.frames or 0
        shift = settings.names.numbers.first
        ids = {index: getattr(images[place], "frame_id", None) for index, place in frames.items()}
        if problem := counting_problem(ids, settings.names.numbers, key, file=file):
            raise LabelsError(problem)
        if problem := frames_problem(frames, count, key, file=file, shift=shift):
            raise LabelsError(problem)
        size = ImageSize(video.width or 0, video.height or 0, _ORIENTATIONS.get(video.rotation, 1))
        for index, place in frames.items():
            name = frame_name(key, index, count)
            same = video.resized_at is None or index < video.resized_at
            targets.append(checked.target(place, images[place], name, size if same else None, key))
        missing = [index for index in range(count) if index not in frames]
        if missing:
            targets += _missing_frames(key, frames, missing, count, settings, report, file)
    checked.finish()
    return [
        *targets,
        *_unlisted_videos([key for key in found.videos if key not in listed], found, settings, report, file),
    ]


def _unlisted_videos(
    keys: Sequence[str], found: LabelInput, settings: TargetSettings, report: LabelReport, file: str
) -> list[Target]:
    """Videos of which the labels list no frame."""
    if keys and settings.unlisted == "fail":
        raise LabelsError(
            f"{file} does not list {counted(len(keys), 'video')} of the input, such as '{keys[0]}'; "
            "--unlisted empty writes empty files for all their frames, leave writes none."
        )
    targets: list[Target] = []
    for key in keys:
        if settings.unlisted != "empty":
            report.unlisted.add(key)
            continue
        count = found.video(key).frames or 0
        targets += [Target(None, frame_name(key, index, count), 0, 0) for index in range(count)]
    return targets


def _missing_frames(
    key: str,
    frames: dict[int, int],
    missing: list[int],
    count: int,
    settings: TargetSettings,
    report: LabelReport,
    file: str,
) -> list[Target]:
    if settings.unlisted in (None, "fail"):
        raise LabelsError(
            f"{file} lists {len(frames):,} of the {count:,} frames of '{key}'"
            f"{offset_hint(frames, count)}; --unlisted empty writes empty files for the others, leave none."
        )
    if min(frames) == 1 and settings.names.numbers.start == 0:
        first = settings.names.numbers.first + 1
        report.notes.append(
            f"The labels of '{key}' begin at its frame 1, and none is of frame 0: if they count from "
            f"{first}, say {offset_words(first)}."
        )
    elif hint := offset_hint(frames, count):
        report.notes.append(f"The labels list {len(frames):,} of the {count:,} frames of '{key}'{hint}.")
    if settings.unlisted == "empty":
        return [Target(None, frame_name(key, index, count), 0, 0) for index in missing]
    report.unlisted.add(f"{key}, frame {missing[0]}", len(missing))
    return []


class _Sizes:
    """Compares the sizes that labels say with those of the input."""

    def __init__(self, settings: TargetSettings, file: str) -> None:
        self._settings = settings
        self._file = file
        self._wrong: list[str] = []
        self._turned: list[str] = []
        self._unsure: dict[str, int] = {}
        """Inputs that are shown otherwise, by their orientation: the labels may be of either view."""

    def target(self, place: int, image: LabelledImage, name: str, size: ImageSize | None, key: str) -> Target:
        """What is written of an image; ``size`` is None where it is not known."""
        if size is None or not self._settings.sized:
            return Target(place, name, image.width, image.height)
        stored, shown = (size.width, size.height), (size.height, size.width)
        said = (image.width, image.height)
        if not size.is_turned:
            shown = stored
        fits = 0 in said or said in (stored, shown)
        if not fits:
            self._wrong.append(
                f"'{image.names[0]}' is {said[0]}×{said[1]} pixels there, but '{key}' has "
                f"{stored[0]}×{stored[1]}"
            )
        orientation = size.orientation if 0 in said or said == shown else 1
        if orientation != 1 and self._settings.exif != "turn":
            if said == shown != stored:
                self._turned.append(
                    f"'{image.names[0]}' is {said[0]}×{said[1]} pixels there, as '{key}' is shown, but its "
                    f"stored pixels are {stored[0]}×{stored[1]} (EXIF orientation {size.orientation})"
                )
            elif self._settings.exif == "refuse":
                self._unsure[key] = size.orientation
            orientation = 1
        return Target(place, name, *stored, orientation)

    def finish(self) -> None:
        """Raises LabelsError where a size differs, or the view that labels are of is not known."""
        if self._wrong:
            more = f" (and {counted(len(self._wrong) - 1, 'more image')})" if len(self._wrong) > 1 else ""
            raise LabelsError(
                f"{self._file}: {self._wrong[0]}{more}; labels must be of these images, not of resized ones."
            )
        if self._turned:
            more = f" (and {counted(len(self._turned) - 1, 'more image')})" if len(self._turned) > 1 else ""
            raise LabelsError(
                f"{self._file}: {self._turned[0]}{more}, so the labels were drawn on the turned view; "
                "--exif turn turns them to the stored pixels, which the format counts."
            )
        if self._unsure:
            key, orientation = min(self._unsure.items())
            some = counted(len(self._unsure), "input is", "inputs are")
            raise LabelsError(
                f"{self._file}: {some} shown turned or mirrored, such as '{key}' (orientation {orientation}),"
                " and the sizes in the labels do not say what they were drawn on; say --exif turn (exif: "
                "turn) for what is shown, as most tools have it, or --exif stored (exif: stored) for the "
                "stored pixels."
            )
