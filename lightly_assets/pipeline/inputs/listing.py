"""What lies in the input datasource, and into which units of work it falls."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lightly_assets.config import Project
from lightly_assets.errors import BadValue
from lightly_assets.format.names.collisions import find_collisions
from lightly_assets.format.names.keys import validate_key
from lightly_assets.format.names.suffixes import EXCLUDED, InputKind, input_kind, suffix_left_out
from lightly_assets.pipeline.inputs.globs import Globs
from lightly_assets.storage import Entry, Store

# Images of a folder that share one record; more than this are spread over 16, 256, … records.
_SHARED = 512


@dataclass(frozen=True, slots=True)
class Input:
    """A video or an image."""

    key: str
    """POSIX path relative to the input root."""
    kind: InputKind
    entry: Entry
    """As the listing saw it; its fingerprint pins the content."""

    @property
    def folder(self) -> str:
        """The folder with a trailing slash, ``./`` for the root: the partition of images."""
        return folder_of(self.key)


def folder_of(key: str) -> str:
    """The folder of a key with a trailing slash, ``./`` for the root."""
    return key[: key.rfind("/") + 1] or "./"


@dataclass
class Scan:
    """The inputs of a project, and what was left out."""

    inputs: dict[str, Input] = field(default_factory=dict)
    """By key, in the order of the listing."""
    problems: dict[str, str] = field(default_factory=dict)
    """Inputs that cannot be processed whatever their content: key → one sentence."""
    blocked: dict[str, Input] = field(default_factory=dict)
    """Inputs with a problem, by key."""
    colliding: set[str] = field(default_factory=set)
    """Those of them that other inputs are to blame for."""
    paused: dict[str, str] = field(default_factory=dict)
    """Inputs that are left alone on purpose: key → reason."""
    days: dict[str, str] = field(default_factory=dict)
    """With ``partitions: day``: the day of each input, those with a problem included."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Files that are no input: how many by suffix, ``excluded`` for those left out on purpose."""

    @cached_property
    def units(self) -> dict[str, list[Input]]:
        """Inputs by unit: what is decoded, stored and recorded together."""
        units: dict[str, list[Input]] = defaultdict(list)
        for one in self.inputs.values():
            if one.kind == "video":
                units[one.key].append(one)
        for group in self.images.values():
            digits = _digits(len(group))
            for one in group:
                units[_shared_unit(one.key, digits)].append(one)
        return dict(units)

    @cached_property
    def images(self) -> dict[str, list[Input]]:
        """Images by folder."""
        images: dict[str, list[Input]] = defaultdict(list)
        for one in self.inputs.values():
            if one.kind == "image":
                images[one.folder].append(one)
        return dict(images)

    @cached_property
    def unit_of(self) -> dict[str, str]:
        """The unit of each input, by key."""
        return {one.key: unit for unit, group in self.units.items() for one in group}


def possible_units(inputs: Iterable[tuple[str, InputKind]], images: Mapping[str, int]) -> list[str]:
    """The units that records of some inputs (key, kind) can be of; ``images``: how many a folder has.

    That is the unit that an input falls into now, and those into which an image fell while its folder had
    fewer images; also the next ones, for a folder that has shrunk.
    """
    found: dict[str, None] = {}
    for key, kind in inputs:
        if kind == "video":
            found[key] = None
            continue
        for digits in range(_digits(images.get(folder_of(key), 0)) + 2):
            found[_shared_unit(key, digits)] = None
    return list(found)


def _shared_unit(key: str, digits: int) -> str:
    return f"{folder_of(key)}#{_shard(key, digits)}"


def _digits(images: int) -> int:
    digits = 0
    while images > _SHARED * 16**digits:
        digits += 1
    return digits


def _shard(key: str, digits: int) -> str:
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()[:digits]


def scan_input(store: Store, project: Project) -> Scan:
    """List the input root.

    Keys that could not be published are problems, not inputs; so are inputs whose prediction files would
    overwrite each other, all of them, because nobody but their owner knows which one is meant.

    Raises:
        StorageError: the root does not exist or cannot be read.
    """
    scan = Scan()
    selected = Globs(project.include, project.exclude)
    for entry in store.list(skip=project.own_folders):
        kind = input_kind(entry.key)
        if kind is None:
            named = selected.admit(entry.key)
            scan.skipped[suffix_left_out(entry.key) if named else EXCLUDED] += 1
            continue
        if not selected.admit(entry.key):
            scan.skipped[EXCLUDED] += 1
            continue
        try:
            validate_key(entry.key)
        except BadValue as error:
            scan.problems[entry.key] = str(error)
            scan.blocked[entry.key] = Input(entry.key, kind, entry)
            continue
        scan.inputs[entry.key] = Input(entry.key, kind, entry)
    for collision in find_collisions(scan.inputs):
        for key in collision.inputs:
            scan.problems[key] = collision.message
            scan.colliding.add(key)
    for key in scan.problems:
        if key in scan.inputs:
            scan.blocked[key] = scan.inputs.pop(key)
    return scan
