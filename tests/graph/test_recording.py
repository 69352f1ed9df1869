"""Events are recorded together: the same rows as Dagster's own, in far fewer transactions."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, event, text

from lightly_assets.graph.reporting import recording
from lightly_assets.graph.reporting.recording import Recording
from tests.graph.test_chain import run_keys
from tests.projects import SmallProject, positions, write_video

KEYS = [f"{number}.mp4" for number in range(12)]


@pytest.fixture
def videos(small: SmallProject) -> SmallProject:
    for key in KEYS:
        write_video(small.input / key, positions(3))
    (small.input / KEYS[5]).write_bytes(b"no video" * 99)
    return small


@contextmanager
def counted() -> Iterator[list[int]]:
    commits: list[int] = []
    note: Any = lambda connection: commits.append(1)  # noqa: E731
    event.listen(Engine, "commit", note)
    try:
        yield commits
    finally:
        event.remove(Engine, "commit", note)


def rows(instance: dg.DagsterInstance) -> Counter[tuple[str, ...]]:
    """What the index knows, without what differs from run to run."""
    found: Counter[tuple[str, ...]] = Counter()
    queries = (
        "SELECT dagster_event_type, asset_key, partition FROM event_logs WHERE asset_key IS NOT NULL "
        "OR dagster_event_type = 'ASSET_CHECK_EVALUATION'",
        # Which of several inputs is the last to be published differs, too.
        "SELECT made.asset_key, CASE WHEN one.partition IS NULL THEN NULL ELSE made.partition END, "
        "made.dagster_event_type, one.asset_key, check_name, "
        "one.partition, execution_status FROM asset_check_executions one "
        "LEFT JOIN event_logs made ON made.id = materialization_event_storage_id",
        "SELECT asset_key, key FROM asset_event_tags",
        "SELECT asset_key FROM asset_keys",
    )
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        for query in queries:
            found.update(tuple(map(str, row)) for row in connection.execute(text(query)))
    return found


def test_the_rows_are_those_of_dagster_in_fewer_transactions(
    videos: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, commits = [], []
    for name in ("together", "alone"):
        if name == "alone":
            monkeypatch.setattr(recording.SqliteEventLog, "of", lambda _: None)
        home = tmp_path / name
        home.mkdir()
        with dg.DagsterInstance.local_temp(str(home)) as instance:
            before = instance.event_log_storage._connect  # type: ignore[attr-defined]
            with counted() as some:
                assert not run_keys(videos, instance, KEYS).success
            assert instance.event_log_storage._connect == before  # type: ignore[attr-defined]
            made.append(rows(instance))
            commits.append(len(some))
        for root in (videos.lightly, videos.state):
            root.rename(root.with_name(f"{root.name} of {name}"))
    assert made[0] == made[1]
    assert commits[0] * 3 < commits[1]


def test_pictures_are_stored_once_and_the_run_can_be_read(videos: SmallProject, tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        result = run_keys(videos, instance, KEYS[:2])
        shown = instance.fetch_materializations(dg.AssetKey(["squares", "singletons"]), limit=9).records
        previews = [one.asset_materialization.metadata["preview"].value for one in shown]
        assert len(previews) == 2 and all("data:image/webp;base64," in str(one) for one in previews)
        base = Path(instance.event_log_storage._base_dir)  # type: ignore[attr-defined]
        with closing(sqlite3.connect(base / f"{result.run_id}.db")) as connection:
            events = [one for (one,) in connection.execute("SELECT event FROM event_logs")]
        assert not any("base64" in one for one in events)
        told = [one.dagster_event for one in instance.all_logs(result.run_id) if one.dagster_event]
        made = [one.materialization for one in told if one.is_step_materialization]
        texts = [str(one.metadata["preview"].value) for one in made if "preview" in one.metadata]
        assert texts == ["The asset's own page shows the picture."] * 2


def test_what_was_yielded_before_an_error_stays_and_others_may_write_between(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:

        def report(name: str) -> None:
            instance.report_runless_asset_event(dg.AssetMaterialization(name))

        with pytest.raises(ValueError, match="stop"), Recording(instance) as one:
            with one.together():
                report("a")
                report("b")
            other = Thread(target=report, args=("c",))
            other.start()
            other.join()
            report("d")
            with one.together():
                report("e")
                raise ValueError("stop")
        assert sorted(key.to_user_string() for key in instance.all_asset_keys()) == ["a", "b", "c", "d", "e"]


def test_other_event_logs_are_left_alone() -> None:
    with dg.DagsterInstance.ephemeral() as instance, Recording(instance) as one:
        with one.together():
            instance.report_runless_asset_event(dg.AssetMaterialization("a"))
        assert instance.all_asset_keys() == [dg.AssetKey("a")]
