"""What is used of Dagster's private names: all of them are listed, there, and can be done without."""

import ast
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

import lightly_assets
from lightly_assets.config import load_project
from lightly_assets.definitions import build_definitions
from lightly_assets.graph import dagster_private
from lightly_assets.graph.dagster_private import NAMES, SqliteEventLog, check_names, run_here
from lightly_assets.graph.keys import PLAIN
from tests.graph.test_chain import run_keys
from tests.graph.test_event_log import _shape as shape
from tests.graph.test_recording import rows
from tests.projects import SmallProject, positions, write_video

ROOT = Path(lightly_assets.__file__).parent
HERE = Path(dagster_private.__file__)
LISTED = {
    "SqliteEventLogStorage",
    "SqliteEventLogStorage._connect",
    "SqliteEventLogStorage.has_table",
    "SqliteEventLogStorage._has_asset_key_index_cols_on_connection",
    "SqliteEventLogStorage.has_asset_key_index_cols",
    "SqliteEventLogStorage._store_asset_event",
    "SqliteEventLogStorage.conn_string_for_shard",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "AssetMaterializationPlannedData",
    "AssetCheckEvaluationTargetMaterializationData",
    "StepExecutionContext",
    "StepExecutionContext.has_asset_partitions_for_input",
    "SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION",
    "InMemoryJob",
    "execute_run_iterator",
    "SerializableEntitySubset",
    "AssetCheckExecutionRecordStatus",
    "AssetCheckExecutionResolvedStatus",
    "AssetCheckPartitionInfo",
    "AssetCheckState",
    "FINISHED_STATUSES",
    "AssetCheckExecutionsTable",
    "SqlEventLogStorageTable",
    "SqlEventLogStorage",
    "SqlEventLogStorage.get_asset_check_state",
    "SqlEventLogStorage.get_asset_check_partition_info",
    "SqlEventLogStorage.get_latest_storage_id_by_partition",
    "SqlEventLogStorage._get_latest_unpartitioned_materialization_storage_ids",
    "SqlEventLogStorage.index_connection",
    "SqlEventLogStorage.index_transaction",
    "AssetEventTagsTable",
    "DynamicPartitionsTable",
    "SqlEventLogStorage._instance",
    "SqlEventLogStorage.store_event",
    "SqlEventLogStorage.get_event_records",
    "SqliteEventLogStorage.run_connection",
    "SqliteEventLogStorage.path_for_shard",
    "SqliteEventLogStorage.watch",
    "SqliteEventLogStorage.end_watch",
    "SqlPollingEventWatcher",
    "ConfigurableClassData",
}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    dagster_private._found.cache_clear()
    yield
    dagster_private._found.cache_clear()


@pytest.fixture
def videos(small: SmallProject) -> SmallProject:
    for key in ("a.mp4", "b.mp4"):
        write_video(small.input / key, positions(3))
    (small.input / "bad.mp4").write_bytes(b"no video" * 99)
    return small


def take_away(monkeypatch: pytest.MonkeyPatch, *gone: str, changed: bool = False) -> None:
    """As a release of Dagster that has not these names any more, or other parameters."""

    def other(one: dagster_private.PrivateName) -> dagster_private.PrivateName:
        if one.name not in gone:
            return one
        can_change = changed and one.parameters is not None
        return replace(one, parameters=("another",)) if can_change else replace(one, module="dagster._gone")

    monkeypatch.setattr(dagster_private, "NAMES", tuple(other(one) for one in NAMES))
    dagster_private._found.cache_clear()


def test_every_name_is_listed_with_a_reason_and_is_there() -> None:
    assert {one.name for one in NAMES} == LISTED
    assert all(one.reason and one.without for one in NAMES)
    assert check_names() == []


def private_names(path: Path) -> Iterator[str]:
    """Modules of Dagster that are private, and private attributes of anything but oneself."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dagster"):
            private = [alias.name for alias in node.names if alias.name.startswith("_")]
            yield from private
            if "._" in f"{node.module}.":
                yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("dagster._"))
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and node.attr[1:2] != "_":
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                owner = ast.unparse(node.value)
                if not owner.startswith("self._") or "storage" in owner or "instance" in owner:
                    yield f"{owner}.{node.attr}"
        elif isinstance(node, ast.Constant) and str(node.value).startswith("dagster._"):
            yield str(node.value)


def test_no_other_module_touches_private_names() -> None:
    graph = [ROOT / "definitions.py", ROOT / "component.py", *(ROOT / "graph").rglob("*.py")]
    found = {path.name: names for path in graph if (names := sorted(private_names(path))) and path != HERE}
    assert found == {}
    for path in (one for one in ROOT.rglob("*.py") if one != HERE):
        assert "dagster._" not in path.read_text(), path


def test_here_nothing_private_is_used_that_is_not_listed() -> None:
    listed = {part for one in NAMES for part in one.name.split(".")}
    modules = {one.module for one in NAMES}
    for name in private_names(HERE):
        assert name in modules or name == "dagster._" or name.rpartition(".")[2] in listed, name
    replaced = {
        str(key.value)
        for node in ast.walk(ast.parse(HERE.read_text()))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    assert replaced - {"timeout"} <= listed and len(replaced) == 5


@pytest.mark.parametrize("changed", [False, True], ids=["gone", "changed"])
def test_without_them_the_same_is_recorded(
    videos: SmallProject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    changed: bool,
) -> None:
    made = []
    recording = [one.name for one in NAMES if one.without.startswith("events are recorded")]
    for name in ("with", "without"):
        if name == "without":
            take_away(monkeypatch, *recording, changed=changed)
        home = tmp_path / name
        home.mkdir()
        with dg.DagsterInstance.local_temp(str(home)) as instance:
            assert (SqliteEventLog.of(instance) is None) == (name == "without")
            assert not run_keys(videos, instance, ["a.mp4", "b.mp4", "bad.mp4"]).success
            made.append(rows(instance))
        for root in (videos.lightly, videos.state):
            root.rename(root.with_name(f"{root.name} of {name}"))
    assert made[0] == made[1]
    assert [one for one in caplog.messages if "_connect" in one and "one by one" in one]


def test_a_run_in_this_process_does_without_them(
    videos: SmallProject, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.add_dynamic_partitions("lightly_inputs", ["a.mp4", "b.mp4"])
    config = {"ops": {"chain": {"config": {"partitions": ["a.mp4", "b.mp4"], "inputs": []}}}}

    def events() -> list[tuple[str, str]]:
        job = build_definitions(load_project(videos.config)).resolve_job_def(PLAIN.predictions_job)
        found = run_here(job, instance, run_config=config, tags={"a": "b"})
        return [(one.event_type_value, str(one.asset_key)) for one in found if one.asset_key]

    usual = events()
    take_away(monkeypatch, *LISTED)
    assert len(check_names()) == len(NAMES)
    assert sorted(events()) == sorted(usual) and len(usual) == 9
    assert {run.tags["a"] for run in instance.get_runs()} == {"b"}


def test_what_others_report_on_the_videos_stops_no_run_without_them(
    videos: SmallProject, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_away(monkeypatch, "StepExecutionContext.has_asset_partitions_for_input")
    instance.report_runless_asset_event(dg.AssetMaterialization("videos", partition="a.mp4"))
    assert run_keys(videos, instance, ["a.mp4"]).success
    graph = build_definitions(videos.config).resolve_asset_graph()
    assert [graph.get(dg.AssetKey(key)).is_partitioned for key in ("videos", "frames")] == [False, True]


def test_the_event_log_for_many_partitions_does_without_them(
    videos: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = {"module": "lightly_assets.graph.event_log", "class": "SqliteEventLog", "config": {}}
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.local_temp(str(tmp_path), {"event_log_storage": storage}) as instance:
        run_keys(videos, instance, ["a.mp4", "bad.mp4"])
        partitions = dg.DynamicPartitionsDefinition(name="lightly_inputs")
        check = dg.AssetCheckKey(dg.AssetKey("frames"), "frame_count_matches")
        with partition_loading_context(dynamic_partitions_store=instance):
            usual = instance.event_log_storage.get_asset_check_state([(check, partitions)])[check]
            take_away(monkeypatch, *(one.name for one in NAMES if one.without.startswith("pages of the UI")))
            theirs = instance.event_log_storage.get_asset_check_state([(check, partitions)])[check]
    assert shape(theirs) == shape(usual) and "a.mp4" in str(shape(usual))


def test_all_that_is_gone_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    take_away(monkeypatch, "AssetMaterializationPlannedData")
    with caplog.at_level(logging.WARNING):
        gone: Any = [check_names(), check_names()]
    assert [one.name for one in gone[1]] == ["AssetMaterializationPlannedData"]
    assert len([text for text in caplog.messages if "AssetMaterializationPlannedData" in text]) == 1
