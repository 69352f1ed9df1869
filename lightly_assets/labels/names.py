"""Names in label files, and the images and frames of the input that they mean.

Tools write base names, URLs, absolute paths, backslashes or ``%20``. A name that is an input's key is that
input. Others lead to an input only where nothing else can be meant; what is ambiguous is never guessed.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal
from unicodedata import normalize
from urllib.parse import unquote, urlsplit, urlunsplit

from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.format.names.suffixes import input_kind, split_suffix
from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.frames import FrameNumbers, is_numbered, number_in
from lightly_assets.labels.report import some

NameRule = Literal["exact", "suffix", "stem"]
Frame = tuple[str, int | None]
"""A key of the input, and the index of a frame from 0; None for an image."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
# Roboflow renames "a b.jpg" to "a-b_jpg.rf.<32 hexadecimal digits>.jpg".
_ROBOFLOW = re.compile(r"(?P<stem>.+)_(?P<suffix>[A-Za-z]{3,4})\.rf\.[0-9A-Za-z]{16,}\.[A-Za-z]{3,4}")


@dataclass(frozen=True, slots=True)
class NameSettings:
    """How names are led to the input."""

    rule: NameRule = "exact"
    """``exact``: the key itself; of URLs and absolute paths, which can be no key, the end of the path.
    ``suffix``: one is the end of the other's path (``a.png`` and ``sub/a.png``). ``stem``: likewise, without
    the file's suffix (``000123`` and ``sub/000123.jpg``)."""
    strip: str = ""
    """A prefix that is taken off names that have it."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """From a name in the labels to a key of the input; goes before everything else."""
    video: str | None = None
    """Names that are no more than a frame's number are frames of this video."""
    numbers: FrameNumbers = field(default_factory=FrameNumbers)
    """How numbers become indices of frames, of all videos."""
    pattern: re.Pattern[str] | None = None
    """Where the number stands in a name (its first group); by default its last digits."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a name leads to."""

    frame: Frame | None
    """None where the input has nothing of that name."""
    loose: bool = False
    """Whether the name is not the input's own."""
    candidates: tuple[str, ...] = ()
    """Where several inputs fit: their keys."""


def cleaned(name: str) -> str:
    """A name as a path relative to some root: no scheme and host, no drive, ``/`` only, no ``./``."""
    if _URL.match(name):
        parts = urlsplit(name)
        # Label Studio serves local files as /data/local-files/?d=PATH.
        query = re.search(r"(?:^|&)d=([^&]+)", parts.query)
        name = query[1] if query else parts.path
        name = unquote(name)
    elif query := re.match(r"/data/local-files/\?d=([^&]+)", name):
        name = unquote(query[1])
    name = name.replace("\\", "/")
    if _DRIVE.match(name):
        name = name[2:]
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def without_secrets(name: str) -> str:
    """A URL without user, password and query, which may be a signature; it is shown and written to logs."""
    if not _URL.match(name):
        return name
    parts = urlsplit(name)
    if not parts.query and not parts.fragment and "@" not in parts.netloc:
        return name
    # Label Studio's path of a local file stands in the query.
    query = re.search(r"(?:^|&)(d=[^&]+)", parts.query)
    host = parts.netloc.rpartition("@")[2]
    return str(urlunsplit((parts.scheme, host, parts.path, query[1] if query else "", "")))


def is_foreign(name: str) -> bool:
    """Whether a name is a URL or an absolute path, so that it can be no key."""
    return bool(_URL.match(name) or _DRIVE.match(name)) or name.startswith(("/", "\\"))


def original_name(name: str) -> str | None:
    """The name before Roboflow's export: ``a_jpg.rf.<hash>.jpg`` → ``a.jpg``; None for others."""
    folder, _, base = name.rpartition("/")
    match = _ROBOFLOW.fullmatch(base)
    if match is None:
        return None
    return f"{folder}{'/' if folder else ''}{match['stem']}.{match['suffix']}"


class Names:
    """The keys of an input, and which of them names of labels lead to."""

    def __init__(self, keys: Iterable[str], settings: NameSettings | None = None) -> None:
        """
        Args:
            keys: of the input's images and videos; others are ignored.
            settings: how names are led to them.

        Raises:
            LabelsError: the settings name a video or an input that is not there.
        """
        self.settings = settings or NameSettings()
        self.keys = {key: None for key in keys if input_kind(key) is not None}  # a set in order
        # Bare names need an index each; most labels need neither.
        self._by_base: dict[str, list[str]] | None = None
        self._by_stem: dict[str, list[str]] | None = None
        self._as_composed: tuple[Names, dict[str, list[str]]] | None = None
        self._check(self.settings)

    def _check(self, settings: NameSettings) -> None:
        if settings.video is not None and settings.video not in self.keys:
            videos = sorted(key for key in self.keys if input_kind(key) == "video")
            raise LabelsError(
                f"The video '{settings.video}' is not in the input; its videos are {some(videos) or 'none'}."
            )
        for name, key in settings.renames.items():
            if key not in self.keys and (
                (frame := parse_frame_name(key)) is None or frame.video not in self.keys
            ):
                raise LabelsError(f"The renames lead '{name}' to '{key}', which is not in the input.")

    def find(self, names: Sequence[str]) -> Match:
        """What the names of one image lead to; the first of them that leads anywhere decides.

        Args:
            names: what the labels call the image: its ``file_name``, then other names that it has.
        """
        ambiguous: Match | None = None
        for way in (self._known, self._exact, self._near, self._composed, self._numbered):
            for place, name in enumerate(names):
                match = way(name)
                if match is None:
                    continue
                if match.candidates:
                    ambiguous = ambiguous or match
                    continue
                return match if place == 0 or match.loose else Match(match.frame, loose=True)
        return ambiguous or Match(None)

    def ambiguity(self, name: str, match: Match) -> str:
        """One sentence about a name that several inputs fit."""
        return (
            f"'{name}' could be {some(sorted(match.candidates))} of the input; say which with --renames, "
            "take a prefix off with --strip, or write whole paths."
        )

    def _known(self, name: str) -> Match | None:
        key = self.settings.renames.get(name)
        if key is None:
            return None
        found = self._as_frame(key, lambda one: [one] if one in self.keys else [])
        return None if found is None else Match(found.frame, loose=True)

    def _exact(self, name: str) -> Match | None:
        for place, form in enumerate(self._forms(name)):
            found = self._as_frame(form, lambda one: [one] if one in self.keys else [])
            if found is not None:
                return found if place == 0 else Match(found.frame, loose=True)
        return None

    def _near(self, name: str) -> Match | None:
        if self.settings.rule == "exact" and not is_foreign(name):
            return None
        path = self._forms(name)[-1]
        found = self._as_frame(path, self._by_suffix)
        if found is None and self.settings.rule == "stem":
            found = self._as_frame(path, self._by_suffix_of_stem)
        if found is None:
            return None
        return found if found.candidates else Match(found.frame, loose=True)

    def _composed(self, name: str) -> Match | None:
        """The same letters, written otherwise: macOS writes é as e and an accent (NFD), others as one."""
        name = unquote(name) if name.isascii() else name
        if name.isascii():
            return None
        if self._as_composed is None:
            keys = _grouped((key for key in self.keys if not key.isascii()), partial(normalize, "NFC"))
            settings = replace(self.settings, renames={}, video=None)
            self._as_composed = Names(keys, settings), keys
        names, keys = self._as_composed
        composed = normalize("NFC", name)
        match = names._exact(composed) or names._near(composed)
        if match is None:
            return None
        fits = match.candidates if match.frame is None else (match.frame[0],)
        found = [key for one in fits for key in keys[one]]
        if match.frame is None or len(found) > 1:
            return Match(None, candidates=tuple(found))
        return Match((found[0], match.frame[1]), loose=True)

    def _numbered(self, name: str) -> Match | None:
        """Frames that have only a number: in a folder named like the video, or of the one video."""
        settings = self.settings
        if settings.pattern is None and not is_numbered(name):
            return None
        number = number_in(name, settings.pattern)
        if number is None:
            return None
        if settings.video is not None:
            return Match((settings.video, settings.numbers.index(number)), loose=True)
        folder = self._forms(name)[-1].rpartition("/")[0]
        if not folder:
            return None
        videos = [key for key in self._by_suffix(folder) if input_kind(key) == "video"]
        if not videos:
            fits = self._by_suffix_of_stem(f"{folder}.mp4")
            videos = [key for key in fits if input_kind(key) == "video"]
        if len(videos) > 1:
            return Match(None, candidates=tuple(videos))
        return Match((videos[0], settings.numbers.index(number)), loose=True) if videos else None

    def _forms(self, name: str) -> list[str]:
        """A name as it is, without its prefix, cleaned, and with its ``%20`` resolved."""
        strip = self.settings.strip
        forms = [name]
        if strip and name.startswith(strip):
            forms.append(name[len(strip) :].lstrip("/\\"))
        clean = cleaned(forms[-1])
        if strip and len(forms) == 1 and clean.startswith(prefix := cleaned(strip) + "/") and prefix != "/":
            clean = clean[len(prefix) :]
        forms += [clean, unquote(clean)]
        return list(dict.fromkeys(forms))

    def _as_frame(self, path: str, lookup: Callable[[str], list[str]]) -> Match | None:
        """An image of that name, else the frame of a video."""
        images = [key for key in lookup(path) if input_kind(key) == "image"]
        if len(images) == 1:
            return Match((images[0], None))
        if images:
            return Match(None, candidates=tuple(images))
        frame = parse_frame_name(path) or parse_frame_name(f"{split_suffix(path)[0]}.png")
        if frame is None:
            return None
        videos = [key for key in lookup(frame.video) if input_kind(key) == "video"]
        if len(videos) == 1:
            return Match((videos[0], self.settings.numbers.index(frame.index)))
        return Match(None, candidates=tuple(videos)) if videos else None

    def _by_suffix(self, path: str) -> list[str]:
        if self._by_base is None:
            self._by_base = _grouped(self.keys, _base)
        found = [key for key in self._by_base.get(_base(path), ()) if _agree(path, key)]
        if self.settings.rule == "exact":
            # A whole path is never that of a file in a folder of the same name further down.
            return [key for key in found if len(key) <= len(path)]
        return found

    def _by_suffix_of_stem(self, path: str) -> list[str]:
        if self._by_stem is None:
            self._by_stem = _grouped(self.keys, lambda key: _base(_stem(key)))
        stem = _stem(path)
        found = [key for key in self._by_stem.get(_base(stem), ()) if _agree(stem, _stem(key))]
        # A number such as 000123.5 has no suffix that one could take off.
        return found or [key for key in self._by_stem.get(_base(path), ()) if _agree(path, _stem(key))]


@dataclass
class Matching:
    """All names of a label file, matched with the input."""

    frames: list[Frame | None]
    """What each image of the labels is, in their order."""
    loose: list[int] = field(default_factory=list)
    """Places of the images whose name is not the input's own."""
    unknown: list[int] = field(default_factory=list)
    """Places of the images that the input does not have."""


def match_all(images: Iterable[Sequence[str]], names: Names) -> Matching:
    """Match every image of a label file; each entry holds the names that one image has.

    Raises:
        LabelsError: several inputs fit a name, or two images lead to the same input.
    """
    matching = Matching([])
    taken: dict[Frame, Sequence[str]] = {}
    for place, given in enumerate(images):
        match = names.find(given)
        if match.candidates:
            raise LabelsError(names.ambiguity(given[0], match))
        matching.frames.append(match.frame)
        if match.frame is None:
            matching.unknown.append(place)
            continue
        if match.loose:
            matching.loose.append(place)
        if match.frame in taken:
            other = taken[match.frame]
            # Where a name was led to its key already, the key stands in front of the labels' own.
            one, two = (other[0], given[0]) if other[0] != given[0] else (other[-1], given[-1])
            raise LabelsError(
                f"'{one}' and '{two}' both lead to {frame_text(match.frame)}; put the labels of both into "
                "one entry, or say with --renames (renames:) what each is."
            )
        taken[match.frame] = given
    return matching


def advice(images: Sequence[Sequence[str]], keys: Iterable[str], settings: NameSettings) -> str:
    """What to do about names that the input does not have: the first setting that finds at least half."""
    keys = list(keys)
    for rule in ("suffix", "stem"):
        if rule == settings.rule:
            continue
        names = Names(
            keys, NameSettings(rule, settings.strip, settings.renames, settings.video, settings.numbers)
        )
        matches = [names.find(given) for given in images]
        found = sum(match.frame is not None for match in matches)
        if 2 * found >= len(images):
            return f"--names {rule} finds {found:,} of {len(images):,}"
        if any(match.candidates for match in matches):
            first = next(place for place, match in enumerate(matches) if match.candidates)
            return names.ambiguity(images[first][0], matches[first]).rstrip(".")
    if settings.video is None and any(is_numbered(given[0]) for given in images):
        videos = sorted(key for key in keys if input_kind(key) == "video")
        if videos:
            return f"they look like frames of a video: name it with --video {videos[0]}"
    for given in images:
        if video := next(
            (one for one in map(cleaned, given) if one in keys and input_kind(one) == "video"), None
        ):
            stem, suffix = split_suffix(video)
            return (
                f"'{video}' is a video of the input: labels of images need the names of its frames, such as "
                f"{stem}-0-{suffix}.png"
            )
    folded = {key.casefold(): key for key in keys}
    for given in images:
        if key := next((folded[name] for one in given if (name := cleaned(one).casefold()) in folded), None):
            return (
                f"'{key}' differs from '{given[0]}' in upper and lower case only; write --renames FILE.csv "
                "with both names in a line, or rename the files"
            )
    return "is it the right folder? --strip PREFIX takes a prefix off, --renames FILE.csv says which is which"


def frame_text(frame: Frame) -> str:
    """``'a.png'``, or ``frame 3 of 'v.mp4'``."""
    key, index = frame
    return f"'{key}'" if index is None else f"frame {index} of '{key}'"


def parse_renames(text: str, file: str) -> dict[str, str]:
    """A CSV file of two columns, the name in the labels and the key in the input.

    Raises:
        LabelsError: a line has other than two columns, or a name has two keys.
    """
    import csv

    found: dict[str, str] = {}
    for number, row in enumerate(csv.reader(text.lstrip("\ufeff").splitlines()), 1):
        if not row:
            continue
        if len(row) != 2 or not all(row):
            raise LabelsError(
                f"{file}, line {number}: has {len(row)} columns; it must have two, the name in the labels "
                "and the path in the input."
            )
        if found.setdefault(row[0], row[1]) != row[1]:
            raise LabelsError(f"{file}, line {number}: '{row[0]}' stands for '{found[row[0]]}' already.")
    return found


def _grouped(keys: Iterable[str], group: Callable[[str], str]) -> dict[str, list[str]]:
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        grouped[group(key)].append(key)
    return dict(grouped)


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    stem, suffix = split_suffix(path)
    return stem if suffix and input_kind(path) is not None else path


def _agree(one: str, other: str) -> bool:
    """Whether one path is the end of the other."""
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")
