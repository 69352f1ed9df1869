"""Runs whose process was killed, or lost with its machine, end as failed.

Dagster notices the death of a process only as long as the server that started it lives. Of the others it
believes for ever that they work: they stay under way in the UI and keep their place in the queue.
"""

import dagster as dg

from lightly_assets.storage.processes import is_dead, process_mark

PROCESS_TAG = "lightly_assets/process"
_UNDER_WAY = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def process_tags() -> dict[str, str]:
    """Tags of a run that works in this process."""
    return {PROCESS_TAG: process_mark()}


def sign(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Note that a run works in this process."""
    if PROCESS_TAG not in run.tags:
        instance.add_run_tags(run.run_id, process_tags())


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark the runs as failed whose process is surely gone; their ids."""
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        if is_dead(run.tags.get(PROCESS_TAG, "")):
            instance.report_run_failed(
                run, "The process of this run was killed, or its machine was; the next run does what is left."
            )
            ended.append(run.run_id)
    return ended
