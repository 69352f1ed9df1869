"""Jobs: the whole chain, for the sensor, the command line and the UI's launchpad."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from lightly_assets.graph.keys import CHAIN, FRAMES, TASKS_JSON, WORKER_RUN, stage_key
from lightly_assets.pipeline.state.records import STAGES

PREDICTIONS_JOB = "predictions"
WORKER_JOB = "predictions_and_worker_run"


def build_job(chain: dg.AssetsDefinition) -> Any:
    """The chain of all tasks, ``tasks_json`` included."""
    return dg.define_asset_job(
        PREDICTIONS_JOB,
        selection=_selection(chain, chain.keys - {WORKER_RUN}),
        description=f"Brings inputs up to date: the assets of '{CHAIN}' and their checks.",
    )


def build_worker_jobs(chain: dg.AssetsDefinition) -> list[Any]:
    """The same with ``worker_run`` at its end, where there is one."""
    if WORKER_RUN not in chain.keys:
        return []
    job = dg.define_asset_job(
        WORKER_JOB,
        selection=_selection(chain, chain.keys),
        description="Brings inputs up to date, then asks for a Lightly Worker run if all of it is right.",
    )
    return [job]


def _selection(chain: dg.AssetsDefinition, keys: Iterable[dg.AssetKey]) -> dg.AssetSelection:
    # Not the checks that belong to these assets, but to no run of the chain.
    assets = dg.AssetSelection.assets(*keys).without_checks()
    return assets | dg.AssetSelection.checks(*chain.check_keys)


def task_assets(tasks: Iterable[str]) -> list[dg.AssetKey]:
    """The part of the chain that some tasks need: frames, their three assets, tasks.json."""
    stages = [stage_key(task, stage) for task in tasks for stage in STAGES if stage != "frames"]
    return [FRAMES, *stages, TASKS_JSON]
