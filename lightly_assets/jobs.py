"""Jobs: the whole chain, for the sensor, the command line and the UI's launchpad."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from lightly_assets.assets.chain import CHAIN
from lightly_assets.checks import FRAMES, TASKS_JSON
from lightly_assets.pipeline.records import STAGES

PREDICTIONS_JOB = "predictions"


def build_job(chain: dg.AssetsDefinition) -> Any:
    """The chain of all tasks, ``tasks_json`` included."""
    return dg.define_asset_job(
        PREDICTIONS_JOB,
        selection=dg.AssetSelection.assets(*chain.keys).without_checks()
        | dg.AssetSelection.checks(*chain.check_keys),
        description=f"Brings inputs up to date: the assets of '{CHAIN}' and their checks.",
    )


def task_assets(tasks: Iterable[str]) -> list[dg.AssetKey]:
    """The part of the chain that some tasks need: frames, their three assets, tasks.json."""
    stages = [dg.AssetKey([task, stage]) for task in tasks for stage in STAGES if stage != "frames"]
    return [FRAMES, *stages, TASKS_JSON]
