"""Notes of what failed: one small file for each input in the state root, until it has succeeded.

A run writes them; the sensor reads them, so that it does not ask for the same again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from lightly_assets.pipeline.state.records import place, version
from lightly_assets.storage import NotFound, Store

FOLDER = "failures"


@dataclass(frozen=True, slots=True)
class FailureNote:
    """What failed with an input."""

    input: str
    problems: Mapping[str, str]
    """Task (``""``: all) → one sentence."""
    made_of: Mapping[str, str] | None = None
    """Task → what was tried (:func:`attempt_version`); None where the same may be tried again."""
    blocked: bool = False
    """Whether other inputs are to blame."""

    @property
    def key(self) -> str:
        """Where it lies in the state root."""
        return f"{FOLDER}/{place(self.input)}.json"

    def to_bytes(self) -> bytes:
        note: dict[str, Any] = {"input": self.input, "problems": dict(self.problems)}
        if self.made_of is not None:
            note |= {"made_of": dict(self.made_of), "blocked": self.blocked}
        return json.dumps(note, indent=2, sort_keys=True).encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        note = orjson.loads(data)
        return cls(note["input"], note["problems"], note.get("made_of"), bool(note.get("blocked")))

    @property
    def tried(self) -> Mapping[str, str]:
        """Task → what was tried; an empty text where the same may be tried again: nothing is equal to it."""
        return self.made_of or dict.fromkeys(self.problems, "")


def attempt_version(fingerprint: str, decode: str, model: str | None, settings: str | None) -> str:
    """What is tried when an input is worked on: the same again would give the same.

    Without a model and settings it is about the frames.
    """
    made_with = () if model is None or settings is None else (model, settings)
    return version(fingerprint, decode, *made_with)


def read_failures(state: Store, keys: Iterable[str] | None = None) -> Iterator[tuple[str, FailureNote]]:
    """All notes, or those under some keys, each with its key; without those that are just being removed."""
    for key in state.names(FOLDER) if keys is None else keys:
        try:
            yield key, FailureNote.parse(state.read(key))
        except (NotFound, orjson.JSONDecodeError):  # just removed by somebody else, or being written
            continue
