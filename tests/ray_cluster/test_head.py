"""The head of a cluster is lost in the middle of a run: a sentence, nothing half done, the next run heals."""

from collections.abc import Iterator

import pytest

from tests.projects import SmallProject
from tests.ray_cluster.cluster import Cluster
from tests.ray_cluster.test_ray import waiting
from tests.ray_cluster.work import begun, on, run


@pytest.fixture
def mortal() -> Iterator[Cluster]:
    """A cluster of its own, whose head may be killed."""
    made = Cluster("127.0.0.5")
    try:
        for host in ("127.0.0.6", "127.0.0.7"):
            made.add(host)
        yield made
    finally:
        made.close()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_head_that_is_killed_ends_the_run_with_a_sentence_and_the_next_run_heals(
    small: SmallProject,
    whole: SmallProject,
    cluster: Cluster,
    mortal: Cluster,
    scheme: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go = waiting(small, mortal)
    address = f"ray://{mortal.head}:{mortal.client_port}" if scheme else mortal.address
    small.write(engine=on(mortal, address=address))
    # Ray's own patience, after which it would end the run's process without a word.
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "40")
    with begun(small, ready=2) as process:
        mortal.kill_head()
        said, _ = process.communicate(timeout=200)
        assert process.returncode == 1, said
    last = said.strip().splitlines()[-1]
    assert f"The head of the Ray cluster at {address} has not answered for " in last, said
    assert last.endswith(": start the cluster, and run again.")
    expected = whole.files()
    assert small.files().items() <= expected.items() and len(small.files()) < len(expected)
    mortal.close()
    go.touch()
    small.write(engine=on(cluster))
    assert run(small) == {}
    assert small.files() == expected
    assert list(small.folder.rglob("*-tmp-*")) == []
