"""The asset ``selection`` behind the gate, and the check ``evaluated`` with its floor."""

import json
from typing import Any

import dagster as dg
import pytest

from lightly_assets.config import ConfigError, load_project
from lightly_assets.definitions import build_definitions
from tests.graph.conftest import Daemon
from tests.graph.test_worker_run import SETTINGS
from tests.projects import HEIGHT, SIDE, WIDTH, SmallProject, positions, task, write_video

COUNT = {"type": "PREDICTIONS", "task": "squares", "name": "CATEGORY_COUNT"}
SELECTION = {
    "n_samples": 3,
    "strategies": [
        {"input": COUNT, "strategy": {"type": "THRESHOLD", "threshold": 0, "operation": "BIGGER"}},
        {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}},
    ],
}
FOLDER = dg.AssetKey(["squares", "task_folder"])


def materialise(small: SmallProject, instance: dg.DagsterInstance) -> Any:
    definitions = build_definitions(small.config)
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey("selection")], raise_on_error=False
    )


def test_frames_are_selected_behind_an_open_gate(small: SmallProject, daemon: Daemon) -> None:
    small.write(worker_run=SETTINGS | {"selection_config": SELECTION})
    write_video(small.input / "a.mp4", positions(12))
    shut = materialise(small, daemon.instance)
    assert not shut.success and not (small.folder / "selection").exists()
    daemon.work()
    done = materialise(small, daemon.instance)
    assert done.success
    (event,) = done.get_asset_materialization_events()
    metadata = {name: value.value for name, value in event.materialization.metadata.items()}
    chosen = (small.folder / "selection/selected.txt").read_text().splitlines()
    assert metadata["selected"] == 3 and metadata["of"] == 12 and metadata["first"] == chosen
    # Every fifth frame has no square, so none of them is there.
    assert len(chosen) == 3 and not {"a-04-mp4.png", "a-09-mp4.png"} & set(chosen)
    assert "gate is open" in str(metadata["gate"])


def test_it_is_there_only_where_it_is_configured(small: SmallProject) -> None:
    assert not build_definitions(small.config).resolve_asset_graph().has(dg.AssetKey("selection"))


def labels(frames: int) -> dict[str, Any]:
    """Where the squares are; the last one that is seen has another label beside it."""
    images = [
        {"id": index, "file_name": f"a-{index}-mp4.png", "width": WIDTH, "height": HEIGHT}
        for index in range(frames)
    ]
    annotations = [
        {"image_id": index, "category_id": 0, "bbox": [place, 24, SIDE, SIDE]}
        for index, place in enumerate(positions(frames))
        if place is not None
    ]
    return {"images": images, "annotations": annotations, "categories": [{"id": 0, "name": "square"}]}


def judge(small: SmallProject, instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    definitions = build_definitions(small.config)
    job = definitions.resolve_implicit_global_asset_job_def()
    key = dg.AssetCheckKey(FOLDER, "evaluated")
    subset = job.get_subset(asset_selection=set(), asset_check_selection={key})
    result = subset.execute_in_process(instance=instance)
    (found,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "evaluated"]
    return found


def test_a_floor_that_is_reached_and_one_that_is_not(small: SmallProject, daemon: Daemon) -> None:
    (small.folder / "labels.json").write_text(json.dumps(labels(8)))
    write_video(small.input / "a.mp4", positions(8))
    settings = task("squares") | {"evaluate": {"labels": "labels.json", "floor": 0.9}}
    small.write(tasks=[settings])
    missing = judge(small, daemon.instance)
    assert not missing.passed and "tasks.json" in str(missing.description)
    daemon.work()
    found = judge(small, daemon.instance)
    assert found.passed and found.metadata["map"].value == pytest.approx(1)
    worse = labels(8)
    worse["annotations"] += [one | {"bbox": [0, 0, 9, 9]} for one in worse["annotations"]]
    (small.folder / "labels.json").write_text(json.dumps(worse))
    found = judge(small, daemon.instance)
    assert not found.passed and "floor 0.9" in str(found.description)
    assert found.metadata["recall"].value == pytest.approx(0.5)


def test_evaluate_says_what_is_allowed(small: SmallProject) -> None:
    small.write(tasks=[task("squares") | {"evaluate": {"labels": "labels.json", "floor": 7}}])
    with pytest.raises(ConfigError, match="floor"):
        load_project(small.config)


def test_labels_make_no_input_stale(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(8))
    daemon.work()
    small.write(tasks=[task("squares") | {"evaluate": {"labels": "labels.json", "floor": 0.5}}])
    assert daemon.work() == []
