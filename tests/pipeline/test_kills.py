"""Killed at any instant, a run leaves nothing wrong, and the next one heals to the same bytes."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lightly_assets.config import load_project
from lightly_assets.format.schema import Schema
from lightly_assets.pipeline.session import Session
from tests.pipeline.kills import run
from tests.projects import SmallProject, positions, task, write_image, write_video

# Kill points of each scenario here; ``python -m benchmarks.pipeline.kills`` tries every single one.
SAMPLES = 4


OTHERS = task("others", "square_model:find_other")


def squares(*names: str, **model: Any) -> dict[str, Any]:
    """The task, with these categories."""
    return task("squares", **model) | {
        "categories": [{"id": number, "name": name} for number, name in enumerate(names)]
    }


def nothing(small: SmallProject) -> None:
    """The first publication."""


def longer(small: SmallProject) -> None:
    """A video with more digits, and a new image."""
    write_video(small.input / "a.mp4", positions(11))
    write_image(small.input / "stills/new.png", 40)


def threshold(small: SmallProject) -> None:
    small.write(tasks=[squares("square", "ball", score_threshold=0.36), OTHERS])


# Files and schema change at the same time: with a threshold, that each file tells which one it belongs to.
def renamed(small: SmallProject) -> None:
    small.write(tasks=[squares("box", "ball", score_threshold=0.36), OTHERS])


def reordered(small: SmallProject) -> None:
    small.write(tasks=[squares("ball", "square", category_map={0: 1, 1: 0}), OTHERS])


def without_category(small: SmallProject) -> None:
    small.write(tasks=[squares("square", score_threshold=0.36), OTHERS])


def removed(small: SmallProject) -> None:
    (small.input / "a.mp4").unlink()


SCHEMA_CHANGES = (renamed, reordered, without_category)
SCENARIOS: dict[str, Callable[[SmallProject], None]] = {
    one.__name__: one for one in (nothing, longer, threshold, *SCHEMA_CHANGES, removed)
}


def prepared(folder: Path, scenario: str) -> SmallProject:
    """A project right before the run that is to be killed."""
    small = SmallProject(folder)
    small.write(tasks=[squares("square", "ball"), OTHERS])
    write_video(small.input / "a.mp4", positions(8))
    write_image(small.input / "stills/x.png", 10)
    foreign = small.predictions / "theirs"
    foreign.mkdir(parents=True)
    (foreign / "schema.json").write_text(
        '{"task_type": "classification", "categories": [{"id": 0, "name": "theirs"}]}'
    )
    (small.predictions / "tasks.json").write_text('["theirs"]')
    if scenario != "nothing":
        run(small.config, 0)
    SCENARIOS[scenario](small)
    return small


def assert_nothing_is_wrong(small: SmallProject) -> None:
    """What a Worker that starts right now would see."""
    for path in small.predictions.rglob("*"):
        if path.is_file() and path.suffix == ".json":
            json.loads(path.read_bytes())
    for name in json.loads((small.predictions / "tasks.json").read_bytes()):
        Schema.parse((small.predictions / name / "schema.json").read_bytes())


def assert_old_or_new(small: SmallProject, *states: dict[str, bytes]) -> None:
    """Where the task is listed, its schema and all of its files are of one and the same time."""
    if "squares" in small.read("tasks.json"):
        now, *whole = (_of_squares(state) for state in (small.files(), *states))
        assert now in whole


def _of_squares(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.startswith("squares/") and "-tmp-" not in name}


@dataclass(frozen=True)
class Template:
    """A project before the run that is to be killed, how many writes that run has, and what comes of it."""

    folder: Path
    collects: bool
    """Whether it is ``gc`` that is killed."""
    whole: bool
    """Whether the task must be as before or as after at any instant, if it is listed."""
    writes: int
    healed: dict[str, bytes]
    """The published files."""
    recorded: set[str]
    """What lies in the state."""


def template(folder: Path, scenario: str) -> Template:
    before = prepared(folder / "template", scenario).folder
    collects = scenario == "removed"
    shutil.copytree(before, folder / "undisturbed")
    small = SmallProject.at(folder / "undisturbed")
    writes = run(small.config, 0, collects=collects)
    assert writes
    whole = SCENARIOS[scenario] in SCHEMA_CHANGES
    return Template(before, collects, whole, writes, small.files(), recorded(small))


def recorded(small: SmallProject) -> set[str]:
    names = {path.relative_to(small.state).as_posix() for path in small.state.rglob("*.*") if path.is_file()}
    return {name for name in names if ".sqlite" not in name}


def survives(made: Template, folder: Path, deadly: int) -> bool:
    """Kill a copy of a project at one write; look; run again. False where the run ended before that write.

    Raises:
        AssertionError: something is wrong that must not be.
    """
    shutil.copytree(made.folder, folder)
    small = SmallProject.at(folder)
    killed = run(small.config, deadly, collects=made.collects) is None
    assert_nothing_is_wrong(small)
    if made.whole:
        assert_old_or_new(small, SmallProject.at(made.folder).files(), made.healed)
    run(small.config, 0)
    if made.collects:
        run(small.config, 0, collects=True)
    assert small.files() == made.healed
    left = [path for path in small.folder.rglob("*") if "-tmp-" in path.name]
    assert left == []
    with Session(load_project(small.config)) as session:
        assert recorded(small) - made.recorded == set(session.warehouse.garbage.unused_tables())
    return killed


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_kill_at_any_write_is_survived(tmp_path: Path, scenario: str) -> None:
    made = template(tmp_path, scenario)
    points = sorted({1 + round(place * (made.writes - 1) / (SAMPLES - 1)) for place in range(SAMPLES)})
    killed = [survives(made, tmp_path / f"killed-{deadly}", deadly) for deadly in points]
    # Two threads delete and write: the last of the counted writes may be one less another time.
    assert all(killed[:-1])
