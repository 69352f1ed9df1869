"""Real processes that change one file at the same time."""

from __future__ import annotations

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier

import pytest

from lightly_assets.storage import StorageError, Store, open_store
from lightly_assets.storage.bucket.claims import claimed
from tests.processes import processes
from tests.storage.conftest import Opener
from tests.storage.servers import Server


def publish(url: str, environment: dict[str, str], names: list[str], start: Barrier) -> None:
    os.environ.update(environment)
    store = open_store(url)
    start.wait(60)  # all start together
    for task in names:
        store.update(
            ".lightly/predictions/tasks.json",
            lambda content, task=task: json.dumps([*json.loads(content or b"[]"), task]).encode(),
        )


def test_twenty_concurrent_publishers_lose_nothing(store: Store) -> None:
    tasks = [[f"task_{worker}_{i}" for i in range(3)] for worker in range(20)]
    start = processes.Barrier(len(tasks))
    running = [
        processes.Process(target=publish, args=(store.url, dict(os.environ), names, start)) for names in tasks
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0] * 20
    published = json.loads(store.read(".lightly/predictions/tasks.json"))
    assert sorted(published) == sorted(name for names in tasks for name in names)
    left = [name for name in store.names() if not name.endswith("lightly_assets/lock")]
    assert left == [".lightly/predictions/tasks.json"]


def test_writers_of_many_files_share_the_requests_in_flight(
    opener: Opener, seaweed_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opener(seaweed_server, concurrency=6, conditional_writes=True)
    lock, under_way, most = threading.Lock(), 0, 0
    write = type(store).write

    def counted(self: Store, key: str, data: bytes) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        write(self, key, data)
        with lock:
            under_way -= 1

    monkeypatch.setattr(type(store), "write", counted)
    batches = [
        [(f"{batch}/{index}", b"x") for index in range(size)] for batch, size in enumerate((40, 3, 40, 0, 2))
    ]
    with ThreadPoolExecutor(len(batches)) as pool:
        assert list(pool.map(store.write_many, batches)) == [40, 3, 40, 0, 2]
    assert 1 < most <= 6
    assert sorted(store.names()) == sorted(key for batch in batches for key, _ in batch)
    broken = iter([("a", b"x"), ("../b", b"x")])
    with pytest.raises(StorageError):
        store.write_many(broken)
    assert store.write_many(batches[0]) == 40, "what failed has given back its share"


def die_with_the_lock(url: str, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    store = open_store(url)
    lock = claimed(store, "tasks.json") if url.startswith("s3://") else store._locked()  # type: ignore[attr-defined]
    lock.__enter__()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("kind", ["disk", "unconditional"])
def test_the_lock_of_a_dead_process_is_recognised(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = request.getfixturevalue(kind)
    dying = processes.Process(target=die_with_the_lock, args=(store.url, dict(os.environ)))
    dying.start()
    dying.join(60)
    assert dying.exitcode == -9
    if kind == "unconditional":
        from datetime import timedelta

        from lightly_assets.storage.bucket import claims

        assert len(list(store.names(claims.LOCKS))) == 1
        monkeypatch.setattr(claims, "EXPIRY", timedelta(seconds=2))  # instead of a minute and a half
    store.put_if("tasks.json", b"[]", None)
    assert [name for name in store.names() if not name.endswith("/lock")] == ["tasks.json"]
