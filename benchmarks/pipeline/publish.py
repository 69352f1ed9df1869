"""Publish through the whole pipeline to a real S3 server, against the best plain client; republish 1 %.

    python -m benchmarks.pipeline.publish [--files 20000] [--rounds 3] [--server seaweedfs|rclone]

Ours publishes stored singletons: every file is put together, checked, hashed and sent, some are read back,
and records are written. The plain client, which the store is built on, sends the same bytes and nothing else.
Then 1 % of the frames get other predictions by another threshold, and the requests that reach the server are
counted. Besides the files these are, for each video, its stored results and two writes of its record.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import obstore
import pytest
from obstore.store import S3Store

from benchmarks import programs
from lightly_assets.config import load_project
from lightly_assets.format.names.paths import PREDICTIONS
from lightly_assets.pipeline.session import Session
from tests.pipeline.buckets import in_bucket, root, send_input, use
from tests.projects import SmallProject, task, write_video
from tests.storage.proxy import FaultProxy
from tests.storage.servers import BUCKET, rclone, seaweedfs

CONCURRENCY = 32
FRAMES = 2000
# 20 boxes a frame, some 2 kB; their score tells the frames of the one per cent, where the square is far left.
MODEL = """
def find(images):
    bright = images[:, 24, :, 0] > 200
    return [boxes(0.31 if row[2] else 0.9) for row in bright]


def boxes(score):
    return [{"category_id": 0, "bbox": [i, i, 10.25, 12.5], "score": score} for i in range(20)]
"""


def prepared(folder: Path, files: int) -> SmallProject:
    small = SmallProject(folder)
    (folder / "square_model.py").write_text(MODEL)
    in_bucket(small)
    small.write(tasks=[task("squares", batch_size=32)], storage={"conditional_writes": True})
    where = [2 if index % 100 == 0 else 60 for index in range(FRAMES)]
    write_video(small.input / "0.mp4", where)
    content = (small.input / "0.mp4").read_bytes()
    for number in range(1, max(1, files // FRAMES)):
        (small.input / f"{number}.mp4").write_bytes(content)
    send_input(small)
    return small


def work(small: SmallProject, *, verify: bool = False) -> float:
    """Bring the project up to date; seconds from the plan to the last record."""
    with Session(load_project(small.config)) as session:
        plan = session.plan(verify=verify)
        started = time.perf_counter()
        for outcome in session.run(plan, sheets=False):
            assert outcome.problems() == {}
        assert session.finish() == {}
        return time.perf_counter() - started


def plain(files: list[tuple[str, bytes]]) -> float:
    store = S3Store(BUCKET, prefix=uuid4().hex, client_options={"allow_http": True})
    started = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(lambda item: obstore.put(store, *item), files))
    return time.perf_counter() - started


def speed(small: SmallProject, rounds: int) -> None:
    store = root(small, "lightly")
    names = [name for name in store.names(PREDICTIONS) if "/squares/" in name and "schema" not in name]
    example = store.read(names[0])
    rates: list[tuple[float, float]] = []
    for round_ in range(rounds):
        store.delete_many(names)
        for first in (True, False) if round_ % 2 else (False, True):
            if first:
                ours = work(small, verify=True)
            else:
                other = plain([(name, example) for name in names])
        rates.append((len(names) / ours, len(names) / other))
    ratio = statistics.median(ours / other for ours, other in rates)
    print(f"{len(names)} files of {len(example)} bytes, {rounds} rounds")
    print(f"  the pipeline       {statistics.median(one for one, _ in rates):7.0f} files/s")
    print(f"  the plain client   {statistics.median(one for _, one in rates):7.0f} files/s")
    print(f"  ratio              {ratio:7.2f}           at least 0.85, aim 0.95")


def requests(small: SmallProject, proxy: FaultProxy) -> None:
    """Of a first publication and of one where 1 % has changed."""
    small.write(storage={"conditional_writes": True, "endpoint": f"http://127.0.0.1:{proxy.port}"})
    counts = []
    for threshold in (0.1, 0.5):
        proxy.reset()
        small.write(tasks=[task("squares", batch_size=32, score_threshold=threshold)])
        work(small)
        kinds = Counter("reads" if method in ("GET", "HEAD") else "writes" for method, _ in proxy.requests)
        counts.append(kinds["writes"])
        published = sum(method == "PUT" and path.endswith("-mp4.json") for method, path in proxy.requests)
        title = "first publication" if threshold == 0.1 else "1 % changed"
        print(f"  {title:18} {counts[-1]:7} writes, {published} of them predictions; {kinds['reads']} reads")
    print(f"  share of the writes {counts[1] / counts[0]:7.2%}          at most 1.2 %, aim 1 %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", choices=["seaweedfs", "rclone"], default="seaweedfs")
    options = parser.parse_args()
    programs.server(options.server)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        (folder / "data").mkdir()
        with (seaweedfs if options.server == "seaweedfs" else rclone)(folder / "data") as server:
            use(server, folder / "cache", patch)
            small = prepared(folder / "speed", options.files)
            work(small)
            speed(small, options.rounds)
            with FaultProxy(server.port).running() as proxy:
                requests(prepared(folder / "requests", options.files), proxy)


if __name__ == "__main__":
    main()
