"""Tasks that leave ``lightly.yaml``, or get another name."""

import json
from pathlib import Path

from lightly_assets.config import load_project
from lightly_assets.pipeline.gc import collect
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.status import project_status
from tests.projects import SmallProject, positions, task, write_video


def run(small: SmallProject) -> None:
    with Session(load_project(small.config)) as session:
        for outcome in session.run(session.plan(), sheets=False):
            assert not outcome.problems()
        assert session.finish() == {}


def test_a_task_that_is_renamed_is_a_new_one_and_gc_removes_the_old(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    write_video(small.input / "a.mp4", positions(3))
    small.predictions.mkdir(parents=True)
    (small.predictions / "tasks.json").write_text(json.dumps(["theirs"]))
    foreign = small.predictions / "theirs/schema.json"
    foreign.parent.mkdir()
    foreign.write_text("{}")
    run(small)
    small.write(tasks=[task("boxes")])
    run(small)
    assert small.read("tasks.json") == ["theirs", "squares", "boxes"]
    with Session(load_project(small.config)) as session:
        status = project_status(session)
        assert status.removed_tasks == ["squares"]
        assert any("task squares: no longer in lightly.yaml" in line for line in status.to_lines(9))
        assert collect(session, dry_run=True).tasks == ["squares"]
        assert len(small.files()) == 2 + 2 * 4
        collected = collect(session)
        assert len(collected.files) == 3 and collected.inputs == []
        assert project_status(session).removed_tasks == []
    assert small.read("tasks.json") == ["theirs", "boxes"]
    assert sorted(small.files()) == sorted(
        ["tasks.json", "theirs/schema.json", "boxes/schema.json"]
        + [f"boxes/a-{index}-mp4.json" for index in range(3)]
    )
    assert not list((small.state / "manifests/tasks").rglob("squares/**/*.json"))


def test_what_others_put_into_the_folder_stays(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    write_video(small.input / "a.mp4", positions(3))
    run(small)
    (small.predictions / "squares/mine.json").write_text("{}")
    small.write(tasks=[])
    with Session(load_project(small.config)) as session:
        collect(session)
    assert sorted(small.files()) == ["squares/mine.json", "squares/schema.json", "tasks.json"]
    assert small.read("tasks.json") == []
