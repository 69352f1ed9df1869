"""``tasks.json``: the task folders that the Worker considers. Source: "Prediction Tasks"."""

import json
import re
from collections.abc import Iterable, Sequence

from lightly_assets.errors import BadValue
from lightly_assets.format.strict_json import parse_json

TASK_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]+")


def validate_task_name(name: str) -> None:
    """Refuses names that the platform's schema or its selection configuration would not take.

    Raises:
        BadValue: one sentence with the name and the rule.
    """
    if not TASK_NAME.fullmatch(name):
        raise BadValue(
            f"The task name {name!r} is not allowed; use at least two of the characters a-z, A-Z, 0-9, '.', "
            "'_' and '-', the first a letter or a digit."
        )


def parse_tasks(data: bytes) -> list[str]:
    """The task names in a ``tasks.json``, in their order. Foreign names are taken as they are.

    Raises:
        BadValue: it is not a JSON array of names, or a name occurs twice.
    """
    tasks = parse_json(data, "tasks.json")
    if not isinstance(tasks, list):
        raise BadValue(
            'tasks.json is not a list; it must be a JSON array of task names, such as ["my_task"].'
        )
    for index, name in enumerate(tasks):
        if not isinstance(name, str) or not name:
            raise BadValue(f"tasks.json: entry {index} is {json.dumps(name)[:80]}; it must be a task's name.")
        if name in tasks[:index]:
            raise BadValue(f"tasks.json: the task {name!r} is listed twice; list it once.")
    return tasks


def merge_tasks(existing: Sequence[str], add: Iterable[str], remove: Iterable[str] = ()) -> list[str]:
    """The existing names in their order without ``remove``, then the new ones; foreign names stay.

    Raises:
        BadValue: a name to add is not allowed.
    """
    gone = set(remove)
    merged = [name for name in existing if name not in gone]
    for name in add:
        if name not in merged:
            validate_task_name(name)
            merged.append(name)
    return merged


def tasks_to_bytes(tasks: Sequence[str]) -> bytes:
    """The file as the page shows it: a JSON array with an indent of 4."""
    return json.dumps(list(tasks), indent=4).encode()
