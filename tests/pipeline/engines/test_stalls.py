"""A worker that hangs: its process lives, and nothing comes of it any more."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from lightly_assets.config import load_project
from lightly_assets.pipeline.session import Session
from tests.projects import SmallProject, task

STALL = 4.0
TWO = {"kind": "local", "workers": 2, "stall_seconds": STALL}

# Of a picture that is all white, Python's own regular expressions hang, which let no other thread run.
HANGS = """
import re

import square_model


def find(images):
    if any(image.min() > 200 for image in images):
        re.match("(a+)+$", "a" * 64 + "b")
    return square_model.find(images)
"""

SLOW = """
import time

import square_model


def find(images):
    time.sleep(0.5)
    return square_model.find(images)
"""


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    made = SmallProject(tmp_path / "project")
    made.fill(videos=2, stills=2)
    return made


def test_an_input_that_hangs_with_the_interpreter_locked_is_failed_alone(small: SmallProject) -> None:
    (small.folder / "hanging_model.py").write_text(HANGS)
    small.write(tasks=[task("squares", "hanging_model:find", version="1")], engine=TWO)
    Image.new("RGB", (96, 64), (255, 255, 255)).save(small.input / "white.png")
    notes: list[str] = []
    with Session(load_project(small.config)) as session:
        outcomes = list(session.run(session.plan(), on_note=lambda _, text: notes.append(text)))
    failed = {key: why for outcome in outcomes for key, why in outcome.failed.items()}
    assert list(failed) == ["white.png"]
    assert "was ended, as nothing came of it for 4 seconds" in failed["white.png"]
    ended = [text for text in notes if "was ended" in text]
    assert len(ended) >= 3 and ended[0].endswith("what it had is done by others.")
    assert {"squares/stills/0.json", "squares/stills/1.json"} <= small.files().keys()
    assert len([name for name in small.files() if "mp4" in name and name.startswith("squares/")]) == 6 + 7


def test_a_run_that_was_stopped_for_a_while_ends_nobody(small: SmallProject) -> None:
    (small.folder / "slow_model.py").write_text(SLOW)
    small.write(tasks=[task("squares", "slow_model:find", version="1", batch_size=1)], engine=TWO)
    program = (
        "import sys; from lightly_assets.config import load_project; "
        "from lightly_assets.pipeline.session import Session; session = Session(load_project(sys.argv[1]));"
        "session.__enter__(); say = lambda *words: print(*words, flush=True); "
        "[say(one.unit, one.problems()) for one in session.run(session.plan(), on_note=say)]"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(small.config)], stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdout is not None
        lines = [driver.stdout.readline() for _ in range(2)]
        os.kill(driver.pid, signal.SIGSTOP)
        time.sleep(1.5 * STALL)
        os.kill(driver.pid, signal.SIGCONT)
        lines += driver.stdout.readlines()
        assert driver.wait(60) == 0
    assert [line for line in lines if "was ended" in line] == []
    assert len([line for line in lines if line.endswith("{}\n")]) == 3
