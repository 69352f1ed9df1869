"""What a machine without an index asks of a bucket before its first decision, at so much a request.

``python -m benchmarks.pipeline.takeover [--records 20000] [--recorded 100000] [--inputs 100] [--ms 20]``, on
SeaweedFS behind a proxy that answers every request later by that time. Rows:

1. all records taken over by a machine that has none, from a segment; beside it, without any segment
2. a run of some new inputs among many recorded: requests for records, reading and writing
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from benchmarks import programs
from lightly_assets.config import load_project
from lightly_assets.pipeline.session import Session
from lightly_assets.pipeline.state.index import Index
from lightly_assets.pipeline.state.records import InputRecord, Record, record_key
from lightly_assets.storage import Store, open_store
from tests.pipeline.buckets import BucketProject, use
from tests.projects import positions, write_video
from tests.storage.proxy import Fault, FaultProxy
from tests.storage.servers import BUCKET, seaweedfs


def records(count: int, length: int = 600) -> Iterator[tuple[str, bytes]]:
    """Records as runs leave them: of half as many videos of ``length`` frames, frames and one task."""
    for number in range(count // 2):
        key = f"camera-{number % 40:02d}/2026-11-{number % 28 + 1:02d}/{number:07d}.mp4"
        plain = InputRecord(f"etag:{number:032x}", "d" * 24, length, 1920, 1080, length)
        done = InputRecord(
            plain.fingerprint, plain.decode, length, 1920, 1080, length,
            model="m" * 24, settings="s" * 24, singletons_from="f" * 24, published_from="p" * 24,
            schema="c" * 24, published_frames=length, size=length * 900,
            hashes=tuple(f"{number * length + frame:032x}" for frame in range(length)),
            statistics={"singletons": 1200, "counts": {"0": 700, "1": 500}},
        )  # fmt: skip
        for task, one in (("", plain), ("squares", done)):
            yield record_key(task, key), Record(task, key, {key: one}).to_bytes()


@contextmanager
def slow_bucket(milliseconds: float) -> Iterator[FaultProxy]:
    """A proxy in front of a server whose own address is in the environment."""
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        seaweedfs(Path(folder)) as server,
        FaultProxy(server.port).running() as proxy,
    ):

        def later(*_: str) -> Fault | None:
            time.sleep(milliseconds / 1000)
            return None

        use(server, Path(folder) / "cache", patch)
        proxy.script = later
        yield proxy


def count(proxy: FaultProxy, method: str, listed: bool = False) -> int:
    return sum(
        verb == method and ("list-type" in path if listed else "/manifests/" in path)
        for verb, path in proxy.requests
    )


def take_over(state: Store, folder: Path) -> float:
    start = time.perf_counter()
    index = Index(folder / uuid4().hex / "index.sqlite", state)
    index.refresh()
    seconds = time.perf_counter() - start
    index.close()
    return seconds


def everything(number: int, milliseconds: float) -> None:
    with slow_bucket(milliseconds) as proxy, tempfile.TemporaryDirectory() as name:
        folder, root = Path(name), f"s3://{BUCKET}/{uuid4().hex}/"
        direct = open_store(root)
        direct.write_many(records(number))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
            state = open_store(root)
        one_by_one = take_over(state, folder)
        print(
            f"   without a segment: {one_by_one:.1f} s, {count(proxy, 'GET'):,} records read", file=sys.stderr
        )
        first = Index(folder / "first.sqlite", direct)
        first.refresh()
        start = time.perf_counter()
        first.compact(thoroughly=True)
        print(f"   compacted in {time.perf_counter() - start:.1f} s: {_size(direct)} bytes", file=sys.stderr)
        for _ in range(3):
            proxy.requests.clear()
            seconds = take_over(state, folder)
            asked = f"{len(proxy.requests)} requests, {count(proxy, 'GET')} for single records"
            row(f"{number:,} records taken over ({asked})", f"{seconds:.1f} s", "≤ 10 s", "3 s")


def _size(state: Store) -> str:
    return f"{sum(entry.size for entry in state.list('segments')):,}"


def some(recorded: int, inputs: int, milliseconds: float) -> None:
    with slow_bucket(milliseconds) as proxy, tempfile.TemporaryDirectory() as name:
        small = BucketProject(Path(name) / "project")
        first = write_video(small.input / "0000.mp4", positions(2)).read_bytes()
        store = open_store(small.settings["datasource"]["input"])
        store.write_many((f"{number:04d}.mp4", first) for number in range(inputs + 1))
        with Session(load_project(small.config)) as session:  # so that the task is published already
            for _ in session.run(session.plan(keys=["0000.mp4"]), sheets=False):
                pass
            session.finish()
        open_store(small.settings["datasource"]["state"]).write_many(records(recorded * 2, length=2))
        small.write(storage={"endpoint": f"http://127.0.0.1:{proxy.port}"})
        small.config.rename(small.folder / "elsewhere.yaml")
        elsewhere = small.folder / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "lightly.yaml").write_text((small.folder / "elsewhere.yaml").read_text())
        (elsewhere / "square_model.py").write_text((small.folder / "square_model.py").read_text())
        start = time.perf_counter()
        with Session(load_project(elsewhere / "lightly.yaml"), some=True) as session:
            plan = session.plan(keys=[f"{number:04d}.mp4" for number in range(1, inputs + 1)])
            decided = time.perf_counter() - start
            for outcome in session.run(plan, sheets=False):
                assert not outcome.problems()
            session.finish()
            assert len(plan.inputs) == inputs and not session.knows_all
        listed = sum("list-type" in path and "manifests" in path for _, path in proxy.requests)
        reads, writes = count(proxy, "GET") + count(proxy, "HEAD") + listed, count(proxy, "PUT")
        print(f"   decided after {decided:.1f} s; {writes} requests wrote records", file=sys.stderr)
        row(f"{inputs} inputs among {recorded:,}, requests that read records", f"{reads}", "≤ 400", "250")


def row(name: str, measured: str, least: str, aim: str) -> None:
    print(f"{name:<80}{measured:>10}{least:>12}{aim:>8}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=20_000, help="records of row 1")
    parser.add_argument("--recorded", type=int, default=100_000, help="inputs that are recorded, of row 2")
    parser.add_argument("--inputs", type=int, default=100, help="inputs of the run of row 2")
    parser.add_argument("--ms", type=float, default=20.0, help="what a request takes longer")
    parser.add_argument("--rows", default="1,2")
    options = parser.parse_args()
    programs.server("seaweedfs")
    row("", "measured", "at least", "aim")
    if "1" in options.rows:
        everything(options.records, options.ms)
    if "2" in options.rows:
        some(options.recorded, options.inputs, options.ms)


if __name__ == "__main__":
    main()
