"""Work by actors of a real Ray cluster: the same bytes, whatever dies, and nothing left behind."""

import json
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

from lightly_assets.config import load_project
from lightly_assets.pipeline.engines.cluster import ray_crew, ray_worker
from lightly_assets.pipeline.engines.errors import EngineError
from lightly_assets.pipeline.session import Session
from tests.pipeline.test_kills import prepared
from tests.projects import SmallProject, task, write_image
from tests.ray_cluster.cluster import Cluster, kill, wait_for
from tests.ray_cluster.conftest import NODES, SECRET, copy
from tests.ray_cluster.work import begun, everything, heard, on, run

SLOWLY = """
import time

import square_model


def find(images):
    time.sleep(1)
    return square_model.find(images)
"""

# Nothing is done before the test says so: what happens until then happens in the middle, on any machine.
WAITS = """
import time
from pathlib import Path

import square_model


def find(images):
    while not Path("{folder}/go").exists():
        time.sleep(0.1)
    return square_model.find(images)
"""

POISON = """
import os
import signal

import square_model


def find(images):
    if any(image.min() > 200 for image in images):
        os.kill(os.getpid(), signal.SIGKILL)
    return square_model.find(images)
"""

# Says where it runs through the score of what it finds nothing in.
ABOUT = """
import json
import os
from pathlib import Path

import square_model


class Model:
    version = "1"

    def __init__(self, weights, notes):
        self.weights, self.notes = Path(weights).read_text() if os.path.exists(weights) else "", Path(notes)

    def __call__(self, images):
        about = {
            "file": __file__,
            "device": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "secret": os.environ.get("AWS_SECRET_ACCESS_KEY"),
            "run": os.environ.get("OF_THE_RUN"),
        }
        (self.notes / f"{os.getpid()}.json").write_text(json.dumps(about))
        return square_model.find(images)
"""


def slowly(small: SmallProject, cluster: Cluster) -> None:
    (small.folder / "slow_model.py").write_text(SLOWLY)
    small.write(tasks=[task("squares", "slow_model:find", version="1")], engine=on(cluster))


def waiting(small: SmallProject, cluster: Cluster) -> Path:
    """Its model waits for a file, which is given."""
    (small.folder / "waiting_model.py").write_text(WAITS.format(folder=small.folder))
    small.write(tasks=[task("squares", "waiting_model:find", version="1")], engine=on(cluster))
    return small.folder / "go"


def test_the_bytes_are_those_of_one_process(
    small: SmallProject, whole: SmallProject, cluster: Cluster
) -> None:
    small.write(engine=on(cluster))
    notes: list[str] = []
    assert run(small, notes) == {}
    assert everything(small) == everything(whole) and len(small.files()) > 40
    ready = {text for text in notes if text.endswith("is ready.")}
    assert ready and all("worker-" in text and "@" in text for text in ready)
    assert cluster.left() == [] and cluster.workers() == []


@pytest.mark.parametrize("scenario", ["longer", "renamed"])
def test_what_has_changed_becomes_the_same(tmp_path: Path, cluster: Cluster, scenario: str) -> None:
    small = prepared(tmp_path / "project", scenario)
    many = copy(small, "many")
    many.write(engine=on(cluster))
    assert run(small) == run(many) == {}
    assert everything(many) == everything(small)


def test_the_same_through_a_client_outside_of_the_cluster(
    small: SmallProject, whole: SmallProject, cluster: Cluster
) -> None:
    small.write(engine=on(cluster, address=f"ray://127.0.0.2:{cluster.client_port}"))
    with begun(small) as process:
        assert process.wait(120) == 0
    assert small.files() == whole.files()


def test_a_worker_that_is_killed_in_the_middle_costs_nothing_but_time(
    small: SmallProject, whole: SmallProject, cluster: Cluster
) -> None:
    go = waiting(small, cluster)
    with begun(small, ready=2) as process:
        time.sleep(1.5)
        kill(cluster.workers()[0])
        lines = heard(process, "what it had is done by others")
        go.touch()
        assert process.wait(120) == 0
    assert " died (" in lines[-1]
    assert small.files() == whole.files()
    assert cluster.left() == [] and cluster.workers() == []


def test_a_node_that_is_killed_loses_nothing(
    small: SmallProject, whole: SmallProject, cluster: Cluster
) -> None:
    go = waiting(small, cluster)
    raylet = cluster.raylet(NODES[1])
    assert raylet
    try:
        with begun(small, ready=2) as process:
            time.sleep(1.5)
            kill(raylet)
            heard(process, "was lost with its host")
            go.touch()
            assert process.wait(120) == 0
    finally:
        wait_for(lambda: not cluster.raylet(NODES[1]), 60, "the node is still there")
        cluster.add(NODES[1], gpus=1)
    assert small.files() == whole.files()
    wait_for(lambda: not cluster.workers(), 60, "workers are left")


def test_a_driver_that_is_killed_takes_its_workers_along_and_the_next_run_heals(
    small: SmallProject, whole: SmallProject, cluster: Cluster
) -> None:
    go = waiting(small, cluster)
    with begun(small, ready=2) as process:
        time.sleep(1.5)
        assert len(cluster.workers()) == 2
        process.kill()
    wait_for(lambda: not cluster.workers(), 60, "workers go on without their run")
    assert small.files() != whole.files()
    go.touch()
    assert run(small) == {}
    assert small.files() == whole.files()
    assert list(small.folder.rglob("*-tmp-*")) == []
    assert cluster.left() == [], "the next worker on a host clears up after one that was killed"


def test_a_run_that_is_interrupted_leaves_nothing(small: SmallProject, cluster: Cluster) -> None:
    waiting(small, cluster)
    with begun(small, ready=2) as process:
        time.sleep(1.5)
        assert len(cluster.workers()) == 2
        process.send_signal(signal.SIGINT)
        # Its model never returns: who ends does not wait for it. How long a busy machine takes is not asked.
        wait_for(lambda: not cluster.workers(), 60, "actors are left")
        assert process.wait(60) != 0
    assert ray_worker.STOP_SECONDS < ray_crew.PATIENCE_SECONDS < 5, "what the documentation promises"
    assert cluster.left() == [] and list(small.folder.rglob("*-tmp-*")) == []


def test_an_input_that_kills_is_failed_alone(small: SmallProject, cluster: Cluster) -> None:
    (small.folder / "poison_model.py").write_text(POISON)
    small.write(tasks=[task("squares", "poison_model:find", version="1")], engine=on(cluster))
    Image.new("RGB", (96, 64), (255, 255, 255)).save(small.input / "stills/1.png")
    failed = run(small)
    assert list(failed) == ["stills/1.png"]
    assert failed["stills/1.png"].startswith("'stills/1.png' is given up: ")
    assert {"squares/stills/0.json", "squares/stills/2.json"} <= small.files().keys()
    write_image(small.input / "stills/1.png", 30)
    assert run(small) == {}


def test_models_travel_by_content_and_secrets_not_at_all(
    small: SmallProject, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small.folder / "about_model.py").write_text(ABOUT)
    (small.folder / "weights.bin").write_text("heavy")
    notes = small.folder / "notes"
    notes.mkdir()
    arguments = {"weights": "weights.bin", "notes": str(notes)}
    small.write(
        tasks=[task("squares", "about_model:Model", args=arguments)],
        engine=on(cluster, cpus=0.5, gpus=0.5, workers=2),
    )
    monkeypatch.setenv("OF_THE_RUN", "another-4712")
    before = len(cluster.shipped())
    assert run(small) == {}
    first = len(cluster.shipped())
    assert first > before
    assert run(copy(small, "again")) == {}
    assert len(cluster.shipped()) == first, "what a host has is not sent again"
    about = [json.loads(one.read_text()) for one in notes.iterdir()]
    hosts = str(cluster.folder / "hosts")
    assert len(about) == 2 and all(one["file"].startswith(hosts) for one in about), about
    # The keys of the hosts' own environment are there; those of the run's stay where they are.
    assert {one["secret"] for one in about} == {SECRET} and {one["run"] for one in about} == {None}
    assert {one["device"] for one in about} == {"0"}
    said = cluster.said()
    assert len(said) > 1000 and SECRET.encode() not in said and b"another-4712" not in said


def test_folders_of_one_machine_are_refused_on_many_hosts(small: SmallProject, cluster: Cluster) -> None:
    small.write(engine=on(cluster, shared=False))
    with pytest.raises(EngineError) as caught:
        run(small)
    assert str(caught.value).startswith(
        "datasource.input is a folder of one machine, but the cluster has 3 hosts;"
    )


def test_where_no_cluster_is_it_is_said_at_once(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small.write(engine={"kind": "ray", "address": "127.0.0.1:1"})
    with pytest.raises(EngineError) as caught:
        run(small)
    assert str(caught.value) == (
        "There is no Ray cluster at 127.0.0.1:1 (Connection refused); start one with 'ray start --head', or "
        "say in engine.address where it is."
    )


def test_a_model_that_cannot_be_loaded_there_is_told_as_here(small: SmallProject, cluster: Cluster) -> None:
    (small.folder / "here_model.py").write_text(
        f"import os\nassert not __file__.startswith('{cluster.folder}'), 'not there'\n\n\n"
        "def find(images):\n    return [[] for _ in images]\n"
    )
    small.write(tasks=[task("squares", "here_model:find")], engine=on(cluster))
    with Session(load_project(small.config)) as session:
        plan = session.plan()
        with pytest.raises(
            Exception, match="Task 'squares': call: importing here_model fails: AssertionError"
        ):
            list(session.run(plan))
    assert cluster.workers() == []
