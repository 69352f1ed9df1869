"""What Dagster keeps of runs that are long over: only what pages of assets show."""

import time
from datetime import UTC, datetime

import dagster as dg

from lightly_assets.errors import LightlyAssetsError
from lightly_assets.graph.dagster_private import FINISHED_STATUSES
from lightly_assets.graph.event_log import ManyPartitions

_AT_ONCE = 500


def forget_old_runs(instance: dg.DagsterInstance, keep_days: float) -> int:
    """Delete the events of runs that ended earlier, but for the latest of each partition; how many.

    Raises:
        LightlyAssetsError: the instance keeps its events through another class, which cannot do that.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, ManyPartitions):
        raise LightlyAssetsError(
            f"dagster.keep_days needs an event log of Lightly Assets, and the instance has "
            f"{type(storage).__name__}; set event_log_storage in its dagster.yaml (docs/operations.md)."
        )
    before = datetime.fromtimestamp(time.time() - keep_days * 86_400, UTC)
    filters = dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_before=before)
    runs = instance.get_run_ids(filters)
    return sum(storage.forget_runs(runs[first : first + _AT_ONCE]) for first in range(0, len(runs), _AT_ONCE))
