"""Stored tables that no record speaks of any more: replaced, or left behind by runs that were killed."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from lightly_assets.pipeline.state.records import AT_ONCE, EMBEDDINGS, Record, Records
from lightly_assets.storage import NotFound, Store
from lightly_assets.storage.parallel import for_each


class Garbage:
    """Remembers what a run replaces, and deletes it at its end. Any thread may note something."""

    def __init__(self, state: Store, records: Records) -> None:
        self._state, self._records = state, records
        self._lock = threading.Lock()
        self._replaced: dict[tuple[str, str], set[str]] = {}

    def note(self, before: Record, after: Record) -> None:
        """Remember the tables that a record speaks of no more."""
        gone = set(before.tables) - set(after.tables)
        if gone:
            with self._lock:
                self._replaced.setdefault((after.task, after.unit), set()).update(gone)

    def give(self) -> dict[tuple[str, str], set[str]]:
        """What was noted, for somebody else to :meth:`take`: tables by (task, unit)."""
        with self._lock:
            replaced, self._replaced = self._replaced, {}
        return replaced

    def take(self, replaced: Mapping[tuple[str, str], set[str]]) -> None:
        """Remember what another process has replaced."""
        with self._lock:
            for record, tables in replaced.items():
                self._replaced.setdefault(record, set()).update(tables)

    def delete(self) -> None:
        """Delete what was noted, unless another process has come back to it."""
        replaced = self.give()
        self._state.delete_many(
            table
            for (task, unit), tables in replaced.items()
            for table in sorted(tables - set(self._records.read(task, unit)[0].tables))
        )

    def unused_tables(self, *, older_than: timedelta = timedelta(0)) -> list[str]:
        """Stored tables that no record speaks of, such as those of runs that were killed.

        A young one may be that of a run under way, which records it next.
        """
        stored = {
            entry.key: entry.modified
            for stage in ("predictions", "singletons", f"{EMBEDDINGS}/images", f"{EMBEDDINGS}/objects")
            for entry in self._state.list(stage)
        }

        def spare(key: str) -> None:
            with suppress(NotFound):  # another process has just forgotten it
                for table in Record.parse(self._state.read(key), key).tables:
                    stored.pop(table, None)

        if stored:
            for_each(spare, self._state.names("manifests"), threads=AT_ONCE)
        if not (stored and older_than):
            return sorted(stored)
        before = self._state.clock() - older_than
        return sorted(key for key, modified in stored.items() if modified <= before)
