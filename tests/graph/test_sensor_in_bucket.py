"""The sensor and its runs with all three roots on a real S3 server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lightly_assets.graph.keys import PLAIN
from tests.graph.conftest import Daemon, inputs
from tests.pipeline.buckets import PREDICTIONS, Template, in_bucket, root, send_input, use, work
from tests.projects import SmallProject, positions, write_image, write_video
from tests.storage.proxy import FaultProxy
from tests.storage.servers import seaweedfs


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


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path / "project")
    in_bucket(small)
    return small


def through(proxy: FaultProxy, small: SmallProject) -> None:
    proxy.reset()
    hasty = {"max_retries": 1, "stall_seconds": 1, "retry_seconds": 5}
    small.write(storage={"endpoint": f"http://127.0.0.1:{proxy.port}"} | hasty)


def test_new_changed_and_removed_objects_are_seen(
    proxy: FaultProxy, small: SmallProject, daemon: Daemon
) -> None:
    assert daemon.tick() == [] and daemon.reason == "0 inputs known; all up to date."
    for name in ("cam/a", "b"):
        write_video(small.input / f"{name}.mp4", positions(5))
    write_image(small.input / "stills/x.png", 10)
    send_input(small)
    # What lies in a bucket is whole: nobody waits until it is stable.
    assert daemon.work() == [["b.mp4", "cam/a.mp4", "stills/x.png"]]
    assert small.images_seen() == 11
    assert daemon.tick() == [] and daemon.reason == "3 inputs known; all up to date."
    # The same bytes once more are no change, whatever their time.
    root(small, "input").write("b.mp4", (small.input / "b.mp4").read_bytes())
    assert daemon.tick() == []
    write_video(small.input / "b.mp4", positions(12))
    (small.input / "cam/a.mp4").unlink()
    send_input(small)
    (request,) = daemon.tick()
    assert inputs(request) == ["b.mp4"]
    assert daemon.launch(request).success
    assert small.images_seen() == 12
    names = list(root(small, "lightly").names(PREDICTIONS))
    assert (
        f"{PREDICTIONS}/squares/b-11-mp4.json" in names and f"{PREDICTIONS}/squares/b-1-mp4.json" not in names
    )
    # What is left of the removed one are orphans, until gc.
    assert daemon.tick() == [] and daemon.reason == "2 inputs known; all up to date."
    assert set(daemon.instance.get_dynamic_partitions(PLAIN.partitions)) == {"b.mp4", "cam/a.mp4", "stills/"}
    assert work(small, collects=True) == []
    assert not any("/cam/" in name for name in root(small, "lightly").names(PREDICTIONS))
    assert daemon.tick() == []
    assert set(daemon.instance.get_dynamic_partitions(PLAIN.partitions)) == {"b.mp4", "stills/"}


def test_what_the_network_is_to_blame_for_is_asked_for_again(
    proxy: FaultProxy, small: SmallProject, daemon: Daemon
) -> None:
    write_video(small.input / "a.mp4", positions(5))
    write_video(small.input / "b.mp4", positions(3))
    send_input(small)
    through(proxy, small)
    proxy.script = lambda method, path: "503" if method == "GET" and path.endswith("/a.mp4") else None
    (request,) = daemon.tick()
    failed = daemon.launch(request)
    assert not failed.success
    assert f"{PREDICTIONS}/squares/b-0-mp4.json" in root(small, "lightly").names()
    proxy.reset()
    assert daemon.work() == [["a.mp4"]]
    assert daemon.tick() == [] and daemon.reason == "2 inputs known; all up to date."


@pytest.mark.parametrize("of", ["", "input"])
def test_expired_credentials_end_a_run_at_once_and_blame_no_input(
    of: str, proxy: FaultProxy, small: SmallProject, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(12):
        write_image(small.input / f"{index:02d}/x.png", 10)
    send_input(small)
    through(proxy, small)
    (request,) = daemon.tick()
    monkeypatch.setattr(proxy, "error_body", "<Error><Code>ExpiredToken</Code><Token>t0k3n</Token></Error>")
    # From the third image on, everywhere or for the input alone; what was read before is published or not.
    proxy.reset()
    proxy.script = _from_request("02/x.png", of)
    result = daemon.launch(request)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data.description
    assert said.endswith("the credentials have expired (403 ExpiredToken); renew them.") and "\n" not in said
    assert len(proxy.faults) <= 6 and "t0k3n" not in str(result.all_events)
    proxy.reset()
    assert list(root(small, "state").names("failures")) == []
    assert sum(map(len, daemon.work())) >= 9
    assert daemon.tick() == [] and daemon.reason == "12 inputs known; all up to date."


def _from_request(name: str, of: str) -> object:
    begun = False

    def script(method: str, path: str) -> str | None:
        nonlocal begun
        begun = begun or path.endswith(name)
        return "403" if begun and of in path else None

    return script


def test_what_another_machine_has_done_is_not_asked_for_again(
    proxy: FaultProxy, small: SmallProject, daemon: Daemon, tmp_path: Path
) -> None:
    worker = Template("", small.folder, {}, {}).copy(tmp_path / "worker", elsewhere=True)
    worker.write(datasource=small.settings["datasource"])
    for name in ("a", "cam/b"):
        write_video(small.input / f"{name}.mp4", positions(3))
    write_image(small.input / "stills/x.png", 10)
    write_image(small.input / "x.png", 10)
    send_input(small)
    (request,) = daemon.tick()
    daemon.small = worker
    assert daemon.launch(request).success
    daemon.small = small
    assert daemon.tick() == [] and daemon.reason == "4 inputs known; all up to date."
