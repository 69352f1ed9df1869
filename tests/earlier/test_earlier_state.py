"""A project that version 0.1.0 brought up to date is so: no model is asked, and no published byte changes.

Tasks with keypoints are encoded once more on purpose (objects with a flat box were left out of them); all
other tasks have nothing to do.

``project`` was made by that version's ``lightly-assets run``, without Dagster's instance. Never make it anew
with a later version: where this test fails, the projects of users become stale. If that is meant, the test
says which stage of which task does, and ``CHANGELOG.md`` must say why.
"""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lightly_assets.config import load_project
from lightly_assets.pipeline.session import Session
from tests.processes import call, environment

PROJECT = Path(__file__).with_name("project")
# When the inputs were changed the last time, as the records have it.
CHANGED = 1_750_000_000
ENCODED_ANEW = {"keypoints"}
TASKS = {"classification", "objects", "keypoints", "instances", "semantic"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy whose inputs have the times that the records know."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    for path in (folder / "input").rglob("*"):
        if path.is_file():
            os.utime(path, (CHANGED, CHANGED))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def command(folder: Path, *words: str) -> str:
    done = call(folder, *words, env=environment(DAGSTER_HOME=""))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_fixture_holds_every_task_type_of_videos_and_images() -> None:
    published = PROJECT / "lightly/.lightly/predictions"
    assert set(json.loads((published / "tasks.json").read_text())) == TASKS
    types = {json.loads((published / task / "schema.json").read_text())["task_type"] for task in TASKS}
    assert len(types) == 5
    for task in TASKS:
        files = [path for path in (published / task).rglob("*.json") if path.name != "schema.json"]
        assert len(files) == 6, "four frames and two images"
        assert any(json.loads(path.read_text())["predictions"] for path in files)


@pytest.mark.parametrize("index", ["kept", "lost"])
def test_there_is_nothing_to_do(project: Path, index: str) -> None:
    if index == "lost":
        (project / "state/index.sqlite").unlink()
    lightly, kept = contents(project / "lightly"), stored(project)
    document = json.loads(command(project, "run", "--json"))
    assert (document["ok"], document["frames"], document["files_written"]) == (True, 0, 0)
    assert stored(project) == kept, "of the other tasks"
    assert command(project, "run").startswith("All up to date: 3 inputs, nothing to do")
    assert not (project / "calls.log").exists(), "a model was asked"
    assert contents(project / "lightly") == lightly


def make_first(state: Path) -> None:
    """Records and table as the first versions wrote them: with fewer fields, in other columns."""
    for path in (state / "manifests").rglob("*.json"):
        record = json.loads(path.read_text())
        for one in record["inputs"].values():
            del one["leftovers"]
            if known := one["statistics"]:
                counts = {f"category:{number}": count for number, count in known.get("counts", {}).items()}
                one["statistics"] = {**counts, "singletons": sum(counts.values()), "clipped": 0, "dropped": 0}
        path.write_text(json.dumps(record, indent=2))
    (state / "index.sqlite").unlink()
    with closing(sqlite3.connect(state / "index.sqlite")) as table:
        table.executescript(
            "CREATE TABLE records (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL);"
            "CREATE TABLE entries (task TEXT, input TEXT, PRIMARY KEY (task, input)) WITHOUT ROWID;"
            "PRAGMA user_version = 1;"
        )


def test_a_state_of_the_first_versions_is_taken_over_and_told_once(project: Path) -> None:
    make_first(project / "state")
    lightly, kept = contents(project / "lightly"), stored(project)
    told = "is of an earlier version and is taken over"
    said = command(project, "run")
    assert "files                  0 written, 0 deleted" in said and said.count(told) == 1
    assert stored(project) == kept, "of the other tasks"
    said = command(project, "run")
    assert said.startswith("All up to date: 3 inputs, nothing to do") and told not in said
    assert not (project / "calls.log").exists(), "a model was asked"
    assert contents(project / "lightly") == lightly


def stored(folder: Path) -> dict[str, bytes]:
    """Records and tables, but for what is encoded anew on purpose."""
    found: dict[str, bytes] = {}
    for name in ("manifests", "predictions", "singletons"):
        found |= {f"{name}/{one}": data for one, data in contents(folder / "state" / name).items()}
    assert any("/objects/" in one for one in found)
    return {one: data for one, data in found.items() if not set(Path(one).parts) & ENCODED_ANEW}


def test_no_stage_is_stale_but_those_that_are_meant(project: Path) -> None:
    """Says which one became stale, where one did."""
    status = json.loads(command(project, "status", "--json"))
    anew = dict.fromkeys(ENCODED_ANEW, "singletons")
    assert (status["new"], status["orphans"]) == ([], [])
    assert list(status["stale"].values()) == [anew] * 3, "from that stage on, and no other task"
    assert {task: counts["predictions"] for task, counts in status["tasks"].items()} == {
        "classification": 6, "objects": 4, "keypoints": 4, "instances": 4, "semantic": 10,
    }  # fmt: skip


def test_what_is_stored_still_becomes_the_same_bytes_without_a_model(project: Path) -> None:
    lightly = contents(project / "lightly")
    settings = (project / "lightly.yaml").read_text()
    with_threshold = settings.replace("score_threshold: 0.4", "score_threshold: 0.99")
    assert with_threshold != settings
    for text, tasks in ((with_threshold, {"objects"} | ENCODED_ANEW), (settings, {"objects"})):
        (project / "lightly.yaml").write_text(text)
        with Session(load_project(project)) as session:
            plan = session.plan()
            assert {task for unit in plan.units for task in unit.tasks} == tasks
            failed = [outcome.failed for outcome in session.run(plan, sheets=False) if outcome.failed]
            assert failed == []
            assert session.finish() == {}
        assert (contents(project / "lightly") == lightly) == (text == settings)
    assert not (project / "calls.log").exists(), "a model was asked"


def test_a_changed_input_is_seen(project: Path) -> None:
    """So that the tests above cannot pass for another reason."""
    command(project, "run")
    os.utime(project / "input/images/a.png", (CHANGED + 1, CHANGED + 1))
    status = json.loads(command(project, "status", "--json"))
    assert set(status["stale"]) == {"images/a.png"}
