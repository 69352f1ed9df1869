"""The whole pipeline through a network that misbehaves by a seeded script, all three roots on a real server.

Each run either succeeds or says in one sentence for each failure what is wrong; whatever is listed is whole,
and the next undisturbed run heals to the same bytes. ``python -m benchmarks.pipeline.faults`` tries many
scripts.
"""

import itertools
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from lightly_assets.config import load_project
from lightly_assets.pipeline.gc import collect
from lightly_assets.pipeline.session import Session
from lightly_assets.storage.bucket.claims import LOCKS
from tests.commands.test_project_commands import call
from tests.pipeline.buckets import (
    Template,
    contents,
    disturbed_work,
    heals,
    in_bucket,
    root,
    scenario_of,
    send_input,
    survives_script,
    template,
    use,
    work,
)
from tests.projects import SmallProject, write_image
from tests.storage.proxy import Fault, FaultProxy
from tests.storage.servers import SECRET_KEY, Server, rclone, seaweedfs


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


# Of each kind of script one, over a first publication, a longer video and changed schemas.
@pytest.mark.parametrize("seed", [0, 10, 15, 24])
def test_a_bad_network_is_survived(
    seed: int, made: Callable[[str], Template], proxy: FaultProxy, tmp_path: Path
) -> None:
    _, spoiled = survives_script(made(scenario_of(seed)), tmp_path / "small", seed, proxy)
    assert spoiled, "the script spoiled nothing, so this proved nothing"


def test_a_gc_that_is_cut_off_between_an_empty_record_and_its_removal_is_completed_by_the_next(
    made: Callable[[str], Template], proxy: FaultProxy, tmp_path: Path
) -> None:
    first = made("removed")
    small = first.copy(tmp_path / "small")

    def script(method: str, path: str) -> Fault | None:
        begun = any(method == "PUT" and "/manifests/" in path for method, path in proxy.requests)
        return "403" if begun and method == "POST" else None

    assert "access denied" in disturbed_work(small, proxy, script, collects=True)[0]
    heals(first, small)


@pytest.mark.parametrize("hours", [-30, 30])
def test_the_clock_of_a_server_does_not_matter(
    hours: int, made: Callable[[str], Template], proxy: FaultProxy, tmp_path: Path
) -> None:
    first = made("longer")
    small = first.copy(tmp_path / "small")
    proxy.reset()
    proxy.ahead = timedelta(hours=hours)
    small.write(storage={"endpoint": f"http://127.0.0.1:{proxy.port}"})
    assert work(small) == []
    assert contents(small)["lightly"] == first.healed["lightly"]
    with Session(load_project(small.config)) as session:
        assert session.plan().inputs == []
        # A table that another run has stored and will record in a moment.
        session.warehouse.state.write("singletons/squares/young.parquet", b"")
        assert collect(session).stored == []
        assert session.warehouse.garbage.unused_tables() == ["singletons/squares/young.parquet"]


def test_rights_that_are_lost_during_a_run_end_the_command_with_one_sentence(
    made: Callable[[str], Template], proxy: FaultProxy, tmp_path: Path
) -> None:
    small = made("nothing").copy(tmp_path / "small")
    proxy.reset()
    small.write(storage={"endpoint": f"http://127.0.0.1:{proxy.port}"})
    refused = itertools.count()

    def script(method: str, path: str) -> Fault | None:
        begun = any(method == "PUT" and "a-3-mp4" in path for method, path in proxy.requests)
        return "403" if begun and next(refused) >= 0 else None

    proxy.script = script
    for arguments in (["run"], ["status"], ["gc"], ["run", "--json"]):
        done = call(small, *arguments)
        said = done.stdout + done.stderr
        assert done.returncode == 1 and "Traceback" not in said, said
        if "--json" in arguments:
            said = "Error: " + json.loads(done.stdout)["error"]
        (sentence,) = [line for line in said.splitlines() if line.startswith(("Error: ", "Failed: "))]
        assert re.search(
            r"access denied \(403( AccessDenied)?\); check the credentials and their rights\.$", sentence
        )
        assert SECRET_KEY not in said
    assert next(refused) < 100  # those that were in flight, and the first ones of the others


def test_what_a_broken_network_has_left_beside_the_data_goes_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probes and claims that their writer could not delete: the server's folder lets us make one old."""
    (tmp_path / "data").mkdir()
    with rclone(tmp_path / "data") as server:
        use(server, tmp_path / "cache", monkeypatch)
        small = SmallProject(tmp_path / "small")
        in_bucket(small)
        # Before anything else: rclone remembers what folders hold.
        for name in ("lightly", "state"):
            path = small.settings["datasource"][name].removeprefix("s3://")
            locks = tmp_path / "data" / path / LOCKS
            locks.mkdir(parents=True)
            for age, key in ((2 * 3600, "probe-old"), (0, "probe-young")):
                (locks / key).write_bytes(b"1")
                os.utime(locks / key, (time.time() - age,) * 2)
        write_image(small.input / "x.png", 10)
        send_input(small)
        assert work(small) == []
        for name in ("lightly", "state"):
            assert list(root(small, name).names(LOCKS)) == [f"{LOCKS}/probe-young"]
