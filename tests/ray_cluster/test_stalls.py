"""Workers that hang, of either kind: it is noticed, they are ended, and what they had is done by others."""

import os
import signal
import time
from typing import Any

import pytest
from PIL import Image

from lightly_assets.config import load_project
from lightly_assets.pipeline.engines.errors import EngineError
from lightly_assets.pipeline.session import Session
from tests.projects import SmallProject, task
from tests.ray_cluster.cluster import Cluster, processes, wait_for
from tests.ray_cluster.test_ray import slowly
from tests.ray_cluster.work import begun, heard, on, run

STALL = 6.0
WORDS = "was ended, as nothing came of it for 6 seconds"

# In what a picture that is all white makes a model do, which never ends.
ASLEEP = "import time; time.sleep(10**6)"
# Neither lets any other thread of Python run.
LOCKED = "import re; re.match('(a+)+$', 'a' * 64 + 'b')"
IN_C = "import ctypes; ctypes.PyDLL(None).pause()"

HANGS = """
import square_model


def find(images):
    if any(image.min() > 200 for image in images):
        {what}
    return square_model.find(images)
"""

# Wherever the run itself is not.
HANGS_WHILE_LOADED = """
import os
import time

import square_model

if os.getpid() != {here}:
    {what}


def find(images):
    return square_model.find(images)
"""


@pytest.fixture(params=["local", "ray"])
def kind(request: pytest.FixtureRequest) -> Cluster | None:
    """Of two workers: actors of a cluster, or processes of this machine."""
    if request.param == "local":
        return None
    made: Cluster = request.getfixturevalue("cluster")
    return made


def engine(cluster: Cluster | None) -> dict[str, Any]:
    if cluster is None:
        return {"kind": "local", "workers": 2, "stall_seconds": STALL}
    return on(cluster, stall_seconds=STALL)


@pytest.mark.parametrize("what", [ASLEEP, LOCKED, IN_C])
def test_an_input_that_hangs_is_failed_alone(small: SmallProject, kind: Cluster | None, what: str) -> None:
    (small.folder / "hanging_model.py").write_text(HANGS.format(what=what))
    small.write(tasks=[task("squares", "hanging_model:find", version="1")], engine=engine(kind))
    Image.new("RGB", (96, 64), (255, 255, 255)).save(small.input / "white.png")
    notes: list[str] = []
    failed = run(small, notes)
    assert list(failed) == ["white.png"]
    assert failed["white.png"].startswith("'white.png' is given up: 3 workers died of it, ")
    assert WORDS in failed["white.png"]
    assert any(WORDS in text and text.endswith("what it had is done by others.") for text in notes)
    names = small.files().keys()
    assert len([name for name in names if name.startswith("squares/") and "mp4" in name]) == sum(range(6, 11))
    assert len([name for name in names if name.startswith("squares/stills/")]) == 3
    no_worker_is_left(small, kind)


@pytest.mark.parametrize("what", [ASLEEP, LOCKED])
def test_models_that_hang_while_they_are_loaded_end_the_run(
    small: SmallProject, kind: Cluster | None, what: str
) -> None:
    (small.folder / "late_model.py").write_text(HANGS_WHILE_LOADED.format(here=os.getpid(), what=what))
    small.write(tasks=[task("squares", "late_model:find", version="1")], engine=engine(kind))
    with Session(load_project(small.config)) as session, pytest.raises(EngineError) as caught:
        list(session.run(session.plan()))
    assert str(caught.value) == (
        f"No worker comes up: 3 of them ended while they loaded their models, the last one {WORDS}."
    )
    no_worker_is_left(small, kind)


def test_a_worker_that_is_stopped_is_replaced(
    small: SmallProject, whole: SmallProject, cluster: Cluster
) -> None:
    slowly(small, cluster)
    small.write(engine=on(cluster, stall_seconds=STALL))
    with begun(small, ready=2) as process:
        os.kill(cluster.workers()[0], signal.SIGSTOP)
        heard(process, WORDS)
        assert process.wait(120) == 0
    assert small.files() == whole.files()
    wait_for(lambda: not cluster.workers(), 60, "a worker is left")


def test_a_run_that_was_stopped_for_a_while_ends_nobody(
    small: SmallProject, whole: SmallProject, cluster: Cluster
) -> None:
    slowly(small, cluster)
    small.write(engine=on(cluster, stall_seconds=STALL))
    with begun(small, ready=2) as process:
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(2 * STALL)
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(120) == 0
    assert "was ended" not in said and " died (" not in said
    assert small.files() == whole.files()


def no_worker_is_left(small: SmallProject, cluster: Cluster | None) -> None:
    """Neither actors nor processes."""
    if cluster is not None:
        wait_for(lambda: not cluster.workers(), 60, "actors are left")
        return
    ours = [one.command for one in processes() if one.parent == os.getpid()]
    assert [command for command in ours if "process_worker" in command] == []
    assert list(small.folder.rglob("*-tmp-*")) == []
