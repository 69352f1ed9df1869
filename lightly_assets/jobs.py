"""Jobs: the whole chain, for the sensor, the command line and the UI's launchpad."""

from typing import Any

import dagster as dg

from lightly_assets.assets.chain import CHAIN

PREDICTIONS_JOB = "predictions"


def build_job(chain: dg.AssetsDefinition) -> Any:
    """The chain of all tasks, ``tasks_json`` included."""
    return dg.define_asset_job(
        PREDICTIONS_JOB,
        selection=dg.AssetSelection.assets(*chain.keys) | dg.AssetSelection.checks(*chain.check_keys),
        description=f"Brings inputs up to date: the assets of '{CHAIN}' and their checks.",
    )
