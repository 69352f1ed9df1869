"""The day in the life of a project, with Dagster's webserver and daemon on a real PostgreSQL server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from lightly_assets.commands.project.instance import SETTINGS
from lightly_assets.graph.postgres_event_log import PostgresEventLog
from tests.day.conftest import Dagster
from tests.day.conftest import small as small
from tests.day.conftest import start as start
from tests.day.test_day import a_day
from tests.postgres.conftest import server, settings
from tests.projects import SmallProject


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An instance with the settings of a project's own, on a server of its own."""
    with server() as url:
        folder = tmp_path / "home"
        folder.mkdir()
        (folder / "dagster.yaml").write_text(
            yaml.safe_dump(yaml.safe_load(SETTINGS) | yaml.safe_load(settings(url)))
        )
        yield folder


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["video", "day"])
def test_a_day(
    small: SmallProject,
    start: Callable[[], Dagster],
    home: Path,
    mode: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_day(small, start, mode)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, PostgresEventLog)
        assert instance.get_runs_count() > 8 and not (small.state / "dagster").exists()
