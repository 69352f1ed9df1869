"""Runs whose process was killed, or lost with its machine, end as failed.

Dagster notices the death of a process only as long as the server that started it lives. Of the others it
believes for ever that they work: they stay under way in the UI and keep their place in the queue.
"""

import dagster as dg

from lightly_assets.storage.disk.processes import is_dead, process_mark

PROCESS_TAG = "lightly_assets/process"
_UNDER_WAY = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def process_tags() -> dict[str, str]:
    """Tags of a run that works in this process."""
    return {PROCESS_TAG: process_mark()}


def sign(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Note that a run works in this process."""
    # A run that was started once more has inherited the mark of the one before.
    if run.tags.get(PROCESS_TAG) != process_mark():
        instance.add_run_tags(run.run_id, process_tags())


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark the runs as failed whose process is surely gone; their ids."""
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        mark = run.tags.get(PROCESS_TAG, "")
        if not is_dead(mark) or _is_inherited(instance, run, mark):
            continue
        # It may have come to its end, and with it its process, since the runs were listed.
        now = instance.get_run_by_id(run.run_id)
        if now is not None and now.status in _UNDER_WAY:
            instance.report_run_failed(
                run, "The process of this run was killed, or its machine was; the next run does what is left."
            )
            ended.append(run.run_id)
    return ended


def _is_inherited(instance: dg.DagsterInstance, run: dg.DagsterRun, mark: str) -> bool:
    """Whether a mark is that of the run that this one repeats, because it has not signed yet."""
    before = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    return before is not None and before.tags.get(PROCESS_TAG) == mark
