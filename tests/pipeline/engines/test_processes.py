"""Work by processes of this machine: the same bytes, whatever dies, and nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightly_assets.config import load_project
from lightly_assets.pipeline.engines.errors import EngineError
from lightly_assets.pipeline.session import Session
from tests.pipeline.test_kills import SCENARIOS, prepared
from tests.projects import SmallProject, read_folder, task, write_image

TWO = {"kind": "local", "workers": 2}

# Dies of pictures that are all white, whoever runs it.
POISON = """
import os
import signal

import square_model


def find(images):
    if any(image.min() > 200 for image in images):
        os.kill(os.getpid(), signal.SIGKILL)
    return square_model.find(images)
"""

# The first process to predict dies of it; notes which device it was told to use.
ONCE = """
import os
import signal
from pathlib import Path

import square_model

HERE = Path(__file__).parent


def find(images):
    try:
        (HERE / "died").touch(exist_ok=False)
    except FileExistsError:
        return square_model.find(images)
    os.kill(os.getpid(), signal.SIGKILL)
"""

DEVICES = """
import os
import time
from pathlib import Path

import square_model

HERE = Path(__file__).parent


def find(images):
    (HERE / f"device-{os.environ.get('CUDA_VISIBLE_DEVICES')}").touch()
    time.sleep(0.3)
    return square_model.find(images)
"""

# Long enough for the other worker to begin, once the first input is done.
STOPS = """
import time

import square_model

CALLS = []


def find(images):
    CALLS.append(len(images))
    if len(CALLS) > 5:
        time.sleep(600)
    return square_model.find(images)
"""

SLOW = """
import time


def find(images):
    time.sleep(600)
"""


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    made = SmallProject(tmp_path / "project")
    made.fill(videos=5, stills=4)
    return made


def copy(small: SmallProject, name: str) -> SmallProject:
    """The same project elsewhere, with the same times of files."""
    shutil.copytree(small.folder, small.folder.with_name(name))
    return SmallProject.at(small.folder.with_name(name))


def run(small: SmallProject) -> dict[str, str]:
    """Bring it up to date; what failed."""
    return dict(_outcomes(small))


def _outcomes(small: SmallProject) -> Iterator[tuple[str, str]]:
    with Session(load_project(small.config)) as session:
        for outcome in session.run(session.plan()):
            for key, by_task in outcome.problems().items():
                yield key, next(iter(by_task.values()))
        assert session.finish() == {}


def everything(small: SmallProject) -> dict[str, bytes]:
    """All that is published and stored."""
    state = {name: data for name, data in read_folder(small.state).items() if ".sqlite" not in name}
    return small.files() | {f"state/{name}": data for name, data in state.items()}


def workers_of(small: SmallProject) -> list[int]:
    """Processes that have a project's folder open or were told of it: its workers and their decoders."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                files = [str(one.readlink()) for one in (entry / "fd").iterdir()]
            except OSError:
                continue
            if any(name.startswith(str(small.folder)) for name in files):
                found.append(int(entry.name))
    return found


def test_the_bytes_are_those_of_one_process(small: SmallProject) -> None:
    many = copy(small, "many")
    many.write(engine=TWO)
    assert run(small) == run(many) == {}
    assert everything(many) == everything(small) and len(small.files()) > 40
    assert small.images_seen() == many.images_seen()
    # Nothing is to be done again, by whomever.
    many.write(engine={"kind": "local"})
    assert run(many) == {} and many.images_seen() == 0


@pytest.mark.parametrize("scenario", ["longer", "threshold", "renamed"])
def test_what_has_changed_becomes_the_same(tmp_path: Path, scenario: str) -> None:
    assert scenario in SCENARIOS
    small = prepared(tmp_path / "project", scenario)
    many = copy(small, "many")
    many.write(engine=TWO)
    assert run(small) == run(many) == {}
    assert everything(many) == everything(small)


def test_who_dies_once_costs_nothing_but_time(small: SmallProject) -> None:
    (small.folder / "once_model.py").write_text(ONCE)
    small.write(tasks=[task("squares", "once_model:find", version="1")])
    many = copy(small, "many")
    (small.folder / "died").touch()
    many.write(engine=TWO)
    assert run(small) == run(many) == {}
    assert (many.folder / "died").exists()
    assert many.files() == small.files()
    assert list(many.folder.rglob("*-tmp-*")) == []


def test_an_input_that_kills_is_failed_alone(small: SmallProject) -> None:
    from PIL import Image

    (small.folder / "poison_model.py").write_text(POISON)
    small.write(tasks=[task("squares", "poison_model:find", version="1")], engine=TWO)
    Image.new("RGB", (96, 64), (255, 255, 255)).save(small.input / "stills/2.png")
    failed = run(small)
    assert list(failed) == ["stills/2.png"]
    assert failed["stills/2.png"].startswith("'stills/2.png' is given up: ")
    assert "SIGKILL" in failed["stills/2.png"]
    names = small.files()
    assert "squares/stills/2.json" not in names
    assert {f"squares/stills/{number}.json" for number in (0, 1, 3)} <= names.keys()
    assert (
        len([name for name in names if name.startswith("squares/") and "mp4" in name]) == 6 + 7 + 8 + 9 + 10
    )
    # Once it is another one, it is done like any other.
    write_image(small.input / "stills/2.png", 30)
    assert run(small) == {}
    assert "squares/stills/2.json" in small.files()


def test_each_device_has_a_process(small: SmallProject) -> None:
    (small.folder / "device_model.py").write_text(DEVICES)
    small.write(
        tasks=[task("squares", "device_model:find")], engine={"kind": "local", "devices": [0, "GPU-7a"]}
    )
    assert run(small) == {}
    assert {path.name for path in small.folder.glob("device-*")} == {"device-0", "device-GPU-7a"}


def test_labels_meet_the_inputs_in_every_worker(small: SmallProject) -> None:
    assert run(small) == {}
    labels = small.folder / "labels"
    shutil.copytree(small.predictions / "squares", labels)
    model = {"kind": "lightly", "path": "./labels"}
    one = task("again") | {"model": model}
    small.write(tasks=[one], engine=TWO)
    assert run(small) == {}
    again = {name.removeprefix("again/"): data for name, data in small.files().items() if "again/" in name}
    first = {
        name.removeprefix("squares/"): data for name, data in small.files().items() if "squares/" in name
    }
    assert again.keys() == first.keys()


def test_who_interrupts_a_run_leaves_nothing_behind(small: SmallProject) -> None:
    (small.folder / "slow_model.py").write_text(SLOW)
    small.write(tasks=[task("squares", "slow_model:find")], engine=TWO)
    ready = []

    def note(_: int, text: str) -> None:
        ready.append(text)
        if len([one for one in ready if one.endswith("is ready.")]) == 2:
            signal.setitimer(signal.ITIMER_REAL, 1.5)

    with Session(load_project(small.config)) as session:
        outcomes = session.run(session.plan(), on_note=note)

        def interrupt(_: int, __: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            with pytest.raises(KeyboardInterrupt):
                next(outcomes)
            stopped = time.monotonic()
        finally:
            signal.signal(signal.SIGALRM, before)
        outcomes.close()
    assert time.monotonic() - stopped < 5
    assert workers_of(small) == []
    assert list(small.folder.rglob("*-tmp-*")) == []


def test_the_workers_of_a_run_that_was_killed_end_and_the_next_run_heals(small: SmallProject) -> None:
    whole = copy(small, "whole")
    assert run(whole) == {}
    (small.folder / "stopping_model.py").write_text(STOPS)
    small.write(tasks=[task("squares", "stopping_model:find")], engine=TWO)
    program = (
        "import sys; from lightly_assets.config import load_project; "
        "from lightly_assets.pipeline.session import Session; session = Session(load_project(sys.argv[1]));"
        "session.__enter__(); [print(outcome.unit, flush=True) for outcome in session.run(session.plan())]"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", program, str(small.config)], stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    assert driver.stdout.readline().strip()
    deadline = time.monotonic() + 60
    while len(workers := set(workers_of(small)) - {driver.pid}) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(workers) >= 2
    driver.kill()
    driver.wait()
    driver.stdout.close()
    deadline = time.monotonic() + 20
    while (left := workers_of(small)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    small.write(tasks=[task("squares")], engine={"kind": "local"})
    assert run(small) == {}
    assert small.files() == whole.files()
    assert list(small.folder.rglob("*-tmp-*")) == []


def test_workers_that_cannot_come_up_are_told_of_in_one_sentence(small: SmallProject) -> None:
    (small.folder / "gone_model.py").write_text(
        f"import os\n\nif os.getpid() != {os.getpid()}:\n    os._exit(3)\n\n\n"
        "def find(images):\n    return [[] for _ in images]\n"
    )
    small.write(tasks=[task("squares", "gone_model:find")], engine=TWO)
    with Session(load_project(small.config)) as session, pytest.raises(EngineError) as caught:
        list(session.run(session.plan()))
    assert str(caught.value) == (
        "No worker comes up: 3 of them ended while they loaded their models, the last one ended unexpectedly "
        "(exit status 3)."
    )


def test_a_model_that_is_another_one_in_the_worker_is_refused(small: SmallProject) -> None:
    (small.folder / "where_model.py").write_text(
        f"import os\n\n\nclass Model:\n    version = str(os.getpid() == {os.getpid()})\n\n"
        "    def __call__(self, images):\n        return [[] for _ in images]\n"
    )
    small.write(tasks=[task("squares", "where_model:Model")], engine=TWO)
    with Session(load_project(small.config)) as session, pytest.raises(EngineError) as caught:
        list(session.run(session.plan()))
    assert str(caught.value).startswith("Task 'squares': the model is another one on the worker worker-")
