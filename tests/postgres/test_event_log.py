"""Dagster's instance on a real PostgreSQL server, with our event log in it."""

import dagster as dg
import pytest

from lightly_assets.graph.postgres_event_log import PostgresEventLog
from tests.graph import test_event_log as histories


@pytest.mark.parametrize("seed", range(3))
def test_the_state_is_that_of_dagsters_own(instance: dg.DagsterInstance, seed: int) -> None:
    assert isinstance(instance.event_log_storage, PostgresEventLog)
    histories.agrees_all_along(instance, seed)


def test_only_partitions_with_news_are_read_again(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories.reads_only_news(instance, monkeypatch)
