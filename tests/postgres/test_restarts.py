"""A server that goes away in the middle of a run: it is waited for, and not for ever."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from tests.postgres.conftest import Server, settings
from tests.projects import SmallProject, positions, task, write_video

KEYS = [f"{number}.mp4" for number in range(3)]
# Nothing is predicted before the test says so: what happens until then happens in the middle of the run.
WAITS = """
import time
from pathlib import Path

import square_model


def find(images):
    Path("{folder}/begun").touch()
    while not Path("{folder}/go").exists():
        time.sleep(0.1)
    return square_model.find(images)
"""
PROGRAM = "from lightly_assets.cli import main; main()"
IMPATIENT = f"from lightly_assets.graph import postgres_event_log as log; log.PATIENCE_SECONDS = 2; {PROGRAM}"


@pytest.fixture
def one() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    for key in KEYS:
        write_video(small.input / key, positions(3))
    (small.folder / "waiting_model.py").write_text(WAITS.format(folder=small.folder))
    small.write(tasks=[task("squares", "waiting_model:find", version="1")])
    return small


def environment(small: SmallProject, server: Server) -> dict[str, str]:
    home = small.folder / "home"
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text(settings(server.url))
    return os.environ | {"DAGSTER_HOME": str(home), "PYTHONPATH": str(Path.cwd())}


@contextmanager
def begun(small: SmallProject, server: Server, program: str) -> "Iterator[subprocess.Popen[str]]":
    """A run in the middle of its first input."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run", "-c", str(small.config)],
        env=environment(small, server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not (small.folder / "begun").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.communicate()


def tried(server: Server) -> None:
    """Wait until somebody has tried to reach a server that is away."""
    with socket.create_server(("127.0.0.1", server.port)) as listening:
        listening.accept()[0].close()


def made(small: SmallProject, server: Server, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Partitions whose files Dagster knows."""
    monkeypatch.setenv("DAGSTER_HOME", environment(small, server)["DAGSTER_HOME"])
    with dg.DagsterInstance.get() as instance:
        found = instance.fetch_materializations(dg.AssetKey(["squares", "task_folder"]), limit=99).records
        return {str(record.partition_key) for record in found}


def test_a_server_that_is_started_anew_is_waited_for(
    small: SmallProject, one: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(small, one, PROGRAM) as process:
        one.stop()
        (small.folder / "go").touch()
        tried(one)
        one.start()
        said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert made(small, one, monkeypatch) == set(KEYS)
    assert len(small.files()) == 3 * len(KEYS) + 2


def test_one_that_stays_away_ends_the_run_with_a_sentence_and_the_next_run_heals(
    small: SmallProject, one: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(small, one, IMPATIENT) as process:
        one.stop()
        (small.folder / "go").touch()
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1
    last = said.strip().splitlines()[-1]
    assert "The PostgreSQL server of Dagster's instance does not answer:" in last, said
    assert "Traceback" not in said and "disk" not in last, said
    one.start()
    with begun(small, one, PROGRAM) as process:
        said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert len(small.files()) == 3 * len(KEYS) + 2
    # What was published while nobody could be told is told now.
    assert made(small, one, monkeypatch) == set(KEYS)
