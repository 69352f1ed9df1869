"""A machine that has no index yet: what it reads, and that what it knows then is what the records say."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from lightly_assets.config import load_project
from lightly_assets.pipeline.gc import collect
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.state import take_over
from lightly_assets.pipeline.state.index import Index, Indexed
from lightly_assets.pipeline.state.records import InputRecord, Record, Records, record_key
from lightly_assets.pipeline.state.segments import FOLDER
from lightly_assets.storage import Store, open_store
from tests.pipeline.buckets import BucketProject, Template, contents, use, work
from tests.projects import SmallProject, positions, write_image, write_video
from tests.storage.proxy import FaultProxy
from tests.storage.servers import BUCKET, seaweedfs

COUNT = 30


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
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{running.port}")
        yield running


@pytest.fixture(autouse=True)
def little_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of a few records, so that tests need no thousands."""
    monkeypatch.setattr(take_over, "WORTH_A_SEGMENT", 5)
    monkeypatch.setattr("lightly_assets.pipeline.state.index.WORTH_LOOKING", 2)


@pytest.fixture
def state(proxy: FaultProxy) -> Store:
    """A state root with some records and a segment of all of them."""
    state = open_store(f"s3://{BUCKET}/{uuid4().hex}/")
    assert state.write_many((record_key("t", one.unit), one.to_bytes()) for one in map(record, range(COUNT)))
    return state


@pytest.fixture
def compacted(state: Store, tmp_path: Path) -> Store:
    machine = take_over_on(tmp_path / "first", state)
    assert machine.compact() == COUNT
    assert machine.compact() == 0, "nothing is new"
    return state


def record(number: int, *, fingerprint: str = "f") -> Record:
    one = InputRecord(fingerprint, "d", number, 4, 5, model="m", hashes=("0" * 32,) * number)
    # A record without inputs, one with several, and names that are no plain text.
    inputs = {f"a'{number}-{part}\n.mp4": one for part in range(number % 3)}
    return Record("t", f"unit {number}", inputs)


def take_over_on(machine: Path, state: Store) -> Index:
    """What a machine knows after it has taken over everything."""
    index = Index(machine / "index.sqlite", state)
    index.refresh()
    return index


def rows(index: Index) -> list[Indexed]:
    return list(index.entries("t"))


def truth(state: Store, folder: Path) -> list[Indexed]:
    """What an index says that was made record by record, without segments or requests for many."""
    index = Index(folder / uuid4().hex / "index.sqlite", state)
    records = Records(state)
    for key in state.names("manifests"):
        found = Record.parse(state.read(key), key)
        index.put(*records.read("t", found.unit))  # type: ignore[arg-type]
    return rows(index)


def requests(proxy: FaultProxy, folder: str, method: str = "GET") -> list[str]:
    """Objects of a folder that were asked for since the last reset."""
    return [path for verb, path in proxy.requests if verb == method and f"/{folder}/" in path]


def segment_of(state: Store) -> str:
    (found,) = state.names(FOLDER)
    return found


def test_a_segment_in_the_place_of_all_records(compacted: Store, proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.reset()
    machine = take_over_on(tmp_path / "new", compacted)
    assert requests(proxy, "manifests") == [] and len(requests(proxy, FOLDER)) == 1
    assert rows(machine) == truth(compacted, tmp_path)
    assert machine.empty_records() == sorted(record_key("t", f"unit {n}") for n in range(0, COUNT, 3))
    proxy.reset()
    machine.refresh()
    assert requests(proxy, "manifests") == requests(proxy, FOLDER) == [], "it knows all"


def test_what_is_newer_or_older_than_the_segment_is_read(
    compacted: Store, proxy: FaultProxy, tmp_path: Path
) -> None:
    older = compacted.read(record_key("t", "unit 7"))
    records = Records(compacted)
    for number in (4, 7):
        _, seen = records.read("t", f"unit {number}")
        records.write(record(number, fingerprint="newer"), seen)
    records.write(record(COUNT + 1), None)
    compacted.delete_many([record_key("t", "unit 5")])
    # This one knows the newer one of 7, which is then replaced by the older one, as from a backup.
    second = take_over_on(tmp_path / "second", compacted)
    assert rows(second) == truth(compacted, tmp_path)
    assert second.compact(thoroughly=True) == 0, "three records are not much"
    compacted.write(record_key("t", "unit 7"), older)
    proxy.reset()
    machine = take_over_on(tmp_path / "new", compacted)
    # What is back is what the segment holds.
    assert len(requests(proxy, "manifests")) == 2
    second.refresh()
    expected = truth(compacted, tmp_path)
    assert rows(machine) == expected == rows(second)
    assert not any("a'5-" in row.input for row in expected)
    assert {row.fingerprint for row in expected if "a'7-" in row.input} == {"f"}


@pytest.mark.parametrize("damage", ["cut", "changed", "of another format", "gone"])
def test_a_segment_that_is_damaged_is_not_used_and_made_anew(
    compacted: Store, proxy: FaultProxy, tmp_path: Path, damage: str
) -> None:
    name = segment_of(compacted)
    data = compacted.read(name)
    compacted.delete_many([name])
    if damage == "cut":
        compacted.write(name, data[: len(data) // 2])
    elif damage == "changed":
        compacted.write(name, data[:50] + b"\0" + data[51:])
    elif damage == "of another format":
        compacted.write(re.sub(r"/\d+/", "/1/", name), data)
    proxy.reset()
    machine = take_over_on(tmp_path / "new", compacted)
    assert len(requests(proxy, "manifests")) == COUNT
    assert rows(machine) == truth(compacted, tmp_path)
    assert machine.compact(thoroughly=True) == COUNT
    proxy.reset()
    third = take_over_on(tmp_path / "third", compacted)
    assert requests(proxy, "manifests") == []
    assert rows(third) == truth(compacted, tmp_path)


def test_many_segments_become_one(state: Store, proxy: FaultProxy, tmp_path: Path) -> None:
    records = Records(state)
    machine = take_over_on(tmp_path / "first", state)
    for turn in range(1, take_over.MOST + 2):
        assert machine.compact(), turn
        for number in range(10):
            _, seen = records.read("t", f"unit {number}")
            records.write(record(number, fingerprint=f"f{turn}"), seen)
        machine.refresh()
        assert len(list(state.names(FOLDER))) == (turn if turn <= take_over.MOST else 1)
    assert machine.compact()
    assert len(list(state.names(FOLDER))) == 2
    assert machine.compact(thoroughly=True) == COUNT
    assert segment_of(state)
    proxy.reset()
    assert rows(take_over_on(tmp_path / "new", state)) == truth(state, tmp_path)


def test_machines_that_write_take_over_and_compact_at_once(compacted: Store, tmp_path: Path) -> None:
    def write(turn: int) -> None:
        records = Records(compacted)
        for number in range(turn, COUNT, 4):
            for again in range(2):
                _, seen = records.read("t", f"unit {number}")
                records.write(record(number, fingerprint=f"{turn}-{again}"), seen)

    def follow(name: str) -> Index:
        index = Index(tmp_path / name / "index.sqlite", compacted)
        for _ in range(4):
            index.refresh()
            index.compact(thoroughly=name == "gc")
        return index

    with ThreadPoolExecutor(7) as threads:
        writers = [threads.submit(write, turn) for turn in range(4)]
        machines = [threads.submit(follow, name) for name in ("a", "b", "gc")]
        for writer in writers:
            writer.result()
        indexes = [machine.result() for machine in machines]
    expected = truth(compacted, tmp_path)
    for index in [*indexes, Index(tmp_path / "new" / "index.sqlite", compacted)]:
        index.refresh()
        assert rows(index) == expected


def test_a_run_of_some_inputs_reads_their_records_alone(proxy: FaultProxy, tmp_path: Path) -> None:
    small = BucketProject(tmp_path / "project")
    for number in range(5):
        write_video(small.input / f"{number}.mp4", positions(3))
    write_image(small.input / "stills/x.png", 10)
    small.send()
    assert work(small) == []
    for name in ("1.mp4", "stills/x.png"):
        path = small.input / name
        (write_video(path, positions(4)) if name == "1.mp4" else write_image(path, 30))
    small.send()
    elsewhere = Template("", small.folder, contents(small), {}).copy(tmp_path / "elsewhere", elsewhere=True)
    proxy.reset()
    with Session(load_project(elsewhere.config), some=True) as session:
        plan = session.plan(keys=["0.mp4", "1.mp4", "stills/x.png"])
        assert plan.unchanged == ["0.mp4"] and set(plan.inputs) == {"1.mp4", "stills/x.png"}
        assert [outcome.problems() for outcome in session.run(plan, sheets=False)] == [{}, {}]
        assert session.finish() == {} and not session.knows_all
    asked = requests(proxy, "manifests")
    # Of the image also the record that it would be in if its folder had more images.
    assert len(set(asked)) == 2 * 2 + 2 * 2
    assert len(asked) == len(set(asked)) + 2, "each once, and before the tables of two are deleted"
    assert requests(proxy, "manifests", "HEAD") == []
    listed = [path for verb, path in proxy.requests if verb == "GET" and "prefix=" in path]
    assert not any("manifests" in path for path in listed)
    # What it made is what a run of everything makes.
    assert work(small) == []
    assert contents(elsewhere)["lightly"] == contents(small)["lightly"]
    with Session(load_project(elsewhere.config)) as session:
        assert session.plan(verify=True).units == []


def test_two_machines_do_the_same_inputs_at_once(proxy: FaultProxy, tmp_path: Path) -> None:
    small = BucketProject(tmp_path / "project")
    for number in range(6):
        write_video(small.input / f"{number}.mp4", positions(3 + number))
    for number in range(3):
        write_image(small.input / f"stills/{number}.png", 10 * number)
    small.send()
    alone = Template("", small.folder, contents(small), {}).copy(tmp_path / "alone")
    assert work(alone) == []
    machines = [
        Template("", small.folder, {}, {}).copy(tmp_path / name, elsewhere=True) for name in ("one", "two")
    ]
    for machine in machines:
        machine.write(datasource=small.settings["datasource"])

    def run(machine: SmallProject, keys: list[str]) -> list[dict[str, dict[str, str]]]:
        with Session(load_project(machine.config), some=True) as session:
            plan = session.plan(keys=keys)
            problems = [outcome.problems() for outcome in session.run(plan, sheets=False)]
            assert session.finish() == {}
            return [one for one in problems if one]

    # They share the third video and the folder of images, which is one record.
    shares = [
        ["0.mp4", "1.mp4", "2.mp4", "stills/0.png", "stills/1.png"],
        ["2.mp4", "3.mp4", "4.mp4", "5.mp4", "stills/1.png", "stills/2.png"],
    ]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(run, machines, shares)) == [[], []]
    assert contents(small)["lightly"] == contents(alone)["lightly"]
    for machine in (*machines, small):
        with Session(load_project(machine.config)) as session:
            assert session.plan(verify=True).units == []


def test_a_task_that_is_not_listed_is_looked_at_as_a_whole(proxy: FaultProxy, tmp_path: Path) -> None:
    small = BucketProject(tmp_path / "project")
    for number in range(2):
        write_video(small.input / f"{number}.mp4", positions(3))
    small.send()
    assert work(small) == []
    small.settings["tasks"][0]["categories"] = [{"id": 0, "name": "box"}]
    small.write()
    with Session(load_project(small.config), some=True) as session:
        plan = session.plan(keys=["0.mp4"])
        assert session.knows_all and "1 of 2 are not" in plan.waiting["squares"]


def test_gc_compacts(proxy: FaultProxy, tmp_path: Path) -> None:
    small = BucketProject(tmp_path / "project")
    for number in range(4):
        write_video(small.input / f"{number}.mp4", positions(2))
    small.send()
    assert work(small) == []
    store = open_store(small.settings["datasource"]["state"])
    (made,) = store.names(FOLDER)
    store.write(made, b"damaged")
    with Session(load_project(small.config)) as session:
        collect(session, dry_run=True)
        assert store.read(made) == b"damaged"
        collect(session)
    assert store.read(segment_of(store)) != b"damaged"
