"""Killed at any instant, a run leaves nothing wrong, and the next one heals to the same bytes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lightly_assets.format.schema import Schema
from tests.projects import SmallProject, positions, task, write_image, write_video

ROOT = Path(__file__).parents[2]
# Kill points of each scenario here; ``python -m benchmarks.pipeline_kills`` tries every single one.
SAMPLES = 6


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
        run(small, 0)
    SCENARIOS[scenario](small)
    return small


def run(small: SmallProject, deadly: int, *arguments: str) -> int | None:
    """How many writes a run had; None where it was killed."""
    command = [sys.executable, "-m", "tests.pipeline.kills", str(small.config), str(deadly), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


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


def survives(
    template: Path,
    folder: Path,
    deadly: int,
    arguments: list[str],
    healed: dict[str, bytes],
    *,
    whole: bool = False,
) -> bool:
    """Kill a copy of a project at one write; look; run again. False where the run ended before that write."""
    shutil.copytree(template, folder)
    small = SmallProject.at(folder)
    killed = run(small, deadly, *arguments) is None
    assert_nothing_is_wrong(small)
    if whole:
        assert_old_or_new(small, SmallProject.at(template).files(), healed)
    run(small, 0)
    if arguments:
        run(small, 0, *arguments)
    assert small.files() == healed
    left = [path for path in small.folder.rglob("*") if "-tmp-" in path.name]
    assert left == []
    return killed


def scenario_points(folder: Path, scenario: str) -> tuple[Path, list[str], int, dict[str, bytes]]:
    """The project before the run, what else to call, how many writes it has, and what it must end as."""
    template = prepared(folder / "template", scenario).folder
    arguments = ["gc"] if scenario == "removed" else []
    shutil.copytree(template, folder / "undisturbed")
    undisturbed = SmallProject.at(folder / "undisturbed")
    count = run(undisturbed, 0, *arguments)
    assert count
    return template, arguments, count, undisturbed.files()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_kill_at_any_write_is_survived(tmp_path: Path, scenario: str) -> None:
    template, arguments, count, healed = scenario_points(tmp_path, scenario)
    points = sorted({1 + round(place * (count - 1) / (SAMPLES - 1)) for place in range(SAMPLES)})
    whole = SCENARIOS[scenario] in SCHEMA_CHANGES
    killed = [
        survives(template, tmp_path / f"killed-{deadly}", deadly, arguments, healed, whole=whole)
        for deadly in points
    ]
    # Two threads delete and write: the last of the counted writes may be one less another time.
    assert all(killed[:-1])
