"""All three roots on real S3 servers: the same bytes as on disk, and secrets that stay secret."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from lightly_assets.checker.check import check
from lightly_assets.config import load_project
from lightly_assets.pipeline.gc import collect
from lightly_assets.pipeline.running.outcome import RunSummary
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.status import project_status
from lightly_assets.storage import Store, open_store
from lightly_assets.worker import gate as worker_run
from tests.commands.test_project_commands import call
from tests.projects import SmallProject, positions, task, write_image, write_video
from tests.storage.servers import BUCKET, SECRET_KEY, Server, rclone, seaweedfs

KINDS = ("seaweedfs", "rclone")


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server") / "data"
    folder.mkdir()
    with (seaweedfs if request.param == "seaweedfs" else rclone)(folder) as running:
        yield running


@pytest.fixture
def twins(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[SmallProject, SmallProject]:
    """A project on disk, and the same one in a bucket, with nothing set but the usual variables."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    disk, bucket = SmallProject(tmp_path / "disk"), SmallProject(tmp_path / "bucket")
    root = f"s3://{BUCKET}/{uuid4().hex}"
    roots = {name: f"{root}/{name}/" for name in ("input", "lightly", "state")}
    bucket.write(datasource=roots)
    write_video(disk.input / "front/drive 1.v2.mp4", positions(12))
    write_video(disk.input / "rear/loop.MOV", positions(9))
    for index in range(3):
        write_image(disk.input / f"stills/{index}.png", 10 * index)
    return disk, bucket


def send(disk: SmallProject, bucket: SmallProject) -> None:
    """Make the bucket's input that of the disk."""
    store = open_store(load_project(bucket.config).root("input"))
    here = {path.relative_to(disk.input).as_posix() for path in disk.input.rglob("*") if path.is_file()}
    for key in sorted(here):
        data = (disk.input / key).read_bytes()
        if store.stat(key) is None or store.read(key) != data:
            store.write(key, data)
    store.delete_many([key for key in store.names() if key not in here])


def run(small: SmallProject) -> RunSummary:
    with Session(load_project(small.config)) as session:
        plan = session.plan()
        summary = RunSummary(inputs=len(session.scan.inputs), unchanged=len(plan.unchanged))
        summary.fail(plan.problems)
        for outcome in session.run(plan, sheets=False):
            summary.add(outcome)
        assert session.finish() == {}
    return summary


def stored(store: Store, prefix: str) -> dict[str, bytes]:
    return {key.removeprefix(prefix): store.read(key) for key in store.names(prefix.rstrip("/"))}


def published(small: SmallProject) -> dict[str, bytes]:
    with Session(load_project(small.config)) as session:
        return stored(session.warehouse.lightly, ".lightly/predictions/")


def test_a_bucket_holds_the_same_bytes_as_a_disk(
    twins: tuple[SmallProject, SmallProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, bucket = twins
    send(disk, bucket)
    assert run(disk).ok and run(bucket).ok
    first = published(bucket)
    assert first == disk.files() and len(first) == 12 + 9 + 3 + 2
    # Up to date.
    bucket.calls()
    again = run(bucket)
    assert (again.updated, again.unchanged, again.files_written) == ([], 5, 0) and bucket.calls() == []
    # A longer video with more digits, and one that is gone.
    write_video(disk.input / "rear/loop.MOV", positions(11))
    (disk.input / "stills/1.png").unlink()
    send(disk, bucket)
    assert run(disk).updated == run(bucket).updated == ["rear/loop.MOV"]
    for small in (disk, bucket):
        with Session(load_project(small.config)) as session:
            assert project_status(session).orphans == [".lightly/predictions/squares/stills/1.json"]
            old = ".lightly/relevant_filenames-0123456789abcdef.txt"
            session.warehouse.lightly.write(old, b"a.mp4\n")
            assert collect(session).lists == []
            with monkeypatch.context() as patch:
                patch.setattr(worker_run, "_LIST_AGE", timedelta(days=-1))  # only age makes it old
                assert collect(session).lists == [old]
    assert published(bucket) == disk.files()
    # Another threshold, without the model.
    for small in (disk, bucket):
        small.calls()
        small.write(tasks=[task("squares", score_threshold=0.38)])
        run(small)
        assert small.calls() == []
    assert published(bucket) == disk.files() != first
    with Session(load_project(bucket.config)) as session:
        assert check(session.warehouse.lightly, session.warehouse.input).ok
        temporary = [key for key in session.warehouse.state.names() if "tmp" in key]
    assert temporary == []


def test_many_short_videos_are_published_at_once(twins: tuple[SmallProject, SmallProject]) -> None:
    disk, bucket = twins
    names = [f"short/{index}.mp4" for index in range(12)]
    for name in names:
        write_video(disk.input / name, positions(3))
    send(disk, bucket)
    run(disk)
    with Session(load_project(bucket.config)) as session:
        outcomes = list(session.run(session.plan(), sheets=False))
        assert session.finish() == {}
    units = [outcome.unit for outcome in outcomes]
    assert len(units) == len(set(units)) == 15 and set(names) < set(units), "each unit is told once"
    assert all(outcome.problems() == {} and outcome.tasks for outcome in outcomes)
    assert published(bucket) == disk.files()
    with Session(load_project(bucket.config)) as session:
        assert session.plan(verify=True).inputs == []


def test_another_machine_knows_what_was_done(
    twins: tuple[SmallProject, SmallProject], tmp_path: Path
) -> None:
    disk, bucket = twins
    send(disk, bucket)
    run(bucket)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(bucket.folder, elsewhere, ignore=shutil.ignore_patterns(".lightly_assets", "*.log"))
    with Session(load_project(elsewhere / "lightly.yaml")) as session:
        assert session.plan().unchanged == sorted(session.scan.inputs)
    (name,) = [key for key in published(bucket) if key.endswith("stills/0.json")]
    with Session(load_project(elsewhere / "lightly.yaml")) as session:
        session.warehouse.lightly.delete_many([f".lightly/predictions/{name}"])
        assert len(session.plan(verify=True).inputs) == 1


def test_the_commands_work_and_no_secret_is_written_anywhere(
    twins: tuple[SmallProject, SmallProject],
) -> None:
    disk, bucket = twins
    send(disk, bucket)
    (disk.input / "bad.mp4").write_bytes(b"nothing")
    send(disk, bucket)
    texts = []
    for arguments in (["run"], ["run", "--json"], ["status"], ["doctor"], ["gc", "--json"]):
        result = call(bucket, *arguments)
        assert result.returncode == (0 if arguments[0] in ("gc", "doctor") else 1), result.stderr
        texts.append(result.stdout + result.stderr)
    assert "bad.mp4" in texts[0]
    with Session(load_project(bucket.config)) as session:
        everything = stored(session.warehouse.state, "") | stored(session.warehouse.lightly, "")
    for path in bucket.folder.rglob("*"):
        if path.is_file():
            everything[str(path)] = path.read_bytes()
    secret = SECRET_KEY.encode()
    assert len(everything) > 30
    assert [name for name, data in everything.items() if secret in data] == []
    assert not any(SECRET_KEY in text for text in texts)
