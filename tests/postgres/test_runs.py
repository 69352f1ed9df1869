"""Runs on PostgreSQL: the rows are those of Dagster's own, in few transactions, also of many runs at once."""

import os
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from lightly_assets.graph.reporting import recording
from tests.graph.test_chain import run_keys
from tests.graph.test_recording import counted, rows
from tests.graph.test_retention import forgets
from tests.projects import SmallProject, positions, write_image, write_video

KEYS = [f"{number}.mp4" for number in range(8)]
ONE_RUN = """
import dagster as dg, sys
from pathlib import Path
from tests.graph.test_chain import run_keys
from tests.projects import SmallProject
with dg.DagsterInstance.get() as instance:
    assert run_keys(SmallProject.at(Path(sys.argv[1])), instance, sys.argv[2:]).success
"""


def project(folder: Path) -> SmallProject:
    small = SmallProject(folder)
    for key in KEYS:
        write_video(small.input / key, positions(3))
    return small


def test_the_rows_are_those_of_dagster_in_fewer_transactions(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, commits = [], []
    for name in ("together", "alone"):
        small = project(tmp_path / name)
        (small.input / KEYS[5]).write_bytes(b"no video" * 99)
        if name == "alone":
            monkeypatch.setattr(recording, "_event_log_of", lambda _: None)
        with counted() as some:
            result = run_keys(small, instance, KEYS)
        assert not result.success and not vars(instance.event_log_storage).get("_connect")
        made.append(rows(instance))
        commits.append(len(some))
        pictures = [
            one.asset_materialization.metadata["preview"]
            for one in instance.fetch_materializations(
                dg.AssetKey(["squares", "singletons"]), limit=9
            ).records
        ]
        assert len(pictures) == len(KEYS) - 1
        last = instance.all_logs(result.run_id)[-1].dagster_event
        assert last is not None and last.event_type is dg.DagsterEventType.RUN_FAILURE
        instance.event_log_storage.wipe()
        instance.run_storage.wipe()
    assert made[0] == made[1]
    assert commits[0] < len(KEYS) * 3 + 60


def test_a_connection_that_the_server_has_closed_is_opened_again(instance: dg.DagsterInstance) -> None:
    def report(name: str) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization(name))

    ends = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with recording.Recording(instance) as one:
        with one.together():
            report("a")
            report("b")
        with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            assert connection.execute(ends).fetchall()
        with one.together():
            report("c")
    assert sorted(key.to_user_string() for key in instance.all_asset_keys()) == ["a", "b", "c"]


def test_dagster_asks_for_a_connection_inside_of_one(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """As the first event with tags does, which a run over no input records by itself."""
    with recording.Recording(instance):
        instance.report_runless_asset_event(dg.AssetMaterialization("a", tags={"day": "1"}))
    assert run_keys(project(tmp_path / "project"), instance, []).success


def test_many_runs_at_once(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    small = SmallProject(tmp_path / "project")
    keys = [f"{number:02d}" for number in range(60)]
    for key in keys:
        write_image(small.input / key / "0.png", 8)
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_RUN, str(small.folder), *(f"{key}/" for key in keys[first::4])],
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
            stderr=subprocess.PIPE,
            text=True,
        )
        for first in range(4)
    ]
    told = [run.communicate()[1] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4, told
    assert not any("deadlock" in text for text in told)
    made = Counter(
        (str(record.asset_key), record.partition_key)
        for asset in (dg.AssetKey("frames"), dg.AssetKey(["squares", "task_folder"]))
        for record in instance.fetch_materializations(asset, limit=999).records
    )
    assert len(made) == 2 * len(keys) and set(made.values()) == {1}
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        verdicts = connection.execute(
            text(
                "SELECT check_name, count(*), count(DISTINCT partition), "
                "count(materialization_event_storage_id) FROM asset_check_executions "
                "WHERE partition IS NOT NULL GROUP BY check_name"
            )
        ).fetchall()
    assert len(verdicts) == 6 and {tuple(row[1:]) for row in verdicts} == {(60, 60, 60)}
    assert len(small.files()) == len(keys) + 2


def test_what_is_forgotten_of_old_runs(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    forgets(SmallProject(tmp_path / "project"), lambda: nullcontext(instance))
