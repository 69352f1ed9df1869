"""Killed at any write request, with all three roots on a real server: nothing is wrong, and all heals."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.bucket_kills import count_writes, survives_kill
from tests.pipeline.buckets import template, use
from tests.storage.proxy import FaultProxy
from tests.storage.servers import seaweedfs

# Kill points of each scenario here; ``python -m benchmarks.pipeline.kills`` tries every single one.
SAMPLES = 3


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    folder = tmp_path_factory.mktemp("server") / "data"
    folder.mkdir()
    with (
        pytest.MonkeyPatch.context() as patch,
        seaweedfs(folder) as server,
        FaultProxy(server.port).running() as running,
    ):
        use(server, folder.parent / "cache", patch)
        yield running


@pytest.mark.parametrize("scenario", ["nothing", "longer", "removed"])
def test_a_kill_at_any_write_request_is_survived(scenario: str, proxy: FaultProxy, tmp_path: Path) -> None:
    made = template(tmp_path, scenario)
    count = count_writes(made, tmp_path / "counted", proxy)
    points = [1 + round(place * (count - 2) / (SAMPLES - 1)) for place in range(SAMPLES)]
    for number, deadly in enumerate(points):
        assert survives_kill(made, tmp_path / f"killed-{deadly}", proxy, deadly, done=bool(number % 2))
