"""The sensor, tick by tick, and what its runs do."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from lightly_assets.config import load_project
from lightly_assets.definitions import build_definitions
from lightly_assets.graph.keys import PLAIN
from lightly_assets.graph.partitions import partitions_definition
from lightly_assets.graph.sensors import tick
from lightly_assets.models.protocol import ModelError
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.state import index
from lightly_assets.pipeline.status import project_status
from lightly_assets.pipeline.watching import look as watch
from lightly_assets.pipeline.watching import model_versions
from lightly_assets.pipeline.watching.model_versions import ModelVersions
from lightly_assets.storage import NotFound
from tests.graph.conftest import START_LOADING, Daemon, inputs
from tests.projects import SmallProject, positions, task, write_image, write_video


def broken(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"this is no video" * 40)


def test_a_video_is_asked_for_once(
    small: SmallProject,
    daemon: Daemon,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_versions, "_start", START_LOADING)
    write_video(small.input / "cam/a.mp4", positions(5))
    (request,) = daemon.tick()
    told = "Listed 1: 1 new, 0 changed, 0 gone. 1 input known; asked for 1 input."
    assert told in capfd.readouterr().err
    assert inputs(request) == ["cam/a.mp4"]
    assert daemon.instance.get_dynamic_partitions(PLAIN.partitions) == ["cam/a.mp4"]
    # The run is still in the queue.
    assert daemon.tick() == []
    assert daemon.reason == "1 input known; 1 run under way with 1 input."
    assert daemon.launch(request).success
    assert daemon.tick() == []
    assert daemon.reason == "1 input known; all up to date."
    assert small.read("tasks.json") == ["squares"]


def test_a_preview_in_the_ui_changes_nothing(small: SmallProject, daemon: Daemon) -> None:
    for name in ("a", "b"):
        write_video(small.input / f"{name}.mp4", positions(5))
    daemon.work()
    (small.input / "a.mp4").unlink()

    def preview() -> str:
        context = dg.build_sensor_context(daemon.instance)  # as the UI asks: it was never started
        project = load_project(small.config)
        (request,) = tick(context, project, ("squares",), daemon.models).run_requests or []
        return str(request.run_key)

    preview()
    (request,) = daemon.tick()
    daemon.launch(request)
    write_video(small.input / "c.mp4", positions(5))
    key = preview()
    (request,) = daemon.tick()
    assert request.run_key == key  # so Dagster starts it once where the preview was launched, too
    assert daemon.tick() == [] and "1 run under way with 1 input" in daemon.reason


def test_only_what_changed_is_asked_for(small: SmallProject, daemon: Daemon) -> None:
    for name in ("a", "b", "c"):
        write_video(small.input / f"{name}.mp4", positions(5))
    assert daemon.work() == [["a.mp4", "b.mp4", "c.mp4"]]
    small.calls()
    write_video(small.input / "b.mp4", positions(12))
    (request,) = daemon.tick()
    assert inputs(request) == ["b.mp4"]
    daemon.launch(request)
    assert small.images_seen() == 12
    assert "squares/b-11-mp4.json" in small.files() and "squares/b-1-mp4.json" not in small.files()
    # The content of a run key is what was asked for: the old content is something else again.
    write_video(small.input / "b.mp4", positions(5))
    (back,) = daemon.tick()
    assert back.run_key != request.run_key


def test_a_file_that_is_being_written_is_left_alone(small: SmallProject, daemon: Daemon) -> None:
    small.write(sensor={"trusted_age_seconds": 3600})
    path = write_video(small.input / "a.mp4", positions(5))
    content = path.read_bytes()
    path.write_bytes(content[:500])
    assert daemon.tick() == []
    assert daemon.reason == "1 input known; 1 input perhaps still being written."
    path.write_bytes(content)
    assert daemon.tick() == []
    (request,) = daemon.tick()
    assert daemon.launch(request).success
    # One that is old enough needs no second look.
    os.utime(write_video(small.input / "b.mp4", positions(5)), (1e9, 1e9))
    assert daemon.work() == [["b.mp4"]]


def test_a_failed_input_rests_until_it_changes(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(5))
    broken(small.input / "b.mp4")
    assert daemon.work() == [["a.mp4", "b.mp4"]]
    assert len(small.read("tasks.json")) == 1
    for _ in range(3):
        assert daemon.tick() == []
    assert "1 input left alone because of failures" in daemon.reason
    # Another model changes nothing about a video that cannot be read.
    small.write(tasks=[task("squares", "square_model:find_other")])
    assert daemon.work() == [["a.mp4"]]
    write_video(small.input / "b.mp4", positions(3))
    assert daemon.work() == [["b.mp4"]]
    assert daemon.tick() == [] and daemon.reason == "2 inputs known; all up to date."


def test_a_failed_task_is_tried_again_with_another_model(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(5))
    bad = "\n\ndef bad(images):\n    return [[{'category_id': 7}] for _ in images]\n"
    (small.folder / "square_model.py").write_text((small.folder / "square_model.py").read_text() + bad)
    small.write(tasks=[task("squares", "square_model:bad")])
    assert daemon.work() == [["a.mp4"]]
    assert daemon.tick() == [] and "left alone" in daemon.reason
    small.write(tasks=[task("squares")])
    assert daemon.work() == [["a.mp4"]]
    assert daemon.tick() == [] and "all up to date" in daemon.reason


def test_what_failed_and_was_put_back_is_recorded_as_good(
    small: SmallProject, instance: dg.DagsterInstance, daemon: Daemon
) -> None:
    for name in ("a", "b"):
        write_video(small.input / f"{name}.mp4", positions(5))
    daemon.work()
    small.calls()
    kept = (small.input / "a.mp4").rename(small.folder / "kept.mp4")
    broken(small.input / "a.mp4")
    daemon.work()
    assert daemon.tick() == [] and "1 input left alone" in daemon.reason
    kept.rename(small.input / "a.mp4")
    with Session(load_project(small.config)) as session:
        assert project_status(session).failed == []
    assert daemon.work() == [["a.mp4"]]
    assert daemon.tick() == [] and daemon.reason == "2 inputs known; all up to date."
    assert small.calls() == []
    with Session(load_project(small.config)) as session:
        assert session.failures() == {}
    found = instance.get_status_by_partition(dg.AssetKey("frames"), ["a.mp4"], partitions_definition())
    assert found == {"a.mp4": AssetPartitionStatus.MATERIALIZED}


def test_a_setting_that_is_changed_to_and_fro_is_work_each_time(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(5))
    keys = set()
    for threshold in (0.1, 0.32) * 4:
        small.write(tasks=[task("squares", score_threshold=threshold)])
        (request,) = daemon.tick()
        keys.add(request.run_key)
        daemon.launch(request)
    assert len(keys) == 8  # Dagster ignores a run key that it has seen


def test_what_failed_by_hand_is_not_tried_again(small: SmallProject, daemon: Daemon) -> None:
    """The note of a failure counts, whoever ran; and losing the sensor's own table costs nothing."""
    broken(small.input / "b.mp4")
    daemon.work()
    for path in small.state.glob("sightings.sqlite*"):
        path.unlink()
    assert daemon.tick() == []
    assert "1 input left alone" in daemon.reason


def test_a_machine_that_is_still_taking_over_asks_for_nothing(
    small: SmallProject, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that it has not read yet may say that all is done."""
    for name in "abc":
        write_video(small.input / f"{name}.mp4", positions(5))
    daemon.work()
    assert daemon.tick() == [] and "all up to date" in daemon.reason
    for path in (*small.state.glob("sightings.sqlite*"), *small.state.glob("index.sqlite*")):
        path.unlink()
    daemon.cursor = None
    monkeypatch.setattr(watch, "_REFRESH_AT_MOST", -1.0)
    monkeypatch.setattr(index, "_AT_ONCE", 2)
    said = []
    for _ in range(9):
        assert daemon.tick() == []
        said.append(daemon.reason)
        if "all up to date" in daemon.reason:
            break
    assert said[0] == "3 inputs known; the next look goes on reading what is recorded of them."
    assert len(said) > 2 and said[-1] == "3 inputs known; all up to date."
    write_video(small.input / "d.mp4", positions(5))
    (request,) = daemon.tick()
    assert inputs(request) == ["d.mp4"]


def test_a_run_that_was_killed_is_asked_for_again_but_not_for_ever(
    small: SmallProject, daemon: Daemon
) -> None:
    write_video(small.input / "a.mp4", positions(5))
    keys = set()
    for _ in range(3):
        (request,) = daemon.tick()
        keys.add(request.run_key)
        _ended(daemon.instance, request, dg.DagsterRunStatus.FAILURE)
        assert request.tags["dagster/max_retries"] == "0"  # asking again is up to the sensor alone
    assert len(keys) == 3  # Dagster would ignore a run key that it has seen
    assert daemon.tick() == []
    assert daemon.reason == "1 input known; 1 input asked for in vain; run them by hand to see why."


def test_a_run_that_a_person_cancelled_is_not_asked_for_again(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(5))
    (request,) = daemon.tick()
    _ended(daemon.instance, request, dg.DagsterRunStatus.CANCELED)
    assert daemon.tick() == []


def _ended(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    instance.create_run_for_job(
        job_def=dg.GraphDefinition(PLAIN.predictions_job, node_defs=[]).to_job(),
        status=status,
        tags={"dagster/run_key": str(request.run_key)},
    )


def test_removed_inputs_become_orphans_and_their_partition_goes_with_them(
    small: SmallProject, daemon: Daemon
) -> None:
    for name in ("a", "b"):
        write_video(small.input / f"{name}.mp4", positions(5))
    daemon.work()
    (small.input / "b.mp4").unlink()
    (request,) = daemon.tick()
    assert inputs(request) == []
    result = daemon.launch(request)
    (orphans,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "no_orphans"]
    assert not orphans.passed and "5 prediction files belong to no input" in str(orphans.description)
    assert daemon.tick() == []
    assert len(small.files()) == 2 + 10
    assert "b.mp4" in daemon.instance.get_dynamic_partitions(PLAIN.partitions)
    # gc, by hand or by policy.
    small.write(orphans="delete")
    write_video(small.input / "c.mp4", positions(3))
    daemon.work()
    assert sorted(small.files()) == sorted(
        ["tasks.json", "squares/schema.json"]
        + [f"squares/a-{index}-mp4.json" for index in range(5)]
        + [f"squares/c-{index}-mp4.json" for index in range(3)]
    )
    daemon.tick()
    assert daemon.instance.get_dynamic_partitions(PLAIN.partitions) == ["a.mp4", "c.mp4"]


def test_the_partition_of_an_input_that_failed_goes_with_it(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(5))
    (small.input / "b.mp4").write_bytes(b"no video")
    daemon.work()
    assert len(daemon.instance.get_dynamic_partitions(PLAIN.partitions)) == 2
    (small.input / "b.mp4").unlink()
    for request in daemon.tick():
        daemon.launch(request)
    assert daemon.tick() == []
    assert daemon.instance.get_dynamic_partitions(PLAIN.partitions) == ["a.mp4"]


@pytest.mark.parametrize("busy", [False, True])
def test_an_image_that_failed_and_was_removed_leaves_its_folder_in_order(
    small: SmallProject, daemon: Daemon, busy: bool
) -> None:
    write_image(small.input / "cam/1.png", 3)
    broken(small.input / "cam/2.png")
    daemon.work()
    of_folder = (PLAIN.frames, ["cam/"], partitions_definition())
    assert daemon.instance.get_status_by_partition(*of_folder) == {"cam/": AssetPartitionStatus.FAILED}
    (small.input / "cam/2.png").unlink()
    if busy:  # something else is asked for in the same look
        write_video(small.input / "a.mp4", positions(5))
    for request in daemon.tick():
        daemon.launch(request)
    assert daemon.tick() == []
    found = daemon.instance.get_status_by_partition(*of_folder)
    assert found == {"cam/": AssetPartitionStatus.MATERIALIZED}


def test_a_run_that_was_never_started_is_asked_for_again(
    small: SmallProject, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(small.input / "a.mp4", positions(5))
    daemon.work()
    (small.input / "a.mp4").unlink()
    assert len(daemon.tick()) == 1
    assert daemon.tick() == []
    monkeypatch.setattr(watch, "_LOST_SECONDS", -1.0)
    (request,) = daemon.tick()
    assert not _no_orphans(daemon.launch(request))
    assert daemon.tick() == []


def test_a_clock_that_was_put_back_holds_nothing_up(small: SmallProject, daemon: Daemon) -> None:
    def put_back(statement: str) -> None:
        with closing(sqlite3.connect(small.state / "sightings.sqlite")) as connection, connection:
            connection.execute(statement)

    write_video(small.input / "a.mp4", positions(5))
    daemon.work()
    put_back("UPDATE facts SET value = value + 86400 WHERE name = 'refreshed'")
    for path in small.state.glob("index.sqlite*"):
        path.unlink()
    assert daemon.tick() == [], "what is recorded is read again"
    (small.input / "a.mp4").unlink()
    assert len(daemon.tick()) == 1 and daemon.tick() == []
    put_back("UPDATE batches SET asked = asked + 86400")
    assert len(daemon.tick()) == 1, "that run was never started"


def test_what_another_instance_has_asked_for_is_not_asked_for_again(
    small: SmallProject, daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(small.input / "a.mp4", positions(5))
    (request,) = daemon.tick()
    monkeypatch.setattr(watch, "_LOST_SECONDS", -1.0)
    (tmp_path / "other").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "other")) as instance:
        other = Daemon(small, instance)
        assert other.tick() == [] and "1 run under way with 1 input" in other.reason
        assert daemon.launch(request).success
        assert daemon.tick() == [] and daemon.reason.endswith("all up to date.")
        assert other.tick() == [] and other.reason.endswith("all up to date.")
        write_video(small.input / "b.mp4", positions(5))
        (request,) = other.tick()
        assert daemon.tick() == []
        monkeypatch.setattr(watch, "_GONE_SECONDS", -1.0)  # that instance is gone
        assert [inputs(one) for one in daemon.tick()] == [["b.mp4"]]


def test_inputs_that_come_back_are_no_orphans_any_more(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(5))
    daemon.work()
    away = small.input.rename(small.folder / "away")
    small.input.mkdir()
    (request,) = daemon.tick()
    assert not _no_orphans(daemon.launch(request))
    small.input.rmdir()
    away.rename(small.input)
    (request,) = daemon.tick()
    assert inputs(request) == [] and _no_orphans(daemon.launch(request))
    assert daemon.tick() == [] and daemon.reason == "1 input known; all up to date."


def _no_orphans(result: dg.ExecuteInProcessResult) -> bool:
    (found,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "no_orphans"]
    return found.passed


def test_orphans_are_not_deleted_when_most_of_the_input_is_gone(small: SmallProject, daemon: Daemon) -> None:
    """An empty mount point looks just like a folder in which somebody has deleted everything."""
    small.write(orphans="delete")
    for name in ("a", "b", "c"):
        write_video(small.input / f"{name}.mp4", positions(5))
    daemon.work()
    for name in ("b", "c"):
        (small.input / f"{name}.mp4").unlink()
    (request,) = daemon.tick()
    result = daemon.launch(request)
    (orphans,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "no_orphans"]
    assert "2 of 3 inputs are gone" in str(orphans.description)
    assert len(small.files()) == 2 + 15


def test_batches_are_cut_by_count_and_size_and_wait_for_each_other(
    small: SmallProject, daemon: Daemon
) -> None:
    for number in range(7):
        write_video(small.input / f"{number}.mp4", positions(3))
    small.write(sensor={"trusted_age_seconds": 0, "partitions": 2, "runs": 2})
    first, second = daemon.tick()
    assert inputs(first) == ["0.mp4", "1.mp4"] and inputs(second) == ["2.mp4", "3.mp4"]
    assert daemon.tick() == []
    assert "2 runs under way with 4 inputs; 3 inputs waiting for a run to end" in daemon.reason
    daemon.launch(first)
    (third,) = daemon.tick()
    assert inputs(third) == ["4.mp4", "5.mp4"]
    daemon.launch(second), daemon.launch(third)
    small.write(sensor={"trusted_age_seconds": 0, "bytes": 1})
    small.write(tasks=[task("squares", "square_model:find_other")])
    assert [len(inputs(request)) for request in daemon.tick()] == [1, 1]


def test_images_are_asked_for_by_folder_and_only_those_that_need_it(
    small: SmallProject, daemon: Daemon
) -> None:
    for name in ("x/1.png", "x/2.png", "3.png"):
        write_image(small.input / name, 10)
    (request,) = daemon.tick()
    config = request.run_config["ops"]["chain"]["config"]
    assert config["partitions"] == ["./", "x/"]
    daemon.launch(request)
    write_image(small.input / "x/4.png", 20)
    assert daemon.work() == [["x/4.png"]]
    assert len(small.files()) == 2 + 4


def test_a_long_listing_goes_on_in_the_next_tick(small: SmallProject, daemon: Daemon) -> None:
    for number in range(700):
        path = small.input / f"{number:03d}.mp4"
        path.write_bytes(b"x")
    small.write(sensor={"trusted_age_seconds": 0, "list_seconds": 1e-9, "partitions": 1, "runs": 1})
    daemon.tick()
    assert daemon.cursor == "255.mp4"
    daemon.tick()
    assert daemon.cursor == "511.mp4" and "listing goes on behind '511.mp4'" in daemon.reason
    # Nothing is taken for gone before the listing has come to its end.
    (small.input / "100.mp4").unlink()
    (small.input / "600.mp4").unlink()
    daemon.tick()
    assert daemon.cursor == "/"
    assert "699 inputs known" in daemon.reason
    for _ in range(3):
        daemon.tick()
    assert len(daemon.watched()) == 698
    # The next listing begins at the beginning; nothing is gone because of where the last one was.
    (small.input / "000.mp4").unlink()
    for _ in range(3):
        daemon.tick()
        assert len(daemon.watched()) >= 697
    assert daemon.cursor == "/" and len(daemon.watched()) == 697


def test_a_cursor_that_somebody_has_set_loses_no_input(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(5))
    broken(small.input / "b.mp4")
    daemon.work()
    daemon.cursor = "zzz"
    for _ in range(3):
        assert daemon.tick() == [] and "2 inputs known" in daemon.reason
    assert daemon.instance.get_dynamic_partitions(PLAIN.partitions) == ["a.mp4", "b.mp4"]


def test_new_settings_make_inputs_stale_and_the_ui_shows_it(small: SmallProject, daemon: Daemon) -> None:
    small.write(tasks=[task("squares"), task("others", "square_model:find_other")])
    write_video(small.input / "a.mp4", positions(5))
    daemon.work()
    small.calls()
    small.write(tasks=[task("squares"), task("others", "square_model:find_other", score_threshold=0.305)])
    (request,) = daemon.tick()
    text = "1 input is stale (1 from singletons on), such as 'a.mp4'."
    # Once something is made, each task has a verdict; then only where it changes.
    assert _shown(daemon) == {"squares": None, "others": text}
    daemon.launch(request)
    assert small.calls() == []
    assert daemon.tick() == []
    assert _shown(daemon) == {"others": None}
    small.write(tasks=[task("squares", "square_model:find_other"), small.settings["tasks"][1]])
    daemon.work()
    assert _shown(daemon) == {"squares": "1 input is stale (1 from predictions on), such as 'a.mp4'."}
    assert small.images_seen("find_other") == 5
    history = daemon.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey(["squares", "task_folder"]), "up_to_date"), limit=2
    )
    # The run has looked at all inputs, and says so at its end.
    passed = [one.event.asset_check_evaluation.passed for one in history if one.event]
    assert passed == [True, False]


def _shown(daemon: Daemon) -> dict[str, str | None]:
    assert daemon.last is not None
    return {
        event.asset_key.path[0]: event.description
        for event in daemon.last.asset_events
        if isinstance(event, dg.AssetCheckEvaluation)
    }


def test_the_check_can_be_asked_by_hand(small: SmallProject, daemon: Daemon) -> None:
    for name in ("a", "b"):
        write_video(small.input / f"{name}.mp4", positions(5))
    daemon.work()
    write_video(small.input / "b.mp4", positions(3))
    key = dg.AssetCheckKey(dg.AssetKey(["squares", "task_folder"]), "up_to_date")
    job = dg.define_asset_job("look", selection=dg.AssetSelection.checks(key))
    definitions = dg.Definitions.merge(build_definitions(small.config), dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("look").execute_in_process(instance=daemon.instance)
    (found,) = result.get_asset_check_evaluations()
    assert found.description == "1 input is stale (1 from predictions on), such as 'b.mp4'."
    assert [row.data for row in found.metadata["inputs"].records] == [
        {"input": "b.mp4", "partition": "b.mp4", "stale from": "predictions"}
    ]


def test_paused_inputs_are_left_alone(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(5))
    with Session(load_project(small.config)) as session:
        session.pause("a.mp4", "wrong camera")
    assert daemon.tick() == [] and daemon.reason == "1 input known; 1 input paused."
    with Session(load_project(small.config)) as session:
        session.resume("a.mp4")
    assert daemon.work() == [["a.mp4"]]


def test_inputs_that_collide_are_tried_again_when_one_of_them_goes(
    small: SmallProject, daemon: Daemon
) -> None:
    write_image(small.input / "x.png", 10)
    write_image(small.input / "x.bmp", 10)
    daemon.work()
    assert daemon.tick() == [] and "2 inputs left alone" in daemon.reason
    (small.input / "x.bmp").unlink()
    assert daemon.work() == [["x.png"]]
    assert "squares/x.json" in small.files()


def test_a_key_that_no_store_takes_is_not_tried_again_when_others_go(
    small: SmallProject, daemon: Daemon
) -> None:
    for name in ("a", "b", "new\nline"):
        write_video(small.input / f"{name}.mp4", positions(5))
    daemon.work()
    (small.input / "b.mp4").unlink()
    (request,) = daemon.tick()
    assert inputs(request) == []  # this run only looks after what is left
    daemon.launch(request)
    assert daemon.tick() == [] and "1 input left alone" in daemon.reason


def test_errors_are_errors(small: SmallProject, daemon: Daemon) -> None:
    write_video(small.input / "a.mp4", positions(5))
    (small.folder / "square_model.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(ModelError, match="nothing_of_that_name"):
        daemon.tick()
    small.write(tasks=[])
    small.input.rename(small.folder / "elsewhere")
    with pytest.raises(NotFound, match="does not exist"):
        daemon.tick()


def test_a_graph_that_is_behind_its_file_says_so(small: SmallProject, instance: dg.DagsterInstance) -> None:
    small.write(tasks=[task("squares"), task("more")])
    context = dg.build_sensor_context(instance=instance)
    result = tick(context, load_project(small.config), ("squares",), ModelVersions())
    assert result.skip_reason is not None
    assert "reload the code location" in str(result.skip_reason.skip_message)


@pytest.mark.parametrize("running", [False, True])
def test_it_starts_by_itself_only_where_the_project_says_so(small: SmallProject, running: bool) -> None:
    small.write(sensor={"running": running, "interval_seconds": 7})
    (sensor,) = build_definitions(small.config).sensors or []
    assert isinstance(sensor, dg.SensorDefinition)
    assert (sensor.default_status == dg.DefaultSensorStatus.RUNNING) is running
    assert sensor.minimum_interval_seconds == 7


def test_days_are_partitions_that_inputs_never_leave(small: SmallProject, daemon: Daemon) -> None:
    small.write(partitions="day")
    write_video(small.input / "2026-10-05/a.mp4", positions(5))
    os.utime(write_video(small.input / "b.mp4", positions(5)), (1e9, 1e9))
    broken(small.input / "2026-10-05/c.mp4")
    (request,) = daemon.tick()
    assert request.run_config["ops"]["chain"]["config"]["partitions"] == ["2026-10-05", "2001-09-09"]
    daemon.launch(request)
    assert len([name for name in small.files() if "schema" not in name]) == 1 + 10
    # Replaced today, it is still of the day on which it came.
    write_video(small.input / "b.mp4", positions(12))
    (request,) = daemon.tick()
    config = request.run_config["ops"]["chain"]["config"]
    assert config == {"partitions": ["2001-09-09"], "inputs": ["b.mp4"]}
    daemon.launch(request)
    assert "squares/b-11-mp4.json" in small.files()
    # A video that joins a day with a broken one is done, and the broken one is not tried again.
    write_video(small.input / "2026-10-05/d.mp4", positions(3))
    assert daemon.work() == [["2026-10-05/d.mp4"]]
    assert daemon.tick() == [] and "1 input left alone" in daemon.reason


def test_a_new_schema_is_staged_in_batches_and_published_by_the_last(
    small: SmallProject, daemon: Daemon
) -> None:
    for number in range(5):
        write_video(small.input / f"{number}.mp4", positions(3))
    daemon.work()
    small.calls()
    renamed = task("squares")
    renamed["categories"] = [{"id": 0, "name": "box"}]
    small.write(tasks=[renamed], sensor={"trusted_age_seconds": 0, "partitions": 2, "runs": 1})
    asked = []
    for _ in range(6):
        asked += daemon.work()
        names = [one["name"] for one in small.read("squares/schema.json")["categories"]]
        assert small.read("tasks.json") == ["squares"]
        assert names == (["box"] if len(asked) == 3 else ["square"])
    assert asked == [["0.mp4", "1.mp4"], ["2.mp4", "3.mp4"], ["4.mp4"]]
    assert small.calls() == [] and "all up to date" in daemon.reason
