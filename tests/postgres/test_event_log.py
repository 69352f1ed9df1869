"""Dagster's instance on a real PostgreSQL server, with our event log in it."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from lightly_assets.graph.postgres_event_log import PostgresEventLog
from tests.graph import test_event_log as histories

STORAGES = {
    "run_storage": ("dagster_postgres.run_storage", "PostgresRunStorage"),
    "schedule_storage": ("dagster_postgres.schedule_storage", "PostgresScheduleStorage"),
    "event_log_storage": ("lightly_assets.graph.postgres_event_log", "PostgresEventLog"),
}


@pytest.fixture
def instance(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    settings: dict[str, object] = {"telemetry": {"enabled": False}}
    for name, (module, kind) in STORAGES.items():
        settings[name] = {"module": module, "class": kind, "config": {"postgres_url": postgres_url}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.get() as instance:
        yield instance
        instance.event_log_storage.wipe()
        instance.run_storage.wipe()


@pytest.mark.parametrize("seed", range(3))
def test_the_state_is_that_of_dagsters_own(instance: dg.DagsterInstance, seed: int) -> None:
    assert isinstance(instance.event_log_storage, PostgresEventLog)
    histories.agrees_all_along(instance, seed)


def test_only_partitions_with_news_are_read_again(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories.reads_only_news(instance, monkeypatch)
