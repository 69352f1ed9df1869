"""What is gone is gone in Dagster too: partition, materialisations and verdicts."""

import os
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from lightly_assets.cli import app
from lightly_assets.graph.keys import PLAIN, Names
from tests.projects import SmallProject, positions, write_video


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
