"""``lightly-assets ui``: what it starts answers, says nothing that worries, and ends as a whole."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lightly_assets.commands.project.serving import serve
from tests.day.conftest import Dagster
from tests.projects import SmallProject, positions, write_video


def test_the_server_and_the_daemon_are_there_until_it_is_ended(tmp_path: Path) -> None:
    small = SmallProject(tmp_path / "project")
    write_video(small.input / "a.mp4", positions(3))
    log = tmp_path / "log"
    dagster = Dagster(small, log)
    try:
        dagster.wait("the graph is loaded", lambda: dagster.ask("{ assetNodes { id } }")["assetNodes"])
        health = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"

        def healthy() -> bool:
            found = dagster.ask(health)["instance"]["daemonHealth"]["allDaemonStatuses"]
            return all(one["healthy"] for one in found if one["required"])

        dagster.wait("the daemon is well", healthy)
    finally:
        dagster.stop()
    text = log.read_text()
    for word in ("Warning", "deprecated", "superseded", "Traceback"):
        assert word not in text, text
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", dagster.port)).close()


SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_where_one_of_them_ends_so_does_the_other(tmp_path: Path) -> None:
    start = time.monotonic()
    assert serve([SLEEPER, [sys.executable, "-c", "import sys; sys.exit(3)"]], tmp_path) == 3
    assert time.monotonic() - start < 30


def test_killed_it_leaves_nobody(tmp_path: Path) -> None:
    """Also not what its programs have started, nor who does not heed Ctrl+C."""
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
    parent = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {deaf!r}]); time.sleep(60)"
    )
    code = (
        "import sys; from pathlib import Path; from lightly_assets.commands.project import serving;"
        f"serving._SECONDS = 1; serving.serve([[sys.executable, '-c', {parent!r}]], Path.cwd())"
    )
    served = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    try:
        _wait_until(lambda: len(_descendants(served.pid)) == 3)
        others = _descendants(served.pid)
    finally:
        served.kill()
        served.wait()
    _wait_until(lambda: not any(map(_is_alive, others)))


def _wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in map(int, children) for one in (child, *_descendants(child))]


def _is_alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_signal_ends_both(tmp_path: Path) -> None:
    """Also one of whoever runs it as a service."""
    before = signal.getsignal(signal.SIGTERM)
    signal_us = [
        sys.executable,
        "-c",
        "import os, signal, time; time.sleep(1); os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)",
    ]
    assert serve([SLEEPER, signal_us], tmp_path) == 0
    assert signal.getsignal(signal.SIGTERM) == before
