"""Dagster's instance: the settings in the repository and those that a project gets are the same."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from alembic.config import Config
from alembic.script import ScriptDirectory

from lightly_assets.commands.project.instance import SETTINGS, read_migrations_once, use_instance
from lightly_assets.config import load_project
from lightly_assets.graph.event_log import SqliteEventLog
from tests.pipeline.buckets import BucketProject, use
from tests.projects import SmallProject, positions, write_video
from tests.storage.servers import seaweedfs

ROOT = Path(__file__).parents[2]


def test_both_settings_say_the_same() -> None:
    assert yaml.safe_load(SETTINGS) == yaml.safe_load((ROOT / "dagster.yaml").read_text())


def test_telemetry_is_off_and_dead_runs_are_noticed() -> None:
    settings = yaml.safe_load(SETTINGS)
    assert settings["telemetry"] == {"enabled": False}
    assert (
        settings["run_monitoring"]["enabled"] and settings["concurrency"]["runs"]["max_concurrent_runs"] == 1
    )


def test_events_are_found_again_where_a_project_has_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    small = SmallProject(tmp_path / "project")
    small.write()
    first = use_instance(load_project(small.config))
    with dg.DagsterInstance.from_config(str(first)) as instance:
        assert isinstance(instance.event_log_storage, SqliteEventLog)
        instance.add_dynamic_partitions("inputs", ["a.mp4"])
    moved = tmp_path / "moved: to 'elsewhere'"
    (tmp_path / "project").rename(moved)
    monkeypatch.setenv("DAGSTER_HOME", "")
    second = use_instance(load_project(moved / small.config.name))
    assert second != first
    with dg.DagsterInstance.from_config(str(second)) as instance:
        assert instance.get_dynamic_partitions("inputs") == ["a.mp4"]


def test_migrations_are_read_once_and_the_newest_is_the_same() -> None:
    config = Config()
    config.set_main_option("script_location", "dagster:_core/storage/alembic")
    read_migrations_once()
    read_migrations_once()
    once = ScriptDirectory.from_config(config)
    assert ScriptDirectory.from_config(config) is once
    assert once.as_revision_number("head") == ScriptDirectory(once.dir).as_revision_number("head")


def logs_of(small: SmallProject, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any] | None:
    """What the project's own instance says of logs now."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    home = use_instance(load_project(small.config))
    found = yaml.safe_load((home / "dagster.yaml").read_text())
    assert found["event_log_storage"]["class"] == "SqliteEventLog"
    logs: dict[str, Any] | None = found.get("compute_logs")
    return logs


def test_logs_lie_beside_a_state_in_s3_unless_they_are_not_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-central-2")
    small = SmallProject(tmp_path / "project")
    here = small.settings["datasource"]
    assert logs_of(small, monkeypatch) is None
    small.write(datasource=here | {"state": "s3://bucket/a b/state/"})
    found = logs_of(small, monkeypatch)
    assert found is not None and found["class"] == "S3ComputeLogManager"
    assert found["config"]["bucket"] == "bucket" and found["config"]["prefix"] == "a b/state/dagster"
    assert found["config"]["region"] == os.environ["AWS_DEFAULT_REGION"] == "eu-central-2"
    assert "endpoint_url" not in found["config"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    small.write(storage={"server_side_encryption": "AES256"})
    found = logs_of(small, monkeypatch)
    assert found is not None and found["config"]["endpoint_url"] == "http://127.0.0.1:1"
    assert found["config"]["upload_extra_args"] == {"ServerSideEncryption": "AES256"}
    # What boto3 cannot be told.
    small.write(storage={"profile": "other"})
    assert logs_of(small, monkeypatch) is None
    small.write(storage={}, dagster={"logs": "local"})
    assert logs_of(small, monkeypatch) is None
    # Somebody's own settings stay.
    settings = tmp_path / "project/.lightly_assets/dagster/dagster.yaml"
    mine = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    settings.write_text(settings.read_text() + yaml.safe_dump({"compute_logs": mine}))
    small.write(dagster={})
    assert logs_of(small, monkeypatch) == mine


def test_another_machine_reads_the_log_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "server").mkdir()
    with seaweedfs(tmp_path / "server") as server:
        use(server, tmp_path / "cache", monkeypatch)
        small = BucketProject(tmp_path / "project")
        (small.folder / "square_model.py").write_text(
            "def find(images):\n    print('said by the model', flush=True)\n    return [[] for _ in images]\n"
        )
        write_video(small.input / "a.mp4", positions(3))
        small.send()
        environment = {name: text for name, text in os.environ.items() if name != "DAGSTER_HOME"}
        program = "from lightly_assets.cli import main; main()"
        subprocess.run(
            [sys.executable, "-c", program, "run", "--json", "-c", str(small.config)],
            check=True, env=environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        monkeypatch.setenv("DAGSTER_HOME", "")
        home = use_instance(load_project(small.config))
        shutil.rmtree(home / "storage")  # of the machine that worked
        with dg.DagsterInstance.from_config(str(home)) as instance:
            (run,) = instance.get_runs()
            (captured,) = instance.get_records_for_run(
                run.run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED
            ).records
            event = captured.event_log_entry.dagster_event
            assert event is not None
            key = [run.run_id, "compute_logs", event.logs_captured_data.file_key]
            data = instance.compute_log_manager.get_log_data(key)
            assert b"said by the model" in (data.stdout or b"") + (data.stderr or b"")
