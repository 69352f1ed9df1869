"""Runs that share a pool wait for each other, with Dagster's own daemon and queue."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from lightly_assets.commands.project.instance import SETTINGS
from tests.day.conftest import Dagster
from tests.projects import SmallProject, positions, write_video

# Works until it is told to go on, and says when it began and ended.
MODEL = """
import time
from pathlib import Path

import square_model

LOG, GO = Path(__file__).with_name("times.log"), Path(__file__).with_name("go")


def find(images):
    begin = time.time()
    while not GO.exists():
        time.sleep(0.1)
    with LOG.open("a") as log:
        log.write(f"{begin} {time.time()}\\n")
    return square_model.find(images)
"""
_EVENTS = """
event_log_storage: {module: lightly_assets.graph.event_log, class: SqliteEventLog, config: {}}
"""


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """An instance where two runs may be under way at once, but for the pool."""
    found = yaml.safe_load(SETTINGS + _EVENTS)
    found["concurrency"] = {"runs": {"max_concurrent_runs": 2}}
    if request.node.callspec.params["waits"] == "under way":
        # One run more than there are slots is taken out of the queue, as those are that never were in it.
        found["concurrency"]["pools"] = {"op_granularity_run_buffer": 1}
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dagster.yaml").write_text(yaml.safe_dump(found))
    return folder


@pytest.mark.timeout(900)
@pytest.mark.parametrize("waits", ["no", "in the queue", "under way"])
def test_two_runs(
    small: SmallProject,
    start: Callable[[], Dagster],
    home: Path,
    waits: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (small.folder / "slow_model.py").write_text(MODEL)
    task = small.settings["tasks"][0]
    task["model"] |= {"call": "slow_model:find"}
    pool: dict[str, Any] = {} if waits == "no" else {"pool": "gpu_0"}
    small.write(
        dagster=pool, sensor={"running": True, "interval_seconds": 1, "trusted_age_seconds": 0, "inputs": 1}
    )
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    limit = [sys.executable, "-m", "dagster", "instance", "concurrency", "set", "gpu_0", "1"]
    subprocess.run(limit, check=True)
    for name in "ab":
        write_video(small.input / f"{name}.mp4", positions(3))
    dagster = start()
    with dg.DagsterInstance.get() as instance:

        def shown() -> list[str]:
            """What is seen of the two while the first one works."""
            statuses = sorted(run["status"] for run in dagster.runs())
            info = instance.event_log_storage.get_concurrency_info("gpu_0")
            slots = ["slot taken"] * info.active_slot_count + ["slot wanted"] * info.pending_step_count
            return statuses + slots

        expected = {
            "no": ["STARTED", "STARTED"],
            "under way": ["STARTED", "STARTED", "slot taken", "slot wanted"],
            "in the queue": ["QUEUED", "STARTED", "slot taken"],
        }[waits]
        dagster.wait(f"the runs are {expected}", lambda: shown() == expected)
        time.sleep(5)  # it stays so
        assert shown() == expected
    (small.folder / "go").touch()
    dagster.settled(2)
    (_, first_end), (second_begin, _) = _times(small)
    assert (first_end <= second_begin) == (waits != "no")
    assert len(small.files()) == 2 * 3 + 2


def _times(small: SmallProject) -> list[tuple[float, float]]:
    lines = (small.folder / "times.log").read_text().splitlines()
    found = sorted((float(begin), float(end)) for begin, end in map(str.split, lines))
    assert len(found) == 2
    return found
