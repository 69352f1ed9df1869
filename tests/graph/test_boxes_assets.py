"""A task that looks into the boxes of another one, in the graph: behind them, in the same run or alone."""

from pathlib import Path

import dagster as dg
import pytest

from lightly_assets.definitions import build_definitions
from tests.graph.test_chain import run_keys
from tests.graph.test_embedding_assets import latest
from tests.models.pose_models import heatmap_model
from tests.pipeline.test_keypoints_in_boxes import pose
from tests.projects import SmallProject, positions, task, write_video

STAGES = [dg.AssetKey(["pose", stage]) for stage in ("predictions", "singletons", "task_folder")]


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    heatmap_model(small.folder / "pose.onnx")
    write_video(small.input / "a.mp4", positions(5))
    small.write(tasks=[pose(), task("squares")])
    return small


def test_they_depend_on_the_boxes_and_are_made_with_them(
    small: SmallProject, instance: dg.DagsterInstance
) -> None:
    graph = build_definitions(small.config).resolve_asset_graph()
    assert dg.AssetKey(["squares", "singletons"]) in graph.get(STAGES[0]).parent_keys
    assert graph.get(STAGES[1]).parent_keys == {STAGES[0]}
    assert run_keys(small, instance, ["a.mp4"]).success
    assert all(latest(instance, key, "a.mp4") is not None for key in STAGES)
    assert len(list((small.predictions / "pose").glob("a-*.json"))) == 5


def test_they_can_be_made_alone_where_the_boxes_are_there(
    small: SmallProject, instance: dg.DagsterInstance
) -> None:
    job = dg.define_asset_job("alone", selection=dg.AssetSelection.assets(*STAGES).without_checks())
    definitions = dg.Definitions.merge(build_definitions(small.config), dg.Definitions(jobs=[job]))
    alone = definitions.resolve_job_def("alone")
    instance.add_dynamic_partitions("lightly_inputs", ["a.mp4"])
    result = alone.execute_in_process(instance=instance, partition_key="a.mp4", raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "in whose boxes task 'pose' looks" in str(failure.step_failure_data.user_failure_data)
    small.write(tasks=[task("squares")])
    assert run_keys(small, instance, ["a.mp4"]).success
    small.write(tasks=[pose(), task("squares")])
    small.images_seen()
    assert alone.execute_in_process(instance=instance, partition_key="a.mp4").success
    assert small.images_seen() == 0 and len(list((small.predictions / "pose").glob("a-*.json"))) == 5
