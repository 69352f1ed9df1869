"""What is left of runs that are long over; and runs that wait for a slot of a pool."""

import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text

from lightly_assets.config import load_project
from lightly_assets.definitions import build_definitions
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.graph.keys import PLAIN
from lightly_assets.graph.reporting.retention import forget_old_runs
from tests.graph.test_chain import run_keys
from tests.graph.test_small_events import ours
from tests.projects import SmallProject, positions, write_video

ASSETS = [dg.AssetKey("frames"), *(dg.AssetKey(["squares", one]) for one in ("singletons", "task_folder"))]


def shown(instance: dg.DagsterInstance) -> Any:
    """What pages of assets say of each partition."""
    log: Any = instance.event_log_storage
    made = {
        asset: {
            key: record.storage_id
            for record in reversed(instance.fetch_materializations(asset, limit=99).records)
            if (key := record.partition_key)
        }
        for asset in ASSETS
    }
    query = (
        "SELECT check_name, partition, execution_status, evaluation_event FROM asset_check_executions "
        "WHERE id IN (SELECT max(id) FROM asset_check_executions GROUP BY asset_key, check_name, partition)"
    )
    with log.index_connection() as connection:
        verdicts = sorted(map(str, connection.execute(text(query))))
    partitions = log.get_materialized_partitions(ASSETS[0])
    return made, verdicts, partitions


def test_what_pages_show_stays_and_all_else_goes(small: SmallProject, tmp_path: Path) -> None:
    forgets(small, lambda: ours(tmp_path))


def forgets(small: SmallProject, opened: Any) -> None:
    for key in ("a.mp4", "b.mp4"):
        write_video(small.input / key, positions(3))
    (small.input / "bad.mp4").write_bytes(b"no video" * 99)
    with opened() as instance:
        runs = [run_keys(small, instance, ["a.mp4", "b.mp4", "bad.mp4"]).run_id]
        runs.append(run_keys(small, instance, ["a.mp4"]).run_id)
        before = shown(instance)
        assert len(instance.fetch_materializations(ASSETS[0], limit=9).records) == 3
        assert forget_old_runs(instance, 1) == 0
        time.sleep(1.1)
        assert forget_old_runs(instance, 1 / 86_400) > 30
        assert shown(instance) == before
        assert len(instance.fetch_materializations(ASSETS[0], limit=9).records) == 2
        left = {one.dagster_event.event_type_value for run in runs for one in instance.all_logs(run)}  # type: ignore[union-attr]
        assert left == {"ASSET_MATERIALIZATION", "ASSET_MATERIALIZATION_PLANNED"}
        assert forget_old_runs(instance, 1 / 86_400) == 0
        # And it goes on.
        assert run_keys(small, instance, ["b.mp4"]).success


def test_dagsters_own_event_log_cannot(instance: dg.DagsterInstance) -> None:
    with pytest.raises(LightlyAssetsError, match="keep_days needs"):
        forget_old_runs(instance, 1)


def test_a_run_takes_a_slot_of_the_pool(small: SmallProject) -> None:
    small.write(dagster={"pool": "gpu_0"})
    definitions = build_definitions(load_project(small.config))
    job = definitions.resolve_job_def(PLAIN.predictions_job)
    assert {one.pool for one in job.all_node_defs if isinstance(one, dg.OpDefinition)} == {"gpu_0"}
