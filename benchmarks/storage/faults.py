"""Kill and disturb publications many times over; say how many survived.

    python -m benchmarks.storage.faults [--kills 200] [--scripts 100] [--first-seed 0]

Kill points on disk lie before every call on files of a publication, on S3 before and after every request;
after each the rules of ``tests/storage/test_crash.py`` must hold, and the next run must heal to equal bytes.
Scripts spoil requests by a seed. A full disk is a small tmpfs in a mount namespace of its own, where allowed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from benchmarks import programs
from lightly_assets.storage import StorageSettings, Store, open_store
from tests.storage import test_crash as crash
from tests.storage.proxy import FaultProxy, seeded
from tests.storage.servers import BUCKET, Server, seaweedfs


def kills_on_disk(folder: Path, wanted: int) -> tuple[int, int]:
    crash.prepare(open_store(folder / "expected"))
    crash.publish(open_store(folder / "expected"))
    expected = crash.tree(folder / "expected")
    tried = survived = point = 0
    while tried < wanted:
        point += 1
        root = folder / f"root{tried}-{point}"
        crash.prepare(open_store(root))
        if not crash.killed_at(point, root):
            point = 0  # all points of one publication are done: once more
            continue
        tried += 1
        survived += succeeds(lambda root=root: heal_on_disk(root, expected), f"kill before call {point}")
    return tried, survived


def heal_on_disk(root: Path, expected: dict[str, bytes]) -> None:
    crash.check_nothing_is_half(crash.tree(root))
    crash.publish(open_store(root))
    assert crash.tree(root) == expected


def kills_on_s3(server: Server, proxy: FaultProxy) -> tuple[int, int]:
    tried = survived = 0
    for point in range(1, 20):
        for done in (False, True):
            tried += 1
            name = f"kill {'after' if done else 'before'} request {point}"
            survived += succeeds(
                lambda point=point, done=done: crash.kill_and_heal(fresh(), point, done, server, proxy), name
            )
    return tried, survived


def disturbed(proxy: FaultProxy, server: Server, seed: int) -> None:
    os.environ.update(server.environment(proxy.port))
    store = fresh(stall_seconds=2.0, retry_seconds=60.0)
    proxy.reset()
    proxy.script = seeded(seed, 0.05 + 0.2 * (seed % 5) / 4)
    crash.prepare(store)
    crash.publish(store)
    proxy.reset()
    os.environ.update(server.environment())
    crash.check_published(crash.contents(store))


def fresh(**options: float) -> Store:
    chosen = StorageSettings(conditional_writes=True, **options)
    return open_store(f"s3://{BUCKET}/{uuid4().hex}/", options=chosen)


def full_disk(folder: Path) -> str:
    program = """
import sys
from pathlib import Path
from lightly_assets.storage import Unavailable, open_store
root = Path(sys.argv[1])
store = open_store(root)
store.write("tasks.json", b"[]")
try:
    store.write_many((f"many/{i}.json", b"x" * 3000) for i in range(1000))
except Unavailable as error:
    files = [path for path in root.rglob("*") if path.is_file()]
    assert all(path.read_bytes() in (b"[]", b"x" * 3000) for path in files)
    assert not [path for path in files if "tmp" in path.name]
    print("survived:", error)
"""
    command = 'mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command, "sh", str(folder), sys.executable, program],
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or f"not possible here: {done.stderr.strip()[-200:]}"


def succeeds(action: Callable[[], None], name: str) -> bool:
    try:
        action()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        print(f"  {name}: {type(error).__name__} {error}")
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--scripts", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=0)
    arguments = parser.parse_args()
    programs.server("seaweedfs")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # Before any native client is used: its threads do not survive the forks of the disk's kill points.
        (folder / "disk").mkdir()
        tried, survived = kills_on_disk(folder / "disk", arguments.kills)
        print(f"kill points on disk, tried / survived: {tried} / {survived}")
        (folder / "full").mkdir()
        print(f"full disk: {full_disk(folder / 'full')}")
        (folder / "data").mkdir()
        with seaweedfs(folder / "data") as server, FaultProxy(server.port).running() as proxy:
            os.environ.update(server.environment())
            tried, survived = kills_on_s3(server, proxy)
            print(f"kill points on S3, tried / survived: {tried} / {survived}")
            seeds = range(arguments.first_seed, arguments.first_seed + arguments.scripts)
            survived = sum(
                succeeds(lambda seed=seed: disturbed(proxy, server, seed), f"script {seed}") for seed in seeds
            )
            print(f"seeded fault scripts, tried / survived: {len(seeds)} / {survived}")


if __name__ == "__main__":
    main()
