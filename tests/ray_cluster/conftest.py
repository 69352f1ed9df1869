"""What the tests on Ray share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import SmallProject
from tests.ray_cluster.cluster import Cluster

NODES = ("127.0.0.3", "127.0.0.4")
SECRET = "kl0pfzeichen-4711"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A head and two nodes of one core."""
    made = Cluster(environment={"AWS_SECRET_ACCESS_KEY": SECRET})
    try:
        for host in NODES:
            made.add(host, gpus=1)
        yield made
    finally:
        made.close()


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    """A project of some videos and a folder of images, without an engine."""
    made = SmallProject(tmp_path / "project")
    made.fill(videos=5, stills=3)
    return made


@pytest.fixture
def whole(small: SmallProject) -> SmallProject:
    """The same project, done by one process."""
    from tests.ray_cluster.work import run

    made = copy(small, "whole")
    assert run(made) == {}
    return made


def copy(small: SmallProject, name: str) -> SmallProject:
    shutil.copytree(small.folder, small.folder.with_name(name))
    return SmallProject.at(small.folder.with_name(name))


os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
