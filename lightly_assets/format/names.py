"""Names: which file belongs to which input, in both directions, and which inputs would share one.

Keys are POSIX paths relative to the root of the input datasource. Prediction paths are relative to
``.lightly/predictions``. Source: the specification's "Prediction Files" and "Prediction Files for Videos".
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

VIDEO_SUFFIXES = frozenset({"mp4", "m4v", "hevc", "mpg", "mpeg", "avi", "mov", "webm"})
IMAGE_SUFFIXES = frozenset({"png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff"})

InputKind = Literal["video", "image"]

_KINDS: dict[str, InputKind] = {
    **dict.fromkeys(VIDEO_SUFFIXES, "video"),
    **dict.fromkeys(IMAGE_SUFFIXES, "image"),
}
_FRAME = re.compile(
    r"(?P<stem>(?:.*/)?[^/]+)-(?P<index>[0-9]+)-(?P<suffix>"
    + "|".join(sorted(VIDEO_SUFFIXES))
    + r")\.(?:json|png)",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class FrameName:
    """A frame's name taken apart. ``width`` is the number of digits of the index, padding included."""

    video: str
    index: int
    width: int


@dataclass(frozen=True, slots=True)
class Collision:
    """Inputs whose prediction files would overwrite each other.

    ``inputs`` are the keys, in the order in which they were given; ``path`` is what they would share,
    relative to the task's folder.
    """

    reason: str
    path: str
    inputs: tuple[str, ...]

    @property
    def message(self) -> str:
        """One sentence that names the inputs (three of them where there are many) and says what to do."""
        names = ", ".join(_distinguishable(self.inputs[:3]))
        more = f" and {len(self.inputs) - 3} more" if len(self.inputs) > 3 else ""
        return f"{names}{more}: {self.reason} ('{self.path}'); rename or exclude all but one."


def _distinguishable(keys: Sequence[str]) -> Iterator[str]:
    """The keys in quotes; those that look alike are written with escapes too."""
    looks = [unicodedata.normalize("NFC", key) for key in keys]
    for key, look in zip(keys, looks, strict=True):
        escaped = key.encode("ascii", "backslashreplace").decode()
        yield f"'{key}' ({escaped})" if looks.count(look) > 1 else f"'{key}'"


def split_suffix(key: str) -> tuple[str, str]:
    """``"sub/a.b.MP4"`` → ``("sub/a.b", "MP4")``; ``".mp4"`` is a name without a suffix."""
    start = key.rfind("/") + 1
    dot = key.rfind(".")
    return (key[:dot], key[dot + 1 :]) if dot > start else (key, "")


def input_kind(key: str) -> InputKind | None:
    """Whether a key of the input datasource is a video, an image, or nothing the Worker reads.

    Suffixes count in any case. What lies in ``.lightly/`` is never input, so that both datasources may share
    one root.
    """
    if key.startswith(".lightly/"):
        return None
    return _KINDS.get(split_suffix(key)[1].lower())


def frame_name(video: str, index: int, num_frames: int) -> str:
    """The image name of a frame: ``frame_name("sub/v.mp4", 7, 10)`` is ``"sub/v-07-mp4.png"``.

    The index is padded to the number of digits of ``num_frames`` (10 frames: 00 to 09). Dots in the name and
    the case of the suffix are kept.

    Raises:
        ValueError: the key has no video suffix, or the index is not one of the video's frames.
    """
    stem, suffix = split_suffix(video)
    if suffix.lower() not in VIDEO_SUFFIXES:
        raise ValueError(f"'{video}' is not a video; its suffix must be one of {_listed(VIDEO_SUFFIXES)}.")
    if not 0 <= index < num_frames:
        raise ValueError(
            f"'{video}' has {num_frames} frames, so there is no frame {index}; frames count from 0."
        )
    return f"{stem}-{index:0{len(str(num_frames))}d}-{suffix}.png"


def prediction_path(task: str, file_name: str) -> str:
    """Where the predictions of an image or a frame lie: ``("task", "sub/a.png")`` → ``"task/sub/a.json"``."""
    return f"{task}/{split_suffix(file_name)[0]}.json"


def parse_frame_name(name: str) -> FrameName | None:
    """The inverse of :func:`frame_name`, for ``.png`` and ``.json`` names; None where it is no frame's name.

    An image may have such a name too, so None is certain and anything else is a claim to be checked against
    the input.
    """
    match = _FRAME.fullmatch(name)
    if match is None:
        return None
    index = match["index"]
    return FrameName(f"{match['stem']}.{match['suffix']}", int(index), len(index))


def validate_key(key: str) -> None:
    """Refuses keys that could leave their root or that no file system and no JSON can hold.

    Raises:
        ValueError: one sentence that names the key and what is wrong with it.
    """
    if problem := _key_problem(key):
        raise ValueError(f"The key {key!r} {problem}; rename it or exclude it.")


def _key_problem(key: str) -> str | None:
    if not key:
        return "is empty"
    if _CONTROL.search(key):
        return "contains a control character"
    if "\\" in key:
        return "contains a backslash, which is a folder separator elsewhere"
    try:
        key.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if key.startswith("/"):
        return "starts with '/', but keys are relative to their root"
    segments = key.split("/")
    if "" in segments:
        return "has an empty folder or file name"
    if "." in segments or ".." in segments:
        return "contains '.' or '..' as a folder"
    return None


def find_collisions(keys: Iterable[str]) -> list[Collision]:
    """Finds inputs that would share a prediction file, before any frame is counted, in linear time.

    Found are two images that differ in their suffix, an image of the root called ``schema``, an image that is
    named like a frame of a video beside it, a folder named like a prediction file, and names that are equal
    but for case or Unicode normal form, which some file systems cannot hold side by side. Keys that are no
    input are ignored, a repeated key counts once.
    """
    videos: dict[str, str] = {}
    images: dict[str, str] = {}
    shared: dict[str, list[str]] = {}
    folders: dict[str, str] = {}
    for key in dict.fromkeys(keys):
        kind = input_kind(key)
        if kind is None:
            continue
        if kind == "image":
            target = _fold(split_suffix(key)[0])
            first = images.setdefault(target, key)
        else:
            target = _fold(key)
            first = videos.setdefault(target, key)
        if first is not key:
            shared.setdefault(f"{kind} {target}", [first]).append(key)
        # Only folders that end like a prediction file can stand in its way.
        if ".json/" in key.lower():
            folders.update(_json_folders(key))
    found = [_shared_name(group) for group in shared.values()]
    found += _reserved(images, folders)
    found += _frames_of_videos(images, videos)
    found += _folders_in_the_way(images, folders)
    return found


def _shared_name(group: list[str]) -> Collision:
    stems = {split_suffix(key)[0] for key in group}
    same = len(stems) == 1 and input_kind(group[0]) == "image"
    reason = (
        "they would share one prediction file"
        if same
        else "their prediction files would differ only in case or Unicode form"
    )
    return Collision(reason, _display_target(group[0]), tuple(group))


def _display_target(key: str) -> str:
    stem, suffix = split_suffix(key)
    return f"{stem}.json" if input_kind(key) == "image" else f"{stem}-…-{suffix}.json"


def _reserved(images: dict[str, str], folders: dict[str, str]) -> list[Collision]:
    blockers = [key for key in (images.get("schema"), folders.get("schema")) if key is not None]
    reason = "it would take the place of the task's own schema"
    return [Collision(reason, "schema.json", (key,)) for key in blockers]


def _frames_of_videos(images: dict[str, str], videos: dict[str, str]) -> list[Collision]:
    """One collision per video, however many images are named like its frames."""
    if not videos:
        return []
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for stem, key in images.items():
        frame = parse_frame_name(f"{stem}.png")
        if frame is not None and frame.video in videos:
            groups[videos[frame.video]].append(key)
    reason = "the images are named like frames of the video"
    return [Collision(reason, _display_target(video), (video, *group)) for video, group in groups.items()]


def _folders_in_the_way(images: dict[str, str], folders: dict[str, str]) -> list[Collision]:
    reason = "one needs a folder where the other needs its prediction file"
    return [
        Collision(reason, _display_target(images[stem]), (images[stem], key))
        for stem, key in folders.items()
        if stem in images
    ]


def _json_folders(key: str) -> dict[str, str]:
    """Folders of the key that end in ``.json``, folded and without that ending."""
    parts = _fold(key).split("/")[:-1]
    return {
        "/".join(parts[: i + 1])[: -len(".json")]: key
        for i, part in enumerate(parts)
        if part.endswith(".json")
    }


def _fold(text: str) -> str:
    """Equal for names that differ only in case or Unicode normal form."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
