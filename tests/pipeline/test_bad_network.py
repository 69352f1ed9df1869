"""The whole pipeline through a network that misbehaves by a seeded script, all three roots on a real server.

Each run either succeeds or says in one sentence for each failure what is wrong; whatever is listed is whole,
and the next undisturbed run heals to the same bytes. ``python -m benchmarks.pipeline_faults`` tries many
scripts.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.pipeline.buckets import Template, scenario_of, survives_script, template, use
from tests.storage.proxy import FaultProxy
from tests.storage.servers import Server, seaweedfs


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server") / "data"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch, seaweedfs(folder) as running:
        use(running, folder.parent / "cache", patch)
        yield running


@pytest.fixture(scope="module")
def proxy(server: Server) -> Iterator[FaultProxy]:
    with FaultProxy(server.port).running() as running:
        yield running


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Template]:
    """A scenario's project, made once."""
    return cache(lambda scenario: template(tmp_path_factory.mktemp(scenario), scenario))


# Of each kind of script one over a first publication, a replaced video and others.
@pytest.mark.parametrize("seed", [0, 1, 3, 5, 11, 13, 15, 16, 59])
def test_a_bad_network_is_survived(
    seed: int, made: Callable[[str], Template], proxy: FaultProxy, tmp_path: Path
) -> None:
    _, spoiled = survives_script(made(scenario_of(seed)), tmp_path / "small", seed, proxy)
    assert spoiled, "the script spoiled nothing, so this proved nothing"
