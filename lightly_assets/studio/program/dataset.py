"""A database with one dataset, of images or of videos, brought to what was handed over."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from .annotations import Annotations
from .media import Images, Media, Videos
from .memory import Memory

# Frames whose objects are written at once.
_AT_ONCE = 256

Line = dict[str, Any]


class Filler:
    """Of one kind of input. Handed over are ``media`` (files with their fingerprints), ``tasks``,
    ``selected``, and in ``frames.jsonl`` a line for each frame, in the order of the media.

    What is as it was left is not touched; what somebody has added in LightlyStudio stays.
    """

    def __init__(self, kind: str, database: str, handover: dict[str, Any], folder: Path) -> None:
        self._handover = handover
        self._folder = folder
        self._media: dict[int, dict[str, Any]] = {
            place: one for place, one in enumerate(handover["media"]) if one["kind"] == kind
        }
        self._tasks: dict[str, str] = handover["tasks"]
        self._memory = Memory(Path(database).with_suffix(".filled"))
        self._side: Media = (Images if kind == "image" else Videos)(handover["name"])
        self.counts: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        """Samples first, then what is on them, then what they are marked with; what was counted."""
        keys = {one["key"] for one in self._media.values()}
        gone = [one for one in self._memory.all() if one["key"] not in keys]
        self.counts["removed"] = self._side.remove(gone)
        self._memory.forget([one["key"] for one in gone])
        self._side.add(list(self._media.items()), self._memory)
        self._write_frames()
        self._mark()
        self._store_vectors()
        return self.counts

    @property
    def notes(self) -> list[str]:
        """What a person should know, in sentences."""
        turned = self._side.turned
        if not turned:
            return []
        return [
            f"{len(turned):,} inputs such as '{turned[0]}' are shown turned, while boxes and masks are those "
            "of the stored pixels: they lie elsewhere than what they are of."
        ]

    def _lines(self) -> Iterator[Line]:
        with (self._folder / "frames.jsonl").open(encoding="utf-8") as file:
            yield from (line for line in map(json.loads, file) if line["m"] in self._media)

    def _write_frames(self) -> None:
        annotations = Annotations(self._side, self._tasks, self._handover["categories"])
        lines = self._lines()
        while part := list(islice(lines, _AT_ONCE)):
            self._write_part(annotations, part)
            for line in part:
                if line.get("last"):
                    self._memory.finish(self._media[line["m"]])
        self._memory.save()

    def _write_part(self, annotations: Annotations, lines: list[Line]) -> None:
        """Objects of tasks that have changed for the inputs that these frames are of."""
        ids = self._side.ids
        self.counts["frames"] += len(lines)
        stale: set[tuple[int, str]] = set()
        for place in {line["m"] for line in lines}:
            changed = self._memory.begin(self._media[place])
            stale |= {(place, task) for task in changed}
        for task in self._tasks:
            self.counts["objects"] += sum(len(line["objects"][task]) for line in lines)
            new = [
                (ids[line["m"], line["i"]], line["objects"][task])
                for line in lines
                if (line["m"], task) in stale
            ]
            if new:
                self.counts["changed"] += len(new)
                annotations.replace(task, new)
        facts = [(ids[line["m"], line["i"]], line["meta"]) for line in lines if (line["m"], "") in stale]
        self._side.frames.update_metadata(facts)

    def _mark(self) -> None:
        if self._handover["selected"] is not None:
            places = [(one["m"], one["i"]) for one in self._handover["selected"]]
            ids = [self._side.ids[place] for place in places if place in self._side.ids]
            self._side.tag(self._handover["tag"], ids)
            self.counts["selected"] = len(ids)

    def _store_vectors(self) -> None:
        for one in self._handover["vectors"]:
            places = [(row, (m, i)) for row, (m, i) in enumerate(one["frames"])]
            rows = [row for row, place in places if place in self._side.ids]
            ids: list[UUID] = [self._side.ids[place] for _, place in places if place in self._side.ids]
            if rows:
                vectors = np.load(self._folder / one["file"], mmap_mode="r")
                self._side.store_vectors(one["name"], ids, np.asarray(vectors[rows]))
                self.counts["vectors"] += len(ids)
