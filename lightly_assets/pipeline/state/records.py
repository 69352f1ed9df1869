"""What is remembered between runs: one record per unit and task, the truth about what was made from what.

A unit is a video, or up to a few hundred images of one folder. A record says of each of its inputs which
content was read, which model and settings were used, and which prediction files were published with which
bytes. It is replaced by compare-and-swap, after the data that it speaks of.
"""

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

import orjson

from lightly_assets.errors import BadValue, LightlyAssetsError
from lightly_assets.storage import NotFound, Store
from lightly_assets.storage.parallel import for_each

Stage = Literal["frames", "predictions", "singletons", "task_folder"]
STAGES: tuple[Stage, ...] = ("frames", "predictions", "singletons", "task_folder")

# Records that are read at once; a store may let fewer through.
AT_ONCE = 32
_AHEAD_BYTES = 64 << 20

EMBEDDINGS = "embeddings"
"""The folder of vectors in the state root."""

# Of the whole state. Raise it when something in it is written in a way that older versions cannot read.
FORMAT = 1

_TUPLES = ("errors", "sizes", "notes", "leftovers", "hashes")
# Fields that are written only where they say something, as records of older versions are.
_RARE = ("sizes", "notes")


class NewerStateError(LightlyAssetsError):
    """The state, or a part of it, is of a newer version of this package."""


def version(*parts: object) -> str:
    """A short hash of what something was made from: equal parts, equal version."""
    return hashlib.blake2b(orjson.dumps([str(part) for part in parts]), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class InputRecord:
    """What is known about one input, and, in a task's record, what was made from it."""

    fingerprint: str
    """Of the content that was read."""
    decode: str
    """Hash of the settings that decide which frames a video has."""
    frames: int | None
    """Frames of a video in PyAV decode order; None for an image."""
    width: int
    """Pixels, as decoded."""
    height: int
    container_frames: int | None = None
    rotation: int = 0
    codec: str | None = None
    errors: tuple[str, ...] = ()
    """Damage that was kept, with ``on_damage: keep``."""
    sizes: tuple[tuple[int, int, int], ...] = ()
    """Where a video's size changes: (index, width, height) of frame 0 and of each frame with another size."""
    notes: tuple[str, ...] = ()
    """What a person should know of its pictures."""
    model: str = ""
    """The model's version; predictions were made from ``fingerprint`` and ``decode`` with it."""
    settings: str = ""
    """Hash of the encode settings of the stored singletons."""
    singletons_from: str = ""
    """The predictions version that the singletons were made from."""
    published_from: str = ""
    """The singletons version that the task folder holds."""
    schema: str = ""
    """Hash of the schema of the published files."""
    published_frames: int | None = None
    """The number of frames that the published files are named after."""
    leftovers: tuple[int, ...] = ()
    """Numbers of frames that files of it may be named after, while they are written and until old ones go."""
    hashes: tuple[str, ...] = ()
    """BLAKE2b of each published file, in frame order; empty where that is not known for certain."""
    size: int = 0
    """Bytes of the published files."""
    statistics: dict[str, Any] = field(default_factory=dict)
    """Counts and a score histogram of the singletons."""

    @property
    def frames_version(self) -> str:
        return version(self.fingerprint, self.decode)

    @property
    def predictions_version(self) -> str:
        """Empty where there are none."""
        return predictions_version(self.fingerprint, self.decode, self.model) if self.model else ""

    @property
    def singletons_version(self) -> str:
        """Empty where there are none."""
        return version(self.singletons_from, self.settings) if self.settings else ""


def predictions_version(fingerprint: str, decode: str, model: str) -> str:
    """Which predictions: of this content, decoded so, by this model."""
    return version(version(fingerprint, decode), model)


@dataclass(frozen=True, slots=True)
class Record:
    """The record of a unit: of a task, or with ``task=""`` of its frames."""

    task: str
    unit: str
    inputs: dict[str, InputRecord] = field(default_factory=dict)
    predictions: str | None = None
    """Key of the stored predictions of all inputs, in the state root."""
    singletons: str | None = None
    """Key of the stored singletons of all inputs, in the state root."""

    @property
    def tables(self) -> list[str]:
        """Keys of all stored tables that the record speaks of."""
        return [key for key in (self.predictions, self.singletons) if key]

    def to_bytes(self) -> bytes:
        content = asdict(self) | {"format": FORMAT}
        for one in content["inputs"].values():
            for name in _RARE:
                if not one[name]:
                    del one[name]
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)

    @classmethod
    def parse(cls, data: bytes, key: str) -> Self:
        """Raises BadValue where the bytes are no record, and NewerStateError where they are a newer one."""
        try:
            content = orjson.loads(data)
            found = int(content.pop("format"))
            if found > FORMAT:
                raise NewerStateError(
                    f"The record {key} has format {found}, of a newer lightly-assets; this one knows format "
                    f"{FORMAT}. Update it: pip install -U lightly-assets."
                )
            if found != FORMAT:
                raise BadValue(f"it has format {found}, which there never was")
            inputs = {
                name: InputRecord(**one | {field: tuple(one.get(field, ())) for field in _TUPLES})
                for name, one in content.pop("inputs").items()
            }
            return cls(inputs=inputs, **content)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise BadValue(
                f"The record {key} cannot be read ({error}); delete it, and what it spoke of is made again."
            ) from None

    def without(self, keys: set[str]) -> "Record":
        return replace(self, inputs={key: one for key, one in self.inputs.items() if key not in keys})

    def without_files(self, keys: set[str]) -> "Record":
        """As if nothing certain were known of the files of some inputs."""
        unsure = {
            key: replace(self.inputs[key], published_from="", hashes=())
            for key in keys & self.inputs.keys()
            if self.inputs[key].published_from
        }
        return replace(self, inputs=self.inputs | unsure)

    def without_table(self, table: str) -> "Record":
        """As if what a stored table holds had never been made."""
        record = self
        if table == record.predictions:
            inputs = {key: replace(one, model="") for key, one in record.inputs.items()}
            record = replace(record, predictions=None, inputs=inputs)
        if table == record.singletons:
            inputs = {key: replace(one, settings="") for key, one in record.inputs.items()}
            record = replace(record, singletons=None, inputs=inputs)
        return record


def record_key(task: str, unit: str) -> str:
    """Where a record lies in the state root."""
    folder = f"manifests/tasks/{task}" if task else "manifests/frames"
    return f"{folder}/{place(unit)}.json"


def data_key(stage: Literal["predictions", "singletons"], task: str, unit: str, content: str) -> str:
    """Where the stored results of a unit lie; ``content`` is the version of what is in there."""
    return f"{stage}/{task}/{place(unit)}-{content}.parquet"


def embeddings_key(objects_of: str | None, unit: str, content: str) -> str:
    """Where the vectors of a unit lie: of its frames, or of the objects of a task."""
    folder = "images" if objects_of is None else f"objects/{objects_of}"
    return f"{EMBEDDINGS}/{folder}/{place(unit)}-{content}.parquet"


def place(unit: str) -> str:
    """A path for a unit that is safe and short whatever its name: a hash, and its readable end.

    Hashes tell units apart, also where the disk does not know upper from lower case.
    """
    digest = hashlib.blake2b(unit.encode(), digest_size=12).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", unit)[-48:].strip("-.")
    return f"{digest[:2]}/{digest[2:]}-{readable}" if readable else f"{digest[:2]}/{digest[2:]}"


class Records:
    """The records in a state root. Any thread may use it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        # What was read ahead, until it is used for writing: who writes says which version it has seen.
        self._ahead: dict[str, tuple[bytes, str] | None] = {}
        self._ahead_bytes = 0

    def read(self, task: str, unit: str, *, fresh: bool = True) -> tuple[Record, str | None]:
        """A record and its version for :meth:`write`; an empty one where there is none.

        Without ``fresh`` it may be as old as :meth:`read_many`; writing it then fails where it has changed.
        """
        key = record_key(task, unit)
        if fresh or key not in self._ahead:
            self._ahead.pop(key, None)
            found = self._read(key)
        else:
            found = self._ahead[key]
        if found is None:
            return Record(task, unit), None
        return Record.parse(found[0], key), found[1]

    def read_many(self, units: Collection[tuple[str, str]]) -> Iterator[tuple[Record, str | None]]:
        """Many (task, unit), several requests at once; remembered for the first writing of each.

        Raises:
            BadValue: a record cannot be read.
        """
        keys = {record_key(task, unit): (task, unit) for task, unit in units}
        found: dict[str, tuple[bytes, str] | None] = {}

        def read(key: str) -> None:
            found[key] = self._read(key)

        for_each(read, keys, threads=AT_ONCE)
        for key, one in found.items():
            self._remember(key, one)
            task, unit = keys[key]
            yield (Record(task, unit), None) if one is None else (Record.parse(one[0], key), one[1])

    def _read(self, key: str) -> tuple[bytes, str] | None:
        try:
            return self.store.read_versioned(key)
        except NotFound:
            return None

    def _remember(self, key: str, found: tuple[bytes, str] | None) -> None:
        size = len(found[0]) if found else 0
        if self._ahead_bytes + size < _AHEAD_BYTES:
            self._ahead[key] = found
            self._ahead_bytes += size

    def write(self, record: Record, seen: str | None) -> str:
        """Replace a record. Raises Conflict where somebody else did so meanwhile."""
        key = record_key(record.task, record.unit)
        self._ahead.pop(key, None)
        return self.store.put_if(key, record.to_bytes(), seen)
