"""From stored singletons to the task folder that the Worker reads.

The order makes every instant safe: prediction files, read back, the record, then the deletion of what is no
longer true, ``schema.json``, and ``tasks.json`` last. What is there with the same bytes is not written again.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import orjson

from lightly_assets.encoding.json_bytes import wrapped
from lightly_assets.format.names.paths import PREDICTIONS, file_key, file_keys, file_name
from lightly_assets.format.names.suffixes import split_suffix
from lightly_assets.format.rules.box_statistics import BoxStatistics
from lightly_assets.format.rules.fast_path import ParsedFile, find_suspects
from lightly_assets.format.rules.file_rules import check_prediction_file
from lightly_assets.format.rules.prediction_rules import Expected
from lightly_assets.format.rules.table import RULES
from lightly_assets.format.schema import Schema
from lightly_assets.pipeline.state.records import InputRecord, Record
from lightly_assets.pipeline.state.tables import read_rows
from lightly_assets.storage import BadKey, StorageError, Store
from lightly_assets.storage.keys import check_key
from lightly_assets.storage.parallel import for_each

# One of so many files is read back after writing, but not fewer than the least; a store has verified every
# one by its checksum before.
_READ_BACK_OF = 64
_READ_BACK_LEAST = 4
_READ_BACK_AT_ONCE = 8
# Few, because Python looks through all parsed objects that are alive for cycles, again and again.
_CHECKED_AT_ONCE = 16


@dataclass(slots=True)
class Published:
    """What happened to the files of some inputs."""

    records: dict[str, InputRecord] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    written: int = 0
    bytes_written: int = 0
    obsolete: dict[str, list[str]] = field(default_factory=dict)
    """Files by input that must go once the record is written."""
    boxes: BoxStatistics = field(default_factory=BoxStatistics)
    """Whether the boxes look like corners."""


def file_hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def possible_frames(one: InputRecord) -> set[int]:
    """Numbers of frames that files of a video may be named after."""
    return {count for count in (*one.leftovers, one.published_frames) if count is not None}


class Publisher:
    """Publishes the inputs of one task."""

    def __init__(self, store: Store, task: str, schema: Schema) -> None:
        self.store = store
        self.task = task
        self.schema = schema
        self._schema_hash = schema.hash()

    def publish(
        self,
        record: Record,
        keys: Collection[str],
        singletons: Callable[[], AbstractContextManager[Path]],
        lost: Collection[str] = (),
    ) -> Published:
        """Write the files of some inputs of a record, those that differ from what it says is there.

        Before that, whoever calls must have replaced the stored record by one without hashes: from the first
        write to the last nothing certain is known about the files. ``lost`` names files that are missing.
        """
        result = Published()
        if keys:
            with singletons() as path:
                self._publish(record, keys, path, lost, result)
        return result

    def take_back(self, record: Record, keys: Collection[str]) -> set[str]:
        """Delete what was written of videos of which nothing was there before, and say which these are.

        A video with some of its frames looks to the Worker like one in which the others hold nothing.
        """
        videos = {
            key
            for key in keys
            if record.inputs[key].frames is not None and not record.inputs[key].published_from
        }
        for key in sorted(videos):
            self.store.delete_many(file_keys(self.task, key, record.inputs[key].frames))
        return videos

    def _publish(
        self, record: Record, keys: Collection[str], path: Path, lost: Collection[str], result: Published
    ) -> None:
        wanted: dict[str, list[str]] = {key: [] for key in keys if self._has_names(record, key, result)}
        sizes = dict.fromkeys(wanted, 0)
        self._look(record, wanted, sizes, path, result)
        changes: dict[str, set[int]] = {}
        for key, hashes in wanted.items():
            old = record.inputs[key]
            same = len(old.hashes) == len(hashes) and old.published_frames == old.frames
            known = old.hashes if same else (None,) * len(hashes)
            pairs = enumerate(zip(hashes, known, strict=True))
            changes[key] = {place for place, (now, before) in pairs if now != before}
            if lost:
                names = file_keys(self.task, key, old.frames)
                changes[key] |= {place for place, name in enumerate(names) if name in lost}
        self._write(record, changes, path, result)
        for key, hashes in wanted.items():
            old = record.inputs[key]
            older = possible_frames(old) - {old.frames}
            if older:
                now = set(file_keys(self.task, key, old.frames))
                before = {name for count in older for name in file_keys(self.task, key, count)}
                result.obsolete[key] = sorted(before - now)
            result.records[key] = replace(
                old,
                published_from=old.singletons_version,
                leftovers=(),
                published_frames=old.frames,
                schema=self._schema_hash,
                hashes=tuple(hashes),
                size=sizes[key],
            )

    def _has_names(self, record: Record, key: str, result: Published) -> bool:
        """Whether the files of an input, all of one length, have names that a store takes."""
        try:
            check_key(next(file_keys(self.task, key, record.inputs[key].frames), PREDICTIONS))
        except BadKey as error:
            result.failed[key] = f"'{key}': its prediction files cannot be named. {error}"
            return False
        return True

    def _look(
        self,
        record: Record,
        wanted: dict[str, list[str]],
        sizes: dict[str, int],
        path: Path,
        result: Published,
    ) -> None:
        """Check every file before the first one is written, and note its hash."""
        stored = read_rows(path, wanted)
        while rows := list(islice(stored, _CHECKED_AT_ONCE)):
            files = []
            for row in rows:
                key = row.source.input
                name = file_name(key, row.source.index, record.inputs[key].frames)
                data = wrapped(name, row.singletons)
                if key in wanted:
                    wanted[key].append(file_hash(data))
                sizes[key] = sizes.get(key, 0) + len(data)
                expected = Expected(name, row.source.width, row.source.height)
                parsed = ParsedFile(data, orjson.loads(data), split_suffix(name)[0], expected)
                files.append((key, parsed))
            for key, problem in self._problems(files, result.boxes):
                result.failed.setdefault(key, problem)
                wanted.pop(key, None)
            del files
        for key in list(wanted):
            frames = record.inputs[key].frames
            if len(wanted[key]) != (1 if frames is None else frames):
                result.failed[key] = (
                    f"'{key}' has {frames} frames, but predictions of {len(wanted[key])} are stored for task "
                    f"'{self.task}'; materialise its predictions again."
                )
                del wanted[key]

    def _problems(
        self, files: list[tuple[str, ParsedFile]], boxes: BoxStatistics
    ) -> Iterator[tuple[str, str]]:
        """What the rules say against files, as far as they are errors."""
        parsed = [file for _, file in files]
        for place in find_suspects(parsed, self.schema, boxes):
            key, (data, _, stem, expected) = files[place]
            for found in check_prediction_file(data, f"{self.task}/{stem}.json", self.schema, expected):
                if RULES[found.rule].severity == "error":
                    yield key, f"{found.file}{found.pointer}: {found.message}"

    def _write(
        self,
        record: Record,
        changes: Mapping[str, set[int]],
        path: Path,
        result: Published,
    ) -> None:
        total = sum(map(len, changes.values()))
        if not total:
            return
        every = min(_READ_BACK_OF, max(1, total // _READ_BACK_LEAST))
        samples: list[tuple[str, bytes]] = []

        def files() -> Iterator[tuple[str, bytes]]:
            places = dict.fromkeys(changes, 0)
            for row in read_rows(path, [key for key, some in changes.items() if some]):
                key = row.source.input
                place = places[key]
                places[key] += 1
                if place not in changes[key]:
                    continue
                name = file_name(key, row.source.index, record.inputs[key].frames)
                data = wrapped(name, row.singletons)
                target = file_key(self.task, name)
                if result.written % every == 0:
                    samples.append((target, data))
                result.written += 1
                result.bytes_written += len(data)
                yield target, data

        self.store.write_many(files())
        for_each(self._read_back, samples, threads=_READ_BACK_AT_ONCE)

    def _read_back(self, written: tuple[str, bytes]) -> None:
        target, data = written
        if self.store.read(target) != data:
            raise StorageError(
                f"{self.store.url}/{target} does not hold what was written to it; is another program "
                "writing there?"
            )
