"""List many keys of a real S3 server: our store against the raw paginators.

python -m benchmarks.storage.list [--keys 100000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import obstore
from obstore.store import S3Store

from benchmarks import programs
from lightly_assets.storage import open_store
from tests.storage.servers import BUCKET, seaweedfs


def ours() -> int:
    return sum(1 for _ in open_store(f"s3://{BUCKET}/many/").list())


def ours_names() -> int:
    return sum(1 for _ in open_store(f"s3://{BUCKET}/many/").names())


def native() -> int:
    store = S3Store(BUCKET, prefix="many", client_options={"allow_http": True})
    return sum(1 for page in obstore.list(store, chunk_size=1000) for _ in page)


def boto3_pages() -> int:
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="many/")
    return sum(1 for page in pages for _ in page.get("Contents", ()))


def rate(listing: Callable[[], int], keys: int) -> float:
    started = time.perf_counter()
    if listing() != keys:
        raise SystemExit("a listing missed keys")
    return keys / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    programs.server("seaweedfs")
    listings = {"ours": ours, "ours, names": ours_names, "obstore": native, "boto3": boto3_pages}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        with seaweedfs(data) as server:
            os.environ.update(server.environment())
            store = open_store(f"s3://{BUCKET}/many/")
            store.write_many((f"{i % 50:02d}/{i:06d}.json", b"x") for i in range(arguments.keys))
            found = [
                {name: rate(listing, arguments.keys) for name, listing in listings.items()}
                for _ in range(arguments.rounds)
            ]
    print(f"listing {arguments.keys} keys, {arguments.rounds} rounds")
    for name in listings:
        against = statistics.median(one["ours"] / one[name] for one in found)
        print(f"  {name:12} {statistics.median(one[name] for one in found):8.0f}/s   ours is {against:5.2f}x")
    print("  against the raw paginator: at least 0.9, aim 1.0")


if __name__ == "__main__":
    main()
