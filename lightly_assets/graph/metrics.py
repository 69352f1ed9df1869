"""What Dagster's instance knows of a project's runs, as numbers for Prometheus."""

import dagster as dg

from lightly_assets.graph.keys import PLAIN
from lightly_assets.pipeline.metrics import Metric

_DAEMONS = ("SENSOR", "QUEUED_RUN_COORDINATOR", "BACKFILL")


def instance_metrics(instance: dg.DagsterInstance) -> list[Metric]:
    """Runs by status, when the last ones ended, and when the daemon was heard of."""
    runs = [
        ({"status": status.value.lower()}, instance.get_runs_count(dg.RunsFilter(statuses=[status])))
        for status in dg.DagsterRunStatus
    ]
    ended: list[tuple[dict[str, str], float]] = []
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE):
        wanted = dg.RunsFilter(job_name=PLAIN.predictions_job, statuses=[status])
        for record in instance.get_run_records(wanted, limit=1):
            if record.end_time is not None:
                ended.append(({"status": status.value.lower()}, record.end_time))
    heard = [
        ({"daemon": name.lower()}, beat.timestamp)
        for name, beat in sorted(instance.get_daemon_heartbeats().items())
        if name in _DAEMONS
    ]
    return [
        Metric("runs", "Runs in Dagster's instance.", list(runs)),
        Metric(
            "last_run_end_timestamp_seconds", "When the last run of the job 'predictions' ended.", list(ended)
        ),
        Metric("daemon_heartbeat_timestamp_seconds", "When a daemon of Dagster was heard of.", list(heard)),
    ]
