"""Partitions: one per video and per folder of images, or one per day. Never one per frame."""

import re
from collections import defaultdict
from collections.abc import Iterable
from urllib.parse import unquote

import dagster as dg

from lightly_assets.config import Project
from lightly_assets.pipeline.inputs import Input, Scan

PARTITIONS_NAME = "lightly_inputs"

# Dagster reads "a...b" as a range and "a|b" as two dimensions. With the percent sign it is reversible.
_TROUBLE = re.compile(r"[%|\x00-\x1f\x7f]|\.(?=\.\.)|^\s|\s$")


def partitions_definition() -> dg.DynamicPartitionsDefinition:
    """Partitions that appear when their input does."""
    return dg.DynamicPartitionsDefinition(name=PARTITIONS_NAME)


def encode_key(key: str) -> str:
    """A key as a partition key: as it is, but for what Dagster's own syntax would trip over."""
    return _TROUBLE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), key)


def decode_key(partition: str) -> str:
    """The inverse of :func:`encode_key`."""
    return unquote(partition)


def partition_of(one: Input, project: Project) -> str:
    """The partition of an input.

    A video has its own, images share that of their folder (with a trailing slash, ``./`` for the root). With
    ``partitions: day`` it is the date in the key, else the day (UTC) of the last modification.
    """
    if project.partitions == "day":
        return _day(one, project)
    return encode_key(one.key if one.kind == "video" else one.folder)


def _day(one: Input, project: Project) -> str:
    for match in re.finditer(project.day_pattern, one.key):
        year, month, day = (int(match[name]) for name in ("year", "month", "day"))
        if year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31:
            return f"{year:04d}-{month:02d}-{day:02d}"
    return one.entry.modified.strftime("%Y-%m-%d")


def partition_of_key(key: str, scan: Scan, project: Project) -> str:
    """The partition of a key, whether or not its input is there."""
    one = scan.inputs.get(key)
    return encode_key(key) if one is None else partition_of(one, project)


def inputs_by_partition(scan: Scan, project: Project) -> dict[str, list[str]]:
    """The inputs of each partition."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, one in scan.inputs.items():
        found[partition_of(one, project)].append(key)
    return dict(found)


def add_partitions(instance: dg.DagsterInstance, partitions: Iterable[str]) -> list[str]:
    """Make partitions known to an instance; those that were not yet."""
    known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    new = [partition for partition in dict.fromkeys(partitions) if partition not in known]
    if new:
        instance.add_dynamic_partitions(PARTITIONS_NAME, new)
    return new
