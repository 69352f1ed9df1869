"""The commands on a project, as a user calls them: other processes, exit codes, one JSON document."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from PIL import Image

from lightly_assets.graph.checks.verdicts import verdict
from lightly_assets.worker import WorkerRunSettings
from tests import processes
from tests.processes import PROGRAM
from tests.projects import SmallProject, positions, task, write_image, write_video


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    write_video(small.input / "cam/a.mp4", positions(6))
    write_image(small.input / "stills/x.png", 10)
    return small


def call(
    small: SmallProject, *arguments: str, folder: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    return processes.call(folder or small.folder, *arguments, env=processes.environment(**env))


def document(result: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON document on standard output."""
    return json.loads(result.stdout)


def test_run_then_run_again_then_status(small: SmallProject) -> None:
    first = call(small, "run", "--json")
    assert first.returncode == 0, first.stderr
    assert document(first) == {
        "ok": True,
        "inputs": 2,
        "updated": ["cam/a.mp4", "stills/x.png"],
        "unchanged": 0,
        "failed": [],
        "frames": 7,
        "files_written": 7,
        "files_deleted": 0,
    }
    assert (small.state / "dagster/dagster.yaml").is_file()
    second = call(small, "run")
    assert second.returncode == 0 and "All up to date: 2 inputs, nothing to do" in second.stdout
    assert document(call(small, "run", "--json"))["unchanged"] == 2
    status = document(call(small, "status", "--json"))
    assert status["ok"] and status["unchanged"] == 2 and status["orphans"] == []


def test_a_run_that_is_interrupted(small: SmallProject) -> None:
    slow = (
        "import atexit, time\natexit.register(open, 'taken-down', 'w')\n\n"
        "def find(images):\n    open('asked', 'w').close()\n    time.sleep(60)\n"
    )
    (small.folder / "slow_model.py").write_text(slow)
    small.write(tasks=[task("squares", call="slow_model:find")])
    run = subprocess.Popen(
        [PROGRAM, "run"],
        cwd=small.folder,
        env=processes.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (small.folder / "asked").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 1
    assert said.splitlines()[-1] == (
        "Failed: The run was interrupted; what it had finished is kept, and the next run does the rest."
    )
    assert not (small.folder / "taken-down").exists(), "Python was taken down below the model's call"


def test_a_run_that_is_interrupted_tells_what_it_has_done(small: SmallProject) -> None:
    slow = (
        "import time\nimport square_model\n\ndef find(images):\n"
        "    time.sleep(60 if images.max() > 240 and images.min() > 240 else 0)\n"
        "    return square_model.find(images)\n"
    )
    (small.folder / "slow_model.py").write_text(slow)
    small.write(tasks=[task("squares", call="slow_model:find", version="1", batch_size=1)])
    (small.input / "cam/b.mp4").write_bytes(b"nothing")
    (small.input / "white").mkdir()
    Image.new("RGB", (96, 64), (255, 255, 255)).save(small.input / "white/x.png")
    run = subprocess.Popen(
        [PROGRAM, "run", "--json"],
        cwd=small.folder,
        env=processes.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while _told(small) != {"cam/a.mp4", "stills/"} and time.monotonic() < deadline:
        time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    found = json.loads(said)
    assert [one["input"] for one in found["failed"]] == [None, "cam/b.mp4"]
    assert found["updated"] == ["cam/a.mp4", "stills/x.png"], found
    assert found["files_written"] == found["frames"] == 7


def _told(small: SmallProject) -> set[str]:
    """The partitions that Dagster knows to be published."""
    home = small.state / "dagster"
    if not home.exists():
        return set()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return set(instance.get_materialized_partitions(dg.AssetKey(["squares", "task_folder"])))


def test_from_another_folder_with_another_instance(small: SmallProject, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    result = call(small, "run", "-c", str(small.config), folder=tmp_path, DAGSTER_HOME=str(home))
    assert result.returncode == 0, result.stderr
    assert "2 updated, 0 up to date, 0 failed" in result.stdout
    assert not (small.state / "dagster").exists() and any(home.iterdir())


def test_a_failure_is_told_and_is_the_exit_code(small: SmallProject) -> None:
    (small.input / "cam/b.mp4").write_bytes(b"nothing")
    result = call(small, "run")
    assert result.returncode == 1
    assert "Failed: 'cam/b.mp4':" in result.stderr and "Traceback" not in result.stderr
    found = call(small, "run", "--json")
    assert found.returncode == 1
    assert [one["input"] for one in document(found)["failed"]] == ["cam/b.mp4"]
    assert document(found)["failed"][0]["task"] is None
    assert document(found)["unchanged"] == 2 and document(found)["inputs"] == 3
    status = call(small, "status")
    assert status.returncode == 1 and "cam/b.mp4" in status.stdout


def test_dry_run_says_what_would_be_done_and_does_nothing(small: SmallProject) -> None:
    result = call(small, "run", "--dry-run")
    assert result.returncode == 0 and "2 inputs to do" in result.stdout
    assert small.files() == {} and small.calls() == []
    planned = document(call(small, "run", "--dry-run", "--json"))["planned"]
    assert [one["input"] for one in planned["inputs"]] == ["cam/a.mp4", "stills/x.png"]
    assert planned["bytes"] == sum(path.stat().st_size for path in small.input.rglob("*.*"))


def test_select_and_task_choose_a_part(small: SmallProject) -> None:
    small.write(tasks=[task("squares"), task("others", "square_model:find_other")])
    assert call(small, "run", "--select", "stills/**", "--task", "others").returncode == 0
    assert small.calls() == ["find_other 1"]
    assert small.read("tasks.json") == ["others"]
    nothing = call(small, "run", "--select", "nowhere.mp4")
    assert nothing.returncode == 1 and "No input is called 'nowhere.mp4'" in nothing.stderr
    unknown = call(small, "run", "--task", "trees")
    assert (
        unknown.returncode == 1
        and "no task 'trees'" in unknown.stderr
        and "squares, others" in unknown.stderr
    )


def test_wrong_use_is_exit_code_2_and_still_one_document(small: SmallProject, tmp_path: Path) -> None:
    missing = call(small, "run", "-c", "nothing.yaml", "--json")
    assert missing.returncode == 2 and not document(missing)["ok"]
    small.config.write_text("datasource: {input: a}\n")
    wrong = call(small, "run", "--json")
    assert wrong.returncode == 2
    assert "datasource.lightly is missing" in document(wrong)["error"]
    assert call(small, "status").returncode == 2
    assert call(small, "no-such-command").returncode == 2


def test_a_missing_input_folder_is_one_sentence(small: SmallProject) -> None:
    small.write(datasource={"input": "./nowhere", "lightly": "./lightly", "state": "./state"})
    result = call(small, "run")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "nowhere does not exist" in result.stderr


def test_init_writes_a_project_that_is_valid(tmp_path: Path, small: SmallProject) -> None:
    folder = tmp_path / "new"
    assert call(small, "init", str(folder)).returncode == 0
    from lightly_assets.config import load_project

    assert load_project(folder).tasks[0].name == "people"
    again = call(small, "init", str(folder))
    assert again.returncode == 2 and "exists already" in again.stderr


def test_gc_pause_and_resume(small: SmallProject) -> None:
    call(small, "run")
    (small.input / "stills/x.png").unlink()
    assert "would be deleted" in call(small, "gc", "--dry-run").stdout
    assert document(call(small, "gc", "--json"))["orphans"] == [".lightly/predictions/squares/stills/x.json"]
    assert not (small.predictions / "squares/stills/x.json").exists()
    assert call(small, "pause", "cam/a.mp4", "--reason", "blurred").returncode == 0
    assert "cam/a.mp4: blurred" in call(small, "status").stdout
    assert call(small, "resume", "cam/a.mp4").returncode == 0
    assert call(small, "resume", "cam/a.mp4").returncode == 2
    assert call(small, "pause", "nothing.mp4").returncode == 2


def test_what_is_left_of_an_input_that_is_gone(small: SmallProject) -> None:
    write_video(small.input / "cam/b.mp4", positions(3))
    call(small, "run")
    (small.input / "stills/x.png").unlink()
    said = call(small, "run").stdout
    assert "All up to date: 2 inputs" in said and "Warning: 1 prediction file of inputs that are gone" in said
    small.write(orphans="delete")
    assert "1 orphaned prediction file deleted." in call(small, "run").stdout
    assert not (small.predictions / "squares/stills/x.json").exists()
    # An input that is empty all of a sudden is taken for a disk that is not mounted.
    before = small.files()
    small.input.rename(small.folder / "elsewhere")
    small.input.mkdir()
    assert "2 of 2 inputs are gone, which is too many" in call(small, "run").stdout
    refused = call(small, "gc")
    assert refused.returncode == 1 and "holds no input at all, but 2 are known" in refused.stderr
    assert small.files() == before
    assert call(small, "gc", "--empty-input").returncode == 0
    assert not any(name.endswith("-mp4.json") for name in small.files())


def test_status_says_what_the_worker_does_not_see(small: SmallProject) -> None:
    call(small, "run")
    assert document(call(small, "status", "--json"))["unlisted"] == {}
    (small.predictions / "squares/schema.json").write_text("{")
    assert "schema.json is missing, broken or another one" in call(small, "status").stdout
    (small.predictions / "tasks.json").unlink()
    assert document(call(small, "status", "--json"))["unlisted"] == {"squares": "tasks.json does not list it"}
    assert call(small, "run").returncode == 0
    assert document(call(small, "status", "--json"))["unlisted"] == {}
    (small.predictions / "tasks.json").write_text("[")
    broken = call(small, "status")
    assert broken.returncode == 1 and "tasks.json is not valid JSON" in broken.stdout


def test_gc_tells_dagster_that_no_orphans_are_left(small: SmallProject) -> None:
    call(small, "run")
    (small.input / "stills/x.png").unlink()
    key = dg.AssetCheckKey(dg.AssetKey("tasks_json"), "no_orphans")
    with dg.DagsterInstance.from_config(str(small.state / "dagster")) as instance:

        def passed() -> bool:
            (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
            assert record.event is not None and record.event.asset_check_evaluation is not None
            return record.event.asset_check_evaluation.passed

        instance.report_runless_asset_event(verdict(*key, None, "1 file", about=None))
        call(small, "gc", "--dry-run")
        assert not passed()
        call(small, "gc")
        assert passed()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["check", "--help"], ["status", "--help"]]
)
def test_help_imports_nothing_large(arguments: list[str], small: SmallProject) -> None:
    code = (
        "import sys\nfrom lightly_assets.cli import app\n"
        f"try: app({arguments!r})\nexcept SystemExit: pass\n"
        "large = {'dagster', 'pyarrow', 'av', 'onnxruntime', 'boto3', 'PIL', 'numpy', 'obstore'}\n"
        "assert not large & set(sys.modules), large & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_nothing_to_do_does_not_import_dagster(small: SmallProject) -> None:
    call(small, "run")
    code = (
        "import sys\nfrom lightly_assets.cli import app\n"
        "try: app(['run'])\nexcept SystemExit as end: assert not end.code\n"
        "assert 'dagster' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=small.folder)


def test_one_task_after_the_other(small: SmallProject) -> None:
    """What another task has published is no input of a run of one task."""
    small.write(tasks=[task("squares"), task("others", call="square_model:find_other")])
    for name in ("squares", "others"):
        result = call(small, "run", "--task", name, "--json")
        assert (result.returncode, document(result)["failed"]) == (0, []), result.stderr
        assert len([one for one in small.files() if one.startswith(f"{name}/")]) == 7 + 1
    assert small.read("tasks.json") == ["squares", "others"]


def test_what_is_left_out_is_told_once_and_again_when_it_changes(small: SmallProject) -> None:
    """With what settles it; a run that says nothing has told nobody."""
    (small.input / "b.mkv").write_bytes(b"")
    told = "Left out of the input: 1 × .mkv"
    assert told not in call(small, "run", "--quiet").stdout
    for words in (["run", "--dry-run"], ["run"]):
        text = call(small, *words).stdout
        assert told in text and "exclude: ['**/*.mkv']" in text and "ffmpeg -i clip.mkv -c copy" in text
    assert "Left out" not in call(small, "run").stdout
    assert document(call(small, "run", "--json"))["skipped"] == {"mkv": 1}
    (small.input / "c.mkv").write_bytes(b"")
    assert "2 × .mkv" in call(small, "run").stdout
    assert "Left out" not in call(small, "run").stdout
    small.write(exclude=["**/*.mkv"])
    assert "Left out" not in call(small, "run").stdout
    (small.state / "told.json").write_text("[")
    small.write(exclude=[])
    (small.input / "notes.txt").write_bytes(b"")
    (small.input / "LICENSE").write_bytes(b"")
    text = call(small, "run").stdout
    assert "2 × .mkv" in text and "exclude: ['**/*.mkv', '**/*.txt', 'some/folder/**']." in text
    key = "cam/a.mp4"
    assert call(small, "pause", key).returncode == 0
    settles = f"Paused: {key}; this takes one up again: lightly-assets resume {key}"
    assert settles in call(small, "run").stdout and "Paused" not in call(small, "run").stdout


def test_categories_that_nobody_has_named_are_told(small: SmallProject) -> None:
    unnamed = [{"id": 0, "name": "class_0"}, {"id": 1, "name": "class_1"}]
    small.write(tasks=[task("squares") | {"categories": unnamed}])
    told = "The task 'squares' publishes categories that are still called class_0 to class_1, as init calls"
    assert told in call(small, "run").stdout and "still called" not in call(small, "run").stdout
    small.write(tasks=[task("squares") | {"categories": [unnamed[0]]}])
    assert "still called class_0, as init" in call(small, "run").stdout


def test_an_old_key_is_told_with_the_command_that_renames_it(small: SmallProject) -> None:
    small.write(sensor={"stable_seconds": 0})
    command = "sed -i.bak s/stable_seconds/trusted_age_seconds/ lightly.yaml"
    told = f"Note: sensor.stable_seconds is called sensor.trusted_age_seconds now; this renames it: {command}"
    for name in ("run", "status", "check"):
        done = call(small, name)
        assert done.returncode == 0 and done.stdout.splitlines().count(told) == 1, done.stdout
        assert "stable_seconds" not in done.stderr
    # A run tells it once; whoever asks is told.
    assert "Note:" not in call(small, "run").stdout
    assert document(call(small, "status", "--json"))["ok"]
    subprocess.run(shlex.split(command), cwd=small.folder, check=True)
    assert "trusted_age_seconds: 0" in small.config.read_text()
    assert "Note:" not in call(small, "status").stdout


def test_what_select_and_studio_lack_is_said_with_what_to_do(small: SmallProject) -> None:
    """The section that is shown can be written as it stands; nothing is left where nothing came of it."""
    said = call(small, "select", "--n", "1")
    assert said.returncode == 2
    shown = said.stderr.partition("such as ")[2]
    section = yaml.safe_load(shown)["worker_run"]
    WorkerRunSettings.parse(section)
    assert section["selection_config"]["strategies"][0]["input"]["task"] == "squares"
    said = call(small, "studio")
    assert said.returncode == 1 and "pip install 'lightly-assets[studio]'" in said.stderr
    assert not (small.folder / "studio").exists()


@pytest.mark.parametrize("command", ["run", "metrics", "ui", "gc"])
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (None, "DAGSTER_HOME is '{home}', which must be the absolute path of a folder that exists; "),
        ("run_storage: [", "{home}/dagster.yaml makes no instance of Dagster: while parsing a flow node "),
        (
            "run_storage: {module: no.where, class: A, config: {}}",
            "{home}/dagster.yaml makes no instance of ",
        ),
    ],
)
def test_an_instance_that_cannot_be_opened_is_told_in_a_sentence(
    small: SmallProject, tmp_path: Path, command: str, settings: str | None, words: str
) -> None:
    home = tmp_path / "home"
    if settings is not None:
        home.mkdir()
        (home / "dagster.yaml").write_text(settings)
    more = ["--port", "1"] if command == "ui" else []
    result = call(small, command, *more, DAGSTER_HOME=str(home))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert f"Error: {words.format(home=home)}" in result.stderr
