"""What makes a task visible to the Worker: its ``schema.json``, and its name in ``tasks.json``.

Both are guarded: what cannot be read is never overwritten, and a folder of another schema never published to.
"""

import threading
from collections.abc import Iterable, Sequence

from lightly_assets.errors import BadValue, LightlyAssetsError
from lightly_assets.format.names.paths import TASKS_JSON, schema_key
from lightly_assets.format.schema import Schema, difference
from lightly_assets.format.tasks import merge_tasks, parse_tasks, tasks_to_bytes
from lightly_assets.storage import NotFound, Store


class PublishError(LightlyAssetsError):
    """What was to be published is not valid: one sentence. Nothing of the input was written."""


class TaskList:
    """``schema.json`` and ``tasks.json``: what makes a task visible to the Worker."""

    def __init__(self, store: Store, order: Sequence[str] = ()) -> None:
        self.store = store
        self._order = list(order)
        self._lock = threading.Lock()
        self._listed: set[str] = set()

    def schema_difference(self, task: str, schema: Schema) -> list[str]:
        """How the published schema differs from the project's, in words; empty where there is none.

        Raises:
            PublishError: what is published cannot be read.
        """
        try:
            data = self.store.read(schema_key(task))
        except NotFound:
            return []
        try:
            published = Schema.parse(data, f"{task}/schema.json")
        except BadValue as error:
            raise PublishError(
                f"{error} Nothing of task '{task}' is published before "
                f"{self.store.url}/{schema_key(task)} is repaired or deleted."
            ) from None
        if published.hash() == schema.hash():
            return []
        return difference(published, schema) or ["other keys of its categories changed"]

    def publish(self, task: str, schema: Schema) -> None:
        """Write the schema and list the task; what is right already stays as it is.

        Raises:
            PublishError: ``tasks.json`` cannot be read; it is never overwritten then.
        """
        with self._lock:
            if task in self._listed:
                return
            key = schema_key(task)
            data = schema.to_bytes()
            if self.lacks_schema(task, schema):
                self.store.write(key, data)
                self.store.sync()
            self._change_tasks(add=[task])
            self._listed.add(task)

    def withdraw(self, tasks: Iterable[str]) -> None:
        """Take tasks out of ``tasks.json``; their files stay."""
        with self._lock:
            gone = list(tasks)
            self._listed -= set(gone)
            self._change_tasks(remove=gone)

    def tasks(self) -> list[str]:
        """The listed tasks; none where there is no ``tasks.json``."""
        try:
            return parse_tasks(self.store.read(TASKS_JSON))
        except NotFound:
            return []
        except BadValue as error:
            raise PublishError(_corrupt(self.store, error)) from None

    def lacks_schema(self, task: str, schema: Schema) -> bool:
        """Whether a task's ``schema.json`` is missing, broken or another one."""
        try:
            return Schema.parse(self.store.read(schema_key(task))).hash() != schema.hash()
        except (NotFound, BadValue):
            return True

    def _merged(self, before: list[str], add: Iterable[str], remove: Iterable[str]) -> list[str]:
        """Names of the project stay in its order, whichever of them was published first."""
        after = merge_tasks(before, (), remove)
        for name in add:
            if name in after:
                continue
            later = self._order[self._order.index(name) + 1 :] if name in self._order else []
            place = min((after.index(one) for one in later if one in after), default=len(after))
            after = [*after[:place], *merge_tasks((), [name]), *after[place:]]
        return after

    def _change_tasks(self, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        def change(content: bytes | None) -> bytes | None:
            try:
                before = [] if content is None else parse_tasks(content)
            except BadValue as error:
                raise PublishError(_corrupt(self.store, error)) from None
            after = self._merged(before, add, remove)
            # Neither its layout nor its existence changes where its meaning does not.
            return content if after == before and content is not None else tasks_to_bytes(after)

        if not add and not self.store.stat(TASKS_JSON):
            return
        self.store.update(TASKS_JSON, change)


def _corrupt(store: Store, error: BadValue) -> str:
    return f"{store.url}/{TASKS_JSON} is not changed, because it cannot be read: {error} Repair or delete it."
