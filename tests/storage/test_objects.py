"""What only object storage can do wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import boto3
import pytest

from lightly_assets.storage import StorageError, Store
from lightly_assets.storage.cache import DownloadCache
from tests.storage.proxy import FaultProxy
from tests.storage.servers import ACCESS_KEY, BUCKET, SECRET_KEY, Server


def client(server: Server) -> object:
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )


def test_a_hostile_key_does_not_hide_the_others(seaweed: Store, seaweed_server: Server) -> None:
    """The native client gives up on such a listing; who uploads one must not be able to stop a run."""
    names = ["a.mp4", "b\nc.mp4", "b\td.mp4", "e.mp4", "sub/f.mp4"]
    prefix = seaweed.url.removeprefix(f"s3://{BUCKET}/")
    for name in names:
        client(seaweed_server).put_object(Bucket=BUCKET, Key=prefix + name, Body=b"x")
    listed = list(seaweed.list())
    assert sorted(entry.key for entry in listed) == sorted(names)
    assert sorted(entry.key for entry in seaweed.list(skip=("sub/",))) == sorted(names[:-1])
    with pytest.raises(StorageError, match="control character"):
        seaweed.read("b\nc.mp4")
    with seaweed.local_file(listed[0]) as path:  # the fingerprints are the same in both kinds of listing
        assert path.read_bytes() == b"x"


FORK = """
import os, sys
from lightly_assets.storage import StorageError, open_store

store = open_store(sys.argv[1])
store.write("a", b"x")
if os.fork() == 0:
    for used in (store, open_store(sys.argv[1])):
        try:
            used.write("a", b"y")
        except StorageError as error:
            print(error, flush=True)
    os._exit(0)
os.wait()
"""


def test_after_a_fork_it_says_so_instead_of_waiting_forever(seaweed: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK, seaweed.url],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.count("spawn") == 2, done.stderr


def test_a_large_folder_that_is_skipped_is_not_read(behind_proxy: Store, proxy: FaultProxy) -> None:
    behind_proxy.write_many((f".lightly/{i:05d}", b"") for i in range(3500))
    behind_proxy.write_many([("a.mp4", b""), ("z.mp4", b"")])
    proxy.requests.clear()
    assert [entry.key for entry in behind_proxy.list(skip=(".lightly/",))] == ["a.mp4", "z.mp4"]
    assert len(proxy.requests) <= 3


def test_a_file_in_use_looks_the_same_when_somebody_else_takes_it_too(tmp_path: Path) -> None:
    cache = DownloadCache(tmp_path, bound=1000)

    def taken() -> AbstractContextManager[Path]:
        return cache.file("n", ".mp4", 1, lambda path: path.write_bytes(b"x"))

    with taken() as path:
        before = path.stat().st_mtime_ns
        with taken() as same:
            assert same == path and same.stat().st_mtime_ns == before


def test_of_two_downloads_of_the_same_the_first_stays(tmp_path: Path) -> None:
    cache = DownloadCache(tmp_path, bound=1000)
    with ExitStack() as stack:

        def download(target: Path) -> None:
            first = cache.file("n", "", 1, lambda path: path.write_bytes(b"x"))
            files.append(stack.enter_context(first).stat())
            target.write_bytes(b"x")

        files: list[os.stat_result] = []
        with cache.file("n", "", 1, download) as path:
            assert os.path.samestat(files[0], path.stat())
    assert len(list(tmp_path.iterdir())) == 1


def test_the_cache_is_bounded_and_keeps_what_is_in_use(tmp_path: Path) -> None:
    cache = DownloadCache(tmp_path / "cache", bound=250)
    fetched: list[str] = []

    def use(name: str) -> object:
        def download(target: Path) -> None:
            fetched.append(name)
            target.write_bytes(name.encode() * 100)

        return cache.file(name, ".mp4", 100, download)

    def held() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "cache").iterdir())

    with use("a") as first, use("b") as second:
        with use("c") as third:
            assert [path.read_bytes()[:1] for path in (first, second, third)] == [b"a", b"b", b"c"]
        assert first.exists() and second.exists()
    assert held() <= 250
    with use("b"):
        pass
    assert fetched == ["a", "b", "c"]
    with use("a") as first:
        assert first.read_bytes() == b"a" * 100


def test_a_damaged_or_short_download_is_never_handed_out(tmp_path: Path) -> None:
    cache = DownloadCache(tmp_path, bound=1000)
    with (
        pytest.raises(StorageError, match="cut off"),
        cache.file("n", "", 100, lambda path: path.write_bytes(b"x")),
    ):
        pytest.fail("a part was handed out")
    assert list(tmp_path.iterdir()) == []
    with cache.file("n", "", 3, lambda path: path.write_bytes(b"abc")) as path:
        pass
    path.write_bytes(b"ab")  # somebody damaged the cache
    with cache.file("n", "", 3, lambda path: path.write_bytes(b"abc")) as path:
        assert path.read_bytes() == b"abc"
