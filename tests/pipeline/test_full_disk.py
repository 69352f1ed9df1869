"""A disk that is full or read-only: one sentence, nothing half-published, and the next run heals.

The disks are real ones: small file systems in a mount namespace of their own. Where the kernel does not allow
that, rights and the limit of a file's size have to do.
"""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from lightly_assets.checker.check import check
from lightly_assets.config import load_project
from lightly_assets.pipeline.session import Session
from tests.pipeline.test_run import run
from tests.projects import SmallProject, positions, read_folder, write_video

ROOT = Path(__file__).parents[2]
RUN = f"PYTHONPATH={ROOT} {sys.executable} -m lightly_assets.cli run"

# The first commands make the fault, the last ones take it away.
FAULTS = {
    "read-only": (
        "mount --bind lightly lightly && mount -o remount,bind,ro lightly",
        "umount lightly",
    ),
    "full": (
        "mount -t tmpfs -o size=64k tmpfs lightly",
        "mount -o remount,size=8m lightly",
    ),
    "full state": (
        "mount -t tmpfs -o size=100k tmpfs state",
        "mount -o remount,size=16m state",
    ),
    "no inodes": (
        "mount -t tmpfs -o nr_inodes=20 tmpfs lightly",
        "mount -o remount,nr_inodes=2000 lightly",
    ),
}
WITHOUT_MOUNTS = dict.fromkeys(FAULTS, ("ulimit -S -f 1", "ulimit -S -f unlimited")) | {
    "read-only": ("chmod 555 lightly", "chmod 755 lightly")
}


@cache
def can_mount() -> bool:
    command = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def shell(script: str, small: SmallProject) -> "subprocess.CompletedProcess[str]":
    """Commands in a project's folder, which see disks that nobody else sees where the kernel allows it."""
    words = ["unshare", "-rm", "sh", "-c"] if can_mount() else ["sh", "-c"]
    return subprocess.run([*words, script], cwd=small.folder, capture_output=True, text=True)


def published_with_another(folder: Path, frames: int) -> tuple[SmallProject, dict[str, bytes]]:
    """A project with one video published, and one of so many frames to come; what is published."""
    small = SmallProject(folder)
    write_video(small.input / "b.mp4", positions(6))
    assert run(small).ok
    write_video(small.input / "a.mp4", positions(frames))
    return small, small.files()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_takes_no_more(fault: str, tmp_path: Path) -> None:
    small, undisturbed = SmallProject(tmp_path / "small"), SmallProject(tmp_path / "undisturbed")
    for project in (small, undisturbed):
        write_video(project.input / "a.mp4", positions(30))
        write_video(project.input / "b.mp4", positions(12))
    assert run(undisturbed).ok
    small.lightly.mkdir()
    small.state.mkdir()
    make, take_away = (FAULTS if can_mount() else WITHOUT_MOUNTS)[fault]
    script = f"""
        {make} || exit 9
        {RUN} >told 2>&1; code=$?
        cp -r lightly broken
        {take_away} || exit 9
        {RUN} >then 2>&1 || exit 8
        cp -r lightly healed
        exit $code
    """
    done = shell(script, small)
    told = (small.folder / "told").read_text()
    assert done.returncode == 1, done.stderr + told
    said = [line for line in told.splitlines() if line.startswith(("Failed: ", "Error: "))]
    assert len(said) == 1 and "Traceback" not in told
    assert any(word in said[0] for word in ("read-only", "space", "full", "permission", "too large"))
    broken = read_folder(small.folder / "broken")
    assert not [name for name in broken if "-tmp-" in name]
    if any(name.endswith("tasks.json") for name in broken):
        # What is listed is whole, though a video may be missing.
        assert check(small.folder / "broken").findings == []
    healed = read_folder(small.folder / "healed/.lightly/predictions")
    assert healed == undisturbed.files()


def test_a_video_that_finds_no_room_is_not_there_in_part(tmp_path: Path) -> None:
    """The task is listed, and a video without its last frames looks like one that is empty there."""
    small, before = published_with_another(tmp_path / "small", frames=30)
    make = "mount -t tmpfs -o nr_inodes=25 tmpfs lightly && cp -r kept/. lightly"
    if not can_mount():
        make = "ulimit -S -f 1"
    script = f"cp -r lightly kept; {{ {make}; }} || exit 9; {RUN} >told 2>&1; echo $?; cp -r lightly broken"
    done = shell(script, small)
    assert done.stdout == "1\n", (small.folder / "told").read_text()
    assert read_folder(small.folder / "broken/.lightly/predictions") == before
    with Session(load_project(small.config)) as session:
        assert [outcome for outcome in session.run(session.plan()) if outcome.problems()] == []
    assert len(small.files()) == len(before) + 30


def test_a_video_whose_names_are_taken_is_not_there_in_part(tmp_path: Path) -> None:
    small, before = published_with_another(tmp_path / "small", frames=12)
    taken = small.lightly / ".lightly/predictions/squares/a-07-mp4.json"
    taken.mkdir()
    (taken / "something").touch()
    assert not run(small).ok
    (taken / "something").unlink()
    taken.rmdir()
    assert small.files() == before
    assert run(small).ok
    assert len(small.files()) == len(before) + 12
