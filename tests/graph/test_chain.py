"""The asset graph, run for real on an instance of its own."""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from lightly_assets.config import ConfigError, load_project
from lightly_assets.definitions import build_definitions
from lightly_assets.graph.keys import PLAIN
from lightly_assets.graph.partitions import add_partitions, inputs_by_partition, partitions_definition
from lightly_assets.pipeline.inputs.listing import scan_input
from lightly_assets.pipeline.session import Session
from lightly_assets.storage import open_store
from tests.projects import SmallProject, positions, task, write_image, write_video


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    small.write(tasks=[task("squares"), task("others", "square_model:find_other")])
    for name, frames in (("a", 5), ("b", 12), ("c", 3)):
        write_video(small.input / f"cam/{name}.mp4", positions(frames))
    write_image(small.input / "stills/x.png", 10)
    write_image(small.input / "stills/y.png", None)
    return small


def partitions(small: SmallProject) -> list[str]:
    project = load_project(small.config)
    return list(inputs_by_partition(scan_input(open_store(project.root("input")), project)))


def run_keys(small: SmallProject, instance: dg.DagsterInstance, keys: list[str]) -> Any:
    """A run of the whole chain that gets its partitions by configuration, as the command line does."""
    add_partitions(instance, keys)
    return (
        build_definitions(small.config)
        .resolve_job_def(PLAIN.predictions_job)
        .execute_in_process(
            instance=instance,
            run_config={"ops": {"chain": {"config": {"partitions": keys}}}},
            raise_on_error=False,
        )
    )


def run_range(
    small: SmallProject, instance: dg.DagsterInstance, first: str, last: str, assets: list[str] | None = None
) -> Any:
    """A run of a range of partitions, as a backfill does."""
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return (
        build_definitions(small.config)
        .resolve_job_def(PLAIN.predictions_job)
        .execute_in_process(
            instance=instance,
            tags=tags,
            raise_on_error=False,
            asset_selection=None if assets is None else [dg.AssetKey(one.split("/")) for one in assets],
        )
    )


def materialised(instance: dg.DagsterInstance, asset: str) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(asset.split("/"))))


def failed(instance: dg.DagsterInstance, asset: str) -> set[str]:
    """The partitions that the UI shows as failed."""
    definition = partitions_definition()
    value = get_and_update_asset_status_cache_value(
        instance, dg.AssetKey(asset.split("/")), definition, dynamic_partitions_loader=instance
    )
    assert value is not None
    return set(value.deserialize_failed_partition_subsets(definition).get_partition_keys())


ALL = {"cam/a.mp4", "cam/b.mp4", "cam/c.mp4", "stills/"}


def test_the_graph_is_that_of_the_design(small: SmallProject) -> None:
    graph = build_definitions(small.config).resolve_asset_graph()
    names = {key.to_user_string() for key in graph.get_all_asset_keys()}
    stages = ("predictions", "singletons", "task_folder")
    assert names == {
        "videos",
        "frames",
        "tasks_json",
        "report",
        *(f"{name}/{stage}" for name in ("squares", "others") for stage in stages),
    }
    parents = {
        key.to_user_string(): {one.to_user_string() for one in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents["frames"] == {"videos"}
    assert parents["squares/predictions"] == {"frames"}
    assert parents["squares/singletons"] == {"squares/predictions"}
    assert parents["tasks_json"] == {"squares/task_folder", "others/task_folder"}
    assert graph.get(dg.AssetKey("videos")).is_external
    checks = {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys}
    assert ("frames", "frame_count_matches") in checks and ("frames", "no_collisions") in checks
    assert ("squares/singletons", "singletons_valid") in checks
    assert ("squares/task_folder", "task_folder_complete") in checks
    assert ("tasks_json", "tasks_json_valid") in checks and ("tasks_json", "no_orphans") in checks


@pytest.mark.parametrize("kind", ["keys", "range"])
def test_one_run_makes_all_partitions(small: SmallProject, instance: dg.DagsterInstance, kind: str) -> None:
    keys = partitions(small)
    add_partitions(instance, keys)
    result = (
        run_keys(small, instance, keys) if kind == "keys" else run_range(small, instance, keys[0], keys[-1])
    )
    assert result.success
    for asset in ("frames", "squares/predictions", "others/singletons", "others/task_folder"):
        assert materialised(instance, asset) == ALL
    assert instance.get_latest_materialization_event(dg.AssetKey("tasks_json")) is not None
    verdicts = result.get_asset_check_evaluations()
    # Of 4 partitions: two checks on frames, four for each of two tasks; one more for each task as a whole,
    # and two on tasks_json.
    assert len(verdicts) == 4 * (2 + 4 * 2) + 2 + 2
    assert all(one.passed for one in verdicts)
    assert len([name for name in small.files() if name.startswith("squares/cam")]) == 20


def test_a_materialisation_tells_what_a_person_wants(
    small: SmallProject, instance: dg.DagsterInstance
) -> None:
    run_keys(small, instance, partitions(small))
    frames = _metadata(instance, "frames", "cam/b.mp4")
    assert (frames["frames"], frames["decoded"], frames["size"]) == (12, 12, "96×64")
    assert frames["frames_per_second"] > 0
    singletons = _metadata(instance, "squares/singletons", "cam/b.mp4")
    assert singletons["predictions"] == 10 and singletons["by_category"] == {"square": 10}
    assert singletons["preview"].startswith("![predictions](data:image/webp;base64,")
    assert len(singletons["preview"]) < 17_000
    folder = _metadata(instance, "squares/task_folder", "cam/b.mp4")
    written = sum(len(data) for name, data in small.files().items() if name.startswith("squares/cam/b-"))
    assert (folder["files"], folder["bytes"]) == (12, written)


def _metadata(instance: dg.DagsterInstance, asset: str, partition: str) -> dict[str, Any]:
    key = dg.AssetKey(asset.split("/"))
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(key, asset_partitions=[partition]), limit=1
    ).records
    event = records[0].asset_materialization
    assert event is not None
    return {name: value.value for name, value in event.metadata.items()}


@pytest.mark.parametrize("kind", ["keys", "range"])
def test_a_broken_input_fails_alone_and_shows_as_failed(
    small: SmallProject, instance: dg.DagsterInstance, kind: str
) -> None:
    video = small.input / "cam/b.mp4"
    video.write_bytes(video.read_bytes()[:900])
    keys = partitions(small)
    add_partitions(instance, keys)
    result = (
        run_keys(small, instance, keys) if kind == "keys" else run_range(small, instance, keys[0], keys[-1])
    )
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    text = failure.step_failure_data.user_failure_data.description
    assert "1 of 5 inputs failed" in text and "cam/b.mp4" in text and str(small.folder) not in text
    good = ALL - {"cam/b.mp4"}
    for asset in ("frames", "squares/predictions", "others/task_folder"):
        assert materialised(instance, asset) == good
        assert failed(instance, asset) == {"cam/b.mp4"}
    bad = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert {one.partition for one in bad} == {"cam/b.mp4"}
    assert {_examples(one)[0]["input"] for one in bad} == {"cam/b.mp4"}
    assert small.read("tasks.json") == ["squares", "others"]
    # Put right, it is green again.
    write_video(video, positions(12))
    assert run_keys(small, instance, ["cam/b.mp4"]).success
    assert failed(instance, "frames") == set()
    assert materialised(instance, "frames") == ALL


def _examples(one: dg.AssetCheckEvaluation) -> list[dict[str, Any]]:
    table = one.metadata["examples"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_every_verdict_says_how_much_it_is_about(small: SmallProject, instance: dg.DagsterInstance) -> None:
    result = run_keys(small, instance, partitions(small))
    found = {
        (one.asset_key.to_user_string(), one.check_name, one.partition): {
            name: value.value for name, value in one.metadata.items()
        }
        for one in result.get_asset_check_evaluations()
    }
    assert all(any(type(value) is int for value in metadata.values()) for metadata in found.values())
    assert not any("examples" in metadata for (_, name, _), metadata in found.items() if "class" not in name)
    about = found["squares/singletons", "singletons_valid", "cam/b.mp4"]
    assert about == {"inputs": 1, "failed": 0, "frames": 12, "predictions": 10}
    about = found["others/task_folder", "task_folder_complete", "stills/"]
    written = [data for name, data in small.files().items() if name.startswith("others/stills/")]
    assert about == {"inputs": 2, "failed": 0, "files": 2, "bytes": sum(map(len, written))}
    # Files of an input that is gone are named.
    (small.input / "cam/c.mp4").unlink()
    (small.input / "stills/x.png").unlink()
    verdicts = run_keys(small, instance, ["cam/a.mp4"]).get_asset_check_evaluations()
    (orphans,) = [one for one in verdicts if one.check_name == "no_orphans"]
    assert orphans.metadata["files"].value == 2 * (3 + 1)
    assert {"task": "others", "file": ".lightly/predictions/others/stills/x.json"} in _examples(orphans)


def test_damage_that_was_kept_is_warned_about(small: SmallProject, instance: dg.DagsterInstance) -> None:
    video = write_video(small.input / "cam/b.mp4", positions(40), codec="mpeg4")
    whole = video.read_bytes()
    middle = len(whole) // 2
    video.write_bytes(whole[:middle] + bytes(60) + whole[middle + 60 :])
    small.write(on_damage="keep")
    result = run_keys(small, instance, ["cam/b.mp4"])
    assert result.success
    (warned,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert warned.check_name == "frame_count_matches" and warned.severity == dg.AssetCheckSeverity.WARN
    assert "is damaged" in str(warned.description)
    assert warned.metadata["damaged"].value == 1
    assert _examples(warned)[0]["input"] == "cam/b.mp4" and _examples(warned)[0]["damage"]
    assert "cam/b.mp4" in _metadata(instance, "frames", "cam/b.mp4")["damage"]


def test_one_image_costs_its_folder_the_verdict_but_not_the_files(
    small: SmallProject, instance: dg.DagsterInstance
) -> None:
    (small.input / "stills/z.png").write_bytes(b"nothing")
    assert not run_keys(small, instance, partitions(small)).success
    assert failed(instance, "squares/task_folder") == {"stills/"}
    assert {"squares/stills/x.json", "squares/stills/y.json"} <= small.files().keys()


def test_an_asset_alone_works_with_what_is_stored(small: SmallProject, instance: dg.DagsterInstance) -> None:
    keys = partitions(small)
    add_partitions(instance, keys)
    first, last = keys[0], keys[-1]
    assert run_range(small, instance, first, last, ["frames"]).success
    assert small.calls() == [] and materialised(instance, "frames") == ALL
    assert run_range(small, instance, first, first, ["squares/predictions"]).success
    assert small.images_seen() == 5
    assert materialised(instance, "squares/predictions") == {first}
    assert run_range(small, instance, first, first, ["squares/singletons"]).success
    assert small.files() == {} and small.calls() == []
    assert run_range(small, instance, first, first, ["squares/task_folder"]).success
    assert len(small.files()) == 5 + 2
    assert small.calls() == []


def test_what_is_up_to_date_is_recorded_and_not_done(
    small: SmallProject, instance: dg.DagsterInstance
) -> None:
    keys = partitions(small)
    run_keys(small, instance, keys)
    small.calls()
    before = small.files()
    versions = {key: _version(instance, "squares/task_folder", key) for key in keys}
    assert run_range(small, instance, keys[0], keys[-1]).success
    assert small.calls() == [] and small.files() == before
    assert {key: _version(instance, "squares/task_folder", key) for key in keys} == versions
    write_video(small.input / "cam/a.mp4", positions(7))
    run_keys(small, instance, ["cam/a.mp4"])
    assert _version(instance, "squares/task_folder", "cam/a.mp4") != versions["cam/a.mp4"]


def _version(instance: dg.DagsterInstance, asset: str, partition: str) -> str:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(asset.split("/")), asset_partitions=[partition]), limit=1
    ).records
    event = records[0].asset_materialization
    assert event is not None and event.tags is not None
    return event.tags["dagster/data_version"]


def test_names_that_dagster_cannot_tell_apart_are_refused(small: SmallProject) -> None:
    small.write(tasks=[task("a-b"), task("a.b")])
    with pytest.raises(ConfigError, match=r"'a-b' and 'a\.b' differ only in"):
        build_definitions(small.config)


def test_task_names_with_dots_and_dashes_work(small: SmallProject, instance: dg.DagsterInstance) -> None:
    small.write(tasks=[task("a-b.c")])
    assert run_keys(small, instance, ["cam/a.mp4"]).success
    assert materialised(instance, "a-b.c/task_folder") == {"cam/a.mp4"}


def test_a_run_that_cannot_begin_says_why(small: SmallProject, instance: dg.DagsterInstance) -> None:
    definitions = build_definitions(small.config)
    (small.folder / "square_model.py").write_text("import nothing_of_that_name\n")
    add_partitions(instance, ["cam/a.mp4"])
    result = definitions.resolve_job_def(PLAIN.predictions_job).execute_in_process(
        instance=instance,
        run_config={"ops": {"chain": {"config": {"partitions": ["cam/a.mp4"]}}}},
        raise_on_error=False,
    )
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    text = failure.step_failure_data.user_failure_data.description
    assert "squares" in text and "nothing_of_that_name" in text


def test_the_environment_names_the_project(small: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    from lightly_assets.definitions import defs

    monkeypatch.setenv("LIGHTLY_ASSETS_CONFIG", os.fspath(small.config))
    loaded = defs()
    assert isinstance(loaded, dg.Definitions)
    with Session(load_project(small.config)) as session:
        assert list(session.setups) == ["squares", "others"]
