"""A day in the life of a project: Dagster's daemon runs, and somebody changes things.

Each time only the work that is due is done, counted by the frames that were decoded and the images that the
model was given, the folder passes the check, and the gate before the Worker opens or stays shut as it should.
Once with partitions by video, once by day, and once with all three roots on a real S3 server.
"""

from collections.abc import Callable
from typing import Any

import pytest

from lightly_assets.checker.check import check
from lightly_assets.config import load_project
from lightly_assets.pipeline.gc import collect
from lightly_assets.pipeline.session import Session
from tests.day.conftest import Dagster
from tests.graph.test_worker_run import SETTINGS
from tests.projects import SmallProject, positions, task, write_video

STAGES = ["predictions", "singletons", "task_folder"]
CHAIN = ["frames", *(f"squares/{stage}" for stage in STAGES)]


class Day:
    """What is expected of one day, step by step."""

    def __init__(self, small: SmallProject, dagster: Dagster) -> None:
        self.small, self.dagster = small, dagster
        self.number = 0
        """Runs so far."""

    def after(self, runs: int, calls: dict[str, int], inputs: int) -> None:
        """So many runs were needed, over so many inputs, and the models were given so many images."""
        self.number += runs
        last = self.dagster.settled(self.number)[-1]
        tags = {tag["key"]: tag["value"] for tag in last["tags"]}
        assert int(tags.get("lightly_assets/inputs", 0)) == inputs
        assert self.calls() == calls

    def calls(self) -> dict[str, int]:
        """Images by model since the last time."""
        found: dict[str, int] = {}
        for line in self.small.calls():
            name, count = line.split()
            found[name] = found.get(name, 0) + int(count)
        return found

    def gate(self) -> str | None:
        """Why it is shut; None where it opens."""
        self.number += 1
        return self.dagster.failure(self.dagster.launch("predictions_and_worker_run", ["worker_run"]))

    def is_right(self, *, complete: bool = True) -> bool:
        project = load_project(self.small.config)
        return check(project.root("lightly"), project.root("input") if complete else None).ok


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("mode", "small"), [("video", "disk"), ("day", "disk"), ("video", "S3")], indirect=["small"]
)
def test_a_day(small: SmallProject, start: Callable[[], Dagster], mode: str) -> None:
    a_day(small, start, mode)


def a_day(small: SmallProject, start: Callable[[], Dagster], mode: str) -> None:
    """All that happens in it, on whatever instance."""
    dated = "2026-11-01/" if mode == "day" else ""
    small.write(
        partitions=mode,
        sensor={"running": True, "interval_seconds": 1, "trusted_age_seconds": 1},
        worker_run=SETTINGS,
    )
    dagster = start()
    day = Day(small, dagster)
    of: Callable[[str], str] = lambda name: "2026-11-01" if mode == "day" else f"{name}.mp4"  # noqa: E731

    # It starts empty.
    dagster.settled(0)
    assert "There are no videos" in str(day.gate())

    # Three videos, one of them broken.
    for name, frames in (("a", 5), ("b", 12)):
        write_video(small.folder / f"{name}.mp4", positions(frames)).rename(
            _into(small, f"{dated}{name}.mp4")
        )
    (small.folder / "c.mp4").write_bytes(b"no video" * 99)
    (small.folder / "c.mp4").rename(_into(small, f"{dated}c.mp4"))
    small.send()
    runs = len(_runs_until_idle(day))
    assert day.calls() == {"find": 17}
    assert runs >= 1
    shown = dagster.partitions("squares/task_folder")
    assert of("c") in shown["failed"] and (mode == "day" or shown["made"] == ["a.mp4", "b.mp4"])
    assert day.is_right(complete=False) and small.read("tasks.json") == ["squares"]
    assert "c.mp4" in str(day.gate())

    # The broken one is put right; nothing else is done again.
    write_video(small.folder / "c.mp4", positions(3)).rename(_into(small, f"{dated}c.mp4"))
    small.send()
    day.after(1, {"find": 3}, inputs=1)
    assert dagster.partitions("squares/task_folder")["failed"] == []
    assert day.is_right() and day.gate() is None

    # One is replaced by a longer one: the padding changes.
    write_video(small.folder / "a.mp4", positions(10)).rename(_into(small, f"{dated}a.mp4"))
    small.send()
    day.after(1, {"find": 10}, inputs=1)
    assert f"squares/{dated}a-09-mp4.json" in small.files()
    assert f"squares/{dated}a-4-mp4.json" not in small.files()
    assert dagster.metadata("frames", of("a"))["decoded"] == 10
    assert day.is_right() and day.gate() is None

    # One is deleted: its files are orphans until gc.
    (small.input / f"{dated}c.mp4").unlink()
    small.send()
    day.after(1, {}, inputs=0)
    assert "3 prediction files belong to no input" in str(dagster.check("tasks_json", "no_orphans"))
    assert day.is_right() and day.gate() is None  # they are a warning: the Worker is not told of them
    _gc(small)
    assert not [name for name in small.files() if "/c-" in name]

    # A task is added.
    tasks = [task("squares"), task("others", "square_model:find_other")]
    small.write(tasks=tasks)
    dagster.reload()
    day.after(1, {"find_other": 22}, inputs=2)
    assert small.read("tasks.json") == ["squares", "others"]
    assert day.is_right() and day.gate() is None

    # A threshold changes: what is stored is encoded again, of this task alone.
    tasks[1] = task("others", "square_model:find_other", score_threshold=0.32)
    small.write(tasks=tasks)
    day.after(1, {}, inputs=2)
    assert dagster.metadata("others/singletons", of("b"))["predictions"] > 0
    assert day.is_right() and day.gate() is None

    # A model changes: it predicts again, and the other one does not.
    tasks[0] = task("squares", "square_model:find_other")
    small.write(tasks=tasks)
    day.after(1, {"find_other": 22}, inputs=2)
    assert day.is_right() and day.gate() is None

    # A category is renamed: every file of the task is encoded again, and the model is not asked.
    tasks[0]["categories"] = [{"id": 0, "name": "box"}]
    small.write(tasks=tasks)
    day.after(1, {}, inputs=2)
    assert small.read("squares/schema.json")["categories"] == [{"id": 0, "name": "box"}]
    assert day.is_right() and day.gate() is None

    # A backfill of everything finds all of it up to date, and records that.
    before = small.files()
    made = dagster.partitions("squares/task_folder")["made"]
    assert made == (["2026-11-01"] if mode == "day" else ["a.mp4", "b.mp4"])
    assert dagster.backfill(CHAIN, made) == "COMPLETED_SUCCESS"
    assert small.files() == before and day.calls() == {}
    # And one of history, where the state was lost.
    _forget(small)
    assert dagster.backfill(CHAIN, made) == "COMPLETED_SUCCESS"
    assert day.calls()["find_other"] >= 22


def _into(small: SmallProject, key: str) -> Any:
    path = small.input / key
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _runs_until_idle(day: Day) -> list[dict[str, Any]]:
    """Videos that come at about the same time may be asked for together, or in two runs."""
    dagster = day.dagster
    dagster.wait("a run begins", lambda: len(dagster.runs()) > day.number)

    def idle() -> bool:
        over = all(one["status"] in ("SUCCESS", "FAILURE") for one in dagster.runs())
        return (
            over and "left alone because of failures" in dagster.tick() and "under way" not in dagster.tick()
        )

    dagster.wait("all is done", idle)
    found = dagster.runs()[day.number :]
    day.number += len(found)
    return found


def _gc(small: SmallProject) -> None:
    with Session(load_project(small.config)) as session:
        assert len(collect(session).files) == 3


def _forget(small: SmallProject) -> None:
    """The records of one task are lost; the published files are not."""
    with Session(load_project(small.config)) as session:
        state = session.warehouse.state
        state.delete_many(list(state.names("manifests/tasks/squares")))
