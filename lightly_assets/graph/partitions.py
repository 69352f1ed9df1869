"""Partitions: one per video and per folder of images, or one per day. Never one per frame."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

import dagster as dg
from sqlalchemy.exc import IntegrityError

from lightly_assets.format.names.suffixes import input_kind
from lightly_assets.graph.keys import PLAIN, Names
from lightly_assets.pipeline.inputs.listing import Input, Scan, folder_of

_TRIES = 5

# Dagster reads "a...b" as a range and "a|b" as two dimensions, and refuses control characters; spaces at the
# ends are cut off by whoever copies a key. With the percent sign it is reversible.
_TROUBLE = re.compile(r"[%|\x00-\x1f\x7f-\x9f\u2028\u2029]|\.(?=\.\.)|^\s|\s$")


def partitions_definition(names: Names = PLAIN) -> dg.DynamicPartitionsDefinition:
    """Partitions that appear when their input does."""
    return dg.DynamicPartitionsDefinition(name=names.partitions)


def encode_key(key: str) -> str:
    """A key as a partition key: as it is, but for what Dagster's own syntax would trip over."""
    return _TROUBLE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), key)


def decode_key(partition: str) -> str:
    """The inverse of :func:`encode_key`."""
    return unquote(partition)


def partition_of(one: Input, days: Mapping[str, str]) -> str:
    """The partition of an input.

    A video has its own, images share that of their folder (with a trailing slash, ``./`` for the root). With
    ``partitions: day`` it is their day, see :func:`~lightly_assets.pipeline.inputs.days.days_of`.
    """
    day = days.get(one.key)
    return day if day is not None else encode_key(one.key if one.kind == "video" else one.folder)


def partition_of_key(key: str, scan: Scan) -> str:
    """The partition of a key of the listing; of one that is gone, as if it were a video's."""
    one = scan.inputs.get(key) or scan.blocked.get(key)
    return encode_key(key) if one is None else partition_of(one, scan.days)


def inputs_by_partition(scan: Scan) -> dict[str, list[str]]:
    """The inputs of each partition, those with a problem included."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, one in scan.inputs.items():
        found[partition_of(one, scan.days)].append(key)
    for key in scan.problems:
        found[partition_of_key(key, scan)].append(key)
    return dict(found)


def remove_partitions(
    instance: dg.DagsterInstance,
    scan: Scan,
    recorded: Iterable[str],
    gone: Iterable[str] | None = None,
    days: Mapping[str, str] | None = None,
    names: Names = PLAIN,
) -> list[str]:
    """Forget partitions of inputs that are gone, and that nothing is ``recorded`` of; those that went.

    An input that failed and was removed would leave its partition failed for ever. Only the partitions of
    ``gone`` are looked at where other projects may share the instance, else all. With ``partitions: day``,
    ``days`` are those of inputs that are gone.
    """
    days = {**(days or {}), **scan.days}
    keys = {*scan.inputs, *scan.blocked, *scan.paused, *recorded}
    if days and not keys <= days.keys():
        return []  # nobody knows the days of what is gone
    alive = set(_partitions_of(keys, days))
    asked = None if gone is None else set(_partitions_of(gone, days))
    left = [
        one
        for one in instance.get_dynamic_partitions(names.partitions)
        if one not in alive and (asked is None or one in asked)
    ]
    for partition in left:
        instance.delete_dynamic_partition(names.partitions, partition)
    return left


def partitions_left(scan: Scan, gone: Iterable[str], days: Mapping[str, str]) -> list[str]:
    """The partitions that inputs which are gone have shared with others; ``days`` are of those gone."""
    here = inputs_by_partition(scan)
    return [one for one in dict.fromkeys(_partitions_of(gone, {**days, **scan.days})) if one in here]


def _partitions_of(keys: Iterable[str], days: Mapping[str, str]) -> Iterator[str]:
    """Of inputs that may be gone; none of those whose day nobody knows, where others have one."""
    for key in keys:
        partition = days.get(key) if days else _own_partition(key)
        if partition is not None:
            yield partition


def _own_partition(key: str) -> str:
    return encode_key(key if input_kind(key) == "video" else folder_of(key))


def add_partitions(
    instance: dg.DagsterInstance, partitions: Iterable[str], names: Names = PLAIN
) -> list[str]:
    """Make partitions known to an instance; those that were not yet."""
    wanted = list(dict.fromkeys(partitions))
    for attempt in range(_TRIES):
        known = set(instance.get_dynamic_partitions(names.partitions))
        new = [partition for partition in wanted if partition not in known]
        if not new:
            break
        try:
            instance.add_dynamic_partitions(names.partitions, new)
            return new
        except IntegrityError:  # another process has just added one of them, and Dagster none
            if attempt == _TRIES - 1:
                raise
    return []
