"""What was filled in, so that the next time only what has changed is done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Known = dict[str, Any]


class Memory:
    """A file of lines beside the database; the last line about an input counts.

    ``digests`` say what is there of each task. A task that is being changed is taken out first: after a kill
    it is done again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Known] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            try:
                one = json.loads(line)
            except ValueError:  # cut off by a kill
                continue
            self._known[one["key"]] = one
        self._file = path.open("a", encoding="utf-8")
        self._file.write("\n")

    def all(self) -> list[Known]:
        """All inputs that are there."""
        return list(self._known.values())

    def get(self, key: str) -> Known | None:
        """What is known about an input."""
        return self._known.get(key)

    def add(self, media: Mapping[str, Any], sample: str) -> None:
        """An input is there, with nothing on it yet."""
        about = {name: media[name] for name in ("key", "path", "fingerprint")}
        self._note(about | {"sample": sample, "digests": {}})

    def begin(self, media: Mapping[str, Any]) -> list[str]:
        """The tasks of an input that have changed, and are now being changed."""
        known = self._known[media["key"]]
        digests = known["digests"]
        changed = [task for task, digest in media["digests"].items() if digests.get(task) != digest]
        if any(task in digests for task in changed):
            left = {task: digest for task, digest in digests.items() if task not in changed}
            self._note(known | {"digests": left})
        return changed

    def finish(self, media: Mapping[str, Any]) -> None:
        """All that was handed over of an input is there; tasks that were not stay."""
        known = self._known[media["key"]]
        new = known["digests"] | media["digests"]
        if new != known["digests"]:
            self._note(known | {"digests": new})

    def forget(self, keys: Sequence[str]) -> None:
        """Inputs are gone."""
        for key in keys:
            del self._known[key]
        if keys:
            self.save()

    def save(self) -> None:
        """Writes the file anew, with one line for each input."""
        self._file.close()
        part = self._path.with_name(f".{self._path.name}.part")
        part.write_text("".join(json.dumps(one) + "\n" for one in self._known.values()), encoding="utf-8")
        part.replace(self._path)
        self._file = self._path.open("a", encoding="utf-8")

    def _note(self, known: Known) -> None:
        self._known[known["key"]] = known
        self._file.write(json.dumps(known) + "\n")
        self._file.flush()
