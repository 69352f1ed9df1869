"""kill -9 before every system call of a publication; what is left must be whole and heal."""

from __future__ import annotations

import json
import os
import signal
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from lightly_assets.storage import StorageSettings, Store, open_store
from tests.processes import processes
from tests.storage.conftest import Opener
from tests.storage.proxy import Fault, FaultProxy
from tests.storage.servers import Server

TASKS = ".lightly/predictions/tasks.json"
FOLDER = ".lightly/predictions/people"
OLD = {f"{FOLDER}/v-{i}-mp4.json": b"old %d" % i * 50 for i in range(4)}
NEW = {f"{FOLDER}/v-{i:02d}-mp4.json": b"new %d" % i * 80 for i in range(12)}
FOREIGN = {"foreign.txt": b"foreign", f"{FOLDER}/.foreign-tmp": b"foreign"}
MANIFEST = "state/manifest.json"
# On disk, where every step is tried.
FEW = dict(list(NEW.items())[:5])
WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.scandir"}


def publish(store: Store, new: dict[str, bytes] = NEW) -> None:
    """New files, then the manifest, then the old files go, then the task is listed: as a real run does."""
    store.sweep(older_than=3600)
    store.write_many(new.items())
    store.sync()
    store.update(MANIFEST, lambda _: json.dumps(sorted(new)).encode())
    store.delete_many([name for name in sorted(store.names(FOLDER)) if name in OLD])
    store.update(
        TASKS, lambda content: json.dumps(sorted({*json.loads(content or b"[]"), "people"})).encode()
    )


def test_killed_before_every_step_it_heals_to_the_same_bytes(tmp_path: Path) -> None:
    expected = tree_after_an_undisturbed_publication(tmp_path / "expected")
    steps = 0
    for kill_at in range(1, 10_000):
        root = tmp_path / f"root{kill_at}"
        prepare(open_store(root))
        if not killed_at(kill_at, root):
            break
        steps += 1
        check_nothing_is_half(tree(root))
        publish(open_store(root), FEW)
        assert tree(root) == expected
    assert steps > 60, "the kills hit too few steps to prove anything"


def prepare(store: Store) -> None:
    store.write_many([*OLD.items(), *FOREIGN.items()])
    store.write(TASKS, b'["foreign"]')
    store.write(MANIFEST, b"[]")


def tree_after_an_undisturbed_publication(root: Path) -> dict[str, bytes]:
    prepare(open_store(root))
    publish(open_store(root), FEW)
    return tree(root)


def killed_at(step: int, root: Path) -> bool:
    """Publish in a child that kills itself before its ``step``-th call on files; False: it got through."""
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in WATCHED:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        publish(open_store(root), FEW)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)


def check_nothing_is_half(left: dict[str, bytes]) -> None:
    found = {name: data for name, data in left.items() if "/.lightly-assets-tmp-" not in name}
    manifest = json.loads(found[MANIFEST])
    for name, data in found.items():
        assert data == {**OLD, **NEW}.get(name, data)
    assert json.loads(found[TASKS]) in (["foreign"], ["foreign", "people"])
    assert all(name in found for name in manifest), "the manifest names files that are not there"
    assert manifest or all(name in found for name in OLD), "old files went before the manifest"
    assert {name: found[name] for name in FOREIGN} == FOREIGN


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def publish_there(url: str, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    publish(open_store(url, options=StorageSettings(conditional_writes=True, concurrency=3)))


@pytest.mark.parametrize("kill_at", [2, 9, 14, 15, 17, 19])
@pytest.mark.parametrize("done", [False, True])
def test_killed_between_requests_an_object_store_heals_too(
    kill_at: int, done: bool, opener: Opener, seaweed_server: Server, proxy: FaultProxy
) -> None:
    kill_and_heal(opener(seaweed_server), kill_at, done, seaweed_server, proxy)


def kill_and_heal(direct: Store, kill_at: int, done: bool, server: Server, proxy: FaultProxy) -> None:
    """Kill a publishing process at its request ``kill_at``, which is still carried out if ``done``."""
    prepare(direct)
    proxy.reset()
    child: BaseProcess | None = None
    killed = False

    def script(method: str, path: str) -> Fault | None:
        nonlocal killed
        if len(proxy.requests) < kill_at or child is None or child.pid is None:
            return None
        if not killed:
            killed = True
            os.kill(child.pid, signal.SIGKILL)
        return None if done else "reset"

    proxy.script = script
    environment = {**os.environ, **server.environment(proxy.port)}
    child = processes.Process(target=publish_there, args=(direct.url, environment))
    child.start()
    child.join(60)
    assert child.exitcode == -9
    check_nothing_is_half(contents(direct))
    publish(direct)
    check_published(contents(direct))


def check_published(found: dict[str, bytes]) -> None:
    expected = {TASKS: b'["foreign", "people"]', MANIFEST: json.dumps(sorted(NEW)).encode()}
    assert found == {**NEW, **FOREIGN, **expected}


def contents(store: Store) -> dict[str, bytes]:
    return {name: store.read(name) for name in store.names()}
