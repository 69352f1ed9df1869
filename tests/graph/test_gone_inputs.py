"""What is gone is gone in Dagster too: partition, materialisations and verdicts."""

import os
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import AssetPartitionStatus
from typer.testing import CliRunner

from lightly_assets.cli import app
from lightly_assets.graph.keys import PLAIN, Names
from lightly_assets.graph.partitions import partitions_definition
from lightly_assets.pipeline.planning.plan import TASK_STAGES
from tests.projects import SmallProject, positions, write_image, write_video


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "")  # so that it is as before after the test
    small = SmallProject(tmp_path)
    write_video(small.input / "a.mp4", positions(5))
    (small.input / "b.mp4").write_bytes(b"no video")
    return small


def invoke(small: SmallProject, command: str) -> int:
    os.environ.pop("DAGSTER_HOME", None)  # the command before has set it
    return CliRunner().invoke(app, [command, "-c", str(small.config)]).exit_code


def verdicts(instance: dg.DagsterInstance, partition: str) -> int:
    key = dg.AssetCheckKey(PLAIN.frames, "frame_count_matches")
    found = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    return sum(one.partition == partition for one in found)


def failed(instance: dg.DagsterInstance, partitions: list[str]) -> set[str]:
    """The partitions that Dagster shows as failed, of any asset of the chain."""
    assets = [PLAIN.frames, *(PLAIN.stage("squares", stage) for stage in TASK_STAGES)]
    return {
        partition
        for asset in assets
        for partition, status in instance.get_status_by_partition(
            asset, partitions, partitions_definition()
        ).items()
        if status == AssetPartitionStatus.FAILED
    }


def last_verdict(instance: dg.DagsterInstance, partition: str) -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(PLAIN.frames, "frame_count_matches")
    found = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    evaluation = next(one for one in found if one.partition == partition).evaluation
    assert evaluation is not None
    return evaluation


@pytest.mark.parametrize("command", ["run", "gc"])
def test_an_input_that_failed_and_was_removed(small: SmallProject, command: str) -> None:
    assert invoke(small, "run") == 1
    with dg.DagsterInstance.from_config(str(small.state / "dagster")) as instance:
        assert set(instance.get_dynamic_partitions(PLAIN.partitions)) == {"a.mp4", "b.mp4"}
        assert verdicts(instance, "b.mp4") == 1
    (small.input / "b.mp4").unlink()
    assert invoke(small, command) == 0
    with dg.DagsterInstance.from_config(str(small.state / "dagster")) as instance:
        assert instance.get_dynamic_partitions(PLAIN.partitions) == ["a.mp4"]
        assert (verdicts(instance, "a.mp4"), verdicts(instance, "b.mp4")) == (1, 0)
    # It comes back, as a video this time.
    write_video(small.input / "b.mp4", positions(3))
    assert invoke(small, "run") == 0
    with dg.DagsterInstance.from_config(str(small.state / "dagster")) as instance:
        assert verdicts(instance, "b.mp4") == 1


@pytest.mark.parametrize("command", ["run", "gc"])
@pytest.mark.parametrize("partitions", ["video", "day"])
def test_an_image_that_failed_and_was_removed_from_its_folder(
    small: SmallProject, command: str, partitions: str
) -> None:
    """The other images of its partition are in order, and so is the partition then."""
    for path in small.input.iterdir():
        path.unlink()
    small.write(partitions=partitions)
    for name in ("cam/1.png", "cam/3.png", "other/1.png"):
        write_image(small.input / name, 3)
    (small.input / "cam/2.png").write_bytes(b"no image")
    (small.input / "other/2.png").write_bytes(b"no image")
    assert invoke(small, "run") == 1
    (small.input / "cam/2.png").unlink()
    stays_failed = {"other/"} if partitions == "video" else set()
    if partitions == "day":
        (small.input / "other/2.png").unlink()
    with dg.DagsterInstance.from_config(str(small.state / "dagster")) as instance:
        (shared, *_) = names = instance.get_dynamic_partitions(PLAIN.partitions)
        assert failed(instance, names) == set(names)
    assert invoke(small, command) == (1 if command == "run" and stays_failed else 0)
    with dg.DagsterInstance.from_config(str(small.state / "dagster")) as instance:
        assert instance.get_dynamic_partitions(PLAIN.partitions) == names
        assert failed(instance, names) == stays_failed
        assert last_verdict(instance, shared).passed
        counted = last_verdict(instance, shared).metadata
        assert counted["inputs"].value == (2 if partitions == "video" else 3)


def test_a_partition_with_another_failure_says_that_one_alone(small: SmallProject) -> None:
    write_image(small.input / "1.png", 3)
    for name in ("2.png", "3.png"):
        (small.input / name).write_bytes(b"no image")
    assert invoke(small, "run") == 1
    (small.input / "2.png").unlink()
    assert invoke(small, "gc") == 0
    with dg.DagsterInstance.from_config(str(small.state / "dagster")) as instance:
        assert failed(instance, ["./"]) == {"./"}
        verdict = last_verdict(instance, "./")
        assert not verdict.passed
        assert "'3.png'" in str(verdict.description) and "'2.png'" not in str(verdict.description)


def test_a_key_that_comes_back_starts_anew(small: SmallProject) -> None:
    (small.input / "b.mp4").unlink()
    write_video(small.input / "c.mp4", positions(4))
    assert invoke(small, "run") == 0
    (small.input / "c.mp4").unlink()
    assert invoke(small, "gc") == 0
    with dg.DagsterInstance.from_config(str(small.state / "dagster")) as instance:
        assert instance.get_dynamic_partitions(PLAIN.partitions) == ["a.mp4"]
        assert instance.get_materialized_partitions(PLAIN.frames) == {"a.mp4"}
        instance.add_dynamic_partitions(PLAIN.partitions, ["c.mp4"])
        assert instance.get_materialized_partitions(PLAIN.frames) == {"a.mp4"}


def test_an_input_that_is_empty_forgets_nothing(small: SmallProject) -> None:
    assert invoke(small, "run") == 1
    for path in small.input.iterdir():
        path.unlink()
    invoke(small, "run")
    with dg.DagsterInstance.from_config(str(small.state / "dagster")) as instance:
        assert set(instance.get_dynamic_partitions(PLAIN.partitions)) == {"a.mp4", "b.mp4"}


def test_another_project_keeps_what_it_has_of_a_partition_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(
        "event_log_storage: {module: lightly_assets.graph.event_log, class: SqliteEventLog, config: {}}\n"
    )
    front, rear, others = Names("front").frames, Names("rear").frames, dg.AssetKey("weather")
    with dg.DagsterInstance.get() as instance:
        for names in (Names("front"), Names("rear")):
            instance.add_dynamic_partitions(names.partitions, ["a.mp4"])
        for asset in (front, rear, others, PLAIN.frames):
            instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition="a.mp4"))
        instance.delete_dynamic_partition(Names("front").partitions, "a.mp4")
        left = {
            asset.to_user_string()
            for asset in (front, rear, others, PLAIN.frames)
            if instance.get_materialized_partitions(asset)
        }
    assert left == {"rear/frames", "weather", "frames"}
