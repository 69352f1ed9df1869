"""The example of a Dagster project, worked on with the real dg."""

import json
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.dg.conftest import Project

EXAMPLE = Path(__file__).parents[2] / "examples" / "dagster_project"
CHAIN = [
    "frames",
    "lamps/predictions",
    "lamps/singletons",
    "lamps/task_folder",
    "report",
    "tasks_json",
    "videos",
]


@pytest.fixture
def project(tmp_path: Path, home: Path) -> Project:
    shutil.copytree(
        EXAMPLE, tmp_path / "camera_project", ignore=shutil.ignore_patterns("data", "__pycache__")
    )
    return Project(tmp_path / "camera_project", home)


def listed(project: Project) -> Any:
    return json.loads(project.call("dg", "list", "defs", "--json"))


def everything(prefix: str) -> str:
    return json.dumps({"ops": {f"{prefix}_chain": {"config": {"everything": True}}}})


def test_it_is_checked_and_listed(project: Project) -> None:
    assert "All definitions loaded successfully" in project.call("dg", "check", "defs")
    found = listed(project)
    assets = {one["asset_key"]: one for one in found["assets"]}
    ours = {f"{prefix}/{key}" for prefix in ("front", "rear") for key in CHAIN}
    assert assets.keys() == ours | {"drives", "lamps_seen"}
    assert assets["front/videos"]["dependency_keys"] == assets["rear/videos"]["dependency_keys"] == ["drives"]
    assert {one["name"] for one in found["jobs"]} == {"front_predictions", "rear_predictions"}
    assert {one["name"] for one in found["sensors"]} == {"front_new_input", "rear_new_input"}
    components = project.call("dg", "list", "components", "--package", "lightly_assets")
    assert "lightly_assets.LightlyPredictionsComponent" in components


@pytest.mark.timeout(600)
def test_it_is_run_from_its_videos_to_what_uses_them(project: Project) -> None:
    """Some of it by partitions, some by configuration; in the end all of it is there."""
    for day in ("2026-05-01", "2026-05-02"):
        project.call("dg", "launch", "--assets", "drives", "--partition", day)
    for prefix in ("front", "rear"):
        project.call("dg", "launch", "--job", f"{prefix}_predictions", "--config-json", everything(prefix))
    project.call("dg", "launch", "--assets", "front/lamps/singletons", "--partition", "2026-05-02.mp4")
    project.call("dg", "launch", "--assets", "lamps_seen")
    with dg.DagsterInstance.from_config(project.env["DAGSTER_HOME"]) as instance:
        assert instance.get_runs_count() == instance.get_runs_count(
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])
        )
        for prefix in ("front", "rear"):
            keys = instance.get_materialized_partitions(dg.AssetKey([prefix, "lamps", "task_folder"]))
            assert keys == {"2026-05-01.mp4", "2026-05-02.mp4"}
        told = instance.get_latest_materialization_event(dg.AssetKey("lamps_seen"))
    assert told is not None and told.asset_materialization is not None
    metadata = told.asset_materialization.metadata
    assert (metadata["frames_with_lamps"].value, metadata["surest"].value) == (24, "2026-05-01-00-mp4.png")
    tasks = project.folder / "data/lightly/rear/.lightly/predictions/tasks.json"
    assert json.loads(tasks.read_bytes()) == ["lamps"]


def test_a_variable_that_is_not_set_is_refused(project: Project) -> None:
    text = project.call("dg", "check", "defs", ok=False, CAMERA_DATA=None)
    assert "The environment variable CAMERA_DATA is not set" in text


FRESH = """
import datetime
import dagster as dg

@dg.template_var
def daily():
    return dg.FreshnessPolicy.time_window(fail_window=datetime.timedelta(hours=30))

@dg.template_var
def eager():
    return dg.AutomationCondition.eager()
"""
CHANGED = """
type: lightly_assets.LightlyPredictionsComponent
template_vars_module: .vars
attributes:
  prefix: side
  project:
    datasource: {input: "{{ env('SIDE', './none') }}", lightly: ./lightly, state: ./state}
    tasks:
      - name: lamps
        task_type: object-detection
        categories: [{id: 0, name: "1"}]
        model: {kind: python, call: "camera_project.lamps:find"}
post_processing:
  assets:
    - target: "*"
      attributes:
        owners: [team:perception]
        tags: {domain: camera}
        metadata: {page: https://example.com/}
        group_name: side
        freshness_policy: "{{ daily }}"
    - target: "key:side/lamps/predictions"
      attributes:
        deps: [side/frames, drives]
        code_version: v7
        kinds: [onnx]
        description: Lamps at the side.
        automation_condition: "{{ eager }}"
"""


def test_its_specs_are_changed_after_the_component(project: Project) -> None:
    """Whatever is changed, the component goes on making what it makes."""
    project.write("camera_project/defs/side/defs.yaml", CHANGED)
    project.write("camera_project/defs/side/vars.py", FRESH)
    side = {
        one["asset_key"]: one for one in listed(project)["assets"] if one["asset_key"].startswith("side/")
    }
    assert len(side) == len(CHAIN)
    assert all(
        one["owners"] == [{"team": "perception"}] and one["group_name"] == "side" for one in side.values()
    )
    predictions = side["side/lamps/predictions"]
    assert predictions["kinds"] == ["onnx"] and predictions["description"] == "Lamps at the side."
    assert sorted(predictions["dependency_keys"]) == ["drives", "side/frames"]
    project.call("dg", "launch", "--assets", "drives", "--partition", "2026-05-01")
    front = str(project.folder / "data" / "front")
    project.call("dg", "launch", "--job", "side_predictions", "--config-json", everything("side"), SIDE=front)
    with dg.DagsterInstance.from_config(project.env["DAGSTER_HOME"]) as instance:
        keys = instance.get_materialized_partitions(dg.AssetKey(["side", "lamps", "task_folder"]))
    assert keys == {"2026-05-01.mp4"}


def test_it_is_scaffolded_in_a_new_project(tmp_path: Path, home: Path) -> None:
    project = Project(tmp_path, home)
    project.call("create-dagster", "project", "camera", "--no-uv-sync")
    project = Project(tmp_path / "camera", tmp_path / "other")
    project.call("dg", "scaffold", "defs", "lightly_assets.LightlyPredictionsComponent", "people")
    assert "All definitions loaded successfully" in project.call("dg", "check", "defs")
    keys = [one["asset_key"] for one in listed(project)["assets"]]
    assert keys == [key.replace("lamps", "people") for key in CHAIN]
