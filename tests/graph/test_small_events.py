"""Stored events: smaller than Dagster's, read by Dagster as the same, and each of them once."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events.log import EventLogEntry
from dagster._serdes import deserialize_value, serialize_value
from dagster_shared.record import replace

from lightly_assets.graph.reporting import recording
from lightly_assets.graph.reporting.small_events import small
from tests.graph.test_chain import run_keys
from tests.projects import SmallProject, positions, write_video

KEYS = ["a.mp4", "b.mp4", "bad.mp4"]
OURS = {"module": "lightly_assets.graph.event_log", "class": "SqliteEventLog"}


@pytest.fixture
def videos(small: SmallProject) -> SmallProject:
    for key in KEYS[:2]:
        write_video(small.input / key, positions(3))
    (small.input / KEYS[2]).write_bytes(b"no video" * 99)
    return small


def ours(home: Path) -> Any:
    storage = OURS | {"config": {"base_dir": str(home / "history/runs")}}
    return dg.DagsterInstance.local_temp(str(home), {"event_log_storage": storage})


def stored(home: Path) -> list[str]:
    found: list[str] = []
    for path in (home / "history/runs").glob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            for table, column in (("event_logs", "event"), ("asset_check_executions", "evaluation_event")):
                found += (text for (text,) in connection.execute(f"SELECT {column} FROM {table}"))
    return found


def test_dagster_reads_the_same_events(
    videos: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_event_log_of", lambda _: None)  # Dagster's own rows
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert not run_keys(videos, instance, KEYS).success
    texts = stored(tmp_path)
    kinds = set()
    for text in texts:
        usual, found = deserialize_value(text, EventLogEntry), deserialize_value(small(text), EventLogEntry)
        event = usual.dagster_event
        assert found.message == usual.message
        if event is not None:
            kinds.add(event.event_type_value)
            event = event._replace(logging_tags={}, node_handle=None, step_handle=None)
            usual = usual._replace(dagster_event=event)
        assert found._replace(user_message="") == usual._replace(user_message="")
        if event is not None and event.event_type_value == "ASSET_CHECK_EVALUATION":
            short = deserialize_value(small(text, passed_in_short=True), EventLogEntry).dagster_event
            verdict = event.asset_check_evaluation_data
            expected = replace(verdict, metadata={}) if verdict.passed else verdict
            assert not verdict.passed or len(small(text)) < 0.75 * len(text)
            assert short is not None and short.asset_check_evaluation_data == expected
    assert {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "STEP_FAILURE", "PIPELINE_FAILURE"} <= kinds


def test_what_is_no_event_and_what_people_have_written_stays() -> None:
    plain = '{"a": null, "description": null}'
    assert small(plain) == plain
    event = dg.AssetMaterialization("a", metadata={"notes": {"pid": None, "deep": [{"step_key": None}]}})
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(event)
        record = instance.fetch_materializations(dg.AssetKey("a"), limit=1).records[0]
    text = serialize_value(record.event_log_entry)
    found = deserialize_value(small(text), EventLogEntry).asset_materialization
    assert found is not None and found.metadata == event.metadata


def kinds(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str, str]]:
    events = [one.dagster_event for one in instance.all_logs(run_id) if one.dagster_event]
    return sorted((one.event_type_value, str(one.partition)) for one in events)


def test_each_event_is_stored_once_and_a_run_can_be_read_and_watched(
    videos: SmallProject, tmp_path: Path
) -> None:
    read = []
    for name in ("dagsters", "ours"):
        home = tmp_path / name
        home.mkdir()
        with ours(home) if name == "ours" else dg.DagsterInstance.local_temp(str(home)) as instance:
            before = kinds_of_old = None
            if name == "ours":
                # A run from before has a database of its own, and keeps it.
                with dg.DagsterInstance.local_temp(str(home)) as theirs:
                    before = run_keys(videos, theirs, KEYS[:1]).run_id
                    kinds_of_old = kinds(theirs, before)
            result = run_keys(videos, instance, KEYS)
            read.append([one for one in kinds(instance, result.run_id) if one[0] != "ENGINE_EVENT"])
            if before is not None:
                assert kinds(instance, before) == kinds_of_old
                assert {path.stem for path in (home / "history/runs").glob("?*.db")} == {"index", before}
                seen = watched(instance, result.run_id)
                assert len(seen) == len(instance.all_logs(result.run_id))
                instance.delete_run(result.run_id)
                assert instance.all_logs(result.run_id) == []
                assert kinds(instance, before) == kinds_of_old
        for root in (videos.lightly, videos.state):
            root.rename(root.with_name(f"{root.name} of {name}"))
    assert read[0] == read[1] and len(read[0]) > 20


def watched(instance: dg.DagsterInstance, run_id: str) -> list[EventLogEntry]:
    """All events that somebody is told of who watches a run."""
    found: list[EventLogEntry] = []
    ended = threading.Event()

    def tell(entry: EventLogEntry, _: str) -> None:
        found.append(entry)
        if entry.dagster_event and entry.dagster_event.event_type_value == "PIPELINE_FAILURE":
            ended.set()

    instance.watch_event_logs(run_id, None, tell)
    assert ended.wait(20)
    time.sleep(0.1)
    instance.end_watch_event_logs(run_id, tell)
    return found
