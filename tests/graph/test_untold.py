"""What runs that broke off have published, and Dagster was never told of, is told by the next run."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from lightly_assets.config import load_project
from lightly_assets.graph.dead_runs import PROCESS_TAG, end_dead_runs, instance_mark
from lightly_assets.graph.keys import PLAIN
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.watching.untold import note_untold, sign_of, untold_runs
from lightly_assets.storage import Store, open_store
from tests.graph.conftest import Daemon
from tests.graph.test_chain import partitions, run_keys
from tests.graph.test_dead_runs import a_dead_process
from tests.processes import call
from tests.projects import SmallProject, positions, task, write_image, write_video

ASSETS = ["frames", *(f"squares/{stage}" for stage in ("predictions", "singletons", "task_folder"))]
Told = dict[tuple[str, str], tuple[int, str]]


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    small.write(tasks=[task("squares")], sensor={"trusted_age_seconds": 0})
    for name, frames in (("a", 5), ("b", 4), ("c", 3)):
        write_video(small.input / f"{name}.mp4", positions(frames))
    write_image(small.input / "stills/x.png", 10)
    return small


def publish(small: SmallProject, broken_in: dg.DagsterInstance | None = None) -> None:
    """Bring all up to date without a word to Dagster, as a run of an instance that breaks off."""
    with Session(load_project(small.config)) as session:
        assert [one.problems() for one in session.run(session.plan()) if one.problems()] == []
        assert session.finish() == {}
    if broken_in is not None:
        note_broken(small, broken_in)


def note_broken(small: SmallProject, instance: dg.DagsterInstance, run: str = "broken") -> None:
    note_untold(state(small), run, instance_mark(instance, PLAIN))


def state(small: SmallProject) -> Store:
    return open_store(small.state)


def told(instance: dg.DagsterInstance) -> Told:
    """Of each asset and partition: how often it was made for Dagster, and its last data version."""
    found: Told = {}
    for name in ASSETS:
        for record in instance.fetch_materializations(dg.AssetKey(name.split("/")), limit=999).records:
            made = record.asset_materialization
            assert made and made.partition and made.tags
            times, version = found.get((name, made.partition), (0, made.tags["dagster/data_version"]))
            found[name, made.partition] = times + 1, version
    return found


def versions(instance: dg.DagsterInstance) -> dict[tuple[str, str], str]:
    return {where: version for where, (_, version) in told(instance).items()}


def verdicts(instance: dg.DagsterInstance) -> set[tuple[str, str | None]]:
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    found = set()
    for run in instance.get_runs():
        for entry in instance.all_logs(run.run_id, of_type=kind):
            event = entry.get_dagster_event().asset_check_evaluation_data
            found.add((str(event.asset_check_key), event.partition))
    return found


def test_a_run_tells_what_was_published_without_a_word_and_nothing_else(
    small: SmallProject, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    write_video(small.input / "d.mp4", positions(2))
    assert run_keys(small, instance, partitions(small)).success
    before = told(instance)
    # One is new, one has changed, one is broken now; a picture is new in a folder that was there.
    write_video(small.input / "a.mp4", positions(7))
    write_video(small.input / "new.mp4", positions(2))
    write_image(small.input / "stills/y.png", 20)
    (small.input / "d.mp4").write_bytes(b"no video")
    with Session(load_project(small.config)) as session:
        assert [key for one in session.run(session.plan()) for key in one.problems()] == ["d.mp4"]
    assert run_keys(small, instance, []).success and told(instance) == before, "nobody has a reason to look"
    note_broken(small, instance)
    files = small.files()
    assert run_keys(small, instance, []).success
    after = told(instance)
    changed = {where for where, one in after.items() if before.get(where) != one}
    assert changed == {(name, partition) for name in ASSETS for partition in ("a.mp4", "new.mp4", "stills/")}
    assert {times for where, (times, _) in after.items() if where[1] != "new.mp4"} == {1, 2}
    assert small.files() == files and untold_runs(state(small)) == []
    # An instance that was told everything in the usual way knows the same.
    (small.input / "d.mp4").unlink()
    (tmp_path / "other").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "other")) as other:
        assert run_keys(small, other, partitions(small)).success
        expected = versions(other)
        assert {where: one for where, one in versions(instance).items() if where[1] != "d.mp4"} == expected
        assert verdicts(other) <= verdicts(instance)
    assert run_keys(small, instance, []).success and told(instance) == after


@pytest.fixture
def other(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Another instance of Dagster for the same project."""
    (tmp_path / "other").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "other")) as other:
        yield other


def test_each_instance_is_told_what_its_own_runs_have_left(
    small: SmallProject, instance: dg.DagsterInstance, other: dg.DagsterInstance
) -> None:
    publish(small, instance)
    note_broken(small, other, "another")
    assert run_keys(small, other, []).success
    assert {partition for _, partition in told(other)} == set(partitions(small))
    (left,) = untold_runs(state(small))
    assert left.endswith("/broken") and told(instance) == {}
    before = told(other)
    assert run_keys(small, other, []).success and told(other) == before
    assert run_keys(small, instance, []).success
    assert told(instance) == before and untold_runs(state(small)) == []


def test_a_sensor_leaves_the_notes_of_other_instances_alone(
    daemon: Daemon, other: dg.DagsterInstance
) -> None:
    publish(daemon.small, other)
    assert daemon.tick() == [] and daemon.reason.endswith("all up to date.")
    note_broken(daemon.small, daemon.instance)
    (request,) = daemon.tick()
    assert daemon.launch(request).success
    (left,) = untold_runs(state(daemon.small))
    assert instance_mark(other, PLAIN) in left and daemon.tick() == []


def test_a_killed_run_is_the_matter_of_its_own_instance(
    small: SmallProject, instance: dg.DagsterInstance, other: dg.DagsterInstance
) -> None:
    publish(small)
    state(small).write("alive/killed", sign_of(a_dead_process(), instance_mark(other, PLAIN)))
    assert run_keys(small, instance, []).success and told(instance) == {}
    assert run_keys(small, other, []).success and {one for _, one in told(other)} == set(partitions(small))
    assert untold_runs(state(small)) == []


def test_a_note_of_an_instance_that_is_gone_is_removed_after_a_month(
    small: SmallProject, instance: dg.DagsterInstance
) -> None:
    publish(small, instance)
    for name, days in (("old", 31), ("young", 29)):
        note_untold(state(small), name, "gone")
        long_ago = time.time() - days * 86_400
        os.utime(small.state / f"untold/gone/{name}", (long_ago, long_ago))
    assert run_keys(small, instance, []).success
    assert untold_runs(state(small)) == ["untold/gone/young"]


def test_the_run_of_another_project_leaves_no_note_here(
    small: SmallProject, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    elsewhere = open_store(tmp_path / "elsewhere")
    run = dg.DagsterRun(
        "others", status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: (dead := a_dead_process())}
    )
    instance.add_run(run)
    elsewhere.write(f"alive/{run.run_id}", sign_of(dead, instance_mark(instance, PLAIN)))
    assert end_dead_runs(instance, state(small)) == [run.run_id]
    assert untold_runs(state(small)) == [] and untold_runs(elsewhere) == [f"alive/{run.run_id}"]


def test_the_sensor_asks_for_one_run_that_tells_it(daemon: Daemon) -> None:
    small = daemon.small
    publish(small, daemon.instance)
    (request,) = daemon.tick()
    assert request.run_config["ops"]["chain"]["config"] == {"partitions": [], "inputs": []}
    assert daemon.tick() == []
    assert daemon.launch(request).success
    assert {partition for _, partition in told(daemon.instance)} == set(partitions(small))
    assert daemon.tick() == [] and daemon.reason.endswith("all up to date.")


def test_a_run_that_tells_it_is_asked_for_three_times_at_most(daemon: Daemon) -> None:
    publish(daemon.small, daemon.instance)
    for _ in range(3):
        (request,) = daemon.tick()
        daemon.instance.add_run(
            dg.DagsterRun(
                PLAIN.predictions_job,
                status=dg.DagsterRunStatus.FAILURE,
                tags={"dagster/run_key": str(request.run_key)},
            )
        )
    assert daemon.tick() == []


def test_the_command_line_leaves_the_notes_of_other_instances_alone(
    small: SmallProject,
    instance: dg.DagsterInstance,
    other: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(instance.root_directory))
    publish(small, other)
    assert call(small.folder, "run", env=os.environ).returncode == 0
    assert instance.get_runs() == [] and len(untold_runs(state(small))) == 1


def test_the_command_line_tells_what_a_killed_run_has_not(
    small: SmallProject, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(instance.root_directory))
    publish(small)
    # Dagster itself need not know of that run any more.
    state(small).write("alive/killed", a_dead_process().encode())
    done = call(small.folder, "run", env=os.environ)
    assert done.returncode == 0 and "All up to date: 4 inputs" in done.stdout
    assert {partition for _, partition in told(instance)} == set(partitions(small))
    assert untold_runs(state(small)) == []
    runs = len(instance.get_runs())
    assert call(small.folder, "run", env=os.environ).returncode == 0
    assert len(instance.get_runs()) == runs, "there is nothing to say any more"
