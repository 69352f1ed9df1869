"""Runs whose process is gone do not look as if they still worked, and those of the living are left alone."""

import os
import signal
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest

from lightly_assets.graph import dead_runs
from lightly_assets.graph.dead_runs import PROCESS_TAG, end_dead_runs, sign, signs_of_life
from lightly_assets.storage import Store, open_store
from lightly_assets.storage.disk import processes
from lightly_assets.storage.disk.processes import is_dead, process_mark
from tests.graph.conftest import Daemon
from tests.processes import PROGRAM, Forked, call, environment
from tests.projects import SmallProject, task, write_video

CRASH = """
import ctypes

def crash(images):
    ctypes.string_at(0)
"""


def statuses(small: SmallProject) -> list[str]:
    home = str(small.state / "dagster")
    with dg.DagsterInstance.from_config(home) as instance:
        return [run.status.value for run in reversed(instance.get_runs())]


def test_a_model_that_brings_the_process_down(tmp_path: Path) -> None:
    small = SmallProject(tmp_path / "project")
    write_video(small.input / "a.mp4", [4, 8])
    (small.folder / "bad_model.py").write_text(CRASH)
    small.write(tasks=[task("squares", call="bad_model:crash")])
    command = [PROGRAM, "run", "-c", small.config]
    crashed = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert crashed.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in crashed.stderr
    assert 'bad_model.py", line 5 in crash' in crashed.stderr
    assert statuses(small) == ["STARTED"]
    small.write(tasks=[task("squares")])
    assert call(small.folder, "run").returncode == 0
    assert statuses(small) == ["FAILURE", "SUCCESS"]


def a_dead_process() -> str:
    """The mark of a process that has ended."""
    done = Forked(Path.cwd(), os.environ, _print_mark)
    return done.communicate()[0].strip()


def _print_mark() -> None:
    print(process_mark())


def started_run(instance: dg.DagsterInstance, mark: str) -> str:
    """A run that Dagster takes for one that works."""
    tags = {PROCESS_TAG: mark} if mark else {}
    return instance.add_run(dg.DagsterRun("job", status=dg.DagsterRunStatus.STARTED, tags=tags)).run_id


def test_the_sensor_ends_them(daemon: Daemon) -> None:
    run_id = started_run(daemon.instance, a_dead_process())
    daemon.tick()
    run = daemon.instance.get_run_by_id(run_id)
    assert run and run.is_failure


@pytest.fixture
def state(tmp_path: Path) -> Store:
    return open_store(tmp_path / "state")


def test_a_run_of_another_machine_ends_when_it_has_given_no_sign_of_life_for_long(
    instance: dg.DagsterInstance, state: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = "-".join(["0" * 12] * 3 + process_mark().split("-")[3:])
    silent, heard = (instance.get_run_by_id(started_run(instance, elsewhere)) for _ in range(2))
    assert silent and heard
    monkeypatch.setattr(dead_runs, "_SIGN_SECONDS", 0.01)
    signs = [tmp_path / "state/alive" / run.run_id for run in (silent, heard)]
    with signs_of_life(state, heard, "instance"):
        state.write(f"alive/{silent.run_id}", b"")
        long_ago = time.time() - 16 * 60
        for sign_of_life in signs:
            os.utime(sign_of_life, (long_ago, long_ago))
        # The living one gives the next one.
        while signs[1].stat().st_mtime == long_ago:
            time.sleep(0.01)
        assert end_dead_runs(instance, state) == [silent.run_id]
        ended = instance.get_run_by_id(silent.run_id)
        assert ended and ended.is_failure
        assert [one.exists() for one in signs] == [False, True]
    assert not signs[1].exists(), "a run that has ended is not looked for"


def test_only_runs_of_the_dead_are_ended(instance: dg.DagsterInstance, state: Store) -> None:
    dead = a_dead_process()
    elsewhere = "-".join(["0" * 12] * 3 + dead.split("-")[3:])
    marks = {"dead": dead, "alive": process_mark(), "elsewhere": elsewhere, "somebody's": ""}
    runs = {who: started_run(instance, mark) for who, mark in marks.items()}
    assert end_dead_runs(instance, state) == [runs["dead"]]
    assert end_dead_runs(instance, state) == []
    found = {who: instance.get_run_by_id(run_id) for who, run_id in runs.items()}
    assert {who: run.status.value for who, run in found.items() if run} == {
        "dead": "FAILURE",
        "alive": "STARTED",
        "elsewhere": "STARTED",
        "somebody's": "STARTED",
    }


def test_a_run_that_is_started_once_more_inherits_a_mark_and_signs_anew(
    instance: dg.DagsterInstance, state: Store
) -> None:
    mark = a_dead_process()
    first = started_run(instance, mark)
    assert end_dead_runs(instance, state) == [first]
    # Dagster's automatic retry and the button "Re-execute" copy the tags.
    again = instance.add_run(
        dg.DagsterRun(
            "job",
            status=dg.DagsterRunStatus.STARTED,
            tags={PROCESS_TAG: mark},
            parent_run_id=first,
            root_run_id=first,
        )
    )
    assert end_dead_runs(instance, state) == []
    sign(instance, again)
    found = instance.get_run_by_id(again.run_id)
    assert found and found.tags[PROCESS_TAG] == process_mark()
    instance.add_run_tags(again.run_id, {PROCESS_TAG: a_dead_process()})
    assert end_dead_runs(instance, state) == [again.run_id]


def test_a_run_that_ends_while_the_dead_are_looked_for_keeps_its_end(
    instance: dg.DagsterInstance, state: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = started_run(instance, a_dead_process())

    def ends_meanwhile(mark: str) -> bool:
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "job")
        instance.report_dagster_event(event, run_id)
        return is_dead(mark)

    monkeypatch.setattr(dead_runs, "is_dead", ends_meanwhile)
    assert end_dead_runs(instance, state) == []
    run = instance.get_run_by_id(run_id)
    assert run and run.is_success


def test_what_ran_before_the_machine_started_anew_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = process_mark()
    assert not is_dead(mark)
    monkeypatch.setattr(processes, "_boot", lambda: "1" * 12)
    monkeypatch.setattr(processes, "home", lambda: "2" * 12)
    assert is_dead(mark)
    monkeypatch.setattr(processes, "_machine", lambda: "3" * 12)
    assert not is_dead(mark)
