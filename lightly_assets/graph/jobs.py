"""Jobs: the whole chain, for the sensor, the command line and the UI's launchpad."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from lightly_assets.graph.keys import Names
from lightly_assets.pipeline.state.records import STAGES


def build_job(chain: dg.AssetsDefinition, names: Names) -> Any:
    """The chain of all tasks, ``tasks_json`` included."""
    return dg.define_asset_job(
        names.predictions_job,
        selection=_selection(chain, chain.keys - {names.worker_run}),
        description=f"Brings inputs up to date: the assets of '{names.chain}' and their checks.",
        executor_def=dg.in_process_executor,
    )


def build_worker_jobs(chain: dg.AssetsDefinition, names: Names) -> list[Any]:
    """The same with ``worker_run`` at its end, where there is one."""
    if names.worker_run not in chain.keys:
        return []
    job = dg.define_asset_job(
        names.worker_job,
        selection=_selection(chain, chain.keys),
        description="Brings inputs up to date, then asks for a Lightly Worker run if all of it is right.",
        executor_def=dg.in_process_executor,
    )
    return [job]


def _selection(chain: dg.AssetsDefinition, keys: Iterable[dg.AssetKey]) -> dg.AssetSelection:
    # Not the checks that belong to these assets, but to no run of the chain.
    assets = dg.AssetSelection.assets(*keys).without_checks()
    return assets | dg.AssetSelection.checks(*chain.check_keys)


def task_assets(tasks: Iterable[str], names: Names) -> list[dg.AssetKey]:
    """The part of the chain that some tasks need: frames, their three assets, tasks.json."""
    stages = [names.stage(task, stage) for task in tasks for stage in STAGES if stage != "frames"]
    return [names.frames, *stages, names.tasks_json]
