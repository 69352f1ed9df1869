"""The day that an input belongs to, with ``partitions: day``: it never moves once it was given.

It is the date in the key where there is one. Else it is the day, in UTC, of the last modification when the
input was seen first; that is remembered in the state, because a file that is replaced gets a new date.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

from lightly_assets.config import Project
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.storage import NotFound, Store

# Inputs without a date in their key are remembered in so many files.
_FILES = 64
_FIRST_YEAR, _LAST_YEAR = 1970, 2200


def days_of(state: Store, project: Project, inputs: Iterable[Input]) -> dict[str, str]:
    """The day of each input, such as ``2026-11-23``, by key; none at all in a project without days.

    Days of inputs that are seen for the first time are remembered before they are returned.

    Raises:
        StorageError: the state is out of reach.
    """
    if project.partitions != "day":
        return {}
    found: dict[str, str] = {}
    undated: dict[str, dict[str, str]] = defaultdict(dict)
    pattern = re.compile(project.day_pattern)
    for one in inputs:
        day = day_in_key(one.key, pattern)
        if day is not None:
            found[one.key] = day
        else:
            undated[_file(one.key)][one.key] = one.entry.modified.strftime("%Y-%m-%d")
    for name, first_seen in undated.items():
        found |= _remembered(state, name, first_seen)
    return found


def known_days(state: Store, project: Project, keys: Iterable[str]) -> dict[str, str]:
    """The days that inputs got once, by key, those of inputs that are gone, too; without those unknown.

    Raises:
        StorageError: the state is out of reach.
    """
    if project.partitions != "day":
        return {}
    pattern = re.compile(project.day_pattern)
    files: dict[str, dict[str, str]] = {}
    found: dict[str, str | None] = {}
    for key in keys:
        found[key] = day_in_key(key, pattern)
        if found[key] is None:
            name = _file(key)
            if name not in files:
                files[name] = _parsed(state, name)
            found[key] = files[name].get(key)
    return {key: day for key, day in found.items() if day is not None}


def day_in_key(key: str, pattern: re.Pattern[str]) -> str | None:
    """The first date that the pattern finds in a key and that exists; None where there is none."""
    for match in pattern.finditer(key):
        try:
            day = date(int(match["year"]), int(match["month"]), int(match["day"]))
        except ValueError:
            continue
        if _FIRST_YEAR <= day.year <= _LAST_YEAR:
            return day.isoformat()
    return None


def _file(key: str) -> str:
    number = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=2).digest(), "big") % _FILES
    return f"days/{number:02d}.json"


def _remembered(state: Store, name: str, first_seen: Mapping[str, str]) -> dict[str, str]:
    known = _parsed(state, name)
    if not first_seen.keys() <= known.keys():

        def change(content: bytes | None) -> bytes:
            # Whoever was first is right, also when that was another machine a moment ago.
            before: dict[str, str] = json.loads(content) if content else {}
            return json.dumps({**first_seen, **before}, sort_keys=True, indent=0).encode()

        state.update(name, change)
        known = _parsed(state, name)
    return {key: known[key] for key in first_seen}


def _parsed(state: Store, name: str) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(state.read(name))
    except NotFound:
        return {}
    return found
