"""Two hosts with a bucket between them, and one of them loses its power at some moment."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightly_assets.config import load_project
from lightly_assets.format.names.paths import PREDICTIONS
from lightly_assets.pipeline.session import Session
from tests.hosts.lan import HERE, Host, lan
from tests.pipeline.buckets import in_bucket, root, send_input
from tests.projects import SmallProject, positions, task, write_image, write_video
from tests.ray_cluster.cluster import Cluster, wait_for
from tests.ray_cluster.work import begun
from tests.storage.servers import seaweedfs

# More often with LOST_HOSTS=20; each time takes about half a minute.
TIMES = int(os.environ.get("LOST_HOSTS", "3"))
# About as long as an undisturbed run takes.
SECONDS = 14.0
SLOWLY = """
import time

import square_model


def find(images):
    time.sleep(0.15)
    return square_model.find(images)
"""


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[Host]]:
    with lan(2) as made:
        yield made


@pytest.fixture(scope="module")
def cluster(hosts: list[Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Ray cluster on both hosts, its head and the bucket on this machine."""
    with pytest.MonkeyPatch.context() as patch, seaweedfs(tmp_path_factory.mktemp("weed"), HERE) as server:
        for name, value in (server.environment() | {"AWS_ALLOW_HTTP": "true"}).items():
            patch.setenv(name, value)
        made = Cluster(HERE)
        try:
            for host in hosts:
                made.add(host.address, inside=host.name)
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def small(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A project whose three roots lie in the bucket."""
    made = SmallProject(tmp_path_factory.mktemp("project") / "project")
    (made.folder / "slow_model.py").write_text(SLOWLY)
    made.write(
        tasks=[task("squares", "slow_model:find", version="1")],
        storage={"stall_seconds": 5},
    )
    in_bucket(made)
    for number in range(10):
        write_video(made.input / f"{number}.mp4", positions(8 + 2 * number))
    for number in range(5):
        write_image(made.input / f"stills/{number}.png", 10 + number)
    send_input(made)
    return made


def published(small: SmallProject) -> dict[str, bytes]:
    store = root(small, "lightly")
    return {key: store.read(key) for key in store.names(PREDICTIONS)}


@pytest.fixture(scope="module")
def whole(small: SmallProject) -> dict[str, bytes]:
    """What a run of one process on this machine publishes."""
    with Session(load_project(small.config)) as session:
        assert [outcome for outcome in session.run(session.plan()) if outcome.problems()] == []
        assert session.finish() == {}
    found = published(small)
    assert len(found) > 100
    return found


def forget(small: SmallProject) -> None:
    """Begin anew: nothing is published or remembered."""
    for name in ("lightly", "state"):
        store = root(small, name)
        store.delete_many(list(store.names()))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(TIMES))
def test_a_host_that_is_lost_loses_no_input_and_changes_no_byte(
    seed: int, small: SmallProject, whole: dict[str, bytes], cluster: Cluster, hosts: list[Host]
) -> None:
    small.write(engine={"kind": "ray", "address": cluster.address})
    forget(small)
    source = random.Random(seed)
    moment, victim = source.uniform(0, SECONDS), source.choice(hosts)
    try:
        with begun(small) as process:
            time.sleep(moment)
            over = process.poll() is not None
            victim.lose()
            assert process.stdout is not None
            said = process.stdout.read().splitlines()
            assert process.wait(200) == 0, said
    finally:
        victim.bring_back()
    print(f"seed {seed}: {victim.name} was lost after {moment:.1f} s{' (too late)' if over else ''}")
    assert published(small) == whole
    with Session(load_project(small.config)) as session:
        plan = session.plan()
        assert plan.units == [] and len(plan.unchanged) == 15 and session.failures() == {}
    wait_for(lambda: not cluster.raylet(victim.address), 30, "the lost node is still there")
    cluster.add(victim.address, inside=victim.name)


def test_a_folder_of_one_host_is_refused(small: SmallProject, cluster: Cluster, tmp_path: Path) -> None:
    other = SmallProject(tmp_path / "on-disk")
    write_image(other.input / "a.png", 10)
    other.write(engine={"kind": "ray", "address": cluster.address})
    with (
        Session(load_project(other.config)) as session,
        pytest.raises(Exception, match=r"is a folder of one machine, but the cluster has [23] hosts"),
    ):
        list(session.run(session.plan()))
