"""Real processes that change one file at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightly_assets.storage import Store

PUBLISH = """
import json, sys
from lightly_assets.storage import open_store

store = open_store(sys.argv[1])
sys.stdin.readline()  # all start together
for task in sys.argv[2].split(","):
    store.update(".lightly/predictions/tasks.json",
           lambda content: json.dumps([*json.loads(content or b"[]"), task]).encode())
"""


def test_twenty_concurrent_publishers_lose_nothing(store: Store) -> None:
    tasks = [[f"task_{worker}_{i}" for i in range(3)] for worker in range(20)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISH, store.url, ",".join(names)],
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        for names in tasks
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
    assert [process.wait(timeout=120) for process in running] == [0] * 20
    published = json.loads(store.read(".lightly/predictions/tasks.json"))
    assert sorted(published) == sorted(name for names in tasks for name in names)
    left = [name for name in store.names() if not name.endswith("lightly_assets/lock")]
    assert left == [".lightly/predictions/tasks.json"]


DIE_WITH_THE_LOCK = """
import os, signal, sys
from lightly_assets.storage import open_store
from lightly_assets.storage.claims import claimed

store = open_store(sys.argv[1])
lock = claimed(store, "tasks.json") if sys.argv[1].startswith("s3://") else store._locked()
lock.__enter__()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["disk", "unconditional"])
def test_the_lock_of_a_dead_process_is_recognised(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = request.getfixturevalue(kind)
    died = subprocess.run(
        [sys.executable, "-c", DIE_WITH_THE_LOCK, store.url],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert died.returncode == -9
    if kind == "unconditional":
        from datetime import timedelta

        from lightly_assets.storage import claims

        assert len(list(store.names(claims.LOCKS))) == 1
        monkeypatch.setattr(claims, "EXPIRY", timedelta(seconds=2))  # instead of a minute and a half
    store.put_if("tasks.json", b"[]", None)
    assert [name for name in store.names() if not name.endswith("/lock")] == ["tasks.json"]
