"""Publish small files to a real S3 server: our store against the clients it could be built on.

    python -m benchmarks.storage.publish [--files 20000] [--server seaweedfs|rclone] [--rounds 3]

Every round runs all clients on fresh prefixes of one server; the table gives medians of the rates and of the
ratios within a round. s3fs is measured where it is installed: it pins an older botocore than ours.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import boto3
import obstore
from botocore.config import Config
from obstore.store import S3Store

from benchmarks import programs
from lightly_assets.storage import StorageSettings, open_store
from tests.storage.proxy import FaultProxy
from tests.storage.servers import BUCKET, Server, rclone, seaweedfs

CONCURRENCY = 32
DATA = b"x" * 2048
Client = Callable[[str, int], None]


def items(prefix: str, count: int) -> Iterator[tuple[str, bytes]]:
    return ((f"{prefix}/{i:06d}.json", DATA) for i in range(count))


def ours(prefix: str, count: int) -> None:
    store = open_store(f"s3://{BUCKET}/", options=StorageSettings(concurrency=CONCURRENCY))
    store.write_many(items(prefix, count))


def native_threads(prefix: str, count: int) -> None:
    store = S3Store(BUCKET, client_options={"allow_http": True})
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(lambda item: obstore.put(store, *item), items(prefix, count)))


def native_async(prefix: str, count: int) -> None:
    store = S3Store(BUCKET, client_options={"allow_http": True})

    async def run() -> None:
        stream = items(prefix, count)

        async def worker() -> None:
            for key, data in stream:
                await obstore.put_async(store, key, data)

        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))

    asyncio.run(run())


def boto3_loop(prefix: str, count: int) -> None:
    client = boto3.client("s3")
    for key, data in items(prefix, count):
        client.put_object(Bucket=BUCKET, Key=key, Body=data)


def boto3_threads(prefix: str, count: int) -> None:
    client = boto3.client("s3", config=Config(max_pool_connections=CONCURRENCY))
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        for _ in pool.map(
            lambda item: client.put_object(Bucket=BUCKET, Key=item[0], Body=item[1]), items(prefix, count)
        ):
            pass


def s3fs_pipe(prefix: str, count: int) -> None:
    import s3fs

    fs = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"], skip_instance_cache=True)
    fs.pipe({f"{BUCKET}/{key}": data for key, data in items(prefix, count)}, batch_size=CONCURRENCY)


def clients() -> dict[str, tuple[Client, float]]:
    """Name, client, and the share of the files it gets: slow ones need no 20,000 to show their rate."""
    found: dict[str, tuple[Client, float]] = {
        "ours": (ours, 1.0),
        "obstore, 32 threads": (native_threads, 1.0),
        "obstore, async 32": (native_async, 1.0),
        "boto3, 32 threads": (boto3_threads, 0.1),
        "boto3, one at a time": (boto3_loop, 0.05),
    }
    if importlib.util.find_spec("s3fs"):
        found["s3fs, 32 at a time"] = (s3fs_pipe, 0.1)
    return found


def measure(server: Server, files: int, rounds: int) -> None:
    os.environ.update(server.environment())
    rates: dict[str, list[float]] = {name: [] for name in clients()}
    for round_ in range(rounds):
        # The order turns, so that nobody always meets the fuller server.
        names = list(rates)[round_ % len(rates) :] + list(rates)[: round_ % len(rates)]
        for name in names:
            client, share = clients()[name]
            count = max(200, int(files * share))
            started = time.perf_counter()
            client(uuid4().hex, count)
            rates[name].append(count / (time.perf_counter() - started))
    print(f"{server.name}: {files} files of {len(DATA)} bytes, {rounds} rounds")
    for name, found in rates.items():
        against = statistics.median(ours_ / other for ours_, other in zip(rates["ours"], found, strict=True))
        print(f"  {name:22} {statistics.median(found):7.0f}/s   ours is {against:5.2f}x")
    plain = [max(pair) for pair in zip(rates["obstore, 32 threads"], rates["obstore, async 32"], strict=True)]
    best = statistics.median(mine / other for mine, other in zip(rates["ours"], plain, strict=True))
    loop = statistics.median(
        mine / other for mine, other in zip(rates["ours"], rates["boto3, one at a time"], strict=True)
    )
    print(f"  against the best plain client   {best:5.2f}   at least 0.85, aim 0.95")
    print(f"  against a sequential boto3 loop {loop:5.2f}   at least 7, aim 9")


def requests_of_a_republication(server: Server) -> None:
    """1 % of 2,000 files changed: what the store sends for them."""
    with FaultProxy(server.port).running() as proxy:
        os.environ.update(server.environment(proxy.port))
        store = open_store(f"s3://{BUCKET}/{uuid4().hex}/", options=StorageSettings(conditional_writes=True))
        store.write_many(items("task", 2000))
        proxy.reset()
        store.write_many((f"task/{i:06d}.json", b"changed") for i in range(0, 2000, 100))
        share = len(proxy.requests) / 2000
        print(f"  republish 20 of 2,000 files: {share:.2%} of the requests   at least 1.2 %, aim 1 %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", choices=["seaweedfs", "rclone"], default="seaweedfs")
    arguments = parser.parse_args()
    programs.server(arguments.server)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        with (seaweedfs if arguments.server == "seaweedfs" else rclone)(data) as server:
            measure(server, arguments.files, arguments.rounds)
            requests_of_a_republication(server)


if __name__ == "__main__":
    main()
