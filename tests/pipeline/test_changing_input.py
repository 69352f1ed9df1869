"""Inputs that are replaced while they are read: a second try, never a mixture of two versions."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from lightly_assets.config import load_project
from lightly_assets.pipeline.session import Session
from lightly_assets.storage import Store, open_store
from tests.pipeline.test_run import run
from tests.projects import MODEL, SmallProject, positions, read_folder, write_image, write_video
from tests.storage.conftest import clean_environment, rclone_server, seaweed_server  # noqa: F401
from tests.storage.proxy import Fault, FaultProxy
from tests.storage.servers import BUCKET, Server

Bucket = tuple[SmallProject, Store, FaultProxy]

# Does with the first image of each of its first calls what somebody else may do at any time.
MEDDLING = """
MEDDLE = {times}


def find_and_meddle(images):
    global MEDDLE
    if MEDDLE:
        MEDDLE -= 1
        folder = Path(__file__).parent
        (folder / f"new-{{MEDDLE}}.mp4").replace(folder / "input/a.mp4")
    return find(images)
"""


def reference(folder: Path, frames: int) -> dict[str, bytes]:
    small = SmallProject(folder)
    write_video(small.input / "a.mp4", positions(frames))
    write_image(small.input / "x.png", 10)
    assert run(small).ok
    return small.files()


def meddled(folder: Path, times: int) -> SmallProject:
    small = SmallProject(folder)
    (small.folder / "square_model.py").write_text(MODEL + MEDDLING.format(times=times))
    small.settings["tasks"][0]["model"]["call"] = "square_model:find_and_meddle"
    small.write()
    # Longer than what waits between the decoder and the model, which gets one frame at a time.
    write_video(small.input / "a.mp4", positions(60))
    write_image(small.input / "x.png", 10)
    return small


def test_a_video_replaced_while_it_is_read_is_read_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightly_assets.pipeline.inputs.pixels._WAITING_BYTES", 1)
    small = meddled(tmp_path / "small", 1)
    write_video(small.folder / "new-0.mp4", positions(11))
    summary = run(small)
    assert summary.ok and sorted(summary.updated) == ["a.mp4", "x.png"]
    assert small.files() == reference(tmp_path / "reference", 11)
    assert (summary.frames, summary.files_written, summary.predictions["squares"]) == (12, 12, 9 + 1)
    with Session(load_project(small.config)) as session:
        assert session.failures() == {}


def test_one_that_never_stays_the_same_fails_and_takes_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightly_assets.pipeline.inputs.pixels._WAITING_BYTES", 1)
    small = meddled(tmp_path / "small", 20)
    for index in range(20):
        write_video(small.folder / f"new-{index}.mp4", positions(60 + index))
    summary = run(small)
    assert [one["input"] for one in summary.failed] == ["a.mp4"]
    assert "replaced" in summary.failed[0]["error"]
    assert not any("a-" in name for name in small.files()) and "squares/x.json" in small.files()


@pytest.fixture(params=["seaweed_server", "rclone_server"])
def in_bucket(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucket]:
    """A project with its input on a server that honours ``If-Match``, and on one that ignores it."""
    server: Server = request.getfixturevalue(request.param)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small = SmallProject(tmp_path / "small")
    root = f"s3://{BUCKET}/{uuid4().hex}/"
    small.write(datasource=small.settings["datasource"] | {"input": root})
    store = open_store(root)
    store.upload("x.png", write_image(tmp_path / "x.png", 10))
    store.upload("a.mp4", write_video(tmp_path / "old.mp4", positions(9)))
    with FaultProxy(server.port).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        yield small, store, proxy


@pytest.mark.parametrize("fault", [None, "truncated reply"])
def test_an_object_replaced_before_or_during_its_download_is_read_as_it_is_then(
    fault: Fault | None, in_bucket: Bucket, tmp_path: Path
) -> None:
    small, store, proxy = in_bucket
    later = write_video(tmp_path / "new.mp4", positions(11))
    replaced: list[str] = []

    def replace_first(method: str, path: str) -> Fault | None:
        if method != "GET" or not path.endswith("/a.mp4") or replaced:
            return None
        replaced.append(path)
        if fault is None:
            store.upload("a.mp4", later)
        else:
            # Half of the old one has arrived when the connection breaks and the object is another.
            proxy.afterwards = lambda: store.upload("a.mp4", later)
        return fault

    proxy.script = replace_first
    summary = run(small)
    assert summary.ok and replaced
    assert small.files() == reference(tmp_path / "reference", 11)
    with Session(load_project(small.config)) as session:
        assert session.failures() == {} and session.plan().inputs == []


def test_an_object_that_never_stays_the_same_fails_and_takes_nothing_with_it(
    in_bucket: Bucket, tmp_path: Path
) -> None:
    small, store, proxy = in_bucket
    versions = (write_video(tmp_path / f"{count}.mp4", positions(count)) for count in itertools.count(10))

    def replace(method: str, path: str) -> None:
        if method == "GET" and path.endswith("/a.mp4"):
            store.upload("a.mp4", next(versions))

    proxy.script = replace
    summary = run(small)
    assert [one["input"] for one in summary.failed] == ["a.mp4"]
    assert "a.mp4 was replaced since it was listed" in summary.failed[0]["error"]
    assert not any("a-" in name for name in small.files()) and "squares/x.json" in small.files()
    proxy.reset()
    assert run(small).ok


def test_a_failure_that_a_killed_run_did_not_take_back_is_forgotten(tmp_path: Path) -> None:
    small = SmallProject(tmp_path / "small")
    write_video(small.input / "a.mp4", positions(3))
    assert run(small).ok
    note = small.state / "failures/00/1-a.mp4.json"
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"input": "a.mp4", "problems": {"": "cannot be read"}}))
    assert run(small).ok
    assert read_folder(small.state / "failures") == {}
