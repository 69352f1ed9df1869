"""Events as they are stored, in half the bytes.

Dagster writes an event as JSON with blanks, with every field that is nothing, with its message twice, and
with the names of job, step and operation four times over. What is left out here is what Dagster fills in when
it reads: the event that it reads is the same, but for the nested names of its step and the tags of its
logger, which nothing shows. Dagster reads it as before, without this package too.
"""

import json
from typing import Any

# What begins every serialised event; other texts are left as they are.
_BEGINNING = '{"__class__": "EventLogEntry"'
# Fields that Dagster takes for nothing where they are missing.
_MAY_MISS = {
    "EventLogEntry": {"step_key"},
    "DagsterEvent": {"event_specific_data", "pid", "step_key", "step_kind_value"},
    "AssetCheckEvaluation": {"blocking", "description", "partition", "target_materialization_data"},
    "AssetMaterialization": {"description", "partition"},
    "EventMetadataEntry": {"description"},
}
# The step's name is in step_key, that of its operation too; the logger's tags repeat them.
_NAMES_AGAIN = ("solid_handle", "step_handle", "logging_tags")


def small(text: str, *, passed_in_short: bool = False) -> str:
    """A serialised event, or any other text, with the least that says the same.

    ``passed_in_short``: of a check that passed only that; what it counted is stored a second time with the
    check's own history, which is where one looks for it.
    """
    if not text.startswith(_BEGINNING):
        return text
    entry = json.loads(text, object_hook=_without_nothing)
    event = entry.get("dagster_event")
    if event is not None:
        for name in _NAMES_AGAIN:
            event.pop(name, None)
        if entry.get("user_message") == event.get("message"):
            entry["user_message"] = ""  # an event's own message is what is shown
        verdict = event.get("event_specific_data") or {}
        if passed_in_short and verdict.get("__class__") == "AssetCheckEvaluation" and verdict["success"]:
            verdict["metadata"] = {}
    return json.dumps(entry, separators=(",", ":"))


def _without_nothing(found: dict[str, Any]) -> dict[str, Any]:
    for name in _MAY_MISS.get(str(found.get("__class__")), ()):
        if name in found and found[name] is None:
            del found[name]
    return found
