"""``run --watch``: what makes it run again, what does not yet, and how it ends."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from lightly_assets.commands.project.watch import Changes
from lightly_assets.config import load_project
from tests.processes import PROGRAM, call, environment
from tests.projects import SmallProject, positions, write_video


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path / "project")


def write(small: SmallProject, name: str, content: bytes, age: float) -> None:
    path = small.input / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age, time.time() - age))


def test_a_file_counts_once_two_listings_saw_the_same(small: SmallProject) -> None:
    project, changes = load_project(small.config), Changes()
    write(small, "old.mp4", b"1", 1000)
    assert changes.look(project, time.time()) and set(changes.stable) == {"old.mp4"}
    assert changes.only() is None
    changes.take([])
    write(small, "new.mp4", b"1", 0)
    assert not changes.look(project, time.time()) and changes.waiting() == 1
    write(small, "new.mp4", b"12", 0)
    assert not changes.look(project, time.time())
    assert changes.look(project, time.time()) and changes.waiting() == 0
    changes.take([])
    assert not changes.look(project, time.time())


def test_what_is_rewritten_or_gone_is_a_change(small: SmallProject) -> None:
    project, changes = load_project(small.config), Changes()
    write(small, "a.mp4", b"1", 1000)
    write(small, "b.mp4", b"1", 1000)
    changes.look(project, time.time())
    changes.take([])
    write(small, "a.mp4", b"22", 0)
    assert not changes.look(project, time.time())
    assert changes.only() == {"b.mp4"}
    assert changes.look(project, time.time())
    changes.take([])
    (small.input / "b.mp4").unlink()
    assert changes.look(project, time.time())


def test_what_failed_waits_for_other_content_or_settings(small: SmallProject) -> None:
    project, changes = load_project(small.config), Changes()
    write(small, "bad.mp4", b"1", 1000)
    changes.look(project, time.time())
    changes.take(["bad.mp4"])
    write(small, "good.mp4", b"1", 1000)
    assert changes.look(project, time.time()) and changes.only() == {"good.mp4"}
    changes.take([])
    write(small, "bad.mp4", b"333", 1000)
    assert changes.look(project, time.time()) and changes.only() is None
    changes.take(["bad.mp4"])
    small.config.write_text(small.config.read_text() + "\n# another\n")
    assert changes.look(project, time.time()) and changes.only() is None


class Watching:
    """``run --watch --json`` in a process of its own."""

    def __init__(self, small: SmallProject, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [PROGRAM, "run", "--watch", "--every", "0.3", *arguments],
            cwd=small.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def document(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


def test_runs_again_for_new_videos_and_ends_by_ctrl_c(small: SmallProject) -> None:
    write_video(small.input / "a.mp4", positions(3))
    watching = Watching(small, "--json")
    assert watching.document()["updated"] == ["a.mp4"]
    write_video(small.input / "b.mp4", positions(3))
    again = watching.document()
    assert again["updated"] == ["b.mp4"] and again["unchanged"] == 1
    watching.process.send_signal(signal.SIGINT)
    _, said = watching.process.communicate(timeout=30)
    assert watching.process.returncode == 0 and said == "Stopped.\n"


def test_dry_run_and_watch_exclude_each_other(small: SmallProject) -> None:
    done = call(small.folder, "run", "--watch", "--dry-run")
    assert done.returncode == 2 and "exclude each other" in done.stderr
