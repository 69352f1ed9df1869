"""Collisions: inputs that would share a prediction file."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.names.suffixes import input_kind, split_suffix


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
        which = "one of them" if len(self.inputs) == 2 else "all but one"
        return f"{names}{more}: {self.reason} ('{self.path}'); rename or exclude {which}."


def _distinguishable(keys: Sequence[str]) -> Iterator[str]:
    """The keys in quotes; those that look alike are written with escapes too."""
    looks = [unicodedata.normalize("NFC", key) for key in keys]
    for key, look in zip(keys, looks, strict=True):
        escaped = key.encode("ascii", "backslashreplace").decode()
        yield f"'{key}' ({escaped})" if looks.count(look) > 1 else f"'{key}'"


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
