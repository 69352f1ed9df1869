"""Jobs: the whole chain, for the sensor, the command line and the UI's launchpad."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from lightly_assets.graph.chain import CHAIN
from lightly_assets.graph.checks import FRAMES, TASKS_JSON
from lightly_assets.graph.worker_run import WORKER_RUN
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
    stages = [dg.AssetKey([task, stage]) for task in tasks for stage in STAGES if stage != "frames"]
    return [FRAMES, *stages, TASKS_JSON]


def run_here(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    *,
    run_config: Mapping[str, Any],
    tags: Mapping[str, str],
    assets: Sequence[dg.AssetKey] | None = None,
) -> Iterator[dg.DagsterEvent]:
    """A run of a job, or of some of its assets, in this process: its events as they come.

    ``execute_in_process`` does the same, but keeps all events until the end, pictures and all: 150 kB of
    memory for every video.
    """
    run = instance.create_run_for_job(
        job_def=job if assets is None else job.get_subset(asset_selection=set(assets)),
        run_config=dict(run_config),
        tags={**job.run_tags, **tags},
        asset_selection=None if assets is None else frozenset(assets),
    )
    yield from execute_run_iterator(InMemoryJob(job), run, instance)
