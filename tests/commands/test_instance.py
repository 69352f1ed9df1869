"""Dagster's instance: the settings in the repository and those that a project gets are the same."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from alembic.config import Config
from alembic.script import ScriptDirectory

from lightly_assets.commands.project.instance import SETTINGS, read_migrations_once, use_instance
from lightly_assets.config import load_project
from lightly_assets.graph.event_log import SqliteEventLog
from tests.projects import SmallProject

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
