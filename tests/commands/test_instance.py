"""Dagster's instance: the settings in the repository and those that a project gets are the same."""

from pathlib import Path

import yaml

from lightly_assets.commands.project.instance import SETTINGS

ROOT = Path(__file__).parents[2]


def test_both_settings_say_the_same() -> None:
    assert yaml.safe_load(SETTINGS) == yaml.safe_load((ROOT / "dagster.yaml").read_text())


def test_telemetry_is_off_and_dead_runs_are_noticed() -> None:
    settings = yaml.safe_load(SETTINGS)
    assert settings["telemetry"] == {"enabled": False}
    assert (
        settings["run_monitoring"]["enabled"] and settings["concurrency"]["runs"]["max_concurrent_runs"] == 1
    )
