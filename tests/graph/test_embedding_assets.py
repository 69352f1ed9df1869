"""Embeddings in the graph: assets of their own, in the same run, and looked after by the sensor."""

from pathlib import Path

import dagster as dg
import pytest

from lightly_assets.definitions import build_definitions
from tests.graph.conftest import Daemon
from tests.graph.test_chain import run_keys
from tests.projects import SmallProject, positions, task, write_video

VECTORS, OBJECTS = dg.AssetKey(["embeddings"]), dg.AssetKey(["squares", "embeddings"])


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    write_video(small.input / "a.mp4", positions(5))
    write_video(small.input / "b.mp4", positions(3))
    small.write(embeddings={"objects": ["squares"]})
    return small


def latest(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> dg.AssetMaterialization | None:
    records = dg.AssetRecordsFilter(key, asset_partitions=[partition])
    found = instance.fetch_materializations(records, limit=1).records
    return found[0].asset_materialization if found else None


def test_a_run_of_the_chain_makes_them_and_says_how_many(
    small: SmallProject, instance: dg.DagsterInstance
) -> None:
    result = run_keys(small, instance, ["a.mp4", "b.mp4"])
    assert result.success
    frames, objects = (latest(instance, key, "a.mp4") for key in (VECTORS, OBJECTS))
    assert frames is not None and objects is not None
    assert frames.metadata["vectors"].value == 5 and objects.metadata["vectors"].value == 4
    assert frames.metadata["vector"].value == "float32[272]"
    evaluations = [
        one for one in result.get_asset_check_evaluations() if one.check_name == "embeddings_complete"
    ]
    assert len(evaluations) == 4 and all(one.passed for one in evaluations)
    # Up to date, they are reported all the same, as the same data.
    assert run_keys(small, instance, ["a.mp4"]).success
    again = latest(instance, VECTORS, "a.mp4")
    assert again is not None and again.tags == frames.tags | {
        name: value for name, value in (again.tags or {}).items() if "event_pointer" in name
    }


def test_they_can_be_materialised_alone_where_their_boxes_are_there(
    small: SmallProject, instance: dg.DagsterInstance
) -> None:
    job = dg.define_asset_job("alone", selection=dg.AssetSelection.assets(VECTORS, OBJECTS).without_checks())
    definitions = dg.Definitions.merge(build_definitions(small.config), dg.Definitions(jobs=[job]))
    alone = definitions.resolve_job_def("alone")
    instance.add_dynamic_partitions("lightly_inputs", ["a.mp4", "b.mp4"])
    result = alone.execute_in_process(instance=instance, partition_key="a.mp4", raise_on_error=False)
    assert not result.success
    assert latest(instance, VECTORS, "a.mp4") is not None and latest(instance, OBJECTS, "a.mp4") is None
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "no present predictions of task 'squares'" in str(failure.step_failure_data.user_failure_data)
    assert run_keys(small, instance, ["a.mp4"]).success
    assert alone.execute_in_process(instance=instance, partition_key="a.mp4").success
    assert latest(instance, OBJECTS, "a.mp4") is not None


def test_the_sensor_asks_for_what_another_model_makes_stale(small: SmallProject, daemon: Daemon) -> None:
    small.write(embeddings=None, sensor={"trusted_age_seconds": 0})
    daemon.work()
    assert daemon.work() == []
    # Added later, then with another setting: both are work once, and then there is none.
    for embeddings in ({}, {"normalise": False, "objects": ["squares"]}):
        small.write(embeddings=embeddings)
        assert daemon.work() == [["a.mp4", "b.mp4"]], embeddings
        assert daemon.work() == [] and "all up to date" in daemon.reason
    keys = {one.asset_key for one in (daemon.last.asset_events if daemon.last else [])}
    assert keys <= {VECTORS, OBJECTS}
    small.write(tasks=[task("squares", score_threshold=0.33)])
    assert daemon.work() == [["a.mp4", "b.mp4"]] and daemon.work() == []


def test_no_task_is_taken_for_them(small: SmallProject, instance: dg.DagsterInstance) -> None:
    small.write(tasks=[task("embeddings")], embeddings={"objects": ["embeddings"]})
    assert run_keys(small, instance, ["a.mp4"]).success
    keys = build_definitions(small.config).resolve_asset_graph().get_all_asset_keys()
    assert {VECTORS, dg.AssetKey(["embeddings", "embeddings"])} <= keys
