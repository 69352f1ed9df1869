"""Whether Dagster's daemon is there, where an instance needs it."""

import time

import dagster as dg

from lightly_assets.graph.keys import PLAIN

# It gives a sign of life twice a minute; a tick of a sensor may keep it from that for a while.
_SECONDS = 300.0


def daemon_is_there(instance: dg.DagsterInstance, *, sensor: bool) -> tuple[bool, str]:
    """Whether what needs the daemon has one, and a sentence about it.

    Args:
        instance: What is asked; nothing in it changes.
        sensor: Whether the project's sensor is on where nobody has said anything in the UI.
    """
    waiting = _what_needs_it(instance, sensor=sensor)
    beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
    age = time.time() - max(beats) if beats else None
    if age is not None and age <= _SECONDS:
        return True, f"Dagster's daemon was heard of {max(0.0, age):.0f} s ago."
    if not waiting:
        return True, "No daemon of Dagster is running, and nothing needs one: no sensor is on, no run waits."
    heard = "has never been heard of" if age is None else f"was last heard of {_ago(age)} ago"
    return False, (
        f"{waiting}, but Dagster's daemon {heard}; start it: lightly-assets ui, or dagster-daemon run."
    )


def _what_needs_it(instance: dg.DagsterInstance, *, sensor: bool) -> str:
    """Empty where nothing does."""
    said: dict[str, list[str]] = {"RUNNING": [], "STOPPED": [], "DECLARED_IN_CODE": []}
    for state in instance.all_instigator_state():
        said.setdefault(state.status.name, []).append(state.instigator_name)
    if said["RUNNING"]:
        return f"{said['RUNNING'][0]} is on"
    if sensor and not any(name.endswith(PLAIN.new_input) for name in said["STOPPED"]):
        return "The sensor is on"
    count = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
    if not count:
        return ""
    return "A run waits in the queue" if count == 1 else f"{count:,} runs wait in the queue"


def _ago(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
