"""The keys of the assets: what everything in the graph is called."""

import dagster as dg

from lightly_assets.pipeline.state.records import Stage

VIDEOS = dg.AssetKey("videos")
FRAMES = dg.AssetKey("frames")
TASKS_JSON = dg.AssetKey("tasks_json")
WORKER_RUN = dg.AssetKey("worker_run")
SELECTION = dg.AssetKey("selection")

CHAIN = "chain"
"""The operation that makes all of them but ``videos``, which others write, and ``selection``."""


def stage_key(task: str, stage: Stage) -> dg.AssetKey:
    """The asset of a task at a stage."""
    return dg.AssetKey([task, stage])
