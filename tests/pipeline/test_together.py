"""Several processes at the same moment on the same roots: all of them end, and nothing is lost."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from uuid import uuid4

import pytest

from lightly_assets.checker.check import check
from lightly_assets.config import load_project
from lightly_assets.format.names.paths import TASKS_JSON
from lightly_assets.format.schema import Schema
from lightly_assets.pipeline.publishing.task_list import TaskList
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.state.index import Index
from lightly_assets.storage import open_store
from tests.pipeline.test_run import run
from tests.processes import begin, call, processes
from tests.projects import SmallProject, positions, task, write_image, write_video
from tests.storage.servers import BUCKET, Server, rclone, seaweedfs


@pytest.fixture(scope="module", params=["disk", "seaweedfs", "rclone"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server | None]:
    """Where the roots lie; None: on disk."""
    if request.param == "disk":
        yield None
        return
    folder = tmp_path_factory.mktemp("server") / "data"
    folder.mkdir()
    with (seaweedfs if request.param == "seaweedfs" else rclone)(folder) as running:
        yield running


@pytest.fixture
def root(server: Server | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Below it the roots of a test may lie."""
    if server is None:
        return str(tmp_path / "roots")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return f"s3://{BUCKET}/{uuid4().hex}"


def prepared(folder: Path, root: str | None = None) -> SmallProject:
    small = SmallProject(folder)
    small.write(tasks=[task("squares"), task("others", "square_model:find_other")])
    if root:
        small.write(
            datasource={"input": "./input"} | {name: f"{root}/{name}" for name in ("lightly", "state")}
        )
    write_video(small.input / "a.mp4", positions(12))
    write_video(small.input / "sub/b.mov", positions(7))
    for index in range(3):
        write_image(small.input / f"stills/{index}.png", 10 * index)
    return small


def at_once(actions: Iterable[Callable[[], object]]) -> list[BaseException]:
    """Do all of it at the same time, in threads; what went wrong."""
    errors: list[BaseException] = []

    def guarded(action: Callable[[], object]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - the caller looks at it
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def published(small: SmallProject) -> dict[str, bytes]:
    store, folder = open_store(load_project(small.config).root("lightly")), ".lightly/predictions"
    return {key.removeprefix(f"{folder}/"): store.read(key) for key in store.names(folder)}


def test_two_runs_at_once_end_as_one(root: str, tmp_path: Path) -> None:
    alone = prepared(tmp_path / "alone")
    assert call(alone.folder, "run").returncode == 0
    small = prepared(tmp_path / "small", root)
    # The same project on another machine: in a bucket, they share nothing but the roots.
    other = SmallProject(tmp_path / "other")
    other.write(tasks=small.settings["tasks"])
    other.write(datasource=small.settings["datasource"] | {"input": str(small.input)})
    for change in (lambda: None, lambda: write_video(small.input / "a.mp4", positions(9))):
        change()
        both = [begin(one.folder, "run", "--json") for one in (small, other)]
        for one in both:
            out, problem = one.communicate()
            assert one.returncode == 0, problem + out
            assert json.loads(out)["failed"] == []
        with Session(load_project(small.config)) as session:
            assert session.plan(verify=True).inputs == []
            assert session.warehouse.garbage.unused_tables() == []
            assert check(session.warehouse.lightly, session.warehouse.input).findings == []
        for again in (small, other):
            found = json.loads(call(again.folder, "run", "--json").stdout)
            assert (found["updated"], found["unchanged"], found["files_written"]) == ([], 5, 0)
        if change() is None:
            assert published(small) == alone.files()


def test_twenty_publishers_of_different_tasks_lose_no_name(root: str) -> None:
    schema = Schema.parse({"task_type": "object-detection", "categories": [{"id": 0, "name": "a"}]}, "x")
    names = [f"task-{index}" for index in range(20)]
    errors = at_once(partial(TaskList(open_store(f"{root}/many")).publish, name, schema) for name in names)
    assert errors == []
    assert sorted(json.loads(open_store(f"{root}/many").read(TASKS_JSON))) == sorted(names)


def make_indexes(folder: Path, barrier: Barrier) -> None:
    """Make one index after the other at the moment when others do so."""
    for attempt in range(60):
        barrier.wait(60)
        index = Index(folder / f"{attempt}.sqlite", open_store(folder))
        assert list(index.entries("")) == []
        index.close()


def test_an_index_that_many_processes_make_at_once(tmp_path: Path) -> None:
    barrier = processes.Barrier(6)
    made = [processes.Process(target=make_indexes, args=(tmp_path, barrier)) for _ in range(6)]
    for process in made:
        process.start()
    for process in made:
        process.join()
    assert [process.exitcode for process in made] == [0] * 6


def test_many_runs_of_different_tasks_at_once(root: str, tmp_path: Path) -> None:
    """The whole pipeline of ten projects that share all three roots."""
    alone = SmallProject(tmp_path / "alone")
    names = [f"task-{index:02d}" for index in range(10)]
    alone.write(tasks=[task(name) for name in names])
    write_video(alone.input / "a.mp4", positions(3))
    write_image(alone.input / "x.png", 10)
    store = open_store(f"{root}/shared/input")
    for name in ("a.mp4", "x.png"):
        store.write(name, (alone.input / name).read_bytes())
    assert run(alone).ok
    projects = [SmallProject(tmp_path / name) for name in names]
    for small, name in zip(projects, names, strict=True):
        roots = {one: f"{root}/shared/{one}" for one in ("input", "lightly", "state")}
        small.write(datasource=roots, tasks=[task(name)])
    failed: list[object] = []
    assert at_once(lambda small=small: failed.extend(run(small).failed) for small in projects) == []
    assert failed == []
    found = published(projects[0])
    assert sorted(json.loads(found["tasks.json"])) == names
    assert found | {"tasks.json": b""} == alone.files() | {"tasks.json": b""}
    for small in projects:
        again = run(small)
        assert (again.updated, again.failed, again.unchanged, again.files_written) == ([], [], 2, 0)
    everybody = SmallProject(tmp_path / "everybody")
    everybody.write(datasource=projects[0].settings["datasource"], tasks=[task(name) for name in names])
    with Session(load_project(everybody.config)) as session:
        assert session.plan(verify=True).inputs == []
        assert session.warehouse.garbage.unused_tables() == []
        assert check(session.warehouse.lightly, session.warehouse.input).findings == []
